-- sync_pull: the caller's own book (customers he owns or renews, with what hangs on them), page by page, then only changes.

-- Cursor, opaque to clients: since (first change number not yet seen), upto (the ceiling of this round), table and after
-- (where the page stopped), stamp (role and configuration: another one starts over, since rights changed). The ceiling is the
-- oldest transaction still running: a row that commits late has a number at or above it and comes next round (T11).
create function crm.sync_pull(p_store uuid, p_cursor jsonb, p_page int, p_config_version int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.me(p_store); since bigint; upto bigint; stamp text; tables text[] := array['customers', 'companions', 'vehicles', 'policies', 'deals', 'tasks', 'conversations', 'approvals', 'attachments', 'promises', 'handovers', 'links', 'consents', 'receptions'];
  i int; t text; page jsonb; last jsonb; room int := least(greatest(coalesce(p_page, 200), 1), 500); rows jsonb := '{}'; removed jsonb := '{}'; gone jsonb; is_reset bool := false; book text; after_no bigint; after_id uuid; n int; version int; gained uuid[] := '{}'; fresh text; total int; kept jsonb := '{}'; people jsonb; known text;
begin
  if c.store_id is null then
    if not crm.was_member(p_store) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
    return jsonb_build_object('user_id', (select auth.uid()), 'store_id', p_store, 'today', (now() at time zone 'Asia/Shanghai')::date, 'now', now(), 'lost', true, 'reset', false, 'more', false,
      'rows', '{}'::jsonb, 'removed', '{}'::jsonb, 'config_version', 0, 'cursor', '{}'::jsonb);
  end if;
  if p_cursor is not null and not (jsonb_typeof(p_cursor) = 'object' and coalesce(p_cursor ->> 'since', '0') ~ '^\d{1,18}$' and coalesce(p_cursor ->> 'upto', '0') ~ '^\d{1,18}$'
      and coalesce(p_cursor ->> 'table', '1') ~ '^[1-9][0-9]?$' and coalesce(p_cursor ->> 'total', '0') ~ '^\d{1,9}$' and coalesce(p_cursor #>> '{after,0}', '0') ~ '^\d{1,18}$'
      and (p_cursor #>> '{after,1}' is null or crm.as_uuid(p_cursor #>> '{after,1}') is not null) and coalesce(p_cursor ->> 'reset', 'true') in ('true', 'false')) then
    p_cursor := null;                                 -- not one of ours: begin anew
  end if;
  select s.config_version into version from crm.stores s where s.id = p_store;
  stamp := c.role || ':' || c.scope || ':' || version;
  upto := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  since := (p_cursor ->> 'since')::bigint;
  if p_cursor is null or since is null or p_cursor ->> 'stamp' is distinct from stamp or since > upto then      -- since > upto: the server was restored
    since := 0; is_reset := true; i := 1;
  else
    is_reset := coalesce((p_cursor ->> 'reset')::bool, false) and p_cursor ? 'table';
    i := coalesce((p_cursor ->> 'table')::int, 1);
    if p_cursor ? 'upto' then upto := least(upto, (p_cursor ->> 'upto')::bigint); end if;
    after_no := (p_cursor #>> '{after,0}')::bigint; after_id := (p_cursor #>> '{after,1}')::uuid;
  end if;
  total := (p_cursor ->> 'total')::int;
  if since > 0 then                                   -- who was handed a customer gets his whole file: its rows are older than the cursor
    gained := array(select l.subject_id from crm.losses l
      where l.store_id = p_store and l.user_id = c.user_id and l.form = 'customer_gained' and l.change_no >= since and l.change_no < upto);
  end if;
  if is_reset and i = 1 and after_no is null then     -- a full round begins: how many rows will come, for the bar on the phone
    select count(*) into total from crm.customers k where k.store_id = p_store and k.removed_at is null and (k.owner_id = c.user_id or k.renewal_owner_id = c.user_id);
    select total + count(*) into total from crm.conversations v join crm.customers k on k.store_id = v.store_id and k.id = v.customer_id
    where v.store_id = p_store and v.removed_at is null and v.occurred_at > now() - interval '400 days' and (k.owner_id = c.user_id or k.renewal_owner_id = c.user_id);
    select total + count(*) into total from crm.tasks k where k.store_id = p_store and k.assignee_id = c.user_id and k.removed_at is null and (k.closed_at is null or k.closed_at > now() - interval '40 days');
  end if;
  while i <= cardinality(tables) and room > 0 loop
    t := tables[i];
    book := case t when 'customers' then '(v.owner_id = $2 or v.renewal_owner_id = $2)'
      when 'tasks' then 'v.assignee_id = $2'
      when 'approvals' then 'v.requester_id = $2'
      else 'exists (select from crm.customers k where k.store_id = v.store_id and k.id = v.customer_id and (k.owner_id = $2 or k.renewal_owner_id = $2))' end
      || case t when 'conversations' then ' and v.occurred_at > now() - interval ''400 days''' when 'receptions' then ' and v.arrived_at > now() - interval ''400 days''' when 'tasks' then ' and (v.closed_at is null or v.closed_at > now() - interval ''40 days'')' else '' end;
    fresh := case when gained <> '{}' and t not in ('customers', 'tasks', 'approvals') then '(v.change_no >= $3 or v.customer_id = any ($8))' else 'v.change_no >= $3' end;
    execute format('select coalesce(jsonb_agg(to_jsonb(x) order by x.change_no, x.id), ''[]'') from (
        select v.* from api.%I v where v.store_id = $1 and %s and v.change_no < $4 and ($5::bigint is null or (v.change_no, v.id) > ($5, $6)) and %s
        order by v.change_no, v.id limit $7) x', t, fresh, book) into page using p_store, c.user_id, since, upto, after_no, after_id, room, gained;
    n := jsonb_array_length(page);
    if n > 0 then rows := rows || jsonb_build_object(t, page); end if;
    room := room - n;
    if room = 0 then
      last := page -> -1; after_no := (last ->> 'change_no')::bigint; after_id := (last ->> 'id')::uuid;
    else
      if since > 0 then
        execute format('select coalesce(jsonb_agg(v.id), ''[]'') from crm.%I v where v.store_id = $1 and v.removed_at is not null and v.change_no >= $3 and v.change_no < $4 and %s',
          t, book) into gone using p_store, c.user_id, since, upto;
        if gone <> '[]' then removed := removed || jsonb_build_object(t, gone); end if;
      end if;
      i := i + 1; after_no := null; after_id := null;
    end if;
  end loop;
  if i > cardinality(tables) and since > 0 then       -- what left the book by reassignment
    select coalesce(jsonb_agg(l.subject_id), '[]') into gone from crm.losses l
    where l.store_id = p_store and l.user_id = c.user_id and l.form = 'customer' and l.change_no >= since and l.change_no < upto
      and not exists (select from crm.customers k where k.store_id = p_store and k.id = l.subject_id and (k.owner_id = c.user_id or k.renewal_owner_id = c.user_id));
    if gone <> '[]' then removed := removed || jsonb_build_object('customers', coalesce(removed -> 'customers', '[]') || gone); end if;
    select coalesce(jsonb_agg(l.subject_id), '[]') into gone from crm.losses l
    where l.store_id = p_store and l.user_id = c.user_id and l.form = 'task' and l.change_no >= since and l.change_no < upto
      and not exists (select from crm.tasks k where k.store_id = p_store and k.id = l.subject_id and k.assignee_id = c.user_id);
    if gone <> '[]' then removed := removed || jsonb_build_object('tasks', coalesce(removed -> 'tasks', '[]') || gone); end if;
  end if;
  if i > cardinality(tables) and is_reset then        -- rows that moved while the round ran come with the next pull: they are not gone
    foreach t in array tables loop
      execute format('select jsonb_agg(v.id) from api.%I v where v.store_id = $1 and v.change_no >= $3 and %s', t,
        case t when 'customers' then '(v.owner_id = $2 or v.renewal_owner_id = $2)' when 'tasks' then 'v.assignee_id = $2' when 'approvals' then 'v.requester_id = $2'
          else 'exists (select from crm.customers k where k.store_id = v.store_id and k.id = v.customer_id and (k.owner_id = $2 or k.renewal_owner_id = $2))' end)
        into gone using p_store, c.user_id, upto;
      if gone is not null then kept := kept || jsonb_build_object(t, gone); end if;
    end loop;
  end if;
  known := p_cursor ->> 'people';
  if i > cardinality(tables) then                     -- who the store's people are: names for fields of type person, whenever they are others than the phone knows
    select coalesce(jsonb_agg(jsonb_build_object('id', m.user_id, 'name', m.name, 'active', m.active) order by m.name, m.user_id), '[]') into people from crm.members m where m.store_id = p_store;
    if known is distinct from md5(people::text) then known := md5(people::text); else people := null; end if;
  end if;
  return jsonb_build_object('user_id', c.user_id, 'store_id', p_store, 'today', c.today, 'now', now(), 'reset', is_reset, 'more', i <= cardinality(tables), 'rows', rows, 'removed', removed,
      'config_version', version,
      'cursor', case when i > cardinality(tables) then jsonb_build_object('since', upto, 'stamp', stamp, 'people', known)
        else jsonb_build_object('since', since, 'upto', upto, 'table', i, 'after', jsonb_build_array(after_no, after_id), 'stamp', stamp, 'reset', is_reset, 'total', total, 'people', known) end)
    || case when is_reset then jsonb_build_object('total', total, 'kept', kept) else '{}' end
    || case when i > cardinality(tables) then jsonb_build_object('complete_to', upto) else '{}' end
    || case when people is not null then jsonb_build_object('people', people) else '{}' end
    || case when version is distinct from p_config_version then jsonb_build_object('config', crm.config_for(p_store)) else '{}' end;
end $$;
comment on function crm.sync_pull is 'One page of the caller''s book. reset: a full round begins or goes on (total: about how many rows it has); when it ends, rows it neither brought nor lists as kept are no longer his. people: the members of the store, when they are others than those of the cursor. lost: the caller was disabled here, his phone forgets the book. 403 for anyone else: an empty answer never means "delete".';
alter function crm.sync_pull(uuid, jsonb, int, int) owner to api_owner;
create function api.sync_pull(store_id uuid, cursor jsonb default null, page_size int default 200, config_version int default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.sync_pull(store_id, cursor, page_size, config_version); end;
grant execute on function crm.sync_pull(uuid, jsonb, int, int), api.sync_pull(uuid, jsonb, int, int) to authenticated;
