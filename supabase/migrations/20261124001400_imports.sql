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
  primary key (store_id, kind, form, key));
comment on table crm.import_keys is 'Which record a row of a list became: importing it again finds that one, and a revert will know what to take back.';

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
    execute format('create policy update_member on crm.%I for update to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
  end loop;
end $$;
grant select on crm.imports, crm.import_keys, crm.import_mappings to api_owner;
grant insert (store_id, id, kind, file_name, options, author_id), update (created, updated, unchanged, refused, updated_at) on crm.imports to api_owner;
grant insert (store_id, kind, form, key, record_id, import_id), update (record_id, import_id) on crm.import_keys to api_owner;
grant insert (store_id, kind, name, mapping, author_id), update (mapping, author_id, updated_at) on crm.import_mappings to api_owner;
grant insert (stage_at, lost_reason, closed_at) on crm.deals to api_owner;   -- a list tells of deals that ended long ago; only this door may say so
grant update (renewal_owner_id) on crm.customers to api_owner;

-- One part of a row: what changes on a record that is there, or a new record. Answers created, updated or unchanged.
create function crm.import_part(p_table text, p_form text, p_store uuid, p_id uuid, p_exists bool, p_fields jsonb, p_links jsonb, p_known jsonb) returns text
  language plpgsql volatile set search_path = '' as $$
declare base_part jsonb; mine jsonb; columns text; row_now jsonb;
begin
  select coalesce(jsonb_object_agg(key, value) filter (where p_known -> key ? 'base'), '{}'), coalesce(jsonb_object_agg(key, value) filter (where not p_known -> key ? 'base'), '{}')
    into base_part, mine from jsonb_each(p_fields);
  base_part := base_part || p_links;
  if not p_exists then
    base_part := base_part || jsonb_build_object('store_id', p_store, 'id', p_id, 'custom', mine);
    select string_agg(format('%I', key), ', ') into columns from jsonb_object_keys(base_part) key;
    execute format('insert into crm.%1$I (%2$s) select %2$s from jsonb_populate_record(null::crm.%1$I, $1)', p_table, columns) using base_part;
    return 'created';
  end if;
  execute format('select to_jsonb(t) from crm.%I t where t.store_id = $1 and t.id = $2 for update', p_table) into row_now using p_store, p_id;
  select coalesce(jsonb_object_agg(key, value), '{}') into base_part from jsonb_each(base_part) where value is distinct from row_now -> key;
  select coalesce(jsonb_object_agg(key, value), '{}') into mine from jsonb_each(mine) where value is distinct from row_now -> 'custom' -> key;
  if base_part = '{}' and mine = '{}' then return 'unchanged'; end if;
  select coalesce(string_agg(format('%1$I = r.%1$I', key), ', ') || ', ', '') into columns from jsonb_object_keys(base_part) key;
  execute format('update crm.%1$I t set %2$s custom = t.custom || $3 from jsonb_populate_record(null::crm.%1$I, $4) r where t.store_id = $1 and t.id = $2', p_table, columns)
    using p_store, p_id, mine, base_part;
  return 'updated';
end $$;

-- One row: {row, key, customer: {…}, vehicle: {…}, policy: {…}, deal: {…, pipeline, stage, owner_id, stage_on}}.
-- A customer is found by the list's own key, then by phone, then by plate or VIN.
create function crm.import_row(p_caller crm.caller, p_import uuid, p_kind text, p_options jsonb, p_row jsonb, p_access jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := p_caller.store_id; v_key text := left(p_row ->> 'key', 200); errors jsonb := '[]'; found jsonb; part text; a jsonb; given jsonb;
  v_customer uuid; v_vehicle uuid; v_policy uuid; v_deal uuid; results text[] := '{}'; is_known bool; d jsonb := p_row -> 'deal'; s crm.stages; v_owner uuid;
begin
  foreach part in array array['customer', 'vehicle', 'policy', 'deal'] loop
    a := p_access -> part; given := p_row -> part;
    if given is null or jsonb_typeof(given) <> 'object' then continue; end if;
    if part = 'deal' then given := given - array['pipeline', 'stage', 'owner_id', 'stage_on']; end if;
    found := crm.problems(v_store, a -> 'fields', given, array(select jsonb_array_elements_text(a -> 'writable')), '{}', false);
    select errors || coalesce(jsonb_agg(x || jsonb_build_object('form', part)), '[]') into errors from jsonb_array_elements(found) x;
  end loop;
  if coalesce(v_key, '') = '' then errors := errors || '{"form": "customer", "field": "key", "code": "required"}'::jsonb; end if;
  if coalesce(trim(p_row #>> '{customer,name}'), '') = '' then errors := errors || '{"form": "customer", "field": "name", "code": "required"}'::jsonb; end if;
  if p_row ? 'policy' and p_row #>> '{policy,expires_on}' is null then errors := errors || '{"form": "policy", "field": "expires_on", "code": "required"}'::jsonb; end if;
  if d is not null then
    select * into s from crm.stages x where x.store_id = v_store and x.pipeline = d ->> 'pipeline' and x.key = d ->> 'stage' and not x.retired;
    if s.key is null then errors := errors || '{"form": "deal", "field": "stage", "code": "option"}'::jsonb; end if;
    if d ->> 'stage_on' is not null and crm.as_date(d -> 'stage_on') is null then errors := errors || '{"form": "deal", "field": "stage_on", "code": "date"}'::jsonb; end if;
    v_owner := crm.as_uuid(d ->> 'owner_id');
    if d ->> 'owner_id' is not null and not exists (select from crm.members m where m.store_id = v_store and m.user_id = v_owner) then
      errors := errors || '{"form": "deal", "field": "owner_id", "code": "option"}'::jsonb;
    end if;
  end if;
  if errors <> '[]' then return jsonb_build_object('row', p_row -> 'row', 'status', 'refused', 'errors', errors); end if;

  select k.record_id into v_customer from crm.import_keys k where k.store_id = v_store and k.kind = p_kind and k.form = 'customer' and k.key = v_key;
  if v_customer is null and p_row #>> '{customer,phone}' is not null then
    select c.id into v_customer from crm.customers c where c.store_id = v_store and c.phone_tail = right(p_row #>> '{customer,phone}', 4)
      and c.phone = p_row #>> '{customer,phone}' and c.name = p_row #>> '{customer,name}' and c.removed_at is null limit 1;
  end if;
  if v_customer is null and (p_row #>> '{vehicle,plate}' is not null or p_row #>> '{vehicle,vin}' is not null) then
    select v.customer_id into v_customer from crm.vehicles v where v.store_id = v_store and v.removed_at is null
      and (v.plate = p_row #>> '{vehicle,plate}' or v.vin = p_row #>> '{vehicle,vin}') limit 1;
  end if;
  is_known := v_customer is not null;
  v_customer := coalesce(v_customer, gen_random_uuid());
  given := (p_row -> 'customer') || case when is_known then '{}' else jsonb_build_object('source', coalesce(p_row #>> '{customer,source}', p_options ->> 'source'),
    'level', coalesce(p_row #>> '{customer,level}', p_options ->> 'level')) end;
  results := results || crm.import_part('customers', 'customer', v_store, v_customer, is_known, given,
    case when is_known then '{}' else jsonb_strip_nulls(jsonb_build_object('owner_id', case when p_options ->> 'pool' is null then coalesce(v_owner, crm.as_uuid(p_options ->> 'owner_id')) end,
      'pool', p_options -> 'pool', 'renewal_owner_id', crm.as_uuid(p_options ->> 'renewal_owner_id'), 'created_by', p_caller.user_id)) end, p_access #> '{customer,fields}');
  if not is_known then
    insert into crm.import_keys (store_id, kind, form, key, record_id, import_id) values (v_store, p_kind, 'customer', v_key, v_customer, p_import)
    on conflict (store_id, kind, form, key) do update set record_id = excluded.record_id, import_id = excluded.import_id;
  end if;

  if p_row ? 'vehicle' then
    select k.record_id into v_vehicle from crm.import_keys k where k.store_id = v_store and k.kind = p_kind and k.form = 'vehicle' and k.key = v_key;
    if v_vehicle is null then
      select v.id into v_vehicle from crm.vehicles v where v.store_id = v_store and v.customer_id = v_customer and v.removed_at is null
        and (v.plate = p_row #>> '{vehicle,plate}' or v.vin = p_row #>> '{vehicle,vin}') limit 1;
    end if;
    is_known := v_vehicle is not null; v_vehicle := coalesce(v_vehicle, gen_random_uuid());
    results := results || crm.import_part('vehicles', 'vehicle', v_store, v_vehicle, is_known, p_row -> 'vehicle',
      case when is_known then '{}' else jsonb_build_object('customer_id', v_customer) end, p_access #> '{vehicle,fields}');
    if not is_known then
      insert into crm.import_keys (store_id, kind, form, key, record_id, import_id) values (v_store, p_kind, 'vehicle', v_key, v_vehicle, p_import) on conflict do nothing;
    end if;
  end if;

  if p_row ? 'policy' then
    select k.record_id into v_policy from crm.import_keys k where k.store_id = v_store and k.kind = p_kind and k.form = 'policy' and k.key = v_key;
    if v_policy is null then
      select y.id into v_policy from crm.policies y where y.store_id = v_store and y.customer_id = v_customer and y.removed_at is null
        and (y.policy_number = p_row #>> '{policy,policy_number}' or (y.vehicle_id = v_vehicle and y.expires_on = crm.as_date(p_row #> '{policy,expires_on}'))) limit 1;
    end if;
    is_known := v_policy is not null; v_policy := coalesce(v_policy, gen_random_uuid());
    results := results || crm.import_part('policies', 'policy', v_store, v_policy, is_known, p_row -> 'policy',
      case when is_known then '{}' else jsonb_strip_nulls(jsonb_build_object('customer_id', v_customer, 'vehicle_id', v_vehicle)) end, p_access #> '{policy,fields}');
    if not is_known then
      insert into crm.import_keys (store_id, kind, form, key, record_id, import_id) values (v_store, p_kind, 'policy', v_key, v_policy, p_import) on conflict do nothing;
    end if;
  end if;

  if d is not null then
    select k.record_id into v_deal from crm.import_keys k where k.store_id = v_store and k.kind = p_kind and k.form = 'deal' and k.key = coalesce(p_row ->> 'deal_key', v_key);
    is_known := v_deal is not null; v_deal := coalesce(v_deal, gen_random_uuid());
    results := results || crm.import_part('deals', 'deal', v_store, v_deal, is_known, d - array['pipeline', 'stage', 'owner_id', 'stage_on'],
      jsonb_strip_nulls(jsonb_build_object('stage', s.key, 'closed_at', case when s.type <> 'open' then coalesce(crm.as_date(d -> 'stage_on')::timestamptz, now()) end))
        || case when is_known then '{}' else jsonb_build_object('customer_id', v_customer, 'owner_id', coalesce(v_owner, crm.as_uuid(p_options ->> 'owner_id'), p_caller.user_id),
             'pipeline', s.pipeline, 'stage_at', coalesce(crm.as_date(d -> 'stage_on')::timestamptz, now())) end, p_access #> '{deal,fields}');
    if not is_known then
      insert into crm.import_keys (store_id, kind, form, key, record_id, import_id) values (v_store, p_kind, 'deal', coalesce(p_row ->> 'deal_key', v_key), v_deal, p_import) on conflict do nothing;
    end if;
  end if;
  return jsonb_build_object('row', p_row -> 'row', 'status', case when 'created' = any (results) then 'created' when 'updated' = any (results) then 'updated' else 'unchanged' end);
end $$;

create function crm.import_batch(p_store uuid, p_import uuid, p_kind text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows'); access jsonb; r jsonb; answers jsonb[] := '{}'; one jsonb;
begin
  if jsonb_typeof(p_rows) is distinct from 'array' or jsonb_typeof(p_options) is distinct from 'object' then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  if jsonb_array_length(p_rows) > 500 then raise sqlstate 'PT413' using message = 'ops_too_many'; end if;
  if (p_options ->> 'pool' is null) = (p_options ->> 'owner_id' is null) then raise sqlstate 'PT422' using message = 'required', detail = 'owner_id'; end if;
  if p_options ->> 'pool' is not null and not exists (select from crm.pools p where p.store_id = p_store and p.key = p_options ->> 'pool' and not p.retired) then
    raise sqlstate 'PT422' using message = 'option', detail = 'pool'; end if;
  for r in select value from jsonb_each(p_options) where key in ('owner_id', 'renewal_owner_id') and jsonb_typeof(value) <> 'null' loop
    if not exists (select from crm.members m where m.store_id = p_store and m.user_id = crm.as_uuid(r #>> '{}') and m.active) then raise sqlstate 'PT422' using message = 'option', detail = 'owner_id'; end if;
  end loop;
  if not exists (select from crm.levels l where l.store_id = p_store and l.key = p_options ->> 'level' and not l.retired) then raise sqlstate 'PT422' using message = 'option', detail = 'level'; end if;
  select jsonb_object_agg(a.form, jsonb_build_object('writable', a.writable, 'fields', f.fields)) into access
  from crm.my_access(null) a join crm.forms f on f.store_id = a.store_id and f.form = a.form where a.store_id = p_store;
  if not coalesce(access #> '{customer,fields,source,options}', '[]') @> jsonb_build_array(jsonb_build_object('key', p_options -> 'source')) then
    raise sqlstate 'PT422' using message = 'option', detail = 'source';
  end if;
  for r in select value from jsonb_array_elements(p_rows) loop
    begin
      one := crm.import_row(c, p_import, p_kind, p_options, r, access);
    exception
      when sqlstate 'RFUSE' then one := jsonb_build_object('row', r -> 'row', 'status', 'refused', 'errors', jsonb_build_array(sqlerrm::jsonb));
      when serialization_failure or deadlock_detected or lock_not_available then raise sqlstate 'PT503' using message = 'busy';
      when others then
        raise log 'import row failed: % %', sqlstate, sqlerrm;
        one := jsonb_build_object('row', r -> 'row', 'status', 'refused', 'errors', '[{"field": "row", "code": "unexpected"}]'::jsonb);
    end;
    answers := answers || one;
  end loop;
  return to_jsonb(answers);
end $$;

create function crm.import_commit(p_store uuid, p_import uuid, p_kind text, p_file text, p_options jsonb, p_rows jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows'); answers jsonb;
begin
  if p_import is null or coalesce(p_kind, '') not in ('customers', 'policies', 'deals') or coalesce(p_file, '') = '' then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  insert into crm.imports (store_id, id, kind, file_name, options, author_id) values (p_store, p_import, p_kind, left(p_file, 200), p_options, c.user_id) on conflict (store_id, id) do nothing;
  answers := crm.import_batch(p_store, p_import, p_kind, p_options, p_rows);
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
  if jsonb_typeof(p_mapping) is distinct from 'object' or length(coalesce(p_name, '')) not between 1 and 80 or pg_column_size(p_mapping) > 65000 then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  insert into crm.import_mappings (store_id, kind, name, mapping, author_id) values (p_store, left(p_kind, 40), p_name, p_mapping, c.user_id)
  on conflict (store_id, kind, name) do update set mapping = excluded.mapping, author_id = excluded.author_id, updated_at = now();
end $$;

create view api.imports as
  select i.store_id, i.id, i.kind, i.file_name, i.options, i.author_id, m.name as author_name, i.created, i.updated, i.unchanged, i.refused, i.created_at, i.updated_at
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
grant execute on function crm.import_part(text, text, uuid, uuid, bool, jsonb, jsonb, jsonb), crm.import_row(crm.caller, uuid, text, jsonb, jsonb, jsonb),
  crm.import_batch(uuid, uuid, text, jsonb, jsonb) to api_owner;
grant execute on function crm.import_commit(uuid, uuid, text, text, jsonb, jsonb), crm.import_preview(uuid, text, jsonb, jsonb), crm.save_import_mapping(uuid, text, text, jsonb),
  api.import_commit(uuid, uuid, text, text, jsonb, jsonb), api.import_preview(uuid, text, jsonb, jsonb), api.save_import_mapping(uuid, text, text, jsonb) to authenticated;
revoke create on schema crm, api from api_owner;
