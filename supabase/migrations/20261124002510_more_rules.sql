-- Care dates, ladders of escalation, and the dry run of a document's rules on the days that were (S-62, S-70, S-97, F-51, F-77).

-- The day a care rule speaks of: the latest return of a date, every so many months, whose first reminder has come by p_day.
create function crm.care_day(p_date date, p_every int, p_times int, p_before int, p_day date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
declare n int; v date;
begin
  if p_date is null or p_date > p_day + p_before then return null; end if;
  n := ((date_part('year', age(p_day + p_before, p_date)) * 12 + date_part('month', age(p_day + p_before, p_date)))::int / p_every);
  if p_times is not null and n > p_times then return null; end if;
  v := (p_date + make_interval(months => n * p_every))::date;
  return case when n >= 1 and v > p_day + p_before - 31 then v end;   -- a reminder missed for a month is no care any more
end $$;

-- Minutes between two instants outside the quiet hours of every day.
create function crm.open_minutes(p_from timestamp, p_to timestamp, p_quiet_from time, p_quiet_to time) returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
declare opens numeric; closes numeric; a numeric; b numeric;
begin
  if p_quiet_from is null or p_quiet_to is null or p_quiet_from <= p_quiet_to then return extract(epoch from p_to - p_from) / 60; end if;
  opens := extract(epoch from p_quiet_to) / 60; closes := extract(epoch from p_quiet_from) / 60;
  a := floor(extract(epoch from p_from) / 86400) * (closes - opens) + least(greatest(extract(epoch from p_from::time) / 60 - opens, 0), closes - opens);
  b := floor(extract(epoch from p_to) / 86400) * (closes - opens) + least(greatest(extract(epoch from p_to::time) / 60 - opens, 0), closes - opens);
  return b - a;
end $$;
comment on function crm.open_minutes is 'Store-local instants; quiet hours span midnight (20:00 to 09:00), others count every minute.';

-- A member of a role with the fewest open tasks; of equals the one with the lowest id: the same answer whenever it is asked.
create function crm.boss_of(p_store uuid, p_role text) returns uuid
  language sql stable set search_path = '' as $$
  select m.user_id from crm.members m
  left join crm.tasks t on t.store_id = p_store and t.assignee_id = m.user_id and t.status = 'open' and t.removed_at is null and t.why = 'escalation'
  where m.store_id = p_store and m.role = p_role and m.active group by m.user_id order by count(t.id), m.user_id limit 1 $$;

-- One rung reached by customers: a reminder, a call for the boss, or the pool. Answers {remind, boss, pool: how many}.
create function crm.climb(p_store uuid, p_rule crm.rules, p_step int, p_day date, p_customers uuid[]) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare s jsonb := p_rule.options -> 'steps' -> (p_step - 1); n int := 0; k uuid;
begin
  if s ->> 'action' = 'remind' then
    insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, step, subject_id, due_on, rank)
    select p_store, c.id, c.owner_id, 'escalation', p_rule.key, p_step, c.id, p_day, 1
    from crm.customers c where c.store_id = p_store and c.id = any (p_customers) and c.owner_id is not null
      and not exists (select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = c.id and t.step >= p_step and t.status in ('open', 'cancel_requested') and t.removed_at is null)
    on conflict do nothing;
    get diagnostics n = row_count;
  elsif s ->> 'action' = 'boss' then
    foreach k in array p_customers loop               -- one by one: each goes to whoever has the fewest then
      insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, step, subject_id, due_on, rank)
      select p_store, k, b, 'escalation', p_rule.key, p_step, k, p_day, 1 from crm.boss_of(p_store, s ->> 'role') b
      where b is not null and not exists (select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = k and t.step = p_step and t.status in ('open', 'cancel_requested') and t.removed_at is null)
      on conflict do nothing;
      if found then n := n + 1; end if;
    end loop;
  elsif s ->> 'action' = 'pool' and exists (select from crm.pools x where x.store_id = p_store and x.key = s ->> 'pool' and not x.retired) then
    foreach k in array p_customers loop               -- the one way an owner changes: deals, plan and history come along
      if crm.hand_over(p_store, k, null, s ->> 'pool', null, 'ladder', null) is not null then n := n + 1; end if;
    end loop;
    update crm.tasks t set removed_at = now() where t.store_id = p_store and t.customer_id = any (p_customers) and t.rule = p_rule.key and t.status = 'open' and t.removed_at is null;
  end if;
  return jsonb_build_object(coalesce(s ->> 'action', ''), n);
end $$;

create function crm.sum_up(a jsonb, b jsonb) returns jsonb
  language sql immutable parallel safe set search_path = '' as $$
  select a || coalesce(jsonb_object_agg(key, coalesce((a ->> key)::int, 0) + value::int), '{}') from jsonb_each_text(b) $$;

-- Customers a rule speaks of, and the rung each has reached; the ladder starts anew with every contact.
create function crm.run_ladder(p_store uuid, p_rule crm.rules, p_day date, p_at timestamptz) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare zone text; q_from time := (p_rule.options ->> 'quiet_from')::time; q_to time := (p_rule.options ->> 'quiet_to')::time; rung int; ids uuid[]; done jsonb := '{}';
begin
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  update crm.tasks t set removed_at = now() from crm.customers k                 -- answered meanwhile: nobody is told any more
  where t.store_id = p_store and t.rule = p_rule.key and t.why = 'escalation' and t.status = 'open' and t.removed_at is null
    and k.store_id = p_store and k.id = t.customer_id and (k.last_contact_at at time zone zone)::date >= t.due_on;
  if p_rule.kind = 'first_response' and q_from > q_to and ((p_at at time zone zone)::time >= q_from or (p_at at time zone zone)::time < q_to) then return done; end if;
  for rung, ids in
    select x.rung, array_agg(x.id order by x.id) from (
      select k.id, (select max(n) from jsonb_array_elements(p_rule.options -> 'steps') with ordinality st (s, n)
        where (st.s ->> 'after')::int <= case p_rule.kind when 'first_response' then crm.open_minutes(k.created_at at time zone zone, p_at at time zone zone, q_from, q_to)
          else p_day - (coalesce(k.last_contact_at, k.created_at) at time zone zone)::date end) as rung
      from crm.customers k
      where k.store_id = p_store and k.removed_at is null and not k.do_not_call and k.consent_withdrawn_at is null and k.owner_id is not null
        and (p_rule.kind = 'no_contact' or k.last_contact_at is null and k.created_at > p_at - interval '30 days' and k.created_at <= p_at)
        and (not p_rule.options ? 'levels' or p_rule.options -> 'levels' = '[]' or p_rule.options -> 'levels' ? k.level)
        and (not p_rule.options ? 'sources' or p_rule.options -> 'sources' = '[]' or p_rule.options -> 'sources' ? k.source)
        and exists (select from crm.levels l where l.store_id = p_store and l.key = k.level and l.pool is null)) x
    where x.rung is not null group by x.rung order by x.rung
  loop
    -- a rung is climbed once between two contacts
    ids := array(select i from unnest(ids) i join crm.customers k on k.store_id = p_store and k.id = i where not exists (
      select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = i and t.step = rung
        and t.due_on > coalesce((k.last_contact_at at time zone zone)::date, '-infinity')) order by i);
    done := crm.sum_up(done, crm.climb(p_store, p_rule, rung, p_day, ids));
  end loop;
  return done;
end $$;

create function crm.run_care(p_store uuid, p_rule crm.rules, p_day date) returns int
  language plpgsql volatile set search_path = '' as $$
declare d jsonb := p_rule.options -> 'date'; f text := d ->> 'field'; days int := coalesce(p_rule.days[1], 0); source text; n int; zone text;
begin
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  select t.relation into source from crm.form_tables t where t.form = d ->> 'form';
  if source is null or f is null then return 0; end if;
  -- a field's value, never an expression of the document: base columns by name from the catalogue, all else by key
  execute format($q$
    insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, subject_form, subject_id, due_on)
    select $1, k.id, coalesce(k.owner_id, k.renewal_owner_id), 'care', $2, case $3 when 'policy' then 'policy' when 'deal' then 'deal' else 'customer' end, r.id, c.care_on - $4
    from crm.%I r join crm.customers k on k.store_id = $1 and k.id = %s
    cross join lateral (select crm.care_day(%s, $5, $6, $4, $7) as care_on) c
    where r.store_id = $1 and r.removed_at is null and k.removed_at is null and not k.do_not_call and k.consent_withdrawn_at is null and coalesce(k.owner_id, k.renewal_owner_id) is not null and c.care_on is not null
      and ($8 = '[]' or $8 ? k.level) and ($9 = '[]' or $9 ? k.source) %s
    on conflict do nothing $q$, source, case d ->> 'form' when 'customer' then 'r.id' else 'r.customer_id' end,
    case when d ->> 'form' = 'deal' and f = 'closed_at' then format('(r.closed_at at time zone %L)::date', zone)
      when exists (select from crm.base_fields b where b.form = d ->> 'form' and b.key = f and b.type = 'date') then format('r.%I', f)
      else format('crm.as_date(r.custom -> %L)', f) end,
    case when d ->> 'form' = 'deal' then 'and exists (select from crm.stages s where s.store_id = r.store_id and s.pipeline = r.pipeline and s.key = r.stage and s.type = ''won'')' else '' end)
    using p_store, p_rule.key, d ->> 'form', days, coalesce((d ->> 'every_months')::int, 12), (d ->> 'times')::int, p_day,
      coalesce(p_rule.options -> 'levels', '[]'), coalesce(p_rule.options -> 'sources', '[]');
  get diagnostics n = row_count;
  return n;
end $$;

create function crm.run_care_and_ladders(p_store uuid, p_day date, p_rule crm.rules) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  return case p_rule.kind when 'care' then jsonb_build_object('care', crm.run_care(p_store, p_rule, p_day))
    when 'no_contact' then crm.run_ladder(p_store, p_rule, p_day, now()) else '{}' end;
end $$;

-- First response counts in minutes: the scheduler calls this as often as it likes, at least every hour.
create function crm.run_responses(p_store uuid, p_at timestamptz) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare r crm.rules; done jsonb := '{}'; zone text;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0));
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  for r in select * from crm.rules x where x.store_id = p_store and x.active and x.kind = 'first_response' order by x.position loop
    done := crm.sum_up(done, crm.run_ladder(p_store, r, (p_at at time zone zone)::date, p_at));
  end loop;
  return done;
end $$;
comment on function crm.run_responses is 'New customers nobody has spoken to: remind, tell the boss, give to a pool, in open minutes (S-97). Running it again adds nothing.';

-- The dry run --------------------------------------------------------------------------------------------------------------
-- A scratch store beside the real one, in a transaction that is given up: the records as they stood on the first day, then day by
-- day the very generator that runs at night, and what people did that day. Nobody's row is locked, nothing stays.

-- A record as it was at an instant: today's row with the oldest later value of every field put back.
create function crm.as_it_was(p_row jsonb, p_store uuid, p_form text, p_customer uuid, p_at timestamptz) returns jsonb
  language sql stable set search_path = '' as $$
  select p_row || coalesce(jsonb_object_agg(e.field, e.old) filter (where not e.custom), '{}')
    || jsonb_build_object('custom', coalesce(p_row -> 'custom', '{}') || coalesce(jsonb_object_agg(e.field, e.old) filter (where e.custom), '{}'))
  from (select distinct on (x.field) x.field, x.old, x.is_field and b.key is null as custom
    from crm.events x left join crm.base_fields b on b.form = p_form and b.key = x.field
    where x.store_id = p_store and x.customer_id = p_customer and x.subject_id = (p_row ->> 'id')::uuid and x.kind = 'changed' and x.created_at >= p_at order by x.field, x.id) e $$;

create function crm.columns_of(p_relation text, p_prefix text) returns text
  language sql stable set search_path = '' as $$
  select string_agg(p_prefix || quote_ident(a.attname), ', ' order by a.attnum) from pg_catalog.pg_attribute a
  where a.attrelid = ('crm.' || p_relation)::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and a.attname not in ('change_no', 'custom_masked', 'pinyin', 'initials', 'f1', 'f2', 'f3', 'f4', 't1', 't2', 't3', 't4', 'd1', 'd2') $$;

-- Records of one kind that came in between two instants, as they stood at the later of "then" and their making.
create function crm.replay_copy(p_store uuid, p_scratch uuid, p_form text, p_relation text, p_from timestamptz, p_to timestamptz, p_keep text[]) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  execute format($q$
    with rows as (
      select crm.as_it_was(to_jsonb(t), $1, $3, %1$s, greatest($5, t.created_at)) as r from crm.%2$I t
      where t.store_id = $1 and t.created_at >= $4 and t.created_at < $6 and (t.removed_at is null or t.removed_at >= $5) %3$s)
    insert into crm.%2$I (%4$s) select %5$s from rows cross join lateral jsonb_populate_record(null::crm.%2$I, rows.r || jsonb_build_object('store_id', $2, 'version', 1)
      || case when rows.r ? 'name' then '{"name": "-", "pinyin": null}'::jsonb else '{}' end
      || jsonb_build_object('custom', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(coalesce(rows.r -> 'custom', '{}')) where key = any ($7) and jsonb_typeof(value) <> 'null'))) p
    where p.removed_at is null$q$,
    case p_form when 'customer' then 't.id' else 't.customer_id' end, p_relation,
    case when p_form <> 'customer' then 'and exists (select from crm.customers k where k.store_id = $2 and k.id = t.customer_id)' else '' end
      || case when p_form = 'task' then ' and (t.rule is null or t.created_at < $5)' else '' end
      || case when p_form = 'policy' then ' and (t.vehicle_id is null or exists (select from crm.vehicles y where y.store_id = $2 and y.id = t.vehicle_id))' else '' end
      || case when p_form = 'deal' then ' and (t.vehicle_id is null or exists (select from crm.vehicles y where y.store_id = $2 and y.id = t.vehicle_id))
          and (t.policy_id is null or exists (select from crm.policies y where y.store_id = $2 and y.id = t.policy_id))' else '' end,
    crm.columns_of(p_relation, ''), crm.columns_of(p_relation, 'p.'))
    using p_store, p_scratch, p_form, p_from, case when p_from = '-infinity' then p_to else p_from end, p_to, p_keep;
  if p_form = 'customer' then                         -- a plan the trigger made is none of theirs
    update crm.customers k set next_contact_on = null where k.store_id = p_scratch and k.created_at >= p_from and k.created_at < p_to and k.next_contact_on is not null
      and crm.as_it_was((select to_jsonb(t) from crm.customers t where t.store_id = p_store and t.id = k.id), p_store, 'customer', k.id,
        greatest(k.created_at, case when p_from = '-infinity' then p_to else p_from end)) ->> 'next_contact_on' is null;
  end if;
end $$;

-- What was done between two instants, as last said of each field; what the generator did it does anew.
create function crm.replay_events(p_scratch uuid, p_events crm.events[], p_from timestamptz, p_to timestamptz, p_keep text[], p_known uuid[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare f record; slice crm.events[];
begin
  slice := array(select e from unnest(p_events) e where e.created_at >= p_from and e.created_at < p_to order by e.id);
  if slice = '{}' then return; end if;
  for f in select x.form, x.relation, c.names from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation)
    cross join lateral (select array_agg(a.attname::text) as names from pg_catalog.pg_attribute a where a.attrelid = ('crm.' || x.relation)::regclass and a.attnum > 0 and not a.attisdropped
      and a.attgenerated = '' and a.attname not in ('store_id', 'id', 'customer_id', 'name', 'created_at', 'updated_at', 'version', 'change_no', 'custom', 'custom_masked', 'pinyin', 'initials',
        'f1', 'f2', 'f3', 'f4', 't1', 't2', 't3', 't4', 'd1', 'd2')) c
  loop
    execute format($q$
      with said as (
        select e.subject_id, coalesce(jsonb_object_agg(e.field, e.new order by e.id) filter (where e.field = any ($3)), '{}') as patch,
          coalesce(jsonb_object_agg(e.field, e.new order by e.id) filter (where e.is_field and e.field = any ($4)), '{}') as custom
        from unnest($1) e where e.form = $5 and e.kind = 'changed' and (e.actor_id is not null or e.field <> all ($6)) group by e.subject_id),
      fitting as (
        select subject_id, custom, case
          when patch ->> 'owner_id' is not null then patch || '{"pool": null}'                       -- an owner or a pool, whatever the dry run did before
          when patch ->> 'pool' is not null then patch || '{"owner_id": null}'
          else patch - array['owner_id', 'pool'] || case when $5 <> 'customer' and patch ? 'owner_id' then '{"owner_id": null}'::jsonb else '{}' end end as patch from said)
      update crm.%1$I t set (%2$s) = (select %3$s from jsonb_populate_record(t, s.patch) r) %4$s
      from fitting s where t.store_id = $2 and t.id = s.subject_id and (s.patch <> '{}' or s.custom <> '{}')$q$,
      f.relation, (select string_agg(quote_ident(n), ', ') from unnest(f.names) n), (select string_agg('r.' || quote_ident(n), ', ') from unnest(f.names) n),
      case when f.form = 'task' then '' else ', custom = jsonb_strip_nulls(t.custom || s.custom)' end)
      using slice, p_scratch, f.names, p_keep, f.form,
        array['owner_id', 'pool', 'next_contact_on', 'level', 'level_at', 'status', 'removed_at', 'due_on', 'due_at', 'rank', 'stage', 'stage_at', 'closed_at', 'lost_reason', 'assignee_id'];   -- the generator's own to decide
  end loop;
  -- a task that only these rules make is answered by what people really did with the customer that day
  update crm.tasks t set status = 'excused', closed_at = p_to
  where t.store_id = p_scratch and t.rule is not null and t.status = 'open' and t.removed_at is null and t.id <> all (p_known)
    and exists (select from unnest(slice) e where e.customer_id = t.customer_id and (e.form = 'customer' and e.field = 'last_contact_at'
      or e.form = 'task' and e.field = 'status' and e.new in ('"done"', '"excused"')));
end $$;

create function crm.replay_rules(p_store uuid, p_document jsonb, p_days int) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  scratch uuid := gen_random_uuid(); zone text; first_day date; last_day date; began timestamptz; told crm.events[]; made crm.tasks[]; known uuid[]; keep text[]; t text; f record;
  d date; h int; before timestamptz; at timestamptz; mark bigint; found jsonb := '[]'; moves jsonb := '[]'; hourly bool;
begin
  select s.time_zone, (now() at time zone s.time_zone)::date into zone, last_day from crm.stores s where s.id = p_store;
  first_day := last_day - p_days + 1; began := first_day::timestamp at time zone zone;
  insert into crm.stores (id, group_id, name, time_zone) select scratch, s.group_id, 'dry run', s.time_zone from crm.stores s where s.id = p_store;
  perform crm.apply_config(scratch, p_document);
  zone := (select s.time_zone from crm.stores s where s.id = scratch);
  -- records name what the document may have given up
  foreach t in array array['pools', 'roles', 'pipelines', 'stages', 'levels', 'reasons', 'outcomes'] loop
    execute format('insert into crm.%1$I select (jsonb_populate_record(x, jsonb_build_object(''store_id'', $2, ''retired'', true))).* from crm.%1$I x where x.store_id = $1 on conflict do nothing', t)
      using p_store, scratch;
  end loop;
  insert into crm.rules select (jsonb_populate_record(x, jsonb_build_object('store_id', scratch, 'active', false))).* from crm.rules x where x.store_id = p_store on conflict do nothing;
  insert into crm.members select (jsonb_populate_record(x, jsonb_build_object('store_id', scratch))).* from crm.members x where x.store_id = p_store;
  keep := array(select distinct r.options #>> '{date,field}' from crm.rules r where r.store_id = scratch and r.kind = 'care' and r.active);
  hourly := exists (select from crm.rules r where r.store_id = scratch and r.kind = 'first_response' and r.active);

  told := array(select e from crm.events e where e.store_id = p_store and e.created_at >= began and e.kind = 'changed' order by e.id);
  made := array(select jsonb_populate_record(null::crm.tasks, crm.as_it_was(to_jsonb(x), p_store, 'task', x.customer_id, x.created_at))
    from crm.tasks x where x.store_id = p_store and x.rule is not null and x.created_at >= began);
  known := array(select x.id from crm.tasks x where x.store_id = p_store and x.rule is not null);
  for f in select * from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation) loop
    perform crm.replay_copy(p_store, scratch, f.form, f.relation, '-infinity', began, keep);
  end loop;

  before := began;
  for d in select generate_series(first_day, last_day, '1 day')::date loop
    for h in select 0 union all select x from generate_series(1, 23) x where hourly order by 1 loop
      at := (d + make_time(h, 0, 0)) at time zone zone;
      exit when at > now();
      if at > before then
        for f in select * from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation) loop
          perform crm.replay_copy(p_store, scratch, f.form, f.relation, before, at, keep);
        end loop;
        perform crm.replay_events(scratch, told, before, at, keep, known);
        before := at;
      end if;
      select coalesce(max(e.id), 0) into mark from crm.events e where e.store_id = scratch;
      if h = 0 then perform crm.run_rules(scratch, d); else perform crm.run_responses(scratch, at); end if;
      update crm.tasks s set id = m.id from unnest(made) m                                     -- the same task as in reality: what was done with it can be told by its id
      where s.store_id = scratch and s.created_at = now() and s.rule = m.rule and s.subject_id = m.subject_id and s.step = m.step and s.due_on = m.due_on and s.id <> m.id;
      with new_ones as (update crm.tasks s set created_at = at where s.store_id = scratch and s.created_at = now() and s.rule is not null returning s.assignee_id, s.why)
      select found || coalesce(jsonb_agg(jsonb_build_object('day', d, 'user_id', n.assignee_id, 'why', n.why, 'n', n.n) order by n.assignee_id, n.why), '[]') into found
      from (select assignee_id, why, count(*)::int as n from new_ones group by 1, 2) n;
      select moves || coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('day', d, 'field', x.field, 'user_id', x.who, 'before', x.before, 'to', x.after, 'n', x.n)) order by x.field, x.who, x.after), '[]') into moves
      from (select e.field, coalesce(e.old #>> '{}', '') as before_owner, case e.field when 'owner_id' then e.old #>> '{}' end as who,
          case e.field when 'level' then e.old #>> '{}' end as before, case e.field when 'level' then e.new #>> '{}' else k.pool end as after, count(*)::int as n
        from crm.events e join crm.customers k on k.store_id = scratch and k.id = e.subject_id
        where e.store_id = scratch and e.id > mark and e.form = 'customer' and e.kind = 'changed' and e.field in ('owner_id', 'level') and e.old <> 'null' group by 1, 2, 3, 4, 5) x;
    end loop;
  end loop;
  return jsonb_build_object('from', first_day, 'to', last_day, 'tasks', found, 'moves', moves, 'recorded', (
    select coalesce(jsonb_agg(jsonb_build_object('day', r.day, 'user_id', r.assignee_id, 'why', r.why, 'n', r.n) order by r.day, r.assignee_id, r.why), '[]')
    from (select (m.created_at at time zone zone)::date as day, m.assignee_id, m.why, count(*)::int as n from unnest(made) m group by 1, 2, 3) r));
end $$;

create function crm.preview_rules(p_store uuid, p_document jsonb, p_days int) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); d jsonb := p_document; answer jsonb;
begin
  if d is null or d = 'null' then
    select v.document into d from crm.config_versions v join crm.stores s on s.id = v.store_id and s.config_version = v.version where v.store_id = p_store;
  end if;
  if jsonb_typeof(d) is distinct from 'object' or jsonb_typeof(d -> 'levels') is distinct from 'array' or jsonb_typeof(d -> 'rules') is distinct from 'array' then
    raise sqlstate 'PT422' using message = 'invalid_config';
  end if;
  begin
    answer := crm.replay_rules(p_store, d, least(greatest(coalesce(p_days, 90), 1), 90));
    raise sqlstate 'GIVEN';
  exception
    when sqlstate 'GIVEN' then null;                    -- all of it is undone; what it made is known
    when sqlstate 'PT409' or sqlstate 'PT422' or serialization_failure or deadlock_detected or query_canceled then raise;
    when others then
      raise log 'dry run: % %', sqlstate, sqlerrm;
      raise sqlstate 'PT422' using message = 'invalid_config';
  end;
  return answer;
end $$;
comment on function crm.preview_rules is 'The rules of a document (null: the published) on the last days, at most 90, as they were: tasks {day, user_id, why, n}, moves, and what was recorded. Writes nothing. Errors: forbidden, invalid_config and those of publishing.';

create function api.preview_rules(store_id uuid, document jsonb default null, days int default 90) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.preview_rules(store_id, document, days); end;
alter function api.preview_rules(uuid, jsonb, int) set statement_timeout = '120s';
grant execute on function crm.preview_rules(uuid, jsonb, int), api.preview_rules(uuid, jsonb, int) to authenticated;
insert into crm.exits (name, function, why_not) values ('preview_rules', 'preview_rules', 'counts of tasks by member and day; for who may see the whole document');
