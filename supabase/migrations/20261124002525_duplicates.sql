-- Duplicates: pairs that look like one person, joining them, and taking a join back (F-85).

grant create on schema crm, api to api_owner;          -- taken back at the end

create table crm.merges (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  winner_id uuid not null,
  loser_id uuid not null,
  moved jsonb not null,
  author_id uuid not null,
  created_at timestamptz not null default now(),
  undone_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, winner_id) references crm.customers on delete cascade,
  foreign key (store_id, loser_id) references crm.customers on delete cascade);
comment on table crm.merges is 'Two customers that became one, and which records went over: {table: [ids]}. Undone, everything is where it was.';
create index on crm.merges (store_id, winner_id);
create index on crm.merges (store_id, loser_id);
alter table crm.merges enable row level security;
create policy select_member on crm.merges for select to api_owner using (exists (select from crm.customers k where k.store_id = merges.store_id and k.id = merges.winner_id));
create policy insert_self on crm.merges for insert to api_owner with check (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_member on crm.merges for update to api_owner using (exists (select from crm.customers k where k.store_id = merges.store_id and k.id = merges.winner_id));
grant select on crm.merges to api_owner;
grant insert (store_id, id, winner_id, loser_id, moved, author_id), update (undone_at) on crm.merges to api_owner;
create policy update_joined on crm.events for update to api_owner using (
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when store_id = any ((select crm.my_store_ids(null))::uuid[]) then exists (select from crm.customers c where c.store_id = events.store_id and c.id = events.customer_id) else false end);
grant update (subject_id) on crm.tasks to api_owner;
grant update (customer_id) on crm.events to api_owner;  -- whose file a line of history stands in; what it says never changes

-- The tables whose records hang on a customer.
create function crm.hanging_tables() returns text[]
  language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct r.relname::text order by r.relname::text), '{}') from pg_catalog.pg_constraint k
  join pg_catalog.pg_class r on r.oid = k.conrelid
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attname = 'customer_id' and a.attnum = any (k.conkey)
  where k.contype = 'f' and k.confrelid = 'crm.customers'::regclass
    and exists (select from pg_catalog.pg_attribute i where i.attrelid = r.oid and i.attname = 'id' and not i.attisdropped) $$;
do $$ declare t text; begin
  foreach t in array crm.hanging_tables() loop
    execute format('grant update (customer_id) on crm.%I to api_owner', t);
    if not exists (select from pg_policies where schemaname = 'crm' and tablename = t and cmd = 'UPDATE') then raise exception '% has no policy for update', t; end if;
  end loop;
end $$;

-- Pairs that look like one person, by what the caller may read: same number, same plate or VIN, same name with a number one digit apart.
create function crm.duplicate_pairs(p_store uuid, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'merge_customers'); a crm.caller_access; v crm.caller_access; n int := least(greatest(coalesce(p_limit, 50), 1), 100);
begin
  select * into a from crm.my_access('customer') x where x.store_id = p_store;
  select * into v from crm.my_access('vehicle') x where x.store_id = p_store;
  return (
    with pairs as (
      select x.ids[1] as one, x.ids[2] as two, 'phone' as why from (
        select array_agg(k.id order by k.created_at, k.id) as ids from crm.customers k where 'phone' = any (a.readable) and k.store_id = p_store and k.removed_at is null and k.phone is not null
        group by k.phone having count(*) between 2 and 20) x
      union all
      select x.ids[1], x.ids[2], 'plate' from (
        select array_agg(distinct y.customer_id) as ids from crm.vehicles y where 'plate' = any (v.readable) and y.store_id = p_store and y.removed_at is null and y.plate is not null
        group by y.plate having count(distinct y.customer_id) between 2 and 20) x
      union all
      select x.ids[1], x.ids[2], 'vin' from (
        select array_agg(distinct y.customer_id) as ids from crm.vehicles y where 'vin' = any (v.readable) and y.store_id = p_store and y.removed_at is null and y.vin is not null
        group by y.vin having count(distinct y.customer_id) between 2 and 20) x
      union all
      select k.id, o.id, 'name' from (
        select lower(replace(q.name, ' ', '')) as plain, array_agg(q.id) as ids from crm.customers q
        where 'name' = any (a.readable) and 'phone' = any (a.readable) and q.store_id = p_store and q.removed_at is null and q.phone is not null group by 1 having count(*) between 2 and 20) g
      join crm.customers k on k.store_id = p_store and k.id = any (g.ids)
      join crm.customers o on o.store_id = p_store and o.id = any (g.ids) and o.id > k.id and o.phone <> k.phone and length(o.phone) = length(k.phone)
      where (select count(*) from generate_series(1, length(k.phone)) i where substr(k.phone, i, 1) <> substr(o.phone, i, 1)) = 1),
    shown as (
      select least(one, two) as one, greatest(one, two) as two, array_agg(distinct why order by why) as why from pairs where one is not null and two is not null group by 1, 2)
    select coalesce(jsonb_agg(jsonb_build_object('why', s.why, 'one', to_jsonb(k), 'two', to_jsonb(o)) order by k.created_at desc, k.id), '[]')
    from (select * from shown order by one desc limit n) s
    join api.customers k on k.store_id = p_store and k.id = s.one
    join api.customers o on o.store_id = p_store and o.id = s.two);
end $$;
comment on function crm.duplicate_pairs is 'Pairs {why, one, two} under the caller''s rights; masked or hidden fields find nothing. Error: forbidden.';

create function crm.merge_customers(p_store uuid, p_merge uuid, p_winner uuid, p_loser uuid, p_take jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.demand(p_store, 'merge_customers'); w crm.customers; l crm.customers; a crm.caller_access; t text; ids uuid[]; moved jsonb := '{}'; k text; own jsonb := '{}'; columns text := ''; pick boolean;
  v_take text[] := case jsonb_typeof(p_take) when 'array' then array(select jsonb_array_elements_text(p_take)) else '{}' end;
begin
  if p_merge is null or p_winner is null or p_loser is null or p_winner = p_loser then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  if exists (select from crm.merges m where m.store_id = p_store and m.id = p_merge and m.winner_id = p_winner and m.loser_id = p_loser) then return jsonb_build_object('id', p_merge); end if;   -- sent twice
  perform 1 from crm.customers x where x.store_id = p_store and x.id in (p_winner, p_loser) and x.removed_at is null order by x.id for update;   -- always in this order: no deadlock
  select * into w from crm.customers x where x.store_id = p_store and x.id = p_winner and x.removed_at is null;
  select * into l from crm.customers x where x.store_id = p_store and x.id = p_loser and x.removed_at is null;
  if w.id is null or l.id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  select * into a from crm.my_access('customer') x where x.store_id = p_store;
  foreach k in array v_take loop
    if k is null or k <> all (a.readable) or k <> all (a.writable) then raise sqlstate 'PT422' using message = 'forbidden', detail = left(k, 60); end if;
  end loop;
  perform set_config('crm.op_id', crm.import_mark(p_store, p_merge)::text, true);
  update crm.customers x set removed_at = now() where x.store_id = p_store and x.id = p_loser;          -- first: unique values are free then
  -- what was chosen of the loser, and what the winner does not know: nothing is lost, seen by the caller or not
  for k in select b.key from crm.base_fields b where b.form = 'customer' loop
    pick := k = any (v_take) or (to_jsonb(w) -> k = 'null' and to_jsonb(l) -> k <> 'null') or k = 'do_not_call' and l.do_not_call;
    if pick then columns := columns || format('%1$I = r.%1$I, ', k); end if;
  end loop;
  select coalesce(jsonb_object_agg(e.key, e.value), '{}') into own from jsonb_each(l.custom) e where e.key = any (v_take) or not w.custom ? e.key;
  execute format('update crm.customers x set %s custom = x.custom || $3, last_contact_at = greatest(x.last_contact_at, $5), renewal_owner_id = coalesce(x.renewal_owner_id, $6)
    from jsonb_populate_record(null::crm.customers, $4) r where x.store_id = $1 and x.id = $2', columns)
    using p_store, p_winner, own, to_jsonb(l), l.last_contact_at, l.renewal_owner_id;
  update crm.tasks x set assignee_id = w.owner_id where x.store_id = p_store and x.customer_id = p_loser and x.status in ('open', 'cancel_requested') and x.removed_at is null
    and w.owner_id is not null and x.assignee_id = l.owner_id and x.assignee_id <> w.owner_id;          -- else he would not see whom to call
  foreach t in array crm.hanging_tables() loop
    execute format('with gone as (update crm.%I x set customer_id = $2 where x.store_id = $1 and x.customer_id = $3 returning x.id) select array_agg(id) from gone', t)
      into ids using p_store, p_winner, p_loser;
    if ids is not null then moved := moved || jsonb_build_object(t, ids); end if;
  end loop;
  update crm.tasks x set subject_id = p_winner where x.store_id = p_store and x.subject_form = 'customer' and x.subject_id = p_loser
    and not exists (select from crm.tasks o where o.store_id = p_store and o.rule = x.rule and o.subject_id = p_winner and o.due_on = x.due_on and o.step = x.step);
  update crm.events e set customer_id = p_winner where e.store_id = p_store and e.customer_id = p_loser;                     -- history joined
  insert into crm.merges (store_id, id, winner_id, loser_id, moved, author_id) values (p_store, p_merge, p_winner, p_loser, moved, c.user_id) on conflict (store_id, id) do nothing;
  if not found then raise sqlstate 'PT409' using message = 'id_taken'; end if;
  perform set_config('crm.op_id', '', true);
  perform crm.note_act(c, 'merged', p_winner, jsonb_build_object('merge_id', p_merge, 'loser_id', p_loser, 'fields', to_jsonb(v_take)));
  return jsonb_build_object('id', p_merge);
end $$;
comment on function crm.merge_customers is 'The loser''s records and history go to the winner, with the chosen fields and whatever the winner lacks. Errors: forbidden, not_found, ops_malformed, id_taken.';

create function crm.unmerge_customers(p_store uuid, p_merge uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'merge_customers'); m crm.merges; t text; answer jsonb; mark uuid := crm.import_mark(p_store, p_merge); hung uuid[]; n int;
begin
  select * into m from crm.merges x where x.store_id = p_store and x.id = p_merge for update;
  if m.id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  if m.undone_at is not null then return jsonb_build_object('id', p_merge); end if;
  hung := array(select v::uuid from jsonb_each(m.moved) e cross join jsonb_array_elements_text(e.value) v) || m.loser_id;
  begin
    perform set_config('crm.op_id', crm.import_mark(p_store, mark)::text, true);
    update crm.events e set customer_id = m.loser_id where e.store_id = p_store and e.customer_id = m.winner_id and e.subject_id = any (hung);
    answer := crm.take_back(p_store, mark);
    if answer -> 'kept' <> '[]' then raise sqlstate 'PT409' using message = 'changed_since'; end if;
    update crm.tasks x set subject_id = m.loser_id where x.store_id = p_store and x.subject_form = 'customer' and x.subject_id = m.winner_id and x.id = any (hung);
    for t in select jsonb_object_keys(m.moved) loop
      execute format('update crm.%I x set customer_id = $2 where x.store_id = $1 and x.id = any ($3)', t)
        using p_store, m.loser_id, array(select v::uuid from jsonb_array_elements_text(m.moved -> t) v);
      get diagnostics n = row_count;
      if n < jsonb_array_length(m.moved -> t) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
    end loop;
    perform set_config('crm.op_id', '', true);
  exception when sqlstate 'RFUSE' then raise sqlstate 'PT409' using message = 'changed_since';     -- a unique value was taken meanwhile
  end;
  update crm.merges x set undone_at = now() where x.store_id = p_store and x.id = p_merge;
  perform crm.note_act(c, 'unmerged', m.winner_id, jsonb_build_object('merge_id', p_merge, 'loser_id', m.loser_id));
  return jsonb_build_object('id', p_merge);
end $$;
comment on function crm.unmerge_customers is 'Both customers as they were, with their own records and history; refused once somebody changed a merged field. Errors: forbidden, not_found, changed_since.';

create view api.merges as
  select m.store_id, m.id, m.winner_id, m.loser_id, k.name as winner_name, p.name as author_name, m.created_at, m.undone_at
  from crm.merges m join api.customers k on k.store_id = m.store_id and k.id = m.winner_id left join crm.members p on p.store_id = m.store_id and p.user_id = m.author_id
  where crm.may(m.store_id, 'merge_customers');
alter view api.merges owner to api_owner;
grant select on api.merges to authenticated;

alter function crm.duplicate_pairs(uuid, int) owner to api_owner;
alter function crm.merge_customers(uuid, uuid, uuid, uuid, jsonb) owner to api_owner;
alter function crm.unmerge_customers(uuid, uuid) owner to api_owner;
create function api.duplicate_pairs(store_id uuid, page_size int default 50) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.duplicate_pairs(store_id, page_size); end;
create function api.merge_customers(store_id uuid, merge_id uuid, winner_id uuid, loser_id uuid, take jsonb default '[]') returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.merge_customers(store_id, merge_id, winner_id, loser_id, take); end;
create function api.unmerge_customers(store_id uuid, merge_id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.unmerge_customers(store_id, merge_id); end;
grant execute on function crm.hanging_tables() to api_owner;
grant execute on function crm.duplicate_pairs(uuid, int), crm.merge_customers(uuid, uuid, uuid, uuid, jsonb), crm.unmerge_customers(uuid, uuid),
  api.duplicate_pairs(uuid, int), api.merge_customers(uuid, uuid, uuid, uuid, jsonb), api.unmerge_customers(uuid, uuid) to authenticated;
insert into crm.exits (name, function, call, on_demand) values ('duplicate_pairs', 'duplicate_pairs', 'duplicate_pairs({store})', true);
insert into crm.exits (name, function, why_not) values ('merge_customers', 'merge_customers', 'answers an id'),
  ('unmerge_customers', 'unmerge_customers', 'answers an id');
revoke create on schema crm, api from api_owner;
