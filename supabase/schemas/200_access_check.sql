-- The proof of a store's rights: every endpoint is asked, as every role, for every value the role
-- may not see (first 4, S-55).

create policy select_all on crm.endpoints for select to api_owner
  using (name is not null);
grant select on crm.endpoints to api_owner;

insert into crm.endpoints (name, function, call, by_value)
values
  ('today', 'today', 'today({store})', false),
  ('customer_brief', 'customer_brief', 'customer_brief({store}, {customer})', false),
  ('customers listed', 'search_customers', 'search_customers({store}, '''')', false),
  ('customers found', 'search_customers', 'search_customers({store}, {value})', true),
  (
    'customers filtered',
    'find_customers',
    $q$find_customers(
      {store},
      jsonb_build_array(jsonb_build_object('key', {key}, 'op', 'eq', 'value', {json}))
    )$q$,
    true
  ),
  ('customers sorted', 'find_customers', 'find_customers({store}, ''[]'', {key})', true),
  ('duplicates by phone', 'find_duplicates', 'find_duplicates({store}, {value}, null)', true),
  ('duplicates by plate', 'find_duplicates', 'find_duplicates({store}, null, {value})', true),
  ('funnel_report', 'funnel_report', 'funnel_report({store})', false),
  ('pending_approvals', 'pending_approvals', 'pending_approvals({store})', false),
  (
    'a conflict',
    'sync_push',
    $q$sync_push(
      {id},
      jsonb_build_array(
        jsonb_build_object(
          'op_id', {id},
          'seq', 1,
          'verb', 'save_customer',
          'base_version', 0,
          'payload', jsonb_build_object(
            'store_id', {store},
            'id', {customer},
            'set', jsonb_build_object('name', 'x', 'need', 'x')
          )
        )
      )
    )$q$,
    false
  ),
  (
    'an import',
    'preview_import',
    $q$preview_import(
      {store},
      'customers',
      '{"pool": "market", "level": "near", "source": "walk_in"}',
      jsonb_build_array(
        jsonb_build_object(
          'row', 1,
          'key', 'k',
          'customer', jsonb_build_object('name', 'x', 'phone', {value})
        )
      )
    )$q$,
    true
  );

-- it tells of fields, never of values
insert into crm.endpoints (name, function, call, on_demand)
values
  -- whole books, through the views that are asked themselves
  ('sync_pull', 'sync_pull', 'sync_pull({store})', true),
  ('rights', 'effective_access', 'effective_access({store}, {member}, {customer})', true);
insert into crm.endpoints (name, function, skip_reason)
values
  ('accept_invitation', 'accept_invitation', 'answers a store id'),
  ('invite_member', 'invite_member', 'answers a code'),
  ('save_config_draft', 'save_config_draft', 'answers a time'),
  ('check_config', 'check_config', 'for who may see the whole document'),
  ('publish_config', 'publish_config', 'answers a number'),
  ('restore_config', 'restore_config', 'answers a number'),
  ('commit_import', 'commit_import', 'answers as preview_import does'),
  ('save_import_mapping', 'save_import_mapping', 'answers nothing'),
  (
    'check_access',
    'check_access',
    'names fields, never values; for who may see the whole document'
  );

-- Marked values. A number n stands in each, so that an answer tells which were in it; no phone, day
-- or amount of this world looks so.
create or replace function crm.canary_value(p_type text, p_n int) returns jsonb
  language sql immutable set search_path = '' as $$
  select case
    when p_type in ('number', 'money') then to_jsonb(10075310000 + p_n)
    when p_type = 'phone' then to_jsonb('1007531' || lpad(p_n::text, 4, '0'))
    when p_type = 'date' then to_jsonb(date '1800-01-01' + p_n)
    when p_type = 'time' then '"03:07"'
    -- false: a marked customer who may not be called would stand in no list of calls
    when p_type = 'bool' then 'false'
    when p_type = 'plate' then to_jsonb('CNRY' || lpad(p_n::text, 4, '0'))
    when p_type = 'multi' then jsonb_build_array('cnry' || lpad(p_n::text, 4, '0'))
    else to_jsonb('cnry' || lpad(p_n::text, 4, '0'))
  end
$$;

-- Words are cut out, ten times as fast as matched; a number may stand by chance in an id, so what
-- is before it counts too.
create or replace function crm.canaries_in(p_answer text) returns int[]
  language sql immutable set search_path = '' as $$
  select coalesce(array_agg(distinct n), '{}')
  from (
    select left(x, 4)::int as n
    from string_to_table(lower(p_answer), 'cnry') with ordinality w (x, ordinal)
    where ordinal > 1 and left(x, 5) ~ '^\d{4}([^0-9a-f-]|$)'
    union all
    select coalesce(m[1]::int, m[2]::date - date '1800-01-01')
    from regexp_matches(
      p_answer,
      '(?<![0-9a-f-])1007531(\d{4})(?![0-9a-f-])|(18[0-2]\d-[01]\d-[0-3]\d)',
      'g'
    ) m
  ) found
$$;

create or replace function crm.canary_patch(
  p_form text, p_fields crm.canary_field[], p_offset int, p_level text, p_model_year int
) returns jsonb
  language sql immutable set search_path = '' as $$
  with marked as (
    select
      item.key,
      item.base,
      case
        when item.base and item.type = 'level' then to_jsonb(p_level)
        when item.base and item.key = 'model_year' then to_jsonb(p_model_year)
        else crm.canary_value(item.type, item.n + p_offset)
      end as value
    from unnest(p_fields) item
    where item.form = p_form and item.type <> 'formula'
  )
  select coalesce(jsonb_object_agg(key, value) filter (where base), '{}')
    || jsonb_build_object(
      'custom', coalesce(jsonb_object_agg(key, value) filter (where not base), '{}')
    )
  from marked
$$;
comment on function crm.canary_patch is 'Every field of a form with its mark; p_offset: which set.';

create or replace function crm.canary_links(
  p_form text, p_store uuid, p_owner uuid, p_customer uuid, p_level text
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object('store_id', p_store)
    || case p_form
      when 'customer' then jsonb_build_object('id', p_customer, 'owner_id', p_owner)
      else jsonb_build_object('id', gen_random_uuid(), 'customer_id', p_customer)
    end
    || case p_form
      when 'deal' then
        (
          select jsonb_build_object(
            'owner_id', p_owner, 'pipeline', stage.pipeline, 'stage', stage.key
          )
          from crm.stages stage
          where stage.store_id = p_store and not stage.retired
          order by stage.type = 'open' desc, stage.position
          limit 1
        )
      when 'conversation' then
        (
          select jsonb_build_object(
            'author_id', p_owner,
            'method', 'call',
            'outcome', outcome.key,
            'reached', true,
            'level_after', p_level,
            'occurred_at', now()
          )
          from crm.outcomes outcome
          where outcome.store_id = p_store
          order by outcome.retired, outcome.position
          limit 1
        )
      else '{}'
    end;
end $$;
comment on function crm.canary_links is
  'The columns of a marked record that are no fields; null where the store''s lists allow none.';

create or replace function crm.insert_canaries(
  p_store uuid,
  p_owner uuid,
  p_customer uuid,
  p_fields crm.canary_field[],
  p_offset int,
  p_twice bool
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_form crm.form_tables;
  v_level text := (
    select level.key
    from crm.levels level
    where level.store_id = p_store and not level.retired
    order by level.position
    limit 1
  );
  v_row jsonb;
  v_columns text;
begin
  for v_form in
    select *
    from crm.form_tables form_table
    order by form_table.form <> 'customer', form_table.form
  loop
    v_row := crm.canary_links(v_form.form, p_store, p_owner, p_customer, v_level)
      || crm.canary_patch(v_form.form, p_fields, p_offset, v_level, 2000);
    continue when v_row is null;
    select string_agg(format('%I', key), ', ') into v_columns from jsonb_object_keys(v_row) key;
    execute format(
      $q$
      insert into crm.%1$I (%2$s)
      select %2$s from jsonb_populate_record(null::crm.%1$I, $1)
      $q$,
      v_form.relation,
      v_columns
    ) using v_row;
    if p_twice then
      v_row := crm.canary_patch(v_form.form, p_fields, p_offset + 2000, v_level, 2001)
        || jsonb_build_object('id', v_row -> 'id');
      select string_agg(format('%1$I = r.%1$I', key), ', ') into v_columns
      from jsonb_object_keys(v_row - 'id') key;
      execute format(
        $q$
        update crm.%1$I t
        set %2$s
        from jsonb_populate_record(null::crm.%1$I, $1) r
        where t.store_id = $2 and t.id = r.id
        $q$,
        v_form.relation,
        v_columns
      ) using v_row, p_store;
    end if;
  end loop;
end $$;
comment on function crm.insert_canaries is
  'One record of every form with a marked value in every field; p_twice: then another in its '
  'place, so that history holds both.';

-- Asking ------------------------------------------------------------------------------------------

create or replace function crm.query_text(p_call text) returns text
  language sql immutable set search_path = '' as $$
  select 'select coalesce(jsonb_agg(to_jsonb(q)), ''[]'') from (select * from '
    || p_call
    || ' limit 200) q'
$$;

-- Prepares a call under the session's name proof_<n> and answers how to ask it: planned for every
-- role again, a call costs twice its answer.
create or replace function crm.prepare_query(p_n int, p_call text) returns text
  language plpgsql volatile set search_path = '' as $$
declare
  v_name text := 'proof_' || p_n;
begin
  if exists (select from pg_catalog.pg_prepared_statements where name = v_name) then
    execute format('deallocate %I', v_name);  -- an earlier proof's
  end if;
  execute format('prepare %I as %s', v_name, crm.query_text(p_call));
  return format('execute %I', v_name);
exception
  when others then
    -- what cannot be planned fails when it is asked, and is told there
    return crm.query_text(p_call);
end $$;

-- The answer of a query as text, a json array; of one that is refused, all that the refusal says.
-- What it wrote does not stay.
create or replace function crm.query_result(p_query text) returns text
  language plpgsql volatile set search_path = '' as $$
declare
  v_answer text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  execute p_query into v_answer;
  raise sqlstate 'GIVEN' using message = v_answer;
exception
  when sqlstate 'GIVEN' then
    return v_answer;
  when others then
    get stacked diagnostics v_message = message_text,
      v_detail = pg_exception_detail,
      v_hint = pg_exception_hint;
    return case when sqlstate like 'PT%' then 'refused ' else 'failed ' end
      || sqlstate
      || concat_ws(' ', '', v_message, v_detail, v_hint);
end $$;

create or replace function crm.probe_query(p_call text, p_field crm.canary_field, p_n int)
  returns text
  language sql immutable set search_path = '' as $$
  select replace(
    replace(
      replace(p_call, '{key}', quote_literal(p_field.key)),
      '{json}',
      quote_literal(crm.canary_value(p_field.type, p_n)) || '::jsonb'
    ),
    '{value}',
    quote_literal(crm.canary_value(p_field.type, p_n) #>> '{}')
  )
$$;

-- What an answer gives away: marks of p_forbidden in it; a call that fails may do so only for whom
-- it would have shown something.
create or replace function crm.leaked_canaries(
  p_answer text,
  p_fields crm.canary_field[],
  p_forbidden int[]
) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(distinct jsonb_build_object('form', k.form, 'key', k.key, 'how', 'shown')),
    '[]'
  )
    || case
      when p_answer like 'failed %' then
        jsonb_build_object('how', 'failed', 'code', substr(p_answer, 8, 5))
      else '[]'
    end
  from (select unnest(crm.canaries_in(p_answer)) intersect select unnest(p_forbidden)) i (n)
  join unnest(p_fields) k on k.n = i.n % 2000
$$;

-- The questions -----------------------------------------------------------------------------------

-- p_whole: everything; else what publishing waits for: the views of records and the functions that
-- answer without being asked by value, as a guesser would.
create or replace function crm.view_queries(
  p_store uuid, p_mine uuid, p_theirs uuid, p_whole bool
) returns crm.access_check_query[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select (
      class.relname,
      form_table.form,
      false,
      format(
        'api.%I z where '
        || case
          when form_table.form = 'customer' then 'z.store_id = %2$L and z.id in (%3$L, %4$L)'
          when b.by_customer then 'z.store_id = %2$L and z.customer_id in (%3$L, %4$L)'
          when class.relname = 'stores' then 'z.id = %2$L'
          else 'z.store_id = %2$L'
        end,
        class.relname,
        p_store,
        p_mine,
        p_theirs
      )
    )::crm.access_check_query
    from pg_catalog.pg_class class
    left join crm.form_tables form_table on form_table.relation = class.relname
    cross join lateral (
      select exists (
        select
        from pg_catalog.pg_attribute attribute
        where attribute.attrelid = class.oid and attribute.attname = 'customer_id'
      ) as by_customer
    ) b
    where class.relnamespace = 'api'::regnamespace
      and class.relkind in ('v', 'r', 'm', 'f', 'p')
      and (p_whole or form_table.form is not null or b.by_customer)
    order by class.relname
  );
end $$;

create or replace function crm.endpoint_call(
  p_call text, p_store uuid, p_customer uuid, p_member uuid, p_pool text
) returns text
  language plpgsql volatile set search_path = '' as $$
begin
  p_call := replace(p_call, '{store}', quote_literal(p_store));
  p_call := replace(p_call, '{customer}', quote_literal(p_customer));
  p_call := replace(p_call, '{member}', quote_literal(p_member));
  p_call := replace(p_call, '{pool}', quote_nullable(p_pool));
  return 'api.' || replace(p_call, '{id}', quote_literal(gen_random_uuid()));
end $$;

create or replace function crm.function_queries(
  p_store uuid, p_customer uuid, p_member uuid, p_pool text, p_whole bool
) returns crm.access_check_query[]
  language plpgsql volatile set search_path = '' as $$
begin
  return array(
    -- a function that is not in crm.endpoints has nothing to be asked by
    select (
      coalesce(e.name, '?'),
      null,
      e.by_value,
      crm.endpoint_call(e.call, p_store, p_customer, p_member, p_pool)
    )::crm.access_check_query
    from pg_catalog.pg_proc p
    left join crm.endpoints e on e.function = p.proname
    where p.pronamespace = 'api'::regnamespace
      and (e.name is null or e.call is not null and (p_whole or not e.by_value and not e.on_demand))
    order by p.proname, e.name
  );
end $$;

-- The answers -------------------------------------------------------------------------------------

create or replace function crm.restricted_fields(
  p_role crm.roles, p_fields crm.canary_field[]
) returns crm.canary_field[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select k
    from unnest(p_fields) k
    left join crm.access a
      on a.store_id = p_role.store_id and a.role = p_role.key and a.form = k.form
    where k.key <> all (coalesce(a.readable, '{}'))
  );
end $$;
comment on function crm.restricted_fields is 'The fields out of a role''s reach.';

create or replace function crm.forbidden_canaries(
  p_role crm.roles, p_fields crm.canary_field[], p_restricted crm.canary_field[]
) returns int[]
  language plpgsql immutable set search_path = '' as $$
begin
  return array(
    select k.n + o
    from unnest(p_restricted) k
    cross join unnest(array[0, 2000, 4000, 6000, 8000]) o
  )
    || case
      when p_role.scope in ('own', 'team') then
        array(select k.n + o from unnest(p_fields) k cross join unnest(array[4000, 6000]) o)
    end;
end $$;
comment on function crm.forbidden_canaries is
  'The marks that must not show: of fields out of reach, in both sets; and of a colleague whose '
  'rows are out of reach, all.';

create or replace function crm.leaks_by_value(
  p_call text,
  p_fields crm.canary_field[],
  p_restricted crm.canary_field[],
  p_forbidden int[],
  out asked int,
  out leaks jsonb
)
  language plpgsql volatile set search_path = '' as $$
declare
  v_field crm.canary_field;
  v_answer text;
begin
  asked := 0;
  leaks := '[]';
  for v_field in
    select *
    from unnest(p_restricted) item
    where item.type not in ('bool', 'time', 'level', 'formula')
  loop
    v_answer := crm.query_result(
      crm.query_text(crm.probe_query(p_call, v_field, v_field.n + 2000))
    );
    asked := asked + 1;
    -- must be answered like a value that is nowhere
    if v_answer <> crm.query_result(crm.query_text(crm.probe_query(p_call, v_field, 9999))) then
      leaks := leaks
        || jsonb_build_object('form', v_field.form, 'key', v_field.key, 'how', 'found');
    end if;
    leaks := leaks || crm.leaked_canaries(v_answer, p_fields, p_forbidden);
  end loop;
end $$;

create or replace function crm.named_leaks(
  p_answer text, p_form text, p_role crm.roles, p_restricted crm.canary_field[]
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_shown text[];
begin
  if p_form is null or p_answer not like '[%' then
    return '[]';
  end if;
  v_shown := array(
    select distinct jsonb_object_keys(jsonb_strip_nulls((item - 'custom') || (item -> 'custom')))
    from jsonb_array_elements(p_answer::jsonb) item
  );
  return (
    select coalesce(
      jsonb_agg(jsonb_build_object('form', item.form, 'key', item.key, 'how', 'named')),
      '[]'
    )
    from unnest(p_restricted) item
    left join crm.access access
      on access.store_id = p_role.store_id and access.role = p_role.key and access.form = item.form
    where item.form = p_form
      and item.key = any (v_shown)
      and item.key <> all (coalesce(access.masked, '{}'))
  );
end $$;
comment on function crm.named_leaks is
  'A field without a mark (yes or no, a level) gives itself away by its key.';

create or replace function crm.role_cells(
  p_role crm.roles, p_fields crm.canary_field[], p_queries crm.access_check_query[]
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_restricted crm.canary_field[] := crm.restricted_fields(p_role, p_fields);
  v_forbidden int[] := crm.forbidden_canaries(p_role, p_fields, v_restricted);
  v_query crm.access_check_query;
  v_answer text;
  v_asked int;
  v_leaks jsonb;
  v_cells jsonb := '[]';
begin
  foreach v_query in array p_queries loop
    if v_query.asked is null then
      v_asked := 0;
      v_leaks := '[{"how": "not_asked"}]';
    elsif v_query.by_value then
      select l.asked, l.leaks into v_asked, v_leaks
      from crm.leaks_by_value(v_query.asked, p_fields, v_restricted, v_forbidden) l;
    else
      v_answer := crm.query_result(v_query.asked);
      v_asked := cardinality(v_restricted);
      v_leaks := crm.leaked_canaries(v_answer, p_fields, v_forbidden)
        || crm.named_leaks(v_answer, v_query.form, p_role, v_restricted);
    end if;
    v_cells := v_cells
      || jsonb_build_object(
        'role', p_role.key, 'endpoint', v_query.endpoint, 'asked', v_asked, 'leaks', v_leaks
      );
  end loop;
  return v_cells;
end $$;

-- The prober --------------------------------------------------------------------------------------

create or replace function crm.prober_becomes(p_role crm.roles, p_prober uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.members m
  set role = p_role.key
  where m.store_id = p_role.store_id and m.user_id = p_prober;
  -- a role of the group counts for people on its list; else the prober would be asked with no
  -- rights at all
  delete
  from crm.group_members g
  where g.user_id = p_prober;
  if p_role.scope = 'group' then
    insert into crm.group_members (group_id, user_id, role, name)
    select s.group_id, p_prober, p_role.key, 'proof'
    from crm.stores s
    where s.id = p_role.store_id;
  end if;
end $$;

create or replace function crm.insert_canary_world(
  p_store uuid,
  p_prober uuid,
  p_mine uuid,
  p_theirs uuid,
  p_pool text,
  p_fields crm.canary_field[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_colleague uuid := gen_random_uuid();
  v_nobodys uuid := gen_random_uuid();
  v_first_role text;
begin
  select role.key into v_first_role
  from crm.roles role
  where role.store_id = p_store and not role.retired
  order by role.position
  limit 1;
  insert into crm.members (store_id, user_id, role, name)
  values
    (p_store, p_prober, v_first_role, 'proof'),
    (p_store, v_colleague, v_first_role, 'proof');
  perform crm.insert_canaries(p_store, p_prober, p_mine, p_fields, 0, true);
  perform crm.insert_canaries(p_store, v_colleague, p_theirs, p_fields, 4000, true);
  -- one without an owner, whose policy runs out: the lists of such show it past the row rules, so
  -- of its fields only those out of reach are forbidden
  perform crm.insert_canaries(p_store, v_colleague, v_nobodys, p_fields, 8000, false);
  update crm.customers customer
  set owner_id = null, pool = p_pool
  where customer.store_id = p_store and customer.id = v_nobodys;
  update crm.policies policy
  set expires_on = current_date
  where policy.store_id = p_store and policy.customer_id = v_nobodys;
end $$;
comment on function crm.insert_canary_world is
  'The prober and a colleague, with marked records of each and of nobody.';

-- p_roles null: all.
create or replace function crm.run_access_check(p_store uuid, p_roles text[], p_whole bool)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_prober uuid := gen_random_uuid();
  v_mine uuid := gen_random_uuid();
  v_theirs uuid := gen_random_uuid();
  v_pool text := (
    select pool.key
    from crm.pools pool
    where pool.store_id = p_store and not pool.retired
    order by pool.claims_per_day > 0 desc, pool.position
    limit 1
  );
  v_fields crm.canary_field[] := array(
    select (
      row_number() over (order by field.form, field.key),
      field.form, field.key, field.type, field.is_base
    )::crm.canary_field
    from crm.fields field
    where field.store_id = p_store
    limit 1998
  );
  v_queries crm.access_check_query[] := crm.view_queries(p_store, v_mine, v_theirs, p_whole)
    || crm.function_queries(p_store, v_mine, v_prober, v_pool, p_whole);
  v_role crm.roles;
  v_cells jsonb := '[]';
  v_claims text := current_setting('request.jwt.claims', true);
begin
  begin
    perform crm.insert_canary_world(p_store, v_prober, v_mine, v_theirs, v_pool, v_fields);
    for n in 1 .. cardinality(v_queries) loop
      if not v_queries[n].by_value then
        v_queries[n].asked := crm.prepare_query(n, v_queries[n].asked);
      end if;
    end loop;
    perform set_config(
      'request.jwt.claims',
      jsonb_build_object('sub', v_prober, 'role', 'authenticated')::text,
      true
    );
    for v_role in
      select *
      from crm.roles role
      where role.store_id = p_store
        and not role.retired
        and (p_roles is null or role.key = any (p_roles))
      order by role.position
    loop
      perform crm.prober_becomes(v_role, v_prober);
      v_cells := v_cells || crm.role_cells(v_role, v_fields, v_queries);
    end loop;
    raise sqlstate 'GIVEN';  -- up: nothing of it stays
  exception
    when sqlstate 'GIVEN' then
      null;
  end;
  perform set_config('request.jwt.claims', coalesce(v_claims, ''), true);
  return v_cells;
end $$;
comment on function crm.run_access_check is
  'Puts a prober of each role before records whose every value is marked, asks every view of api '
  'and every function as crm.endpoints says, and looks for marks they may not see; nothing it '
  'writes stays. Answers cells {role, endpoint, asked, leaks: [{form, key, how: shown, named, '
  'found, '
  'not_asked, failed}]}.';

-- Publishing waits for it -------------------------------------------------------------------------

create policy select_member on crm.access_checks for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.access_checks to api_owner;

create or replace function crm.code_fingerprint() returns text
  language sql stable set search_path = '' as $$
  select md5(
    concat(
      (
        select string_agg(
          concat_ws(' ', class.relname, class.relowner, r.ev_action), E'\n' order by class.oid
        )
        from pg_catalog.pg_class class
        join pg_catalog.pg_rewrite r on r.ev_class = class.oid
        where class.relnamespace in ('api'::regnamespace, 'crm'::regnamespace)
      ),
      (
        select string_agg(
          concat_ws(' ', proc.proname, proc.proowner, proc.prosecdef, proc.prosrc, proc.prosqlbody),
          E'\n'
          order by proc.oid
        )
        from pg_catalog.pg_proc proc
        where proc.pronamespace in ('api'::regnamespace, 'crm'::regnamespace)
      ),
      (
        select string_agg(
          concat_ws(' ', policy.polname, policy.polrelid, policy.polqual, policy.polwithcheck),
          E'\n' order by policy.oid
        )
        from pg_catalog.pg_policy policy
      ),
      (
        select string_agg(
          concat_ws(' ', endpoint.name, endpoint.call, endpoint.skip_reason),
          E'\n' order by endpoint.name
        )
        from crm.endpoints endpoint
      )
    )
  )
$$;

create or replace function crm.unchecked_roles(p_store uuid) returns crm.access_checks[]
  language plpgsql stable set search_path = '' as $$
declare
  v_code text := crm.code_fingerprint();
begin
  -- roles that differ by name alone are one question; of the fields those it is shown: what it is
  -- not shown is shut by the code, whatever it is called
  return array(
    select x.found
    from (
      select (
        p_store,
        role.key,
        md5(concat_ws(E'\n', v_code, role.scope, role.pools, role.verbs, a.rights)),
        now()
      )::crm.access_checks as found
      from crm.roles role
      cross join lateral (
        select string_agg(
          concat_ws(
            ' ', field.form, field.key, field.type, field.mask, field.key = any (access.masked)
          ),
          E'\n'
          order by field.form, field.key
        ) as rights
        from crm.access access
        join crm.fields field
          on field.store_id = p_store
            and field.form = access.form
            and field.key = any (access.readable || access.masked)
        where access.store_id = p_store and access.role = role.key
      ) a
      where role.store_id = p_store and not role.retired
    ) x
    where not exists (
      select from crm.access_checks access_check
      where access_check.store_id = p_store
        and access_check.role = (x.found).role
        and access_check.fingerprint = (x.found).fingerprint
    )
  );
end $$;
comment on function crm.unchecked_roles is
  'The roles whose rights, under this code, no check has asked yet.';

create or replace function crm.require_access_check(p_store uuid) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_unchecked crm.access_checks[] := crm.unchecked_roles(p_store);
  v_leak jsonb;
begin
  if v_unchecked = '{}' then
    return;
  end if;
  select cell || item into v_leak
  from jsonb_array_elements(
    crm.run_access_check(
      p_store,
      array(
        select min(unchecked.role)
        from unnest(v_unchecked) unchecked
        group by unchecked.fingerprint
      ),
      false
    )
  ) cell
  cross join jsonb_array_elements(cell -> 'leaks') item
  limit 1;
  if v_leak is not null then
    raise sqlstate 'PT422' using message = 'leaks',
      detail = concat_ws(
        ' ',
        v_leak ->> 'role',
        v_leak ->> 'endpoint',
        concat_ws('.', v_leak ->> 'form', v_leak ->> 'key'),
        v_leak ->> 'how'
      );
  end if;
  insert into crm.access_checks
  select *
  from unnest(v_unchecked)
  on conflict (store_id, role) do update set fingerprint = excluded.fingerprint,
    checked_at = excluded.checked_at;
end $$;
comment on function crm.require_access_check is
  'Ends publishing with "leaks" (role, endpoint, field) when a role that is not proved yet sees '
  'what '
  'it may not.';

create or replace function crm.check_access(p_store uuid, p_roles text[]) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'publish_config');
  cells jsonb := crm.run_access_check(p_store, p_roles, true);
begin
  return jsonb_build_object(
    'version', (select s.config_version from crm.stores s where s.id = p_store),
    'cells', cells,
    'asked', (select sum((x ->> 'asked')::int) from jsonb_array_elements(cells) x),
    'leaks', (select sum(jsonb_array_length(x -> 'leaks')) from jsonb_array_elements(cells) x)
  );
end $$;
comment on function crm.check_access is
  'The proof of the published rights, for who may publish; roles null: of all (with many fields, '
  'ask role by role). Error: forbidden.';

create or replace function api.check_access(store_id uuid, roles text[] default null) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.check_access(store_id, roles); end;
grant execute on function
  crm.check_access(uuid, text[]),
  api.check_access(uuid, text[])
to authenticated;
