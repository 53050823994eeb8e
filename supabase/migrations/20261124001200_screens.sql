-- One function per screen: one round trip, JSON, the caller's rights, cost that follows the rows shown.

-- What puts a task where it stands (F-38): the store's own points, added up. shared/domain/tasks.py says the same on the phone.
create function crm.queue_points(p_queue jsonb, p_today date, p_sent_back bool, p_due date, p_expires date, p_value_fen bigint, p_complaint bool, p_promised date) returns bigint
  language sql immutable set search_path = '' as $$
  select case when p_sent_back then coalesce((p_queue ->> 'sent_back')::bigint, 1000) else 0 end
    + case when p_complaint then coalesce((p_queue ->> 'complaint')::bigint, 800) else 0 end
    + case when p_promised <= p_today then coalesce((p_queue ->> 'promise')::bigint, 400) else 0 end
    + case when p_expires is null then 0 else coalesce((p_queue ->> 'expiry')::bigint, 200) * greatest(q.days - greatest(p_expires - p_today, 0), 0) / q.days end   -- greatest and least pass over null
    + case when p_value_fen is null then 0 else least(coalesce((p_queue ->> 'value')::bigint, 20) * p_value_fen / 1000000, coalesce((p_queue ->> 'value_most')::bigint, 100)) end
    + least(coalesce((p_queue ->> 'overdue')::bigint, 10) * greatest(p_today - p_due, 0), coalesce((p_queue ->> 'overdue_most')::bigint, 100))
  from (select coalesce((p_queue ->> 'expiry_days')::int, 90) as days) q $$;
comment on function crm.queue_points is 'Sent back + complaint + promise due + expiry (falling to 0 at expiry_days) + value a 万元 + days overdue, each as the store weighs it.';

create function crm.today(p_store uuid, p_member uuid, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.me(p_store); v_member uuid; midnight timestamptz; queue jsonb; n_open int; n_pending int; n_missed int; n_done int; n_excused int; settings jsonb; closed bool;
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  v_member := coalesce(p_member, c.user_id);          -- a manager watches anyone's queue (S-06); row rules decide what he gets
  midnight := c.today::timestamp at time zone c.time_zone;
  select s.settings into settings from crm.stores s where s.id = p_store;
  closed := (now() at time zone c.time_zone)::time > coalesce((settings ->> 'cut_off')::time, '20:00');
  select coalesce(jsonb_agg(to_jsonb(q) order by q.points desc, q.due_on, q.due_at nulls first, q.id), '[]') into queue from (
    select t.id, t.customer_id, t.why, t.rule, t.subject_form, t.subject_id, t.due_on, t.due_at, t.expires_on, t.rank, t.status, t.tries, t.snoozes, t.remark, t.version,
      k.name, k.phone, k.level, k.do_not_call, k.need, k.last_contact_at, k.complaint_at, v.value_fen, m.promised_on,
      crm.queue_points(settings -> 'queue', c.today, t.rank = 0, t.due_on, t.expires_on, v.value_fen, k.complaint_at is not null, m.promised_on) as points
    from (
      select x.* from crm.tasks x
      where x.store_id = p_store and x.assignee_id = v_member and x.status = 'open' and x.removed_at is null
        and x.due_on <= c.today and (x.due_at is null or x.due_at <= now() or x.due_on < c.today)
      order by x.rank, x.due_on, x.id limit 1000) t   -- more are no queue of a day: the oldest thousand are weighed
    join api.customers k on k.store_id = p_store and k.id = t.customer_id
    left join lateral (                               -- through the caller's own views: an order may not tell a premium he may not see
      select y.premium_fen as value_fen from api.policies y where t.subject_form = 'policy' and y.store_id = p_store and y.id = t.subject_id) v on true
    left join lateral (select min(y.due_on) as promised_on from crm.promises y where y.store_id = p_store and y.customer_id = t.customer_id and y.status = 'open' and y.removed_at is null) m on true
    order by points desc, t.due_on, t.due_at nulls first, t.id limit least(greatest(coalesce(p_limit, 50), 1), 200)) q;
  -- two counts a pass: every pass under row rules asks anew who the caller is
  select count(*) filter (where x.status = 'open'), count(*) filter (where x.status = 'cancel_requested'),
      count(*) filter (where x.status = 'open' and x.rank = 0 and (x.due_on < c.today or closed)) into n_open, n_pending, n_missed from crm.tasks x
    where x.store_id = p_store and x.assignee_id = v_member and x.status in ('open', 'cancel_requested') and x.removed_at is null and x.due_on <= c.today;
  select count(*) filter (where x.status = 'done'), count(*) filter (where x.status = 'excused') into n_done, n_excused from crm.tasks x
    where x.store_id = p_store and x.assignee_id = v_member and x.closed_at >= midnight and x.removed_at is null;
  return jsonb_build_object('today', c.today, 'member_id', v_member, 'tasks', queue, 'open', n_open, 'pending', n_pending, 'missed', n_missed, 'done', n_done, 'excused', n_excused);
end $$;
comment on function crm.today is 'A member''s queue of today in the store''s order (crm.queue_points), and how many are open, pending, missed (sent back and not done by the cut-off), done and excused (S-03, S-09, F-30, F-38).';

create function crm.customer_brief(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); k jsonb;
begin
  select to_jsonb(v) into k from api.customers v where v.store_id = p_store and v.id = p_customer;
  if k is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  return jsonb_build_object('today', c.today, 'customer', k,
    'owner_name', (select m.name from crm.members m where m.store_id = p_store and m.user_id = (k ->> 'owner_id')::uuid),
    'companions', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at), '[]') from api.companions x where x.store_id = p_store and x.customer_id = p_customer),
    'vehicles', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at desc), '[]') from api.vehicles x where x.store_id = p_store and x.customer_id = p_customer),
    'handovers', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at desc), '[]') from api.handovers x where x.store_id = p_store and x.customer_id = p_customer),
    'links', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at), '[]') from api.links x where x.store_id = p_store and x.customer_id = p_customer),
    'consents', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at desc), '[]') from api.consents x where x.store_id = p_store and x.customer_id = p_customer),
    'receptions', (select coalesce(jsonb_agg(to_jsonb(x) order by x.arrived_at desc), '[]') from api.receptions x where x.store_id = p_store and x.customer_id = p_customer),
    'policies', (select coalesce(jsonb_agg(to_jsonb(x) order by x.expires_on desc), '[]') from api.policies x where x.store_id = p_store and x.customer_id = p_customer),
    'deals', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at desc), '[]') from api.deals x where x.store_id = p_store and x.customer_id = p_customer),
    'tasks', (select coalesce(jsonb_agg(to_jsonb(x) order by x.due_on), '[]') from api.tasks x where x.store_id = p_store and x.customer_id = p_customer and x.status in ('open', 'cancel_requested')),
    'promises', (select coalesce(jsonb_agg(to_jsonb(x) order by x.due_on), '[]') from api.promises x where x.store_id = p_store and x.customer_id = p_customer and x.status = 'open'),
    'attachments', (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at), '[]') from api.attachments x where x.store_id = p_store and x.customer_id = p_customer),
    'conversations', (select coalesce(jsonb_agg(to_jsonb(x) order by x.occurred_at desc), '[]') from (
      select v.*, m.name as author_name from api.conversations v left join crm.members m on m.store_id = v.store_id and m.user_id = v.author_id
      where v.store_id = p_store and v.customer_id = p_customer order by v.occurred_at desc limit 30) x));
end $$;
comment on function crm.customer_brief is 'Everything the card shows, in one call (S-38, S-89).';

-- Finding by phone (all digits, or a tail of four), plate (whole or a tail), name, pinyin or initials. Conditions name only
-- columns the caller reads; on a masked phone only the four digits the mask shows.
create function crm.search_customers(p_store uuid, p_words text, p_limit int) returns setof api.customers
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.me(p_store); q text := left(regexp_replace(coalesce(p_words, ''), '\s', '', 'g'), 40); n int := least(greatest(coalesce(p_limit, 50), 1), 200);
  a crm.caller_access; av crm.caller_access; u text; pattern text; latin text; last text := chr(1114111); caseless bool; ids uuid[] := '{}';
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  if q = '' then
    return query select v.* from api.customers v where v.store_id = p_store order by v.created_at desc, v.id limit n; return;
  end if;
  select * into a from crm.my_access('customer') x where x.store_id = p_store;
  u := upper(q);
  -- prefixes as ranges and limits as constants: with starts_with(…) or a limit from a variable each call would be planned again
  if q ~ '^\+?[0-9]{4,15}$' and ('phone' = any (a.readable) or ('phone' = any (a.masked) and length(q) = 4)) then
    ids := ids || array(select k.id from crm.customers k where k.store_id = p_store and k.phone_tail = right(q, 4) and k.phone like '%' || q and k.removed_at is null limit 200);
  end if;
  if q ~ '[0-9A-Za-z]{3,}$' or q ~ '^.[A-Za-z]' then
    select * into av from crm.my_access('vehicle') x where x.store_id = p_store;
    if 'plate' = any (av.readable) then
      ids := ids || array(select v.customer_id from crm.vehicles v where v.store_id = p_store and v.plate >= u and v.plate < u || last and v.removed_at is null limit 200)
        || array(select v.customer_id from crm.vehicles v where v.store_id = p_store and v.plate_reversed >= reverse(u) and v.plate_reversed < reverse(u) || last and v.removed_at is null limit 200);
    end if;
  end if;
  if 'name' = any (a.readable) and q !~ '^\+?[0-9]+$' then
    pattern := '%' || replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    caseless := lower(q) = upper(q);                  -- hanzi: like takes a third of the time of ilike
    latin := case when q ~ '^[A-Za-z]+$' then lower(q) end;
    if c.scope = 'own' then                           -- his own book, index by index, with an "or" the rows would be fetched
      ids := ids || array(
        select k.id from (
          select o.id, o.name, o.initials, o.pinyin, o.created_at from crm.customers o
          where o.store_id = p_store and o.owner_id = c.user_id and o.removed_at is null
          union all
          select r.id, r.name, r.initials, r.pinyin, r.created_at from crm.customers r
          where r.store_id = p_store and r.renewal_owner_id = c.user_id and r.owner_id is distinct from c.user_id and r.removed_at is null
          union all
          select p.id, p.name, p.initials, p.pinyin, p.created_at from crm.customers p
          where p.store_id = p_store and p.pool = any (c.pools) and p.renewal_owner_id is distinct from c.user_id and p.removed_at is null) k
        where case when caseless then k.name like pattern else k.name ilike pattern end or starts_with(k.initials, latin) or starts_with(k.pinyin, latin)
        order by starts_with(k.initials, latin) desc nulls last, starts_with(k.pinyin, latin) desc nulls last, k.created_at desc limit 200);
    else
      if latin is not null then
        ids := ids || array(select k.id from crm.customers k where k.store_id = p_store and k.initials >= latin and k.initials < latin || last and k.removed_at is null limit 200)
          || array(select k.id from crm.customers k where k.store_id = p_store and k.pinyin >= latin and k.pinyin < latin || last and k.removed_at is null limit 200);
      end if;
      if cardinality(ids) < n then
        ids := ids || array(select k.id from crm.customers k where k.store_id = p_store and (case when caseless then k.name like pattern else k.name ilike pattern end) and k.removed_at is null order by k.created_at desc limit 200);
      end if;
    end if;
  end if;
  return query select v.* from (select i.id, min(i.place) as place from unnest(ids) with ordinality as i (id, place) group by i.id) f
    join api.customers v on v.store_id = p_store and v.id = f.id order by f.place limit n;
end $$;
comment on function crm.search_customers is 'Customers by phone tail, plate, name, pinyin or initials, under the caller''s row and field rights (S-39).';

-- Finding by what the store marked searchable, and by a few columns; sorted by one of them. Every key is checked before it is looked
-- at: unknown, hidden, masked and unmarked get one answer. The ids come from a statement made for the question, the rows from the view.
create function crm.find_customers(p_store uuid, p_filters jsonb, p_sort text, p_descending bool, p_limit int, p_offset int) returns setof api.customers
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.me(p_store); a crm.caller_access; fields jsonb; x jsonb; k text; v jsonb; source text; side text; compared text; conditions text := ''; ordered text; ids uuid[];
  columns jsonb := '{"level": "text", "source": "text", "gender": "text", "preferred_time": "text", "do_not_call": "bool", "next_contact_on": "date",
    "owner_id": "uuid", "pool": "text", "created_at": "timestamptz", "last_contact_at": "timestamptz"}';
  always text[] := array['owner_id', 'pool', 'created_at', 'last_contact_at']; wanted jsonb := '{}'; taken int; skipped int;
  -- who sees his own book: which of his have such a value, in one go; else the planner joins row by row (10 ms against 3)
  looked text := case c.scope when 'own' then ' and c.id = any (array(select s.subject_id from crm.searchable_values s where s.store_id = $1 and s.form = ''customer'' and s.key = %L and s.subject_id = any ($2)%s))'
    else ' and exists (select from crm.searchable_values s where s.store_id = $1 and s.form = ''customer'' and s.key = %L and s.subject_id = c.id%s)' end;
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  if jsonb_typeof(coalesce(p_filters, '[]')) <> 'array' or jsonb_array_length(coalesce(p_filters, '[]')) > 12 then raise sqlstate 'PT400' using message = 'invalid'; end if;
  for x in select value from jsonb_array_elements(coalesce(p_filters, '[]')) union all select jsonb_build_object('key', p_sort, 'op', 'sort') loop
    k := x ->> 'key'; v := x -> 'value';
    if k <> all (always) and fields is null then      -- a plain list need not wait for the form's document
      select * into a from crm.my_access('customer') m where m.store_id = p_store;
      select f.fields into fields from crm.forms f where f.store_id = p_store and f.form = 'customer';
    end if;
    if k is null or not (k = any (always) or k = any (coalesce(a.readable, '{}')) and (columns ? k or coalesce((fields -> k ->> 'searchable')::bool, false))) then
      raise sqlstate 'PT422' using message = 'not_searchable', detail = coalesce(k, '');
    end if;
    if columns ? k then
      source := format('c.%I', k); side := columns ->> k;
    else
      side := case when fields -> k ->> 'type' in ('number', 'money', 'formula') then 'float8' else 'text' end;
      source := format('%s.%s', case x ->> 'op' when 'sort' then 'o' else 's' end, case side when 'float8' then 'n' else 't' end);
    end if;
    if x ->> 'op' = 'sort' then ordered := source; exit; end if;
    if x ->> 'op' not in ('eq', 'in', 'min', 'max', 'starts', 'contains') or (x ->> 'op' in ('starts', 'contains') and side <> 'text') then raise sqlstate 'PT422' using message = 'invalid', detail = k; end if;
    if exists (select from jsonb_array_elements(case when x ->> 'op' = 'in' and jsonb_typeof(v) = 'array' then v else jsonb_build_array(v) end) e where case side
        when 'float8' then crm.as_number(e) is null when 'date' then crm.as_date(e) is null when 'uuid' then crm.as_uuid(e #>> '{}') is null
        when 'timestamptz' then crm.as_instant(e #>> '{}') is null when 'bool' then coalesce(e #>> '{}', '') not in ('true', 'false') else coalesce(jsonb_typeof(e), '') not in ('string', 'boolean') end) then
      raise sqlstate 'PT422' using message = 'invalid', detail = k;
    end if;
    compared := case x ->> 'op'
      when 'eq' then format('= %L::%s', v #>> '{}', side) when 'min' then format('>= %L::%s', v #>> '{}', side) when 'max' then format('<= %L::%s', v #>> '{}', side)
      when 'in' then format('= any (%L::%s[])', array(select jsonb_array_elements_text(case jsonb_typeof(v) when 'array' then v else jsonb_build_array(v) end)), side)
      else format('like %L', case x ->> 'op' when 'contains' then '%' else '' end || replace(replace(replace(v #>> '{}', '\', '\\'), '%', '\%'), '_', '\_') || '%') end;
    if columns ? k then conditions := conditions || format(' and %s %s', source, compared);
    elsif side = 'float8' or x ->> 'op' in ('min', 'max') then wanted := wanted || jsonb_build_object(k, coalesce(wanted ->> k, '') || format(' and %s %s', source, compared));   -- one look for a range
    else conditions := conditions || format(looked, k, format(' and %s %s', source, compared)); end if;
  end loop;
  select conditions || coalesce(string_agg(format(looked, key, value), ''), '') into conditions from jsonb_each_text(wanted);
  if c.scope = 'own' then                             -- his own book first: the store's index would pass every colleague's row
    ids := array(select o.id from crm.customers o where o.store_id = p_store and o.owner_id = c.user_id and o.removed_at is null
      union all select r.id from crm.customers r where r.store_id = p_store and r.renewal_owner_id = c.user_id and r.owner_id is distinct from c.user_id and r.removed_at is null
      union all select p.id from crm.customers p where p.store_id = p_store and p.pool = any (c.pools) and p.renewal_owner_id is distinct from c.user_id and p.removed_at is null);
    conditions := conditions || ' and c.id = any ($2)';
  end if;
  -- the order of the index, ties too, else the whole store is sorted for a page
  ordered := case when ordered like 'o.%' then format(case when p_descending then '%1$s desc, o.subject_id desc' else '%1$s, o.subject_id' end, ordered)
    when ordered = 'c.created_at' then case when p_descending then 'c.created_at desc, c.id' else 'c.created_at, c.id desc' end
    else format('%s %s nulls last, c.id', ordered, case when p_descending then 'desc' else 'asc' end) end;
  taken := least(greatest(coalesce(p_limit, 50), 1), 200); skipped := least(greatest(coalesce(p_offset, 0), 0), 10000);
  -- who sees every row of the store may stop at a page of values before any row is looked at; who sees his own book begins at his rows.
  -- Left to itself the planner thinks little of the join, and sorts the store
  source := case when ordered not like 'o.%' then 'crm.customers c'
    else format('(select * from crm.searchable_values o where o.store_id = $1 and o.form = ''customer'' and o.key = %L and %s is not null%s%s) o join crm.customers c on c.store_id = o.store_id and c.id = o.subject_id',
      p_sort, rtrim(split_part(ordered, ' ', 1), ','), case when c.scope = 'own' then ' and o.subject_id = any ($2)' else '' end,
      case when c.scope in ('store', 'group') and conditions = '' then format(' order by %s limit %s', ordered, taken + skipped) else '' end) end;
  if conditions = '' and ordered = 'c.created_at desc, c.id' then      -- the plain list, nearly every question: planned once, a sixth of its time
    ids := array(select k.id from crm.customers k where k.store_id = p_store and k.removed_at is null order by k.created_at desc, k.id limit taken offset skipped);
  else
    execute format('select array(select c.id from %s where c.store_id = $1 and c.removed_at is null%s order by %s limit %s offset %s)', source, conditions, ordered, taken, skipped)
      into ids using p_store, ids;
  end if;
  return query select r.* from unnest(ids) with ordinality i (id, place) join api.customers r on r.store_id = p_store and r.id = i.id order by i.place;
end $$;
comment on function crm.find_customers is 'Customers by filters [{key, op: eq in min max starts contains, value}], sorted by one key; of a searchable field only those that have a value. Errors: forbidden, not_searchable (unknown, hidden, masked or unmarked), invalid.';

-- The duplicate check while typing: mine by id, a colleague's only as "someone, n days ago" (no name, no id). Only by what the caller
-- may write: whoever sees a number masked could otherwise guess it.
create function crm.find_duplicates(p_store uuid, p_phone text, p_plate text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'save_customer'); mine jsonb; v_phone text; v_plate text;
begin
  if crm.may_write(p_store, 'customer', 'phone') then v_phone := p_phone; end if;
  if crm.may_write(p_store, 'vehicle', 'plate') then v_plate := upper(p_plate); end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name, 'last_contact_at', v.last_contact_at)), '[]') into mine
  from api.customers v where v.store_id = p_store and v.id in (
    select k.id from crm.customers k where k.store_id = p_store and k.phone_tail = right(crm.digits(v_phone), 4) and k.phone = v_phone
    union select x.customer_id from crm.vehicles x where x.store_id = p_store and x.plate = v_plate);
  return jsonb_build_object('mine', mine, 'elsewhere', case when mine = '[]' then crm.known_elsewhere(p_store, v_phone, v_plate) end);
end $$;

-- Belongs to the table owner, since a colleague's row is invisible to the caller; answers a number of days, whether a pool has him, and the colleague's name where the store says so.
create function crm.known_elsewhere(p_store uuid, p_phone text, p_plate text) returns jsonb
  language sql stable security definer set search_path = '' as $$
  select jsonb_strip_nulls(jsonb_build_object('days', min((now()::date - coalesce(k.last_contact_at, k.created_at)::date)), 'pooled', bool_and(k.owner_id is null),
    'who', case when (select s.settings ->> 'duplicate_shows' from crm.stores s where s.id = p_store) = 'owner' then min(m.name) end))   -- how much may be known is the store's
  from crm.customers k left join crm.members m on m.store_id = k.store_id and m.user_id = k.owner_id
  where k.store_id = p_store and p_store = any (crm.my_store_ids(null)) and k.removed_at is null
    and ((k.phone_tail = right(p_phone, 4) and k.phone = p_phone)
      or k.id in (select v.customer_id from crm.vehicles v where v.store_id = p_store and v.plate = p_plate and v.removed_at is null))
  having count(*) > 0 $$;

create function crm.funnel_report(p_store uuid, p_pipeline text, p_member uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); a crm.caller_access;
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  select * into a from crm.my_access('deal') x where x.store_id = p_store;
  return (select jsonb_build_object('today', c.today, 'pipelines', coalesce(jsonb_agg(jsonb_build_object('pipeline', p.key, 'label', p.label, 'stages', (
      select coalesce(jsonb_agg(jsonb_build_object('stage', s.key, 'label', s.label, 'type', s.type, 'color', s.color, 'deals', n.deals,
        'amount_fen', case when 'amount_fen' = any (a.readable) then n.amount_fen end) order by s.position), '[]')
      from crm.stages s
      cross join lateral (select coalesce(sum(f.deals), 0)::int as deals, coalesce(sum(f.amount_fen), 0)::bigint as amount_fen from crm.funnel_counts f
        where f.store_id = p_store and f.pipeline = s.pipeline and f.stage = s.key and (p_member is null or f.owner_id = p_member)) n
      where s.store_id = p_store and s.pipeline = p.key and (not s.retired or n.deals > 0))) order by p.position), '[]'))
    from crm.pipelines p where p.store_id = p_store and not p.retired and (p_pipeline is null or p.key = p_pipeline));
end $$;
comment on function crm.funnel_report is 'Deals and 分 per stage, from counters: what the caller may see, or one member''s (S-87).';

-- What a decider needs on one card: reason, tries, times, last words (F-44).
create function crm.pending_approvals(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'decide_approval');
begin
  return (select coalesce(jsonb_agg(to_jsonb(q) order by q.created_at), '[]') from (
    select a.id, a.kind, a.task_id, a.deal_id, a.asked, a.customer_id, a.requester_id, m.name as requester_name, a.reason, a.words, a.created_at, a.version, k.name, k.level,
      t.why, t.due_on, t.expires_on, coalesce(t.tries, 0) as tries, coalesce(t.snoozes, 0) as snoozes, o.name as owner_name, d.title as deal_title, d.amount_fen, d.stage, d.pipeline, a.requester_id = c.user_id as is_own,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.occurred_at desc), '[]') from (
        select v.occurred_at, v.outcome, v.method, v.words, v.dialled_at, v.away_seconds from api.conversations v
        where v.store_id = p_store and v.customer_id = a.customer_id order by v.occurred_at desc limit 5) x) as conversations
    from api.approvals a
    left join crm.tasks t on t.store_id = p_store and t.id = a.task_id
    left join crm.members o on o.store_id = p_store and o.user_id = (select x.owner_id from crm.customers x where x.store_id = p_store and x.id = a.customer_id)
    left join api.deals d on d.store_id = p_store and d.id = a.deal_id
    join api.customers k on k.store_id = p_store and k.id = a.customer_id
    left join crm.members m on m.store_id = p_store and m.user_id = a.requester_id
    where a.store_id = p_store and a.status = 'pending' order by a.created_at limit 200) q);
end $$;

-- One plan for all callers: planning these statements under row rules takes longer than running them (a card: 10 ms against 1), and
-- every one of them enters by store and person, so no value of a parameter would want another plan.
alter function crm.today(uuid, uuid, int) set plan_cache_mode = force_generic_plan;
alter function crm.customer_brief(uuid, uuid) set plan_cache_mode = force_generic_plan;
alter function crm.search_customers(uuid, text, int) set plan_cache_mode = force_generic_plan;
alter function crm.find_customers(uuid, jsonb, text, bool, int, int) set plan_cache_mode = force_generic_plan;
alter function crm.find_duplicates(uuid, text, text) set plan_cache_mode = force_generic_plan;
alter function crm.funnel_report(uuid, text, uuid) set plan_cache_mode = force_generic_plan;
alter function crm.pending_approvals(uuid) set plan_cache_mode = force_generic_plan;
alter function crm.today(uuid, uuid, int) owner to api_owner;
alter function crm.customer_brief(uuid, uuid) owner to api_owner;
alter function crm.search_customers(uuid, text, int) owner to api_owner;
alter function crm.find_customers(uuid, jsonb, text, bool, int, int) owner to api_owner;
alter function crm.find_duplicates(uuid, text, text) owner to api_owner;
alter function crm.funnel_report(uuid, text, uuid) owner to api_owner;
alter function crm.pending_approvals(uuid) owner to api_owner;

create function api.today(store_id uuid, member_id uuid default null, page_size int default 50) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.today(store_id, member_id, page_size); end;
create function api.customer_brief(store_id uuid, customer_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.customer_brief(store_id, customer_id); end;
create function api.find_customers(store_id uuid, filters jsonb default '[]', sort text default 'created_at', descending bool default true, page_size int default 50, page_offset int default 0) returns setof api.customers
  language sql stable security invoker set search_path = '' begin atomic select * from crm.find_customers(store_id, filters, sort, descending, page_size, page_offset); end;
create function api.search_customers(store_id uuid, words text default '', page_size int default 50) returns setof api.customers
  language sql stable security invoker set search_path = '' begin atomic select * from crm.search_customers(store_id, words, page_size); end;
create function api.find_duplicates(store_id uuid, phone text default null, plate text default null) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.find_duplicates(store_id, phone, plate); end;
create function api.funnel_report(store_id uuid, pipeline text default null, member_id uuid default null) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.funnel_report(store_id, pipeline, member_id); end;
create function api.pending_approvals(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.pending_approvals(store_id); end;

grant execute on function crm.known_elsewhere(uuid, text, text), crm.queue_points(jsonb, date, bool, date, date, bigint, bool, date) to api_owner;
grant execute on function crm.today(uuid, uuid, int), crm.customer_brief(uuid, uuid), crm.search_customers(uuid, text, int), crm.find_customers(uuid, jsonb, text, bool, int, int), crm.find_duplicates(uuid, text, text),
  crm.funnel_report(uuid, text, uuid), crm.pending_approvals(uuid), api.today(uuid, uuid, int), api.customer_brief(uuid, uuid), api.search_customers(uuid, text, int), api.find_customers(uuid, jsonb, text, bool, int, int),
  api.find_duplicates(uuid, text, text), api.funnel_report(uuid, text, uuid), api.pending_approvals(uuid) to authenticated;
