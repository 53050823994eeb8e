-- Importing lists: batches of prepared rows, the same validation as the forms, and a memory of which record a row became.

grant create on schema crm, api to api_owner;         -- taken back at the end

create table crm.imports (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,                                   -- UUIDv7 made by the client: a batch sent twice belongs to the same import
  kind text not null check (kind in ('customers', 'policies', 'deals')),
  file_name text not null check (length(file_name) between 1 and 200),
  options jsonb not null default '{}',
  author_id uuid not null,
  created int not null default 0, updated int not null default 0, unchanged int not null default 0, refused int not null default 0,
  reverted_at timestamptz, reverted_by uuid, kept int not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, id));
comment on table crm.imports is 'One imported file: who, when, how many rows were new, changed, the same or refused.';

create table crm.import_keys (
  store_id uuid not null references crm.stores on delete cascade,
  kind text not null,
  form text not null,
  key text not null check (length(key) between 1 and 200),
  record_id uuid not null,
  import_id uuid not null,
  made bool not null,
  primary key (store_id, kind, form, key));
comment on table crm.import_keys is 'Which record a row of a list became, and whether that import made it: importing again finds the same one, and a revert will know what to take back.';
create index on crm.import_keys (import_id);            -- not by store: without statistics the planner would prefer it for look-ups by key
create index on crm.policies (store_id, policy_number) where policy_number is not null;

create table crm.import_mappings (
  store_id uuid not null references crm.stores on delete cascade,
  kind text not null,
  name text not null check (length(name) between 1 and 80),
  mapping jsonb not null check (jsonb_typeof(mapping) = 'object' and pg_column_size(mapping) < 65536),
  author_id uuid not null,
  updated_at timestamptz not null default now(),
  primary key (store_id, kind, name));
comment on table crm.import_mappings is 'Saved mappings of columns to fields, by kind of list and name.';

alter table crm.imports enable row level security;
alter table crm.import_keys enable row level security;
alter table crm.import_mappings enable row level security;
do $$ declare t text; begin
  foreach t in array array['imports', 'import_keys', 'import_mappings'] loop
    execute format('create policy select_member on crm.%I for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
    execute format('create policy insert_member on crm.%I for insert to api_owner with check (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
    execute format('create policy delete_member on crm.%I for delete to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
    execute format('create policy update_member on crm.%I for update to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
  end loop;
end $$;
grant select on crm.imports, crm.import_keys, crm.import_mappings to api_owner;
grant insert (store_id, id, kind, file_name, options, author_id), update (created, updated, unchanged, refused, updated_at, reverted_at, reverted_by, kept) on crm.imports to api_owner;
grant delete on crm.import_keys to api_owner;
grant insert (store_id, kind, form, key, record_id, import_id, made), update (record_id, import_id, made) on crm.import_keys to api_owner;
grant insert (store_id, kind, name, mapping, author_id), update (mapping, author_id, updated_at) on crm.import_mappings to api_owner;
grant insert (stage_at, lost_reason, closed_at) on crm.deals to api_owner;   -- a list tells of deals that ended long ago; only this door may say so
grant update (renewal_owner_id) on crm.customers to api_owner;

create function crm.import_mark(p_store uuid, p_import uuid) returns uuid
  language sql immutable parallel safe set search_path = '' as $$ select md5('import:' || p_store || ':' || p_import)::uuid $$;
comment on function crm.import_mark is 'The op_id under which history keeps what an import did: no operation of a phone has it, whatever id a client chose for the import.';

create function crm.new_id() returns uuid
  language sql volatile parallel safe set search_path = '' as $$
  select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid $$;
comment on function crm.new_id is 'A UUIDv7, for records the server makes: neighbours in time are neighbours in the index.';

create function crm.same_person(a text, b text) returns bool
  language sql immutable parallel safe set search_path = '' as $$
  select lower(replace(a, ' ', '')) = lower(replace(b, ' ', ''))
    or left(a, 1) = left(b, 1) and (a ~ '^.{1,2}(先生|女士|小姐|太太|总)$' or b ~ '^.{1,2}(先生|女士|小姐|太太|总)$') $$;
comment on function crm.same_person is 'Whether two names at one phone number mean one person: equal but for spaces and case, or 张先生 beside 张三. A number alone does not tell: insurers'' lists carry the salesman''s.';

-- A prepared row: {row, key, customer: {…}, vehicle: {…}, policy: {…}, deal: {…, pipeline, stage, owner_id, stage_on}, deal_key}.
create type crm.import_line as (
  n int, row_no jsonb, key text, customer jsonb, vehicle jsonb, policy jsonb, deal jsonb, vehicle_key text, policy_key text, deal_key text,
  customer_id uuid, vehicle_id uuid, policy_id uuid, deal_id uuid, knows_customer bool, knows_vehicle bool, knows_policy bool, knows_deal bool,
  errors jsonb, leader int);

-- All rows of a batch at once: one statement a step, so that ten thousand rows take seconds. Any failure takes the batch back;
-- import_batch then goes row by row.
create function crm.import_lines(p_caller crm.caller, p_import uuid, p_kind text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := p_caller.store_id; lines crm.import_line[]; good crm.import_line[]; rights crm.caller_access[]; v_base jsonb; changed uuid[] := '{}'; ids uuid[];
  v_owner uuid := crm.as_uuid(p_options ->> 'owner_id'); v_pool text := p_options ->> 'pool'; v_renewal uuid := crm.as_uuid(p_options ->> 'renewal_owner_id');
  defaults jsonb := jsonb_build_object('source', p_options -> 'source', 'level', p_options -> 'level'); links text[] := array['pipeline', 'stage', 'owner_id', 'stage_on'];
  b text[]; v_skip bool := p_options ->> 'duplicates' = 'skip'; v_join bool := coalesce(p_options ->> 'duplicates' = 'join', false);
  v_match text[] := case jsonb_typeof(p_options -> 'match') when 'array' then array(select jsonb_array_elements_text(p_options -> 'match')) else array['phone', 'plate', 'vin', 'policy_number'] end;
begin
  rights := array(select a from crm.my_access(null) a where a.store_id = v_store);
  -- a record is recognised by what the importer may read: else any list would be a way to ask whether a hidden number is there
  v_match := array(select k from unnest(v_match) k where exists (select from unnest(rights) a
    where a.form = case k when 'phone' then 'customer' when 'policy_number' then 'policy' else 'vehicle' end and a.readable @> case k when 'phone' then array[k, 'name'] else array[k] end));
  select jsonb_object_agg(x.form, x.keys) into v_base from (select f.form, jsonb_agg(f.key) as keys from crm.base_fields f group by f.form) x;

  -- What each row is called by. A car is known by plate or VIN, a policy by its number or by car and year (F-40), else by the row's own key.
  lines := array(
    select (n, r -> 'row', key, customer, vehicle, policy, deal, car, coalesce('no:' || (policy ->> 'policy_number'),
        concat_ws('/', coalesce(car, key), policy ->> 'kind', left(policy ->> 'expires_on', 4))), coalesce(left(r ->> 'deal_key', 200), key),
        null, null, null, null, false, false, false, false, malformed, n)::crm.import_line
    from (
      select q.*, case when q.vehicle is not null then coalesce('plate:' || (q.vehicle ->> 'plate'), 'vin:' || (q.vehicle ->> 'vin'), left(concat_ws('/', q.key, q.vehicle ->> 'brand', q.vehicle ->> 'series'), 200)) end as car
      from (
        select e.n::int as n, e.r, nullif(left(e.r ->> 'key', 200), '') as key, case jsonb_typeof(e.r -> 'customer') when 'object' then e.r -> 'customer' else '{}' end as customer,
          case jsonb_typeof(e.r -> 'vehicle') when 'object' then e.r -> 'vehicle' end as vehicle, case jsonb_typeof(e.r -> 'policy') when 'object' then e.r -> 'policy' end as policy,
          case jsonb_typeof(e.r -> 'deal') when 'object' then e.r -> 'deal' end as deal,
          (select coalesce(jsonb_agg(jsonb_build_object('form', x.key, 'field', 'row', 'code', 'invalid')), '[]') from jsonb_each(e.r) x
            where x.key in ('customer', 'vehicle', 'policy', 'deal') and jsonb_typeof(x.value) <> 'object') as malformed
        from jsonb_array_elements(p_rows) with ordinality e (r, n)) q) p order by n);

  -- What is there already: by the list's own key, by phone and name, by plate or VIN. Each look-up enters an index, row by row;
  -- scalar subqueries on bare columns, since under row rules ->> and even coalesce may not be evaluated before them: no index then.
  lines := array(
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key,
        w.id, case when v.customer_id = w.id then v.id end, null, d.record_id, w.id is not null, coalesce(v.customer_id = w.id, false), false, d.record_id is not null, l.errors, l.n)::crm.import_line
    from (select x.*, case when 'phone' = any (v_match) then x.customer ->> 'phone' end as phone, right(x.customer ->> 'phone', 4) as tail,
        case when 'plate' = any (v_match) then x.vehicle ->> 'plate' end as plate, case when 'vin' = any (v_match) then x.vehicle ->> 'vin' end as vin,
        case when 'policy_number' = any (v_match) then x.policy ->> 'policy_number' end as policy_number, date_part('year', crm.as_date(x.policy -> 'expires_on')) as expiry_year from unnest(lines) x offset 0) l
    left join lateral (
      select (select c.id from crm.customers c where c.store_id = v_store and c.id = k.record_id and c.removed_at is null) as id from crm.import_keys k
      where k.store_id = v_store and k.kind = p_kind and k.form = 'customer' and k.key = l.key limit 1) k on true
    left join lateral (
      select min(c.id::text)::uuid as id from crm.customers c
      where k.id is null and l.phone is not null and c.store_id = v_store and c.phone_tail = l.tail and c.phone = l.phone and c.removed_at is null
        and crm.same_person(c.name, l.customer ->> 'name')) p on true
    left join lateral (
      select x.id, x.customer_id from (
        select i.record_id as id, (select y.customer_id from crm.vehicles y where y.store_id = v_store and y.id = i.record_id and y.removed_at is null) as customer_id, 1 as place
          from crm.import_keys i where i.store_id = v_store and i.kind = p_kind and i.form = 'vehicle' and i.key = l.vehicle_key and l.vehicle_key is not null
        union all select y.id, y.customer_id, 2 from crm.vehicles y where l.plate is not null and y.store_id = v_store and y.plate = l.plate and y.removed_at is null
        union all select y.id, y.customer_id, 3 from crm.vehicles y where l.vin is not null and y.store_id = v_store and y.vin = l.vin and y.removed_at is null) x
      where x.customer_id is not null order by x.customer_id is distinct from coalesce(k.id, p.id), x.place limit 1) v on true
    left join lateral (
      select y.customer_id from crm.policies y where k.id is null and p.id is null and v.customer_id is null and l.policy_number is not null
        and y.store_id = v_store and y.policy_number = l.policy_number and y.removed_at is null order by y.created_at limit 1) pn on true
    cross join lateral (select coalesce(k.id, p.id, v.customer_id, pn.customer_id) as id offset 0) f
    cross join lateral (select (select c.id from crm.customers c where c.store_id = v_store and c.id = f.id and c.removed_at is null) as id offset 0) w
    left join lateral (
      select (select y.id from crm.deals y where y.store_id = v_store and y.id = i.record_id and y.removed_at is null) as record_id from crm.import_keys i
      where l.deal is not null and i.store_id = v_store and i.kind = p_kind and i.form = 'deal' and i.key = l.deal_key limit 1) d on true
    order by l.n);
  lines := array(
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key,
        l.customer_id, l.vehicle_id, y.id, l.deal_id, l.knows_customer, l.knows_vehicle, y.id is not null, l.knows_deal, l.errors, l.n)::crm.import_line
    from (select x.*, case when 'phone' = any (v_match) then x.customer ->> 'phone' end as phone, right(x.customer ->> 'phone', 4) as tail,
        case when 'plate' = any (v_match) then x.vehicle ->> 'plate' end as plate, case when 'vin' = any (v_match) then x.vehicle ->> 'vin' end as vin,
        case when 'policy_number' = any (v_match) then x.policy ->> 'policy_number' end as policy_number, date_part('year', crm.as_date(x.policy -> 'expires_on')) as expiry_year from unnest(lines) x offset 0) l
    left join lateral (
      select x.id from (
        select (select y.id from crm.policies y where y.store_id = v_store and y.id = i.record_id and y.customer_id = l.customer_id and y.removed_at is null) as id, 1 as place
          from crm.import_keys i where i.store_id = v_store and i.kind = p_kind and i.form = 'policy' and i.key = l.policy_key
        union all select y.id, 2 from crm.policies y
          where l.policy_number is not null and y.store_id = v_store and y.policy_number = l.policy_number and y.customer_id = l.customer_id and y.removed_at is null
        union all select y.id, 3 from crm.policies y
          where l.vehicle_id is not null and y.store_id = v_store and y.vehicle_id = l.vehicle_id and y.customer_id = l.customer_id and y.removed_at is null
            and date_part('year', y.expires_on) = l.expiry_year and coalesce(y.kind = l.policy ->> 'kind', true)
            and (y.policy_number is null or l.policy_number is null)) x
      where l.policy is not null and l.customer_id is not null and x.id is not null order by x.place limit 1) y on true
    order by l.n);

  perform set_config('plan_cache_mode', 'auto', true);   -- the triggers and foreign keys of every row keep their plans

  -- The forms' own rules; what a new record must have is asked of new ones.
  lines := array(
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key,
        l.customer_id, l.vehicle_id, l.policy_id, l.deal_id, l.knows_customer, l.knows_vehicle, l.knows_policy, l.knows_deal,
        l.errors || e.errors || case when l.key is null then '[{"form": "customer", "field": "key", "code": "required"}]' else '[]'::jsonb end
          || case when (l.deal is not null or p_kind = 'deals') and s.key is null then '[{"form": "deal", "field": "stage", "code": "option"}]' else '[]'::jsonb end
          || case when l.deal ->> 'stage_on' is not null and crm.as_date(l.deal -> 'stage_on') is null then '[{"form": "deal", "field": "stage_on", "code": "date"}]' else '[]'::jsonb end
          || case when l.deal ->> 'owner_id' is not null and m.user_id is null then '[{"form": "deal", "field": "owner_id", "code": "option"}]' else '[]'::jsonb end, l.n)::crm.import_line
    from unnest(lines) l
    cross join lateral (
      select coalesce(jsonb_agg(x.value || jsonb_build_object('form', g.form)), '[]') as errors
      from (values ('customer', case when l.knows_customer then l.customer else defaults || l.customer end, not l.knows_customer), ('vehicle', l.vehicle, not l.knows_vehicle),
          ('policy', l.policy, not l.knows_policy), ('deal', l.deal - links, not l.knows_deal)) g (form, given, creating)
      join unnest(rights) a on a.form = g.form
      join crm.forms f on f.store_id = v_store and f.form = g.form
      cross join lateral jsonb_array_elements(crm.problems(v_store, f.fields, g.given, case when g.creating or not f.conditional then '{}' else case g.form
          when 'customer' then (select to_jsonb(r) || r.custom from crm.customers r where r.store_id = v_store and r.id = l.customer_id)
          when 'vehicle' then (select to_jsonb(r) || r.custom from crm.vehicles r where r.store_id = v_store and r.id = l.vehicle_id)
          when 'policy' then (select to_jsonb(r) || r.custom from crm.policies r where r.store_id = v_store and r.id = l.policy_id)
          else (select to_jsonb(r) || r.custom from crm.deals r where r.store_id = v_store and r.id = l.deal_id) end end,
        a.writable, a.required, g.creating)) x
      where g.given is not null) e
    left join crm.stages s on s.store_id = v_store and s.pipeline = l.deal ->> 'pipeline' and s.key = l.deal ->> 'stage' and not s.retired
    left join crm.members m on m.store_id = v_store and m.user_id = crm.as_uuid(l.deal ->> 'owner_id')
    order by l.n);

  -- New rows of one file that mean one customer become one; the first of them leads.
  good := array(
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key,
        coalesce(l.customer_id, first_value(l.fresh) over (partition by l.place order by l.n)), l.vehicle_id, l.policy_id, l.deal_id,
        l.knows_customer, l.knows_vehicle, l.knows_policy, l.knows_deal, l.errors, l.place)::crm.import_line
    from (
      select z.*, min(z.place3) over (partition by z.key) as place, crm.new_id() as fresh
      from (
        select y.*, min(y.place2) over (partition by coalesce(y.vehicle ->> 'plate', y.vehicle ->> 'vin', y.n::text)) as place3
        from (
          select x.*, min(x.place1) over (partition by coalesce(x.customer ->> 'phone' || '/' || lower(replace(x.customer ->> 'name', ' ', '')), x.n::text)) as place2
          from (select o.*, min(o.n) over (partition by o.key) as place1 from unnest(lines) o where o.errors = '[]' and not (coalesce(v_skip, false) and o.knows_customer)) x) y) z) l order by l.n);
  good := array(                                      -- a stranger in the file who turns out to be someone the file's other row knows
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key,
        coalesce(k.customer_id, l.customer_id), l.vehicle_id, l.policy_id, l.deal_id, l.knows_customer or k.customer_id is not null, l.knows_vehicle, l.knows_policy, l.knows_deal, l.errors, l.leader)::crm.import_line
    from unnest(good) l
    left join lateral (select g.customer_id from unnest(good) g where not l.knows_customer and l.leader <> l.n and g.leader = l.leader and g.knows_customer order by g.n limit 1) k on true
    order by l.n);
  good := array(
    select (l.n, l.row_no, l.key, l.customer, l.vehicle, l.policy, l.deal, l.vehicle_key, l.policy_key, l.deal_key, l.customer_id,
        case when l.vehicle is not null then coalesce(l.vehicle_id, first_value(crm.new_id()) over (partition by l.customer_id, l.vehicle_key order by l.n)) end,
        case when l.policy is not null then coalesce(l.policy_id, first_value(crm.new_id()) over (partition by l.customer_id, l.policy_key order by l.n)) end,
        case when l.deal is not null then coalesce(l.deal_id, first_value(crm.new_id()) over (partition by l.deal_key order by l.n)) end,
        l.knows_customer, l.knows_vehicle, l.knows_policy, l.knows_deal, l.errors, l.leader)::crm.import_line
    from unnest(good) l order by l.n);

  -- New ones: first who others hang on. Deals of a list ended long ago, so they begin at their stage; what a stage asks for is not asked of the past.
  b := array(select jsonb_array_elements_text(v_base -> 'customer'));
  insert into crm.customers (store_id, id, owner_id, pool, renewal_owner_id, name, phone, wechat, gender, source, level, next_contact_on, need, preferred_time, do_not_call, custom, created_by)
  select v_store, x.id, case when v_pool is null then coalesce(x.agent, v_owner) end, v_pool, v_renewal, r.name, r.phone, r.wechat, r.gender, r.source, r.level,
    r.next_contact_on, r.need, r.preferred_time, coalesce(r.do_not_call, false), x.fields - b, p_caller.user_id
  from (
    select l.customer_id as id, min(l.n) as n, (array_agg(crm.as_uuid(l.deal ->> 'owner_id') order by l.n) filter (where l.deal ->> 'owner_id' is not null))[1] as agent,
      defaults || jsonb_object_agg(e.key, e.value order by l.n) as fields
    from unnest(good) l cross join lateral jsonb_each(l.customer) e where not l.knows_customer group by l.customer_id) x
  cross join lateral jsonb_populate_record(null::crm.customers, x.fields) r
  order by x.n;

  b := array(select jsonb_array_elements_text(v_base -> 'vehicle'));
  insert into crm.vehicles (store_id, id, customer_id, plate, vin, brand, series, model_year, custom)
  select v_store, x.id, x.customer_id, r.plate, r.vin, r.brand, r.series, r.model_year, x.fields - b
  from (select l.vehicle_id as id, l.customer_id, min(l.n) as n, jsonb_object_agg(e.key, e.value order by l.n) as fields
        from unnest(good) l cross join lateral jsonb_each(l.vehicle) e where not l.knows_vehicle group by 1, 2) x
  cross join lateral jsonb_populate_record(null::crm.vehicles, x.fields) r order by x.n;

  b := array(select jsonb_array_elements_text(v_base -> 'policy'));
  insert into crm.policies (store_id, id, customer_id, vehicle_id, insurer, policy_number, kind, premium_fen, starts_on, expires_on, custom)
  select v_store, x.id, x.customer_id, x.vehicle_id, r.insurer, r.policy_number, r.kind, r.premium_fen, r.starts_on, r.expires_on, x.fields - b
  from (select l.policy_id as id, l.customer_id, (array_agg(l.vehicle_id order by l.n))[1] as vehicle_id, min(l.n) as n, jsonb_object_agg(e.key, e.value order by l.n) as fields
        from unnest(good) l cross join lateral jsonb_each(l.policy) e where not l.knows_policy group by 1, 2) x
  cross join lateral jsonb_populate_record(null::crm.policies, x.fields) r order by x.n;

  if p_kind = 'deals' then
    b := array(select jsonb_array_elements_text(v_base -> 'deal'));
    insert into crm.deals (store_id, id, customer_id, owner_id, pipeline, stage, stage_at, closed_at, title, amount_fen, expected_close_on, custom)
    select v_store, x.id, x.customer_id, coalesce(x.agent, v_owner, p_caller.user_id), s.pipeline, s.key, coalesce(x.stage_at, now()),
      case when s.type <> 'open' then coalesce(x.stage_at, now()) end, r.title, r.amount_fen, r.expected_close_on, x.fields - b - links
    from (
      select distinct on (l.deal_id) l.deal_id as id, l.customer_id, crm.as_uuid(l.deal ->> 'owner_id') as agent, l.n, l.deal as fields,
        crm.as_date(l.deal -> 'stage_on')::timestamp at time zone p_caller.time_zone as stage_at
      from unnest(good) l where l.deal is not null and not l.knows_deal order by l.deal_id, l.n desc) x
    join crm.stages s on s.store_id = v_store and s.pipeline = x.fields ->> 'pipeline' and s.key = x.fields ->> 'stage'
    cross join lateral jsonb_populate_record(null::crm.deals, x.fields - links) r order by x.n;
  end if;

  -- Known ones: what differs.
  perform set_config('plan_cache_mode', 'force_custom_plan', true);
  b := array(select jsonb_array_elements_text(v_base -> 'customer'));
  with merged as (
    select l.customer_id as id, jsonb_object_agg(e.key, e.value order by l.n) as fields, bool_and(k.made is true) as is_ours
    from unnest(good) l cross join lateral jsonb_each(l.customer) e
    left join crm.import_keys k on k.store_id = v_store and k.kind = p_kind and k.form = 'customer' and k.key = l.key and k.record_id = l.customer_id
    where l.knows_customer group by l.customer_id),
  wanted as (
    select t, t.id, (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(m.fields) e
        where e.value is distinct from case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end
          and (not v_join or coalesce(case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end, 'null') = 'null')
          -- a person found by phone or plate keeps name and number: the list may mean the former owner of the car
          and (m.is_ours or e.key not in ('name', 'phone') or to_jsonb(t) -> e.key = 'null'))
      || case when t.renewal_owner_id is null and v_renewal is not null then jsonb_build_object('renewal_owner_id', v_renewal) else '{}' end as patch
    from merged m join crm.customers t on t.store_id = v_store and t.id = m.id),
  done as (
    update crm.customers t set name = r.name, phone = r.phone, wechat = r.wechat, gender = r.gender, source = r.source, level = r.level, next_contact_on = r.next_contact_on,
      need = r.need, preferred_time = r.preferred_time, do_not_call = r.do_not_call, renewal_owner_id = r.renewal_owner_id, custom = t.custom || (w.patch - b - 'renewal_owner_id'::text)
    from wanted w cross join lateral jsonb_populate_record(w.t, w.patch) r where w.patch <> '{}' and t.store_id = v_store and t.id = w.id returning t.id)
  select changed || array(select id from done) into changed;

  b := array(select jsonb_array_elements_text(v_base -> 'vehicle'));
  with merged as (
    select l.vehicle_id as id, jsonb_object_agg(e.key, e.value order by l.n) as fields from unnest(good) l cross join lateral jsonb_each(l.vehicle) e where l.knows_vehicle group by 1),
  wanted as (
    select t, t.id, (select jsonb_object_agg(e.key, e.value) from jsonb_each(m.fields) e
        where e.value is distinct from case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end
          and (not v_join or coalesce(case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end, 'null') = 'null')) as patch
    from merged m join crm.vehicles t on t.store_id = v_store and t.id = m.id),
  done as (
    update crm.vehicles t set plate = r.plate, vin = r.vin, brand = r.brand, series = r.series, model_year = r.model_year, custom = t.custom || (w.patch - b)
    from wanted w cross join lateral jsonb_populate_record(w.t, w.patch) r where w.patch is not null and t.store_id = v_store and t.id = w.id returning t.id)
  select changed || array(select id from done) into changed;

  b := array(select jsonb_array_elements_text(v_base -> 'policy'));
  with merged as (
    select l.policy_id as id, jsonb_object_agg(e.key, e.value order by l.n) as fields from unnest(good) l cross join lateral jsonb_each(l.policy) e where l.knows_policy group by 1),
  wanted as (
    select t, t.id, (select jsonb_object_agg(e.key, e.value) from jsonb_each(m.fields) e
        where e.value is distinct from case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end
          and (not v_join or coalesce(case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end, 'null') = 'null')) as patch
    from merged m join crm.policies t on t.store_id = v_store and t.id = m.id),
  done as (
    update crm.policies t set insurer = r.insurer, policy_number = r.policy_number, kind = r.kind, premium_fen = r.premium_fen, starts_on = r.starts_on, expires_on = r.expires_on,
      custom = t.custom || (w.patch - b)
    from wanted w cross join lateral jsonb_populate_record(w.t, w.patch) r where w.patch is not null and t.store_id = v_store and t.id = w.id returning t.id)
  select changed || array(select id from done) into changed;

  if p_kind = 'deals' then
    b := array(select jsonb_array_elements_text(v_base -> 'deal'));
    with wanted as (
      select distinct on (t.id) t, t.id, s.key as stage, s.type, crm.as_date(l.deal -> 'stage_on')::timestamp at time zone p_caller.time_zone as stage_at,
        (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(l.deal - links) e
          where e.value is distinct from case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end
          and (not v_join or coalesce(case when e.key = any (b) then to_jsonb(t) -> e.key else t.custom -> e.key end, 'null') = 'null')) as patch
      from unnest(good) l join crm.deals t on t.store_id = v_store and t.id = l.deal_id
      join crm.stages s on s.store_id = v_store and s.pipeline = t.pipeline and s.key = l.deal ->> 'stage'
      where l.knows_deal order by t.id, l.n desc),
    done as (
      update crm.deals t set title = r.title, amount_fen = r.amount_fen, expected_close_on = r.expected_close_on, custom = t.custom || (w.patch - b),
        stage = w.stage, stage_at = case when t.stage = w.stage then t.stage_at else coalesce(w.stage_at, now()) end,
        closed_at = case when w.type = 'open' then null when t.stage = w.stage then coalesce(w.stage_at, t.closed_at) else coalesce(w.stage_at, now()) end
      from wanted w cross join lateral jsonb_populate_record(w.t, w.patch) r
      where t.store_id = v_store and t.id = w.id
        and (w.patch <> '{}' or t.stage <> w.stage or (w.type <> 'open' and t.closed_at is distinct from coalesce(w.stage_at, t.closed_at))) returning t.id)
    select changed || array(select id from done) into changed;
  end if;
  perform set_config('plan_cache_mode', 'auto', true);

  insert into crm.import_keys as k (store_id, kind, form, key, record_id, import_id, made)
  select distinct on (g.form, g.key) v_store, p_kind, g.form, g.key, g.id, p_import, not g.known
  from unnest(good) l
  cross join lateral (values ('customer', l.key, l.customer_id, l.knows_customer), ('vehicle', l.vehicle_key, l.vehicle_id, l.knows_vehicle),
    ('policy', l.policy_key, l.policy_id, l.knows_policy), ('deal', l.deal_key, l.deal_id, l.knows_deal)) g (form, key, id, known)
  where g.id is not null order by g.form, g.key, l.n
  on conflict (store_id, kind, form, key) do update set record_id = excluded.record_id, import_id = excluded.import_id, made = excluded.made
    where k.record_id <> excluded.record_id;

  return (select jsonb_agg(case when l.errors <> '[]' then jsonb_build_object('row', l.row_no, 'status', 'refused', 'errors', l.errors)
      else jsonb_build_object('row', l.row_no, 'status', case when g.is_new then 'created' when array[g.customer_id, g.vehicle_id, g.policy_id, g.deal_id] && changed then 'updated' else 'unchanged' end) end order by l.n)
    from unnest(lines) l
    left join (
      select x.*, (not x.knows_customer and x.n = min(x.n) over (partition by x.customer_id)) or (x.vehicle_id is not null and not x.knows_vehicle and x.n = min(x.n) over (partition by x.vehicle_id))
        or (x.policy_id is not null and not x.knows_policy and x.n = min(x.n) over (partition by x.policy_id)) or (x.deal_id is not null and not x.knows_deal and x.n = min(x.n) over (partition by x.deal_id)) as is_new
      from unnest(good) x) g on g.n = l.n);
end $$;

-- What is looked up is planned anew for each batch: a plan kept from when the store was empty would walk the store for every row of the twentieth.
alter function crm.import_lines(crm.caller, uuid, text, jsonb, jsonb) set plan_cache_mode = force_custom_plan;

-- What is written keeps its plans, foreign keys too; so these must not come from an empty table either (docs/decisions/0005).
create function crm.know_sizes() returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare t regclass;
begin
  for t in select c.oid from pg_catalog.pg_class c where c.relnamespace = 'crm'::regnamespace and c.relname in ('customers', 'vehicles', 'policies', 'deals', 'import_keys') and c.reltuples < 1000 order by c.relname loop
    execute format('analyze %s', t);
  end loop;
end $$;
comment on function crm.know_sizes is 'Counts the tables of which Postgres thinks that they are all but empty. Belongs to their owner: nobody else may.';

create function crm.import_batch(p_store uuid, p_import uuid, p_kind text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows'); r jsonb; answers jsonb := '[]'; one jsonb;
begin
  if jsonb_typeof(p_rows) is distinct from 'array' or jsonb_typeof(p_options) is distinct from 'object' then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  if coalesce(p_kind, '') not in ('customers', 'policies', 'deals') then raise sqlstate 'PT422' using message = 'option', detail = 'kind'; end if;
  if jsonb_array_length(p_rows) > 500 then raise sqlstate 'PT413' using message = 'ops_too_many'; end if;
  if (p_options ->> 'pool' is null) = (p_options ->> 'owner_id' is null) then raise sqlstate 'PT422' using message = 'required', detail = 'owner_id'; end if;
  if p_options ->> 'pool' is not null and not exists (select from crm.pools p where p.store_id = p_store and p.key = p_options ->> 'pool' and not p.retired) then
    raise sqlstate 'PT422' using message = 'option', detail = 'pool'; end if;
  for r in select value from jsonb_each(p_options) where key in ('owner_id', 'renewal_owner_id') and jsonb_typeof(value) <> 'null' loop
    if not exists (select from crm.members m where m.store_id = p_store and m.user_id = crm.as_uuid(r #>> '{}') and m.active) then raise sqlstate 'PT422' using message = 'option', detail = 'owner_id'; end if;
  end loop;
  if coalesce(p_options ->> 'duplicates', 'update') not in ('update', 'skip', 'join') then raise sqlstate 'PT422' using message = 'option', detail = 'duplicates'; end if;
  if p_options ? 'match' and not coalesce(p_options -> 'match' <@ '["phone", "plate", "vin", "policy_number"]' and jsonb_typeof(p_options -> 'match') = 'array', false) then
    raise sqlstate 'PT422' using message = 'option', detail = 'match';
  end if;
  if not exists (select from crm.levels l where l.store_id = p_store and l.key = p_options ->> 'level' and not l.retired) then raise sqlstate 'PT422' using message = 'option', detail = 'level'; end if;
  if not exists (select from crm.forms f where f.store_id = p_store and f.form = 'customer'
                 and f.fields #> '{source,options}' @> jsonb_build_array(jsonb_build_object('key', p_options -> 'source'))) then
    raise sqlstate 'PT422' using message = 'option', detail = 'source';
  end if;
  if exists (select from jsonb_array_elements(p_rows) x where jsonb_typeof(x) <> 'object') then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  perform pg_advisory_xact_lock(hashtextextended('crm.import:' || p_store, 0));   -- two people with the same file: one after the other, or both would make the customers
  begin
    return coalesce(crm.import_lines(c, p_import, p_kind, p_options, p_rows), '[]');
  exception
    when serialization_failure or deadlock_detected or lock_not_available or query_canceled then raise sqlstate 'PT503' using message = 'busy';
    when others then raise log 'import batch goes row by row: % %', sqlstate, sqlerrm;
  end;
  for r in select value from jsonb_array_elements(p_rows) loop
    begin
      one := crm.import_lines(c, p_import, p_kind, p_options, jsonb_build_array(r)) -> 0;
    exception
      when serialization_failure or deadlock_detected or lock_not_available or query_canceled then raise sqlstate 'PT503' using message = 'busy';
      when check_violation or numeric_value_out_of_range or invalid_text_representation or string_data_right_truncation then
        one := jsonb_build_object('row', r -> 'row', 'status', 'refused', 'errors', '[{"field": "row", "code": "invalid"}]'::jsonb);
      when others then
        raise log 'import row failed: % %', sqlstate, sqlerrm;
        one := jsonb_build_object('row', r -> 'row', 'status', 'refused', 'errors', '[{"field": "row", "code": "unexpected"}]'::jsonb);
    end;
    answers := answers || jsonb_build_array(one);
  end loop;
  return answers;
end $$;

create function crm.import_commit(p_store uuid, p_import uuid, p_kind text, p_file text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows'); answers jsonb;
begin
  if p_import is null or coalesce(p_kind, '') not in ('customers', 'policies', 'deals') or coalesce(p_file, '') = '' then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  insert into crm.imports (store_id, id, kind, file_name, options, author_id) values (p_store, p_import, p_kind, left(p_file, 200), p_options, c.user_id) on conflict (store_id, id) do nothing;
  if exists (select from crm.imports i where i.store_id = p_store and i.id = p_import and i.reverted_at is not null) then raise sqlstate 'PT409' using message = 'import_reverted'; end if;
  perform set_config('crm.op_id', crm.import_mark(p_store, p_import)::text, true), set_config('crm.is_list', 'on', true);   -- history tells later what this import did
  perform crm.know_sizes();
  answers := crm.import_batch(p_store, p_import, p_kind, p_options, p_rows);
  perform set_config('crm.op_id', '', true), set_config('crm.is_list', '', true);
  update crm.imports i set created = i.created + n.created, updated = i.updated + n.updated, unchanged = i.unchanged + n.unchanged, refused = i.refused + n.refused, updated_at = now()
  from (select count(*) filter (where x ->> 'status' = 'created') as created, count(*) filter (where x ->> 'status' = 'updated') as updated,
          count(*) filter (where x ->> 'status' = 'unchanged') as unchanged, count(*) filter (where x ->> 'status' = 'refused') as refused
        from jsonb_array_elements(answers) x) n
  where i.store_id = p_store and i.id = p_import;
  return answers;
end $$;
comment on function crm.import_commit is 'At most 500 prepared rows; each is taken whole or refused with its problems. The same row again changes nothing (S-02).';

create function crm.import_preview(p_store uuid, p_kind text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare answers jsonb;
begin
  begin
    answers := crm.import_batch(p_store, gen_random_uuid(), p_kind, p_options, p_rows);
    raise sqlstate 'PREVW' using message = answers::text;
  exception when sqlstate 'PREVW' then answers := sqlerrm::jsonb;        -- everything it did is undone; what it would do is known
  end;
  return answers;
end $$;
comment on function crm.import_preview is 'What import_commit would answer, by the very same code; nothing stays.';

create function crm.save_import_mapping(p_store uuid, p_kind text, p_name text, p_mapping jsonb) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows');
begin
  if p_kind is null or jsonb_typeof(p_mapping) is distinct from 'object' or length(coalesce(p_name, '')) not between 1 and 80 or pg_column_size(p_mapping) > 65000 then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  insert into crm.import_mappings (store_id, kind, name, mapping, author_id) values (p_store, left(p_kind, 40), p_name, p_mapping, c.user_id)
  on conflict (store_id, kind, name) do update set mapping = excluded.mapping, author_id = excluded.author_id, updated_at = now();
end $$;

create view api.imports as
  select i.store_id, i.id, i.kind, i.file_name, i.options, i.author_id, m.name as author_name, i.created, i.updated, i.unchanged, i.refused, i.created_at, i.updated_at,
    i.reverted_at, i.kept
  from crm.imports i left join crm.members m on m.store_id = i.store_id and m.user_id = i.author_id where crm.may(i.store_id, 'import_rows');
create view api.import_mappings as
  select i.store_id, i.kind, i.name, i.mapping, i.updated_at from crm.import_mappings i where crm.may(i.store_id, 'import_rows');
alter view api.imports owner to api_owner;
alter view api.import_mappings owner to api_owner;
grant select on api.imports, api.import_mappings to authenticated;

alter function crm.import_commit(uuid, uuid, text, text, jsonb, jsonb) owner to api_owner;
alter function crm.import_preview(uuid, text, jsonb, jsonb) owner to api_owner;
alter function crm.save_import_mapping(uuid, text, text, jsonb) owner to api_owner;
create function api.import_commit(store_id uuid, import_id uuid, kind text, file_name text, options jsonb, rows jsonb) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.import_commit(store_id, import_id, kind, file_name, options, rows); end;
create function api.import_preview(store_id uuid, kind text, options jsonb, rows jsonb) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.import_preview(store_id, kind, options, rows); end;
create function api.save_import_mapping(store_id uuid, kind text, name text, mapping jsonb) returns void
  language sql volatile security invoker set search_path = '' begin atomic select crm.save_import_mapping(store_id, kind, name, mapping); end;
grant execute on function crm.new_id(), crm.know_sizes(), crm.import_mark(uuid, uuid), crm.same_person(text, text), crm.import_lines(crm.caller, uuid, text, jsonb, jsonb), crm.import_batch(uuid, uuid, text, jsonb, jsonb) to api_owner;
grant execute on function crm.import_commit(uuid, uuid, text, text, jsonb, jsonb), crm.import_preview(uuid, text, jsonb, jsonb), crm.save_import_mapping(uuid, text, text, jsonb),
  api.import_commit(uuid, uuid, text, text, jsonb, jsonb), api.import_preview(uuid, text, jsonb, jsonb), api.save_import_mapping(uuid, text, text, jsonb) to authenticated;
revoke create on schema crm, api from api_owner;
