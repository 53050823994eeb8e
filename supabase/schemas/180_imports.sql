-- Importing lists: batches of prepared rows, the same validation as the forms, and a memory of
-- which record a row became.

do $$
declare
  t text;
  v_mine text := 'store_id = any ((select crm.my_store_ids(null))::uuid[])';
begin
  foreach t in array array['imports', 'import_keys', 'import_mappings'] loop
    execute format(
      'create policy select_member on crm.%I for select to api_owner using (%s)',
      t,
      v_mine
    );
    execute format(
      'create policy insert_member on crm.%I for insert to api_owner with check (%s)',
      t,
      v_mine
    );
    execute format(
      'create policy delete_member on crm.%I for delete to api_owner using (%s)',
      t,
      v_mine
    );
    execute format(
      'create policy update_member on crm.%I for update to api_owner using (%s)',
      t,
      v_mine
    );
  end loop;
end $$;
grant select on crm.imports, crm.import_keys, crm.import_mappings to api_owner;
grant insert (store_id, id, kind, file_name, options, author_id),
  update (created, updated, unchanged, refused, updated_at, reverted_at, reverted_by, kept) on
  crm.imports
to api_owner;
grant delete on crm.import_keys to api_owner;
grant insert (store_id, kind, system, form, key, record_id, import_id, made),
  update (record_id, import_id, made) on
  crm.import_keys
to api_owner;
grant insert (store_id, kind, name, mapping, author_id), update (mapping, author_id, updated_at) on
  crm.import_mappings
to api_owner;

-- a list tells of deals that ended long ago; only this door may say so
grant insert (stage_at, lost_reason, closed_at) on crm.deals to api_owner;
grant update (renewal_owner_id) on crm.customers to api_owner;

create or replace function crm.lock_imports(p_store uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.import:' || p_store, 0));
end $$;
comment on function crm.lock_imports is
  'One batch or revert of a store at a time, until the transaction ends.';

create or replace function crm.new_id() returns uuid
  language sql volatile parallel safe set search_path = '' as $$
  select (
    lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14)
  )::uuid
$$;
comment on function crm.new_id is
  'A UUIDv7, for records the server makes: neighbours in time are neighbours in the index.';

create or replace function crm.person_title(p_name text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when p_name ~ '^.{1,3}先生$' then 'male'
    when p_name ~ '^.{1,3}(女士|小姐|太太|夫人|阿姨)$' then 'female'
    when p_name ~ '^.{1,3}(总|老板|经理|师傅|老师|医生)$' then 'any'
  end;
end $$;
comment on function crm.person_title is
  'What the title behind a family name says of its person: male, female, any; null for a full '
  'name.';

create or replace function crm.is_same_person(
  p_name text, p_other text, p_gender text default null, p_other_gender text default null
) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_title text := crm.person_title(p_name);
  v_other_title text := crm.person_title(p_other);
begin
  if crm.search_name(p_name) = crm.search_name(p_other) then
    return true;
  end if;
  return coalesce(
    left(p_name, 1) = left(p_other, 1)
    and (v_title is not null or v_other_title is not null)
    and not (
      coalesce(nullif(v_title, 'any'), p_gender)
      <> coalesce(nullif(v_other_title, 'any'), p_other_gender)
      and coalesce(nullif(v_title, 'any'), p_gender) is not null
      and coalesce(nullif(v_other_title, 'any'), p_other_gender) is not null
    ),
    false
  );
end $$;
comment on function crm.is_same_person is
  'Whether two names at one phone number mean one person: equal but for spaces, dots and case, or '
  '张先生 beside 张三; 孟先生 and 孟太太 are two. A number alone does not tell: insurers'' lists '
  'carry the salesman''s.';

create or replace function crm.surviving_customer(p_store uuid, p_id uuid) returns uuid
  language plpgsql stable set search_path = '' as $$
declare
  v_id uuid := p_id;
begin
  for step in 1..20 loop
    if exists (
      select from crm.customers customer
      where customer.store_id = p_store and customer.id = v_id and customer.removed_at is null
    ) then
      return v_id;
    end if;
    select merge.winner_id into v_id
    from crm.merges merge
    where merge.store_id = p_store and merge.loser_id = v_id and merge.undone_at is null
    order by merge.created_at desc
    limit 1;
    if v_id is null then
      return null;
    end if;
  end loop;
  return null;
end $$;
comment on function crm.surviving_customer is
  'The customer an id means today: the one it was merged into, and so on; null for one that was '
  'removed or is not the caller''s to see.';

create or replace function crm.import_job_of(
  p_caller crm.caller, p_import uuid, p_kind text, p_options jsonb
) returns crm.import_job
  language plpgsql stable set search_path = '' as $$
declare
  job crm.import_job;
begin
  job.store_id := p_caller.store_id;
  job.user_id := p_caller.user_id;
  job.time_zone := p_caller.time_zone;
  job.import_id := p_import;
  job.kind := p_kind;
  job.system := coalesce(p_options ->> 'system', '');
  job.owner_id := crm.as_uuid(p_options ->> 'owner_id');
  job.renewal_owner_id := crm.as_uuid(p_options ->> 'renewal_owner_id');
  job.pool := p_options ->> 'pool';
  job.duplicates := coalesce(p_options ->> 'duplicates', 'update');
  job.overwrite := array(
    select jsonb_array_elements_text(coalesce(p_options -> 'overwrite', '[]'))
  );
  job.defaults := jsonb_build_object(
    'source', p_options -> 'source', 'level', p_options -> 'level'
  );
  job.rights := array(
    select access
    from crm.my_access(null) access
    where access.store_id = p_caller.store_id
  );
  -- a record is recognised by what the importer may read: else any list would be a way to ask
  -- whether a hidden number is there
  job.match := array(
    select item
    from unnest(
      case jsonb_typeof(p_options -> 'match')
        when 'array' then array(select jsonb_array_elements_text(p_options -> 'match'))
        else array['phone', 'plate', 'vin', 'policy_number']
      end
    ) item
    where exists (
      select from unnest(job.rights) access
      where access.form = case item
          when 'phone' then 'customer'
          when 'policy_number' then 'policy'
          else 'vehicle'
        end
        and access.readable @> case item when 'phone' then array[item, 'name'] else array[item] end
    )
  );
  job.reads_people := exists (
    select from unnest(job.rights) access
    where access.form = 'customer' and access.readable @> '{name, phone}'
  );
  return job;
end $$;
comment on function crm.import_job_of is
  'What every row of a batch is taken with: the options, read once, and the caller''s rights.';

-- The forms of each row; what is no object is an error of the row.
create or replace function crm.import_row_forms(p_rows jsonb)
  returns table (n bigint, source jsonb, key text, forms jsonb, errors jsonb, car text)
  language sql immutable set search_path = '' as $$
  select
    split.n,
    split.source,
    split.key,
    split.forms,
    split.errors,
    case
      when split.forms ? 'vehicle' then
        coalesce(
          'plate:' || (split.forms #>> '{vehicle,plate}'),
          'vin:' || (split.forms #>> '{vehicle,vin}'),
          left(
            concat_ws(
              '/',
              split.key,
              split.forms #>> '{vehicle,brand}',
              split.forms #>> '{vehicle,series}'
            ),
            200
          )
        )
    end
  from (
    select item.n, item.source, nullif(left(item.source ->> 'key', 200), '') as key, parts.*
    from jsonb_array_elements(p_rows) with ordinality item (source, n)
    cross join lateral (
      select
        coalesce(jsonb_object_agg(part.key, part.value) filter (where is_object), '{}') as forms,
        coalesce(
          jsonb_agg(jsonb_build_object('form', part.key, 'field', 'row', 'code', 'invalid'))
            filter (where not is_object),
          '[]'
        ) as errors
      from jsonb_each(item.source) part
      cross join lateral (select jsonb_typeof(part.value) = 'object') kind (is_object)
      where part.key in ('customer', 'vehicle', 'policy', 'deal', 'assignment')
    ) parts
  ) split
$$;

-- What each row is called by. A car is known by plate or VIN, a policy by its number or by car and
-- year (F-40), else by the row's own key.
create or replace function crm.read_import_rows(p_rows jsonb) returns crm.import_row[]
  language sql immutable set search_path = '' as $$
  select array_agg(
    jsonb_populate_record(
      null::crm.import_row,
      '{"customer": {}, "assignment": {}}'
      || row.forms
      || jsonb_build_object(
        'n', row.n,
        'row_no', row.source -> 'row',
        'key', row.key,
        'vehicle_key', row.car,
        'policy_key', coalesce(
          'no:' || (row.forms #>> '{policy,policy_number}'),
          concat_ws(
            '/',
            coalesce(row.car, row.key),
            row.forms #>> '{policy,kind}',
            left(row.forms #>> '{policy,expires_on}', 4)
          )
        ),
        'deal_key', coalesce(left(row.source ->> 'deal_key', 200), row.key),
        'knows_customer', false,
        'knows_vehicle', false,
        'knows_policy', false,
        'knows_deal', false,
        'is_ours', false,
        'errors', row.errors,
        'leader', row.n
      )
    )
    order by row.n
  )
  from crm.import_row_forms(p_rows) row
$$;

-- The customers an earlier import wrote under the rows' own keys. A number of a list tells nothing
-- outside the system it comes from, unless name or phone agree.
create or replace function crm.customers_by_key(p_job crm.import_job, p_lines crm.import_row[])
  returns table (n int, customer_id uuid, is_made bool)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return query
    select line.n, known.id, known.made and known.record_id = known.id
    from unnest(p_lines) line
    cross join lateral (
      select
        crm.surviving_customer(v_store, remembered.record_id) as id,
        remembered.record_id,
        remembered.made
      from crm.import_keys remembered
      where remembered.store_id = v_store
        and remembered.kind = p_job.kind
        and remembered.system = p_job.system
        and remembered.form = 'customer'
        and remembered.key = line.key
      limit 1
    ) known
    where known.id is not null
      and (
        p_job.system <> ''
        or p_job.reads_people and crm.agrees_with(v_store, known.id, line.customer)
      );
end $$;

-- Who shows the name and the number of each row, also who had them before a merge. One of the
-- row's own name stands before 张先生 for 张三; whom of several a title means, nobody can say.
create or replace function crm.people_of_rows(p_job crm.import_job, p_lines crm.import_row[])
  returns table (n int, customer_id uuid, fits_several bool)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return query
    select
      found.n,
      case
        when bool_or(found.is_namesake) or count(*) = 1 then
          min(found.id::text) filter (where found.is_namesake = found.has_namesake)::uuid
      end,
      count(*) > 1 and not bool_or(found.is_namesake)
    from (
      select
        line.n,
        person.id,
        bool_or(person.is_namesake) as is_namesake,
        bool_or(bool_or(person.is_namesake)) over (partition by line.n) as has_namesake
      from (
        select
          listed.n,
          listed.customer ->> 'name' as name,
          listed.customer ->> 'gender' as gender,
          case when 'phone' = any (p_job.match) then listed.customer ->> 'phone' end as phone,
          right(listed.customer ->> 'phone', 4) as tail
        from unnest(p_lines) listed
        offset 0
      ) line
      cross join lateral (
        select
          today.id,
          crm.search_name(line.name) in (
            crm.search_name(customer.name), crm.search_name(today.name)
          ) as is_namesake
        from crm.customers customer
        join crm.customers today
          on today.store_id = v_store and today.id = crm.surviving_customer(v_store, customer.id)
        where line.phone is not null
          and customer.store_id = v_store
          and customer.phone_tail = line.tail
          and customer.phone = line.phone
          and (
            crm.is_same_person(customer.name, line.name, customer.gender, line.gender)
            or crm.is_same_person(today.name, line.name, today.gender, line.gender)
          )
      ) person
      group by line.n, person.id
    ) found
    group by found.n;
end $$;

-- Who is there already: by an id of ours or the list's own key, else by phone and name. What a
-- record says that was merged since is not the winner's own: name and number stay. Each look-up
-- enters an index, row by row; scalar subqueries on bare columns, since under row rules ->> and
-- even coalesce may not be evaluated before them: no index then.
create or replace function crm.find_imported_customers(
  p_job crm.import_job, p_lines crm.import_row[]
) returns crm.import_row[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return array(
    select
      jsonb_populate_record(
        line.line,
        jsonb_build_object(
          'customer_id', coalesce(own.id, keyed.customer_id, person.customer_id),
          'knows_customer', coalesce(own.id, keyed.customer_id, person.customer_id) is not null,
          'is_ours', coalesce(own.id = line.own_id, keyed.is_made, false),
          'errors', (line.line).errors || case
            when coalesce(own.id, keyed.customer_id) is null and person.fits_several then
              '[{"form": "customer", "field": "name", "code": "several_people"}]'::jsonb
            else '[]'
          end
        )
      )
    from (
      select listed as line, listed.n, crm.as_uuid(listed.key) as own_id
      from unnest(p_lines) listed
      offset 0
    ) line
    left join lateral (
      select crm.surviving_customer(v_store, line.own_id) as id where line.own_id is not null
    ) own
      on true
    left join crm.customers_by_key(p_job, p_lines) keyed on keyed.n = line.n
    left join crm.people_of_rows(p_job, p_lines) person on person.n = line.n
    order by line.n
  );
end $$;

-- The car of each row, by the list's own key, the plate or the VIN. It may have been sold: then its
-- row is about another person.
create or replace function crm.vehicles_of_rows(p_job crm.import_job, p_lines crm.import_row[])
  returns table (n int, vehicle_id uuid, customer_id uuid)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return query
    select line.n, found.id, found.customer_id
    from (
      select
        listed.n, listed.customer_id, listed.customer, listed.vehicle_key,
        case when 'plate' = any (p_job.match) then listed.vehicle ->> 'plate' end as plate,
        case when 'vin' = any (p_job.match) then listed.vehicle ->> 'vin' end as vin
      from unnest(p_lines) listed
      offset 0
    ) line
    cross join lateral (
      select known.id, known.customer_id
      from (
        select
          remembered.record_id as id,
          (
            select vehicle.customer_id
            from crm.vehicles vehicle
            where vehicle.store_id = v_store
              and vehicle.id = remembered.record_id
              and vehicle.removed_at is null
          ) as customer_id,
          1 as ordinal
        from crm.import_keys remembered
        where remembered.store_id = v_store
          and remembered.kind = p_job.kind
          and remembered.system = p_job.system
          and remembered.form = 'vehicle'
          and remembered.key = line.vehicle_key
        union all
        select vehicle.id, vehicle.customer_id, 2
        from crm.vehicles vehicle
        where line.plate is not null
          and vehicle.store_id = v_store
          and vehicle.plate = line.plate
          and vehicle.removed_at is null
        union all
        select vehicle.id, vehicle.customer_id, 3
        from crm.vehicles vehicle
        where line.vin is not null
          and vehicle.store_id = v_store
          and vehicle.vin = line.vin
          and vehicle.removed_at is null
      ) known
      where known.customer_id = line.customer_id
        or line.customer_id is null
        and not crm.is_another_person(v_store, known.customer_id, line.customer)
      order by known.customer_id is distinct from line.customer_id, known.ordinal
      limit 1
    ) found;
end $$;

create or replace function crm.find_imported_vehicles(
  p_job crm.import_job, p_lines crm.import_row[]
) returns crm.import_row[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return array(
    select
      jsonb_populate_record(
        line.line,
        jsonb_build_object(
          'customer_id', owner.id,
          'knows_customer', owner.id is not null,
          'vehicle_id', case when car.customer_id = owner.id then car.vehicle_id end,
          'knows_vehicle', coalesce(car.customer_id = owner.id, false)
        )
      )
    from (
      select
        listed as line,
        listed.n,
        listed.customer_id,
        case
          when 'policy_number' = any (p_job.match) then listed.policy ->> 'policy_number'
        end as policy_number
      from unnest(p_lines) listed
      offset 0
    ) line
    left join crm.vehicles_of_rows(p_job, p_lines) car on car.n = line.n
    left join lateral (
      select policy.customer_id
      from crm.policies policy
      where line.customer_id is null
        and car.customer_id is null
        and line.policy_number is not null
        and policy.store_id = v_store
        and policy.policy_number = line.policy_number
        and policy.removed_at is null
      order by policy.created_at
      limit 1
    ) insured
      on true
    cross join lateral (
      select coalesce(line.customer_id, car.customer_id, insured.customer_id) as id offset 0
    ) known
    cross join lateral (
      select (
        select customer.id
        from crm.customers customer
        where customer.store_id = v_store
          and customer.id = known.id
          and customer.removed_at is null
      ) as id
      offset 0
    ) owner
    order by line.n
  );
end $$;

create or replace function crm.agrees_with(p_store uuid, p_customer uuid, p_fields jsonb)
  returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.customers c
    where c.store_id = p_store
      and c.id = p_customer
      and (
        c.phone = p_fields ->> 'phone'
        or crm.is_same_person(c.name, p_fields ->> 'name', c.gender, p_fields ->> 'gender')
      )
  );
end $$;
comment on function crm.agrees_with is 'Whether a row shows the name or the number of a customer.';

create or replace function crm.is_another_person(p_store uuid, p_customer uuid, p_fields jsonb)
  returns bool
  language plpgsql stable set search_path = '' as $$
declare
  k crm.customers;
begin
  select * into k
  from crm.customers c
  where c.store_id = p_store and c.id = p_customer and c.removed_at is null;
  return coalesce(
    k.phone <> p_fields ->> 'phone'
    and not crm.is_same_person(
      k.name,
      p_fields ->> 'name',
      k.gender,
      p_fields ->> 'gender'
    ),
    false
  );
end $$;
comment on function crm.is_another_person is
  'Whether a row shows another name and another number than a customer has.';

-- The policy of each row, by the list's own key, its number, or car and year.
create or replace function crm.policies_of_rows(p_job crm.import_job, p_lines crm.import_row[])
  returns table (n int, policy_id uuid)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
begin
  return query
    select line.n, found.id
    from (
      select
        listed.n, listed.customer_id, listed.vehicle_id, listed.policy, listed.policy_key,
        case
          when 'policy_number' = any (p_job.match) then listed.policy ->> 'policy_number'
        end as policy_number,
        date_part('year', crm.as_date(listed.policy -> 'expires_on')) as expiry_year
      from unnest(p_lines) listed
      offset 0
    ) line
    cross join lateral (
      select known.id
      from (
        select
          (
            select policy.id
            from crm.policies policy
            where policy.store_id = p_job.store_id
              and policy.id = remembered.record_id
              and policy.customer_id = line.customer_id
              and policy.removed_at is null
          ) as id,
          1 as ordinal
        from crm.import_keys remembered
        where remembered.store_id = p_job.store_id
          and remembered.kind = p_job.kind
          and remembered.system = p_job.system
          and remembered.form = 'policy'
          and remembered.key = line.policy_key
        union all
        select policy.id, 2
        from crm.policies policy
        where line.policy_number is not null
          and policy.store_id = p_job.store_id
          and policy.policy_number = line.policy_number
          and policy.customer_id = line.customer_id
          and policy.removed_at is null
        union all
        select policy.id, 3
        from crm.policies policy
        where line.vehicle_id is not null
          and policy.store_id = p_job.store_id
          and policy.vehicle_id = line.vehicle_id
          and policy.customer_id = line.customer_id
          and policy.removed_at is null
          and date_part('year', policy.expires_on) = line.expiry_year
          and coalesce(policy.kind = line.policy ->> 'kind', true)
          and (policy.policy_number is null or line.policy_number is null)
      ) known
      where line.policy is not null and line.customer_id is not null and known.id is not null
      order by known.ordinal
      limit 1
    ) found;
end $$;

create or replace function crm.find_imported_policies(
  p_job crm.import_job, p_lines crm.import_row[]
) returns crm.import_row[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return array(
    select
      jsonb_populate_record(
        line.line,
        jsonb_build_object(
          'policy_id', policy.policy_id,
          'knows_policy', policy.policy_id is not null,
          'deal_id', deal.id,
          'knows_deal', deal.id is not null
        )
      )
    from (
      select listed as line, listed.n, listed.deal, listed.deal_key
      from unnest(p_lines) listed
      offset 0
    ) line
    left join crm.policies_of_rows(p_job, p_lines) policy on policy.n = line.n
    left join lateral (
      select (
        select sold.id
        from crm.deals sold
        where sold.store_id = v_store
          and sold.id = remembered.record_id
          and sold.removed_at is null
      ) as id
      from crm.import_keys remembered
      where line.deal is not null
        and remembered.store_id = v_store
        and remembered.kind = p_job.kind
        and remembered.system = p_job.system
        and remembered.form = 'deal'
        and remembered.key = line.deal_key
      limit 1
    ) deal
      on true
    order by line.n
  );
end $$;

create or replace function crm.imported_record(p_store uuid, p_form text, p_id uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return case p_form
    when 'customer' then
      (
        select to_jsonb(customer) || customer.custom
        from crm.customers customer
        where customer.store_id = p_store and customer.id = p_id
      )
    when 'vehicle' then
      (
        select to_jsonb(vehicle) || vehicle.custom
        from crm.vehicles vehicle
        where vehicle.store_id = p_store and vehicle.id = p_id
      )
    when 'policy' then
      (
        select to_jsonb(policy) || policy.custom
        from crm.policies policy
        where policy.store_id = p_store and policy.id = p_id
      )
    else (
      select to_jsonb(deal) || deal.custom
      from crm.deals deal
      where deal.store_id = p_store and deal.id = p_id
    )
  end;
end $$;

-- Stages, owners, pools: what no form says.
create or replace function crm.import_link_errors(p_job crm.import_job, p_line crm.import_row)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_deal jsonb := p_line.deal;
  v_assignment jsonb := p_line.assignment;
  found jsonb := '[]';
  v_key text;
begin
  if p_line.key is null then
    found := found || '{"form": "customer", "field": "key", "code": "required"}';
  end if;
  if (v_deal is not null or p_job.kind = 'deals')
    and not exists (
      select from crm.stages stage
      where stage.store_id = p_job.store_id
        and stage.pipeline = v_deal ->> 'pipeline'
        and stage.key = v_deal ->> 'stage'
        and not stage.retired
    ) then
    found := found || '{"form": "deal", "field": "stage", "code": "option"}';
  end if;
  if v_deal ->> 'stage_on' is not null and crm.as_date(v_deal -> 'stage_on') is null then
    found := found || '{"form": "deal", "field": "stage_on", "code": "date"}';
  end if;
  if v_deal ->> 'owner_id' is not null and not crm.is_member(p_job.store_id, v_deal ->> 'owner_id')
  then
    found := found || '{"form": "deal", "field": "owner_id", "code": "option"}';
  end if;
  foreach v_key in array array['owner_id', 'renewal_owner_id'] loop
    if v_assignment ->> v_key is not null
      and not crm.is_active_member(p_job.store_id, v_assignment ->> v_key)
    then
      found := found || jsonb_build_object('form', 'customer', 'field', v_key, 'code', 'option');
    end if;
  end loop;
  if v_assignment ->> 'pool' is not null
    and not exists (
      select from crm.pools pool
      where pool.store_id = p_job.store_id
        and pool.key = v_assignment ->> 'pool'
        and not pool.retired
    ) then
    found := found || '{"form": "customer", "field": "pool", "code": "option"}';
  end if;
  return found;
end $$;

create or replace function crm.is_member(p_store uuid, p_user text) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.members m where m.store_id = p_store and m.user_id = crm.as_uuid(p_user)
  );
end $$;

create or replace function crm.is_active_member(p_store uuid, p_user text) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.members m
    where m.store_id = p_store and m.user_id = crm.as_uuid(p_user) and m.active
  );
end $$;

create or replace function crm.imported_field_errors(
  p_store uuid, p_form crm.forms, p_access crm.caller_access, p_fields jsonb, p_record uuid
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_errors jsonb;
begin
  for v_try in 1..2 loop
    v_errors := crm.field_errors(
      p_store,
      p_form.fields,
      p_fields,
      case
        when p_record is not null and (v_try = 2 or p_form.conditional) then
          crm.imported_record(p_store, p_form.form, p_record)
        else '{}'
      end,
      p_access.writable,
      p_access.required,
      p_record is null
    );
    exit when p_record is null
      or p_form.conditional
      or not v_errors @? '$[*] ? (@.code == "option" || @.code == "range")';
  end loop;
  return v_errors;
end $$;
comment on function crm.imported_field_errors is
  'The problems of one form of a row; p_record: the record it is about, null for a new one. What a '
  'record has may stay, a retired option or a day that has passed; it is read only then.';

create or replace function crm.without_withdrawn_wish(p_fields jsonb) returns jsonb
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when p_fields ->> 'do_not_call' = 'false' then p_fields - 'do_not_call'
    else p_fields
  end;
end $$;
comment on function crm.without_withdrawn_wish is
  'A list never takes back that a customer asked not to be called: crm.imported_differences keeps '
  'it.';

-- The forms' own rules; what a new record must have is asked of new ones.
create or replace function crm.check_imported(p_job crm.import_job, p_lines crm.import_row[])
  returns crm.import_row[]
  language sql stable set search_path = '' as $$
  select array_agg(
    jsonb_populate_record(
      line,
      jsonb_build_object(
        'errors', line.errors || e.errors || crm.import_link_errors(p_job, line)
      )
    )
    order by line.n
  )
  from unnest(p_lines) line
  cross join lateral (
    select coalesce(jsonb_agg(item.value || jsonb_build_object('form', g.form)), '[]') as errors
    from (
      values
        (
        'customer',
        case
          when line.knows_customer then crm.without_withdrawn_wish(line.customer)
          else p_job.defaults || line.customer
        end,
        not line.knows_customer,
        line.customer_id
      ),
        ('vehicle', line.vehicle, not line.knows_vehicle, line.vehicle_id),
        ('policy', line.policy, not line.knows_policy, line.policy_id),
        (
        'deal',
        line.deal - array['pipeline', 'stage', 'owner_id', 'stage_on'],
        not line.knows_deal,
        line.deal_id
      )
    ) g (form, fields, creating, record_id)
    join unnest(p_job.rights) access on access.form = g.form
    join crm.forms asked on asked.store_id = p_job.store_id and asked.form = g.form
    cross join lateral jsonb_array_elements(
      crm.imported_field_errors(
        p_job.store_id, asked, access, g.fields, case when not g.creating then g.record_id end
      )
    ) item
    where g.fields is not null
  ) e
$$;

-- New rows of one file that mean one customer become one; the first of them leads. A car joins
-- only rows that agree in a name or a number; a stranger who shares a customer with a row that is
-- known is known too.
create or replace function crm.join_imported(p_job crm.import_job, p_lines crm.import_row[])
  returns crm.import_row[]
  language plpgsql volatile set search_path = '' as $$
declare
  v_joined crm.import_row[] := array(
    select line
    from unnest(p_lines) line
    where line.errors = '[]' and not (p_job.duplicates = 'skip' and line.knows_customer)
    order by line.n
  );
  v_groups text[] := array['key', 'person', 'car and name', 'car and number', 'key'];
  v_group text;
begin
  foreach v_group in array v_groups loop
    v_joined := array(
      select
        jsonb_populate_record(
          item,
          jsonb_build_object(
            'leader', min(item.leader) over (partition by crm.import_group(item, v_group))
          )
        )
      from unnest(v_joined) item
      order by item.n
    );
  end loop;
  return array(
    select
      jsonb_populate_record(
        l.line,
        jsonb_build_object(
          'customer_id', coalesce(
            (l.line).customer_id,
            first_value((l.line).customer_id) over known,
            first_value(l.fresh) over (partition by (l.line).leader order by (l.line).n)
          ),
          'knows_customer', (l.line).knows_customer
            or coalesce(first_value((l.line).knows_customer) over known, false)
        )
      )
    from (select item as line, crm.new_id() as fresh from unnest(v_joined) item) l
    window
      known as (
        partition by (l.line).leader
        order by not (l.line).knows_customer, (l.line).n
      )
    order by (l.line).n
  );
end $$;

create or replace function crm.import_group(p_line crm.import_row, p_by text) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_car text := coalesce(p_line.vehicle ->> 'plate', p_line.vehicle ->> 'vin');
  v_name text := crm.search_name(p_line.customer ->> 'name');
  v_phone text := p_line.customer ->> 'phone';
begin
  return coalesce(
    case p_by
      when 'key' then p_line.key
      when 'person' then v_phone || '/' || v_name
      when 'car and name' then v_car || '/' || v_name
      when 'car and number' then v_car || '/' || v_phone
    end,
    '#' || p_line.leader
  );
end $$;
comment on function crm.import_group is
  'What rows of one person have in common, seen one way; alone where the row says nothing.';

create or replace function crm.number_imported(p_lines crm.import_row[])
  returns crm.import_row[]
  language sql volatile set search_path = '' as $$
  select coalesce(array_agg(
    jsonb_populate_record(
      x.l,
      jsonb_build_object(
        'vehicle_id', case
          when (x.l).vehicle is not null then coalesce((x.l).vehicle_id, x.vehicle_id)
        end,
        'policy_id', case
          when (x.l).policy is not null then coalesce((x.l).policy_id, x.policy_id)
        end,
        'deal_id', case when (x.l).deal is not null then coalesce((x.l).deal_id, x.deal_id) end
      )
    )
    order by (x.l).n
  ), '{}')
  from (
    select
      l,
      first_value(crm.new_id()) over (partition by l.customer_id, l.vehicle_key order by l.n)
        as vehicle_id,
      first_value(crm.new_id()) over (partition by l.customer_id, l.policy_key order by l.n)
        as policy_id,
      first_value(crm.new_id()) over (partition by l.deal_key order by l.n) as deal_id
    from unnest(p_lines) l
  ) x
$$;
comment on function crm.number_imported is
  'Ids for the records that are new: one for each car, policy and deal, in however many rows it '
  'stands.';

-- The records of one form in a batch, one for each id: what its rows say, the last one last.
create or replace function crm.imported_records(
  p_lines crm.import_row[], p_form text, p_known bool
) returns table (
  id uuid, customer_id uuid, vehicle_id uuid, n int, fields jsonb, assignment jsonb, is_ours bool
)
  language sql stable set search_path = '' as $$
  select
    g.id,
    (array_agg(line.customer_id order by line.n))[1],
    (array_agg(line.vehicle_id order by line.n))[1],
    min(line.n),
    jsonb_object_agg(entry.key, entry.value order by line.n),
    jsonb_object_agg(entry.key, line.assignment order by line.n) -> min(entry.key),
    bool_and(line.is_ours)
  from unnest(p_lines) line
  cross join lateral (
    values
      ('customer', line.customer_id, line.knows_customer, line.customer),
      ('vehicle', line.vehicle_id, line.knows_vehicle, line.vehicle),
      ('policy', line.policy_id, line.knows_policy, line.policy),
      (
      'deal',
      line.deal_id,
      line.knows_deal,
      line.deal - array['pipeline', 'stage', 'owner_id', 'stage_on']
    )
  ) g (form, id, known, fields)
  cross join lateral jsonb_each(g.fields) entry
  where g.form = p_form and g.known = p_known
  group by g.id
$$;

-- New ones: first who others hang on.
create or replace function crm.insert_imported_customers(
  p_job crm.import_job, p_lines crm.import_row[]
) returns void
  language sql volatile set search_path = '' as $$
  insert into crm.customers (
    store_id, id, owner_id, pool, renewal_owner_id, name, phone, wechat, gender, source, level,
    next_contact_on, need, preferred_time, do_not_call, custom, created_by
  )
  select
    p_job.store_id,
    record.id,
    case when w.pool is null then coalesce(w.owner_id, a.agent, p_job.owner_id) end,
    w.pool,
    coalesce(crm.as_uuid(record.assignment ->> 'renewal_owner_id'), p_job.renewal_owner_id),
    r.name,
    r.phone,
    r.wechat,
    r.gender,
    r.source,
    r.level,
    r.next_contact_on,
    r.need,
    r.preferred_time,
    coalesce(r.do_not_call, false),
    (p_job.defaults || record.fields) - array(
      select base.key from crm.base_fields base where base.form = 'customer'
    ),
    p_job.user_id
  from crm.imported_records(p_lines, 'customer', false) record
  cross join lateral (
    select
      crm.as_uuid(record.assignment ->> 'owner_id') as owner_id,
      -- a row that names an owner is not for the pool all others go to
      case
        when record.assignment ? 'pool' then record.assignment ->> 'pool'
        when not record.assignment ? 'owner_id' then p_job.pool
      end as pool
  ) w
  left join (
    select distinct on (line.customer_id)
      line.customer_id, crm.as_uuid(line.deal ->> 'owner_id') as agent
    from unnest(p_lines) line
    where line.deal ->> 'owner_id' is not null
    order by line.customer_id, line.n
  ) a
    on a.customer_id = record.id
  cross join lateral jsonb_populate_record(
    null::crm.customers,
    p_job.defaults || record.fields
  ) r
  order by record.n
$$;

create or replace function crm.insert_imported(
  p_job crm.import_job, p_form text, p_lines crm.import_row[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_base text[] := array(
    select base.key
    from crm.base_fields base
    where base.form = p_form
    order by base.key
  );
  -- of a policy also the car it is for
  v_columns text := case p_form when 'policy' then 'vehicle_id, ' else '' end;
  v_values text := case p_form when 'policy' then 'x.vehicle_id, ' else '' end;
begin
  select
    v_columns || string_agg(format('%I', item), ', ' order by item),
    v_values || string_agg(format('r.%I', item), ', ' order by item) into v_columns, v_values
  from unnest(v_base) item;
  execute format(
    'insert into crm.%1$I (store_id, id, customer_id, %2$s, custom)
     select $1, x.id, x.customer_id, %3$s, x.fields - $2
     from crm.imported_records($3, $4, false) x
     cross join lateral jsonb_populate_record(null::crm.%1$I, x.fields) r
     order by x.n',
    (select form_table.relation from crm.form_tables form_table where form_table.form = p_form),
    v_columns,
    v_values
  ) using p_job.store_id, v_base, p_lines, p_form;
end $$;
comment on function crm.insert_imported is 'The new cars or policies of a batch.';

-- Deals of a list ended long ago, so they begin at their stage; what a stage asks for is not asked
-- of the past.
create or replace function crm.insert_imported_deals(
  p_job crm.import_job, p_lines crm.import_row[]
) returns void
  language sql volatile set search_path = '' as $$
  insert into crm.deals (
    store_id, id, customer_id, owner_id, pipeline, stage, stage_at, closed_at, title, amount_fen,
    expected_close_on, custom
  )
  select
    p_job.store_id,
    x.id,
    x.customer_id,
    coalesce(x.agent, p_job.owner_id, p_job.user_id),
    stage.pipeline,
    stage.key,
    coalesce(x.stage_at, now()),
    case when stage.type <> 'open' then coalesce(x.stage_at, now()) end,
    r.title,
    r.amount_fen,
    r.expected_close_on,
    x.fields - array(select base.key from crm.base_fields base where base.form = 'deal')
  from (
    select distinct on (line.deal_id)
      line.deal_id as id,
      line.customer_id,
      crm.as_uuid(line.deal ->> 'owner_id') as agent,
      line.n,
      line.deal ->> 'pipeline' as pipeline,
      line.deal ->> 'stage' as stage,
      line.deal - array['pipeline', 'stage', 'owner_id', 'stage_on'] as fields,
      crm.as_date(line.deal -> 'stage_on')::timestamp at time zone p_job.time_zone as stage_at
    from unnest(p_lines) line
    where line.deal is not null and not line.knows_deal
    order by line.deal_id, line.n desc
  ) x
  join crm.stages stage
    on stage.store_id = p_job.store_id and stage.pipeline = x.pipeline and stage.key = x.stage
  cross join lateral jsonb_populate_record(null::crm.deals, x.fields) r
  order by x.n
$$;

-- Known ones: what differs, and what the list would change but must not. A person found by phone
-- or plate keeps name and number: the list may mean the former owner of the car. Source and level
-- are the store's, unless the importer chose otherwise; the wish not to be called is the
-- customer's.
create or replace function crm.imported_differences(
  p_job crm.import_job, p_form text, p_lines crm.import_row[]
) returns table (id uuid, key text, old jsonb, new jsonb, is_kept bool)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
begin
  return query execute format(
    'select m.id, e.key, c.old, e.value, c.old <> ''null'' and (
        $1.duplicates = ''join''
        or $2 = ''customer'' and (
          e.key in (''name'', ''phone'') and not m.is_ours
          or e.key in (''source'', ''level'') and not e.key = any ($1.overwrite)
          or e.key = ''do_not_call'' and c.old = ''true''
        )
      )
     from crm.imported_records($3, $2, true) m
     cross join lateral (
       select to_jsonb(x) as t, x.custom
       from crm.%I x
       where x.store_id = $1.store_id and x.id = m.id
       offset 0
     ) t
     cross join lateral jsonb_each(m.fields) e
     cross join lateral (
       select coalesce(
         case when e.key = any ($4) then t.t -> e.key else t.custom -> e.key end, ''null''
       ) as old
     ) c
     where e.value is distinct from c.old and not (e.value = ''null'' and c.old = ''null'')',
    (select form_table.relation from crm.form_tables form_table where form_table.form = p_form)
  ) using p_job,
    p_form,
    p_lines,
    array(select base.key from crm.base_fields base where base.form = p_form);
end $$;

create or replace function crm.kept_assignments(p_job crm.import_job, p_lines crm.import_row[])
  returns table (id uuid, key text, old jsonb, new jsonb, is_kept bool)
  language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_store uuid := p_job.store_id;
begin
  return query
    select record.id, said.key, to_jsonb(said.old), to_jsonb(said.new), true
    from crm.imported_records(p_lines, 'customer', true) record
    cross join lateral (
      select customer.owner_id, customer.pool, customer.renewal_owner_id
      from crm.customers customer
      where customer.store_id = v_store and customer.id = record.id
      offset 0
    ) customer
    cross join lateral (
      values
        (
        'owner',
        crm.member_called(v_store, customer.owner_id),
        crm.member_called(v_store, crm.as_uuid(record.assignment ->> 'owner_id')),
        crm.as_uuid(record.assignment ->> 'owner_id') <> coalesce(customer.owner_id, v_store)
      ),
        (
        'renewal_owner',
        crm.member_called(v_store, customer.renewal_owner_id),
        crm.member_called(v_store, crm.as_uuid(record.assignment ->> 'renewal_owner_id')),
        crm.as_uuid(record.assignment ->> 'renewal_owner_id') <> customer.renewal_owner_id
      ),
        (
        'pool',
        customer.pool,
        record.assignment ->> 'pool',
        record.assignment ->> 'pool' <> coalesce(customer.pool, '')
      )
    ) said (key, old, new, is_other)
    where said.is_other;
end $$;
comment on function crm.kept_assignments is
  'Whose a list says a customer is who is there: customers change hands by a transfer, so it is '
  'told and kept. Members by name, pools by key.';

create or replace function crm.member_called(p_store uuid, p_user uuid) returns text
  language sql stable set search_path = '' as $$
  select member.name
  from crm.members member
  where member.store_id = p_store and member.user_id = p_user
$$;

create or replace function crm.patch_imported(
  p_job crm.import_job, p_form text, p_differences jsonb
) returns uuid[]
  language plpgsql volatile set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  v_base text[] := array(select b.key from crm.base_fields b where b.form = p_form order by b.key);
  changed uuid[];
begin
  execute format(
    'with done as (
       update crm.%1$I t
       set %2$s, custom = t.custom || (w.patch - $3)
       from (
         select (d ->> ''id'')::uuid as id, jsonb_object_agg(d ->> ''key'', d -> ''new'') as patch
         from jsonb_array_elements($2) d
         where d ->> ''form'' = $4 and not (d ->> ''is_kept'')::bool
         group by 1
       ) w
       cross join lateral (
         select o from crm.%1$I o where o.store_id = $1 and o.id = w.id offset 0
       ) b
       cross join lateral jsonb_populate_record(b.o, w.patch) r
       where t.store_id = $1 and t.id = w.id
       returning t.id
     )
     select array_agg(id) from done',
    (select form_table.relation from crm.form_tables form_table where form_table.form = p_form),
    (select string_agg(format('%1$I = r.%1$I', item), ', ') from unnest(v_base) item)
  ) into changed using p_job.store_id, p_differences, v_base, p_form;
  return coalesce(changed, '{}');
end $$;

create or replace function crm.give_imported_renewal_owner(
  p_job crm.import_job, p_lines crm.import_row[]
) returns uuid[]
  language sql volatile set search_path = '' as $$
  with
    done as (
    update crm.customers customer
    set renewal_owner_id = w.renewal_owner_id
    from (
      select distinct on (line.customer_id)
        line.customer_id as id,
        coalesce(crm.as_uuid(line.assignment ->> 'renewal_owner_id'), p_job.renewal_owner_id)
          as renewal_owner_id
      from unnest(p_lines) line
      where line.knows_customer
      order by line.customer_id, line.n
    ) w
    where customer.store_id = p_job.store_id
      and customer.id = w.id
      and customer.renewal_owner_id is null
      and w.renewal_owner_id is not null
    returning customer.id
  )
  select coalesce(array_agg(id), '{}') from done
$$;
comment on function crm.give_imported_renewal_owner is
  'A customer who is there and has no renewal owner gets the list''s.';


create or replace function crm.move_imported_deals(p_job crm.import_job, p_lines crm.import_row[])
  returns uuid[]
  language sql volatile set search_path = '' as $$
  with
    wanted as (
    select distinct on (line.deal_id)
      line.deal_id as id,
      line.deal ->> 'stage' as stage,
      crm.as_date(line.deal -> 'stage_on')::timestamp at time zone p_job.time_zone as stage_at
    from unnest(p_lines) line
    where line.deal is not null and line.knows_deal
    order by line.deal_id, line.n desc
  ),
    done as (
    update crm.deals deal
    set
      stage = wanted.stage,
      stage_at = case
        when deal.stage = wanted.stage then deal.stage_at
        else coalesce(wanted.stage_at, now())
      end,
      closed_at = case
      when s.type = 'open' then null
      when deal.stage = wanted.stage then coalesce(wanted.stage_at, deal.closed_at)
      else coalesce(wanted.stage_at, now())
    end
    from wanted, crm.stages s
    where deal.store_id = p_job.store_id
      and deal.id = wanted.id
      and s.store_id = p_job.store_id
      and s.pipeline = deal.pipeline
      and s.key = wanted.stage
      and (
        deal.stage <> wanted.stage
        or s.type <> 'open'
          and deal.closed_at is distinct from coalesce(wanted.stage_at, deal.closed_at)
      )
    returning deal.id
  )
  select coalesce(array_agg(id), '{}') from done
$$;
comment on function crm.move_imported_deals is 'Deals that are there go to the stage of the list.';

create or replace function crm.remember_imported(p_job crm.import_job, p_lines crm.import_row[])
  returns void
  language sql volatile set search_path = '' as $$
  insert into crm.import_keys as remembered (
    store_id, kind, system, form, key, record_id, import_id, made
  )
  select distinct on (g.form, g.key)
    p_job.store_id, p_job.kind, p_job.system, g.form, g.key, g.id, p_job.import_id, not g.known
  from unnest(p_lines) line
  cross join lateral (
    values
      ('customer', line.key, line.customer_id, line.knows_customer),
      ('vehicle', line.vehicle_key, line.vehicle_id, line.knows_vehicle),
      ('policy', line.policy_key, line.policy_id, line.knows_policy),
      ('deal', line.deal_key, line.deal_id, line.knows_deal)
  ) g (form, key, id, known)
  where g.id is not null
  order by g.form, g.key, line.n
  on conflict (store_id, kind, system, form, key) do update set record_id = excluded.record_id,
    import_id = excluded.import_id,
    made = excluded.made
  where remembered.record_id <> excluded.record_id
$$;


create or replace function crm.import_row_records(p_lines crm.import_row[])
  returns table (n int, form text, id uuid, known bool, is_first bool)
  language sql stable set search_path = '' as $$
  select l.n, g.form, g.id, g.known, l.n = min(l.n) over (partition by g.form, g.id)
  from unnest(p_lines) l
  cross join lateral (
    values
      ('customer', l.customer_id, l.knows_customer),
      ('vehicle', l.vehicle_id, l.knows_vehicle),
      ('policy', l.policy_id, l.knows_policy),
      ('deal', l.deal_id, l.knows_deal)
  ) g (form, id, known)
  where g.id is not null
$$;
comment on function crm.import_row_records is
  'The records each row of a batch is about; is_first: the row that leads, of several about one.';

-- What changes or is kept of each row's records, as far as the caller may read.
create or replace function crm.told_differences(
  p_job crm.import_job, p_taken crm.import_row[], p_differences jsonb
) returns table (n int, told jsonb)
  language sql stable set search_path = '' as $$
  select
    record.n,
    jsonb_agg(
      jsonb_build_object(
        'form', record.form,
        'field', difference.key,
        'old', difference.old,
        'new', difference.new,
        'kept', difference.is_kept
      )
    )
  from crm.import_row_records(p_taken) record
  join jsonb_to_recordset(p_differences) difference (
    id uuid, form text, key text, old jsonb, new jsonb, is_kept bool
  )
    on difference.id = record.id and difference.form = record.form
  join unnest(p_job.rights) access
    on access.form = record.form
      and (
        difference.key = any (access.readable)
        or difference.key in ('owner', 'renewal_owner', 'pool') and p_job.reads_people
      )
  where record.is_first
  group by record.n
$$;

-- What became of each row: created, updated, unchanged or refused. A preview also tells the forms
-- of which it makes a record, the customer it belongs to, and what changes or is kept.
create or replace function crm.import_answers(
  p_job crm.import_job,
  p_lines crm.import_row[],
  p_taken crm.import_row[],
  p_changed uuid[],
  p_differences jsonb
) returns jsonb
  language sql stable set search_path = '' as $$
  with
    done as (
    select
      record.n,
      array_agg(record.id) as ids,
      (array_agg(record.id) filter (where record.form = 'customer' and record.known))[1]
        as customer_id,
      coalesce(
        jsonb_agg(record.form) filter (where record.is_first and not record.known), '[]'
      ) as made
    from crm.import_row_records(p_taken) record
    group by record.n
  )
  select jsonb_agg(
    case
      when line.errors <> '[]' then
        jsonb_build_object('row', line.row_no, 'status', 'refused', 'errors', line.errors)
      else jsonb_build_object(
        'row', line.row_no,
        'status', case
          when done.made <> '[]' then 'created'
          when done.ids && p_changed then 'updated'
          else 'unchanged'
        end
      )
      || case
        when p_job.is_preview then
          jsonb_build_object(
            'made', coalesce(done.made, '[]'),
            'changes', coalesce(difference.told, '[]'),
            'found', case
              when p_job.reads_people then
                (
                  select customer.name
                  from crm.customers customer
                  where customer.store_id = p_job.store_id and customer.id = done.customer_id
                )
            end
          )
        else '{}'
      end
    end
    order by line.n
  )
  from unnest(p_lines) line
  left join done on done.n = line.n
  left join crm.told_differences(p_job, p_taken, p_differences) difference
    on p_job.is_preview and difference.n = line.n
$$;

-- All rows of a batch at once: one statement a step, so that ten thousand rows take seconds. Any
-- failure takes the batch back; apply_import_rows then goes row by row.
create or replace function crm.take_import_rows(p_job crm.import_job, p_rows jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_lines crm.import_row[] := crm.read_import_rows(p_rows);
  v_taken crm.import_row[];
  v_differences jsonb := '[]';
  v_changed uuid[] := '{}';
  v_form text;
begin
  v_lines := crm.find_imported_customers(p_job, v_lines);
  v_lines := crm.find_imported_vehicles(p_job, v_lines);
  v_lines := crm.find_imported_policies(p_job, v_lines);
  v_lines := crm.check_imported(p_job, v_lines);
  v_taken := crm.number_imported(crm.join_imported(p_job, v_lines));
  perform crm.insert_imported_customers(p_job, v_taken);
  foreach v_form in array array['vehicle', 'policy'] loop
    perform crm.insert_imported(p_job, v_form, v_taken);
  end loop;
  perform crm.insert_imported_deals(p_job, v_taken);
  foreach v_form in array array['customer', 'vehicle', 'policy', 'deal'] loop
    continue when not exists (
      select from crm.import_row_records(v_taken) record where record.form = v_form and record.known
    );
    select v_differences || coalesce(
      jsonb_agg(to_jsonb(difference) || jsonb_build_object('form', v_form)), '[]'
    )
      into v_differences
    from crm.imported_differences(p_job, v_form, v_taken) difference;
    v_changed := v_changed || crm.patch_imported(p_job, v_form, v_differences);
  end loop;
  if p_job.is_preview then
    select v_differences || coalesce(
      jsonb_agg(to_jsonb(kept) || '{"form": "customer"}'), '[]'
    )
      into v_differences
    from crm.kept_assignments(p_job, v_taken) kept;
  end if;
  v_changed := v_changed
    || crm.give_imported_renewal_owner(p_job, v_taken)
    || crm.move_imported_deals(p_job, v_taken);
  perform crm.remember_imported(p_job, v_taken);
  return crm.import_answers(p_job, v_lines, v_taken, v_changed, v_differences);
end $$;

-- What is written keeps its plans, foreign keys too; so these must not come from an empty table
-- either (docs/decisions/0005).
create or replace function crm.refresh_row_estimates() returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  t regclass;
begin
  for t in
    select c.oid
    from pg_catalog.pg_class c
    where c.relnamespace = 'crm'::regnamespace
      and c.relname in ('customers', 'vehicles', 'policies', 'deals', 'import_keys')
      and c.reltuples < 1000
    order by c.relname loop
    execute format('analyze %s', t);
  end loop;
end $$;
comment on function crm.refresh_row_estimates is
  'Counts the tables of which Postgres thinks that they are all but empty. Belongs to their '
  'owner: nobody else may.';

create or replace function crm.check_import_options(p_store uuid, p_kind text, p_options jsonb)
  returns void
  language plpgsql stable set search_path = '' as $$
begin
  if coalesce(p_kind, '') not in ('customers', 'policies', 'deals') then
    raise sqlstate 'PT422' using message = 'option', detail = 'kind';
  end if;
  if (p_options ->> 'pool' is null) = (p_options ->> 'owner_id' is null) then
    raise sqlstate 'PT422' using message = 'required', detail = 'owner_id';
  end if;
  if p_options ->> 'pool' is not null
    and not exists (
      select from crm.pools pool
      where pool.store_id = p_store and pool.key = p_options ->> 'pool' and not pool.retired
    ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'pool';
  end if;
  if exists (
    select from jsonb_each(p_options) entry
    where entry.key in ('owner_id', 'renewal_owner_id')
      and jsonb_typeof(entry.value) <> 'null'
      and not crm.is_active_member(p_store, entry.value #>> '{}')
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'owner_id';
  end if;
  if not exists (
    select from crm.levels level
    where level.store_id = p_store and level.key = p_options ->> 'level' and not level.retired
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'level';
  end if;
  if not exists (
    select from crm.forms form
    where form.store_id = p_store
      and form.form = 'customer'
      and form.fields #> '{source,options}' @> jsonb_build_array(
        jsonb_build_object('key', p_options -> 'source')
      )
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'source';
  end if;
  perform crm.check_import_ways(p_options);
end $$;

-- How rows are matched with who is there, and what the list may change of them.
create or replace function crm.check_import_ways(p_options jsonb) returns void
  language plpgsql immutable set search_path = '' as $$
declare
  v_option record;
begin
  if coalesce(p_options ->> 'duplicates', 'update') not in ('update', 'skip', 'join') then
    raise sqlstate 'PT422' using message = 'option', detail = 'duplicates';
  end if;
  for v_option in
    select *
    from (
      values
        ('match', '["phone", "plate", "vin", "policy_number"]'::jsonb),
        ('overwrite', '["source", "level"]'::jsonb)
    ) x (key, allowed) loop
    if p_options ? v_option.key
      and not coalesce(
        p_options -> v_option.key <@ v_option.allowed
          and jsonb_typeof(p_options -> v_option.key) = 'array',
        false
      ) then
      raise sqlstate 'PT422' using message = 'option', detail = v_option.key;
    end if;
  end loop;
  if p_options ? 'system'
    and not coalesce(
      jsonb_typeof(p_options -> 'system') = 'string' and length(p_options ->> 'system') <= 40,
      false
    ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'system';
  end if;
end $$;

create or replace function crm.apply_import_rows(
  p_store uuid, p_import uuid, p_kind text, p_options jsonb, p_rows jsonb, p_is_preview bool
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'import_rows');
  v_job crm.import_job;
  v_answers jsonb := '[]';
  v_row jsonb;
begin
  if jsonb_typeof(p_rows) is distinct from 'array'
    or jsonb_typeof(p_options) is distinct from 'object'
  then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  perform crm.check_import_options(p_store, p_kind, p_options);
  if jsonb_array_length(p_rows) > 500 then
    raise sqlstate 'PT413' using message = 'too_many_operations';
  end if;
  if exists (
    select from jsonb_array_elements(p_rows) item
    where jsonb_typeof(item) <> 'object'
  ) then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  -- two people with the same file: both would make the customers
  perform crm.lock_imports(p_store);
  v_job := crm.import_job_of(v_caller, p_import, p_kind, p_options);
  v_job.is_preview := p_is_preview;
  begin
    return coalesce(crm.take_import_rows(v_job, p_rows), '[]');
  exception
    when serialization_failure or deadlock_detected or lock_not_available or query_canceled then
      raise sqlstate 'PT503' using message = 'busy';
    when others then
      raise log 'import batch goes row by row: % %', sqlstate, sqlerrm;
  end;
  for v_row in select value from jsonb_array_elements(p_rows) loop
    v_answers := v_answers || jsonb_build_array(crm.take_import_row(v_job, v_row));
  end loop;
  return v_answers;
end $$;

create or replace function crm.take_import_row(p_job crm.import_job, p_row jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  return crm.take_import_rows(p_job, jsonb_build_array(p_row)) -> 0;
exception
  when serialization_failure or deadlock_detected or lock_not_available or query_canceled then
    raise sqlstate 'PT503' using message = 'busy';
  when check_violation
    or numeric_value_out_of_range
    or invalid_text_representation
    or string_data_right_truncation
  then
    return jsonb_build_object(
      'row', p_row -> 'row',
      'status', 'refused',
      'errors', '[{"field": "row", "code": "invalid"}]'::jsonb
    );
  when others then
    raise log 'import row failed: % %', sqlstate, sqlerrm;
    return jsonb_build_object(
      'row', p_row -> 'row',
      'status', 'refused',
      'errors', '[{"field": "row", "code": "unexpected"}]'::jsonb
    );
end $$;
comment on function crm.take_import_row is
  'A row of a batch that failed, by itself: taken, or refused with its own answer.';

-- The import of that id: begun now, or by an earlier batch of the same list.
create or replace function crm.register_import(
  p_caller crm.caller, p_import uuid, p_kind text, p_file text, p_options jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_import crm.imports;
begin
  insert into crm.imports (store_id, id, kind, file_name, options, author_id)
  values (p_caller.store_id, p_import, p_kind, p_file, p_options, p_caller.user_id)
  on conflict (store_id, id) do nothing;
  if found then
    perform crm.record_audit_event(
      p_caller,
      'imported',
      p_import,
      jsonb_build_object('kind', p_kind, 'file_name', p_file)
    );
  end if;
  select * into v_import
  from crm.imports import
  where import.store_id = p_caller.store_id and import.id = p_import;
  if v_import.reverted_at is not null then
    raise sqlstate 'PT409' using message = 'import_reverted';
  end if;
  if (
    v_import.author_id, v_import.kind, v_import.file_name, v_import.options
  ) is distinct from (p_caller.user_id, p_kind, p_file, p_options) then
    -- another's import, or another list under its id
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
end $$;

create or replace function crm.count_import(p_store uuid, p_import uuid, p_answers jsonb)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.imports import
  set
    created = import.created + counted.created,
    updated = import.updated + counted.updated,
    unchanged = import.unchanged + counted.unchanged,
    refused = import.refused + counted.refused,
    updated_at = now()
  from (
    select
      count(*) filter (where answer ->> 'status' = 'created') as created,
      count(*) filter (where answer ->> 'status' = 'updated') as updated,
      count(*) filter (where answer ->> 'status' = 'unchanged') as unchanged,
      count(*) filter (where answer ->> 'status' = 'refused') as refused
    from jsonb_array_elements(p_answers) answer
  ) counted
  where import.store_id = p_store and import.id = p_import;
end $$;

create or replace function crm.commit_import(
  p_store uuid, p_import uuid, p_kind text, p_file text, p_options jsonb, p_rows jsonb
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'import_rows');
  v_answers jsonb;
begin
  if p_import is null
    or coalesce(p_kind, '') not in ('customers', 'policies', 'deals')
    or coalesce(p_file, '') = ''
    or jsonb_typeof(p_options) is distinct from 'object'
  then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  -- Before it is asked whether the import was reverted: a revert at the same moment would miss
  -- these rows.
  perform crm.lock_imports(p_store);
  perform crm.register_import(v_caller, p_import, p_kind, left(p_file, 200), p_options);
  perform crm.begin_origin('import', p_import);  -- history tells later what this import did
  perform crm.refresh_row_estimates();
  v_answers := crm.apply_import_rows(p_store, p_import, p_kind, p_options, p_rows, false);
  perform crm.end_origin();
  perform crm.count_import(p_store, p_import, v_answers);
  return v_answers;
end $$;
comment on function crm.commit_import is
  'At most 500 prepared rows; each is taken whole or refused with its problems. The same row '
  'again changes nothing (S-02).';

create or replace function crm.preview_import(
  p_store uuid, p_kind text, p_options jsonb, p_rows jsonb
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  answers jsonb;
begin
  begin
    answers := crm.apply_import_rows(
      p_store, gen_random_uuid(), p_kind, p_options, p_rows, true
    );
    raise sqlstate 'PREVW' using message = answers::text;
  exception
    when sqlstate 'PREVW' then
      answers := sqlerrm::jsonb;  -- everything it did is undone; what it would do is known
  end;
  return answers;
end $$;
comment on function crm.preview_import is
  'What commit_import would answer, by the very same code; nothing stays.';

create or replace function crm.save_import_mapping(
  p_store uuid, p_kind text, p_name text, p_mapping jsonb
) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'import_rows');
begin
  if p_kind is null
    or jsonb_typeof(p_mapping) is distinct from 'object'
    or length(coalesce(p_name, '')) not between 1 and 80
    or pg_column_size(p_mapping) > 65000
  then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  insert into crm.import_mappings (store_id, kind, name, mapping, author_id)
  values (p_store, left(p_kind, 40), p_name, p_mapping, c.user_id)
  on conflict (store_id, kind, name) do update set mapping = excluded.mapping,
    author_id = excluded.author_id,
    updated_at = now();
end $$;

create or replace view api.imports as
  select
    i.store_id,
    i.id,
    i.kind,
    i.file_name,
    i.options,
    i.author_id,
    m.name as author_name,
    i.created,
    i.updated,
    i.unchanged,
    i.refused,
    i.created_at,
    i.updated_at,
    i.reverted_at,
    i.kept
  from crm.imports i
  left join crm.members m on m.store_id = i.store_id and m.user_id = i.author_id
  where crm.has_permission(i.store_id, 'import_rows');

create or replace view api.import_mappings as
  select i.store_id, i.kind, i.name, i.mapping, i.updated_at
  from crm.import_mappings i
  where crm.has_permission(i.store_id, 'import_rows');
alter view api.imports owner to api_owner;
alter view api.import_mappings owner to api_owner;
grant select on api.imports, api.import_mappings to authenticated;

alter function crm.commit_import(uuid, uuid, text, text, jsonb, jsonb) owner to api_owner;
alter function crm.preview_import(uuid, text, jsonb, jsonb) owner to api_owner;
alter function crm.save_import_mapping(uuid, text, text, jsonb) owner to api_owner;

create or replace function api.commit_import(
  store_id uuid, import_id uuid, kind text, file_name text, options jsonb, rows jsonb
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.commit_import(store_id, import_id, kind, file_name, options, rows); end;

create or replace function api.preview_import(
  store_id uuid, kind text, options jsonb, rows jsonb
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.preview_import(store_id, kind, options, rows); end;

create or replace function api.save_import_mapping(
  store_id uuid, kind text, name text, mapping jsonb
) returns void
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.save_import_mapping(store_id, kind, name, mapping); end;
grant execute on function
  crm.lock_imports(uuid),
  crm.new_id(),
  crm.refresh_row_estimates(),
  crm.person_title(text),
  crm.is_same_person(text, text, text, text),
  crm.surviving_customer(uuid, uuid),
  crm.import_job_of(crm.caller, uuid, text, jsonb),
  crm.import_row_forms(jsonb),
  crm.read_import_rows(jsonb),
  crm.customers_by_key(crm.import_job, crm.import_row[]),
  crm.people_of_rows(crm.import_job, crm.import_row[]),
  crm.find_imported_customers(crm.import_job, crm.import_row[]),
  crm.vehicles_of_rows(crm.import_job, crm.import_row[]),
  crm.find_imported_vehicles(crm.import_job, crm.import_row[]),
  crm.agrees_with(uuid, uuid, jsonb),
  crm.is_another_person(uuid, uuid, jsonb),
  crm.policies_of_rows(crm.import_job, crm.import_row[]),
  crm.find_imported_policies(crm.import_job, crm.import_row[]),
  crm.imported_field_errors(uuid, crm.forms, crm.caller_access, jsonb, uuid),
  crm.without_withdrawn_wish(jsonb),
  crm.check_imported(crm.import_job, crm.import_row[]),
  crm.imported_record(uuid, text, uuid),
  crm.import_link_errors(crm.import_job, crm.import_row),
  crm.is_member(uuid, text),
  crm.is_active_member(uuid, text),
  crm.join_imported(crm.import_job, crm.import_row[]),
  crm.import_group(crm.import_row, text),
  crm.number_imported(crm.import_row[]),
  crm.imported_records(crm.import_row[], text, bool),
  crm.insert_imported_customers(crm.import_job, crm.import_row[]),
  crm.insert_imported(crm.import_job, text, crm.import_row[]),
  crm.insert_imported_deals(crm.import_job, crm.import_row[]),
  crm.imported_differences(crm.import_job, text, crm.import_row[]),
  crm.kept_assignments(crm.import_job, crm.import_row[]),
  crm.member_called(uuid, uuid),
  crm.patch_imported(crm.import_job, text, jsonb),
  crm.give_imported_renewal_owner(crm.import_job, crm.import_row[]),
  crm.move_imported_deals(crm.import_job, crm.import_row[]),
  crm.remember_imported(crm.import_job, crm.import_row[]),
  crm.import_row_records(crm.import_row[]),
  crm.told_differences(crm.import_job, crm.import_row[], jsonb),
  crm.import_answers(crm.import_job, crm.import_row[], crm.import_row[], uuid[], jsonb),
  crm.take_import_rows(crm.import_job, jsonb),
  crm.check_import_options(uuid, text, jsonb),
  crm.check_import_ways(jsonb),
  crm.take_import_row(crm.import_job, jsonb),
  crm.register_import(crm.caller, uuid, text, text, jsonb),
  crm.count_import(uuid, uuid, jsonb),
  crm.apply_import_rows(uuid, uuid, text, jsonb, jsonb, bool)
to api_owner;
grant execute on function
  crm.commit_import(uuid, uuid, text, text, jsonb, jsonb),
  crm.preview_import(uuid, text, jsonb, jsonb),
  crm.save_import_mapping(uuid, text, text, jsonb),
  api.commit_import(uuid, uuid, text, text, jsonb, jsonb),
  api.preview_import(uuid, text, jsonb, jsonb),
  api.save_import_mapping(uuid, text, text, jsonb)
to authenticated;
