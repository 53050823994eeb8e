-- Publishing a document: what it does to the rows of 040_configuration, and what a caller may know
-- of it. What a document may not say stands in 046_document_errors. Belongs to the table owner:
-- configuration rows are writable by nobody else. Called by publish_config after its checks and by
-- the operator's create_store.

create or replace function crm.searchable_rows(
  p_custom jsonb,
  p_keys text[]
) returns table (key text, ordinal smallint, n float8, t text)
  language sql immutable set search_path = '' as $$
  select
    k.key,
    e.ordinal::smallint,
    case jsonb_typeof(e.x) when 'number' then e.x::float8 end,
    case when jsonb_typeof(e.x) <> 'number' then left(e.x #>> '{}', 200) end
  from unnest(p_keys) k (key)
  cross join lateral (select p_custom -> k.key as v) c
  cross join lateral jsonb_array_elements(
    case jsonb_typeof(c.v) when 'array' then c.v else jsonb_build_array(c.v) end
  ) with ordinality e (x, ordinal)
  where jsonb_typeof(e.x) in ('number', 'string', 'boolean') and e.ordinal <= 50
$$;
comment on function crm.searchable_rows is
  'A record''s rows of crm.searchable_values; no cast that could fail.';

-- What a new document does to the values that are there -------------------------------------------
--
-- p_before: the store's crm.forms before the document was applied.

create or replace function crm.own_fields(p_store uuid, p_before crm.forms[])
  returns table (form text, key text, relation text, field jsonb, was jsonb)
  language sql stable set search_path = '' as $$
  select f.form, k.key, t.relation, k.value, b.fields -> k.key
  from crm.forms f
  join crm.form_tables t on t.form = f.form
  left join unnest(p_before) b on b.form = f.form
  cross join jsonb_each(f.fields) k
  where f.store_id = p_store and not k.value ? 'base'
$$;
comment on function crm.own_fields is
  'The fields a store added to its forms, as they are now and as they were (null: new).';

create or replace function crm.convert_values(p_store uuid, p_before crm.forms[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_field record;
  v_failing int;
begin
  for v_field in
    select field.*, field.field ->> 'type' as type, field.field -> 'options' as options
    from crm.own_fields(p_store, p_before) field
    where field.was ->> 'type' <> field.field ->> 'type' and field.field ->> 'type' <> 'formula'
  loop
    execute format(
      $q$
      select count(*)
      from crm.%I t
      where t.store_id = $1
        and t.custom ? $2
        and crm.convert_value(t.custom -> $2, $3, $4) is null
      $q$,
      v_field.relation
    ) into v_failing using p_store, v_field.key, v_field.type, v_field.options;
    if v_failing > 0 then
      raise sqlstate 'PT422' using message = 'values_do_not_convert',
        detail = v_field.form || '.' || v_field.key;
    end if;
    execute format(
      $q$
      update crm.%I t
      set custom = jsonb_set(t.custom, array[$2], crm.convert_value(t.custom -> $2, $3, $4))
      where t.store_id = $1 and t.custom ? $2
      $q$,
      v_field.relation
    ) using p_store, v_field.key, v_field.type, v_field.options;
  end loop;
end $$;
comment on function crm.convert_values is
  'Converts all values of a field whose type changed, or refuses: values_do_not_convert.';

create or replace function crm.fill_unique_values(p_store uuid, p_before crm.forms[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_field record;
begin
  for v_field in
    select *
    from crm.own_fields(p_store, p_before) field
    where coalesce((field.field ->> 'unique')::bool, false)
      and not coalesce((field.was ->> 'unique')::bool, false)
  loop
    delete
    from crm.unique_values value
    where value.store_id = p_store and value.form = v_field.form and value.key = v_field.key;
    begin
      execute format(
        $q$
        insert into crm.unique_values (store_id, form, key, value, subject_id)
        select t.store_id, $3, $2, lower(t.custom ->> $2), t.id
        from crm.%I t
        where t.store_id = $1 and t.custom ? $2 and t.removed_at is null
        $q$,
        v_field.relation
      ) using p_store, v_field.key, v_field.form;
    exception
      when unique_violation then
        raise sqlstate 'PT422' using message = 'values_not_unique',
          detail = v_field.form || '.' || v_field.key;
    end;
  end loop;
end $$;
comment on function crm.fill_unique_values is
  'Registers the values of each field that became unique, or refuses: values_not_unique.';

create or replace function crm.fill_searchable_values(p_store uuid, p_before crm.forms[])
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_form record;
begin
  delete
  from crm.searchable_values value
  using crm.forms f
  where value.store_id = p_store
    and f.store_id = p_store
    and f.form = value.form
    and value.key <> all (coalesce(f.searchables, '{}'));
  for v_form in
    select
      form.form,
      form_table.relation,
      array(select unnest(form.searchables) except select unnest(item.searchables)) as fresh
    from crm.forms form
    join crm.form_tables form_table on form_table.form = form.form
    left join unnest(p_before) item on item.form = form.form
    where form.store_id = p_store and form.searchables is not null
  loop
    if v_form.fresh = '{}' then
      continue;
    end if;
    execute format(
      $q$
      insert into crm.searchable_values (store_id, form, key, subject_id, ordinal, n, t)
      select $1, $2, searchable.key, r.id, searchable.ordinal, searchable.n, searchable.t
      from crm.%I r
      cross join crm.searchable_rows(r.custom, $3) searchable
      where r.store_id = $1 and r.removed_at is null
      on conflict do nothing
      $q$,
      v_form.relation
    ) using p_store, v_form.form, v_form.fresh;
  end loop;
end $$;
comment on function crm.fill_searchable_values is
  'Drops the search rows of fields that are no longer searchable and fills those of new ones.';

create or replace function crm.recompute_formulas(p_store uuid, p_before crm.forms[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_relation text;
begin
  for v_relation in
    select t.relation
    from crm.forms form
    join crm.form_tables t on t.form = form.form
    join unnest(p_before) item on item.form = form.form
    where form.store_id = p_store
      and form.formulas is not null
      and form.formulas is distinct from item.formulas
  loop
    -- the trigger computes
    execute format(
      'update crm.%I t set custom = t.custom where t.store_id = $1',
      v_relation
    ) using p_store;
  end loop;
end $$;
comment on function crm.recompute_formulas is
  'Computes every record again of a form whose formulas changed.';

-- Applying a document, list by list ---------------------------------------------------------------

create or replace function crm.retire_missing(p_store uuid, p_table text, p_items jsonb)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  execute format(
    $q$
    update crm.%I t
    set retired = true
    where t.store_id = $1
      and not exists (select from jsonb_array_elements($2) x where x ->> 'key' = t.key)
    $q$,
    p_table
  ) using p_store, coalesce(p_items, '[]');
end $$;
comment on function crm.retire_missing is
  'Retires the rows of a list that the document no longer names. They are never deleted: records '
  'still point to them.';

create or replace function crm.apply_settings(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.stores
  set
    settings = coalesce(p_document -> 'settings', '{}')
      - array['queue', 'day_parts', 'burst', 'calendar']
    || jsonb_strip_nulls(
      jsonb_build_object(
        'queue', p_document -> 'queue',
        'day_parts', p_document -> 'day_parts',
        'burst', p_document -> 'burst',
        'calendar', p_document -> 'calendar'
      )
    ),
    time_zone = coalesce(p_document #>> '{store,time_zone}', time_zone)
  where id = p_store;
end $$;

create or replace function crm.apply_pools(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.pools (
    store_id, key, label, claims_per_day, ex_owner_days, contact_hours, position
  )
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    coalesce((x ->> 'claims_per_day')::int, 0),
    coalesce((x ->> 'ex_owner_days')::int, 30),
    coalesce((x ->> 'contact_hours')::int, 24),
    n
  from jsonb_array_elements(coalesce(p_document -> 'pools', '[]')) with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    claims_per_day = excluded.claims_per_day,
    ex_owner_days = excluded.ex_owner_days,
    contact_hours = excluded.contact_hours,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'pools', p_document -> 'pools');
end $$;

create or replace function crm.apply_roles(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.roles (store_id, key, label, scope, verbs, screens, pools, position)
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    coalesce(x ->> 'scope', 'own'),
    array(select jsonb_array_elements_text(coalesce(x -> 'verbs', '[]'))),
    array(select jsonb_array_elements_text(coalesce(x -> 'screens', '[]'))),
    array(select jsonb_array_elements_text(coalesce(x -> 'pools', '[]'))),
    n
  from jsonb_array_elements(p_document -> 'roles') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    scope = excluded.scope,
    verbs = excluded.verbs,
    screens = excluded.screens,
    pools = excluded.pools,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'roles', p_document -> 'roles');
  if exists (
    select from crm.members member
    join crm.roles role on role.store_id = member.store_id and role.key = member.role
    where member.store_id = p_store and member.active and role.retired
  ) then
    raise sqlstate 'PT422' using message = 'role_in_use';
  end if;
end $$;
comment on function crm.apply_roles is
  'The roles without their field rights. Errors: role_in_use (an active member has it).';

create or replace function crm.field_logic(p_field jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  select jsonb_strip_nulls(
    jsonb_build_object(
      'show', p_field -> 'show',
      'require', p_field -> 'require',
      'options_when', nullif(p_field -> 'options_when', '{}'),
      'formula', p_field -> 'formula',
      'decimals', case when p_field ? 'formula' then coalesce(p_field -> 'decimals', '0') end,
      'methods', nullif(p_field -> 'required_methods', '[]')
    )
  )
$$;
comment on function crm.field_logic is
  'Column crm.fields.logic of a field as the document has it.';

-- A base column keeps its type and mask, and its limits can only be narrowed.
create or replace function crm.apply_fields(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_levels jsonb := (
    select jsonb_agg(jsonb_build_object('key', item -> 'key'))
    from jsonb_array_elements(p_document -> 'levels') item
  );
begin
  insert into crm.fields (
    store_id, form, key, label, is_base, type, required, pattern, min, max, max_length, options,
    mask, is_searchable, position, is_unique, logic
  )
  select
    p_store,
    form.key,
    x ->> 'key',
    x -> 'label',
    base.key is not null,
    coalesce(base.type, x ->> 'type'),
    coalesce((x ->> 'required')::bool, false) or coalesce(base.required, false),
    x ->> 'pattern',
    greatest((x ->> 'min')::numeric, base.min),
    least((x ->> 'max')::numeric, base.max),
    -- "least" would take the base column's limit where the field has none
    case
      when x ->> 'max_length' is not null then least((x ->> 'max_length')::int, base.max_length)
    end,
    case base.type when 'level' then v_levels else x -> 'options' end,
    coalesce(base.mask, x ->> 'mask'),
    coalesce((x ->> 'searchable')::bool, false) and base.key is null,
    n,
    coalesce((x ->> 'unique')::bool, false) and base.key is null,
    crm.field_logic(x)
  from jsonb_each(p_document -> 'forms') form
  cross join jsonb_array_elements(form.value -> 'fields') with ordinality as item (x, n)
  left join crm.base_fields base on base.form = form.key and base.key = x ->> 'key'
  on conflict (store_id, form, key) do update set label = excluded.label,
    type = excluded.type,
    is_base = excluded.is_base,
    required = excluded.required,
    pattern = excluded.pattern,
    min = excluded.min,
    max = excluded.max,
    max_length = excluded.max_length,
    options = excluded.options,
    mask = excluded.mask,
    is_searchable = excluded.is_searchable,
    position = excluded.position,
    is_unique = excluded.is_unique,
    logic = excluded.logic,
    retired = false,
    retired_at = null,
    purged_at = null;
  perform crm.retire_missing_fields(p_store, p_document);
end $$;

create or replace function crm.retire_missing_fields(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.fields (store_id, form, key, label, is_base, type, mask, retired)
  select p_store, b.form, b.key, '{}', true, b.type, b.mask, true
  from crm.base_fields b
  on conflict do nothing;
  update crm.fields k
  set retired = true, retired_at = now()
  where k.store_id = p_store
    and not k.retired
    and not exists (
      select from crm.document_fields(p_document) f where f.form = k.form and f.key = k.key
    );
end $$;
comment on function crm.retire_missing_fields is
  'Retires fields the document no longer has. A base column it never mentioned gets a retired row: '
  'hidden from everyone.';

create or replace function crm.apply_field_rights(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_form text;
begin
  delete
  from crm.field_rights
  where store_id = p_store;
  insert into crm.field_rights (store_id, role, form, key, access)
  select
    p_store,
    item ->> 'key',
    field.form,
    field.key,
    item -> 'rights' -> field.form ->> field.key
  from jsonb_array_elements(p_document -> 'roles') item
  cross join crm.fields field
  where field.store_id = p_store
    and not field.retired
    and item -> 'rights' -> field.form ->> field.key <> 'hidden';
  for v_form in select distinct field.form from crm.fields field where field.store_id = p_store loop
    perform crm.compile_access(p_store, v_form);
  end loop;
end $$;

create or replace function crm.apply_pipelines(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.pipelines (store_id, key, label, position)
  select p_store, x ->> 'key', x -> 'label', n
  from jsonb_array_elements(p_document -> 'pipelines') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'pipelines', p_document -> 'pipelines');
  insert into crm.stages (
    store_id, pipeline, key, label, type, color, moves, required, checklist, position
  )
  select
    p_store,
    item ->> 'key',
    x ->> 'key',
    x -> 'label',
    x ->> 'type',
    coalesce(x ->> 'color', 'blue'),
    case
      when jsonb_typeof(x -> 'moves') = 'array' then
        array(select jsonb_array_elements_text(x -> 'moves'))
    end,
    array(select jsonb_array_elements_text(coalesce(x -> 'required', '[]'))),
    coalesce(x -> 'checklist', '[]'),
    n
  from jsonb_array_elements(p_document -> 'pipelines') item
  cross join jsonb_array_elements(item -> 'stages') with ordinality as other_item (x, n)
  on conflict (store_id, pipeline, key) do update set label = excluded.label,
    type = excluded.type,
    color = excluded.color,
    moves = excluded.moves,
    required = excluded.required,
    checklist = excluded.checklist,
    position = excluded.position,
    retired = false;
  update crm.stages stage
  set retired = true
  where stage.store_id = p_store
    and not exists (
      select from crm.document_stages(p_document) proposed
      where proposed.pipeline = stage.pipeline and proposed.key = stage.key
    );
end $$;
comment on function crm.apply_pipelines is
  'Pipelines and their stages. Deals of a stage that goes are moved or refused later '
  '(crm.apply_replacements).';

create or replace function crm.apply_levels(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.levels (
    store_id, key, label, definition, rank, cadence_days, reassign_after_days, demote_after_days,
    demote_to, pool, position
  )
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    coalesce(x -> 'definition', '{}'),
    (x ->> 'rank')::int,
    (x ->> 'cadence_days')::int,
    (x ->> 'reassign_after_days')::int,
    (x ->> 'demote_after_days')::int,
    x ->> 'demote_to',
    x ->> 'pool',
    n
  from jsonb_array_elements(p_document -> 'levels') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    definition = excluded.definition,
    rank = excluded.rank,
    cadence_days = excluded.cadence_days,
    reassign_after_days = excluded.reassign_after_days,
    demote_after_days = excluded.demote_after_days,
    demote_to = excluded.demote_to,
    pool = excluded.pool,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'levels', p_document -> 'levels');
end $$;

create or replace function crm.apply_outcomes(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.outcomes (
    store_id, key, label, methods, reached, notes_required, retry_hours, retry_max, after_last,
    effect, roles, position
  )
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    array(select jsonb_array_elements_text(x -> 'methods')),
    (x ->> 'reached')::bool,
    -- S-04: reached always needs words
    (x ->> 'reached')::bool or coalesce((x ->> 'notes_required')::bool, false),
    (x ->> 'retry_hours')::int,
    (x ->> 'retry_max')::int,
    x ->> 'after_last',
    x ->> 'effect',
    array(select jsonb_array_elements_text(coalesce(x -> 'roles', '[]'))),
    n
  from jsonb_array_elements(p_document -> 'outcomes') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    methods = excluded.methods,
    reached = excluded.reached,
    notes_required = excluded.notes_required,
    retry_hours = excluded.retry_hours,
    retry_max = excluded.retry_max,
    after_last = excluded.after_last,
    effect = excluded.effect,
    roles = excluded.roles,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'outcomes', p_document -> 'outcomes');
end $$;

create or replace function crm.apply_reasons(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.reasons (store_id, key, label, uses, parent, returns, position)
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    array(select jsonb_array_elements_text(x -> 'uses')),
    x ->> 'parent',
    coalesce((x ->> 'returns')::bool, true),
    n
  from jsonb_array_elements(p_document -> 'reasons') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    uses = excluded.uses,
    parent = excluded.parent,
    returns = excluded.returns,
    position = excluded.position,
    retired = false;
  perform crm.retire_missing(p_store, 'reasons', p_document -> 'reasons');
end $$;

-- A rule that is no longer named is switched off rather than retired.
create or replace function crm.apply_rules(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.rules (store_id, key, label, kind, days, options, active, position)
  select
    p_store,
    x ->> 'key',
    x -> 'label',
    x ->> 'kind',
    array(select jsonb_array_elements_text(coalesce(x -> 'days', '[]'))::int),
    jsonb_strip_nulls(x - array['key', 'label', 'kind', 'days', 'active']),
    coalesce((x ->> 'active')::bool, true),
    n
  from jsonb_array_elements(p_document -> 'rules') with ordinality as item (x, n)
  on conflict (store_id, key) do update set label = excluded.label,
    kind = excluded.kind,
    days = excluded.days,
    options = excluded.options,
    active = excluded.active,
    position = excluded.position;
  update crm.rules rule
  set active = false
  where rule.store_id = p_store
    and not exists (
      select from jsonb_array_elements(p_document -> 'rules') item where item ->> 'key' = rule.key
    );
end $$;

create or replace function crm.require_no_deals_in_retired_stages(p_store uuid) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if exists (
    select from crm.funnel_counts c
    join crm.stages s on s.store_id = c.store_id and s.pipeline = c.pipeline and s.key = c.stage
    where c.store_id = p_store and c.deals > 0 and s.retired
  ) then
    raise sqlstate 'PT422' using message = 'stage_in_use';
  end if;
end $$;

create or replace function crm.stage_order(p_store uuid) returns text[]
  language sql stable set search_path = '' as $$
  select array(
    select stage.pipeline || '.' || stage.key
    from crm.stages stage
    where stage.store_id = p_store and stage.type <> 'lost' and not stage.retired
    order by stage.pipeline, stage.position
  )
$$;
comment on function crm.stage_order is
  'The stages on the way of each pipeline, in order, as "pipeline.stage".';

create or replace function crm.kept_stage(
  p_store uuid, p_pipeline text, p_stage text, p_before text[]
) returns text
  language sql stable set search_path = '' as $$
  select stage.key
  from crm.stages stage
  where stage.store_id = p_store
    and stage.pipeline = p_pipeline
    and stage.type <> 'lost'
    and not stage.retired
    and (
      stage.key = p_stage
      or array_position(p_before, p_pipeline || '.' || stage.key)
        < array_position(p_before, p_pipeline || '.' || p_stage)
    )
  order by
    stage.key = p_stage desc,
    array_position(p_before, p_pipeline || '.' || stage.key) desc nulls last
  limit 1
$$;
comment on function crm.kept_stage is
  'What a stage counts as after publishing: itself, else the last one before it that is still '
  'there. p_before: crm.stage_order as it was.';

create or replace function crm.settled_furthest_stages(
  p_store uuid, p_document jsonb, p_before text[]
) returns table (pipeline text, stage text, was text, furthest text, becomes text)
  language plpgsql stable set search_path = '' as $$
declare
  v_replaced jsonb := coalesce(p_document #> '{replacements,stages}', '{}');
begin
  return query
    with place as (
      select distinct
        deal.pipeline,
        deal.stage,
        deal.furthest_stage as was,
        v_replaced ->> (deal.pipeline || '.' || deal.stage) as goes_to,
        v_replaced ->> (deal.pipeline || '.' || deal.furthest_stage) as replaced
      from crm.deals deal
      where deal.store_id = p_store
    ), settled as (
      select
        place.*,
        case
          -- the deal leaves the pipeline: the place it takes there
          when split_part(place.goes_to, '.', 1) <> place.pipeline then
            coalesce(split_part(place.replaced, '.', 2), place.was)
          else
            crm.furthest_of(
              p_store,
              place.pipeline,
              array[
                coalesce(split_part(place.goes_to, '.', 2), place.stage),
                coalesce(
                  split_part(place.replaced, '.', 2),
                  crm.kept_stage(p_store, place.pipeline, place.was, p_before)
                )
              ]
            )
        end as furthest
      from place
    )
    select
      settled.pipeline, settled.stage, settled.was, settled.furthest,
      coalesce(split_part(settled.goes_to, '.', 1), settled.pipeline) || '.' || settled.furthest
    from settled
    where settled.furthest <> settled.was;
end $$;
comment on function crm.settled_furthest_stages is
  'Deals by where they stand and how far they came, when the latter is another stage in the new '
  'document.';

create or replace function crm.settle_furthest_stages(
  p_store uuid, p_document jsonb, p_before text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_before = crm.stage_order(p_store) then
    return;
  end if;
  with changed as (
    update crm.deals deal
    set furthest_stage = settled.furthest
    from crm.settled_furthest_stages(p_store, p_document, p_before) settled
    where deal.store_id = p_store
      and deal.pipeline = settled.pipeline
      and deal.stage = settled.stage
      and deal.furthest_stage = settled.was
    returning deal.id, deal.stage_at, deal.pipeline || '.' || settled.was as was, settled.becomes
  ), followed as (
    -- what an earlier publication changed: its first stage is the one the deal reached
    update crm.replaced_records replaced
    set became = changed.becomes
    from changed
    where replaced.store_id = p_store
      and replaced.kind = 'furthest_stage'
      and replaced.subject_id = changed.id
      and replaced.became = changed.was
      and changed.stage_at <= replaced.moved_at
  )
  insert into crm.replaced_records (store_id, kind, relation, subject_id, was, became)
  select p_store, 'furthest_stage', 'deals', changed.id, changed.was, changed.becomes
  from changed;
end $$;
comment on function crm.settle_furthest_stages is
  'How far each deal came, in the new order of the stages, and what it was before. Before the '
  'deals of a stage that goes are moved.';

create or replace function crm.document_choices(p_document jsonb)
  returns table (list text, key text, label jsonb)
  language sql immutable set search_path = '' as $$
  select listed.list, item ->> 'key', item -> 'label'
  from unnest(
    array['roles', 'pools', 'levels', 'outcomes', 'reasons', 'consents', 'pipelines']
  ) listed (list)
  cross join jsonb_array_elements(coalesce(p_document -> listed.list, '[]')) item
  union all
  select 'stages.' || (pipeline ->> 'key'), stage ->> 'key', stage -> 'label'
  from jsonb_array_elements(p_document -> 'pipelines') pipeline
  cross join jsonb_array_elements(pipeline -> 'stages') stage
  union all
  select form.key || '.' || (field ->> 'key'), choice ->> 'key', choice -> 'label'
  from jsonb_each(p_document -> 'forms') form
  cross join jsonb_array_elements(form.value -> 'fields') field
  cross join jsonb_array_elements(coalesce(nullif(field -> 'options', 'null'), '[]')) choice
$$;
comment on function crm.document_choices is
  'Everything a record may hold the key of: the lists of a document, the stages of each pipeline '
  'and the options of each field.';

create or replace function crm.retire_choices(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.retired_choices as retired (store_id, list, key, label)
  select distinct on (was.list, was.key) p_store, was.list, was.key, was.label
  from crm.stores store
  join crm.config_versions version
    on version.store_id = store.id and version.version = store.config_version
  cross join lateral crm.document_choices(version.document) was
  where store.id = p_store
  order by was.list, was.key
  on conflict (store_id, list, key) do update set label = excluded.label;
  delete
  from crm.retired_choices retired
  using crm.document_choices(p_document) named
  where retired.store_id = p_store and retired.list = named.list and retired.key = named.key;
end $$;
comment on function crm.retire_choices is
  'Keeps the names of the choices that the published document has and the new one has not.';

create or replace function crm.apply_config(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_before crm.forms[] := array(select f from crm.forms f where f.store_id = p_store);
  v_stages text[] := crm.stage_order(p_store);
begin
  perform crm.apply_settings(p_store, p_document);
  perform crm.apply_pools(p_store, p_document);
  perform crm.apply_roles(p_store, p_document);

  perform crm.apply_fields(p_store, p_document);
  perform crm.apply_field_rights(p_store, p_document);
  perform crm.convert_values(p_store, v_before);
  perform crm.fill_unique_values(p_store, v_before);
  perform crm.fill_searchable_values(p_store, v_before);
  perform crm.recompute_formulas(p_store, v_before);

  perform crm.apply_pipelines(p_store, p_document);
  perform crm.apply_levels(p_store, p_document);
  perform crm.apply_outcomes(p_store, p_document);
  perform crm.apply_reasons(p_store, p_document);
  -- after all lists stand: what left them takes its records along
  perform crm.settle_furthest_stages(p_store, p_document, v_stages);
  perform crm.apply_replacements(p_store, p_document);
  perform crm.require_no_deals_in_retired_stages(p_store);

  perform crm.apply_rules(p_store, p_document);
  perform crm.retire_choices(p_store, p_document);
end $$;
comment on function crm.apply_config is
  'Materialises a document: what it no longer names is retired, never deleted. Errors: '
  'role_in_use, values_do_not_convert, values_not_unique, bad_replacement, level_in_use, '
  'pool_in_use, stage_in_use.';

create or replace function crm.require_active_admin(p_store uuid) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if not exists (
    select from crm.members m
    join crm.roles r on r.store_id = m.store_id and r.key = m.role
    where m.store_id = p_store
      and m.active
      and not r.retired
      -- the store's own: the group may take its people back any day
      and r.verbs @> array['publish_config', 'invite_member']
      and r.scope <> 'group'
  ) then
    raise sqlstate 'PT422' using message = 'last_admin';
  end if;
end $$;

-- Roles of the group ------------------------------------------------------------------------------
--
-- What a group member sees of a store stands in that store's document. A store may open itself to
-- the group; from then on only the group changes that part. A store can neither shut the group out
-- nor hand a role of the group to its own people.

create or replace function crm.group_roles(p_store uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_object_agg(
        role.key,
        jsonb_build_object(
          'in_use', exists (
            select
            from crm.group_members person
            where person.group_id = store.group_id and person.role = role.key
          ),
          'verbs', array(select item from unnest(role.verbs) item order by item),
          'screens', array(select item from unnest(role.screens) item order by item),
          'pools', array(select item from unnest(role.pools) item order by item),
          'fields', (
            select coalesce(
              jsonb_object_agg(
                field.form || '.' || field.key, coalesce(field_right.access, 'hidden')
              ),
              '{}'
            )
            from crm.fields field
            left join crm.field_rights field_right
              on field_right.store_id = field.store_id
                and field_right.form = field.form
                and field_right.key = field.key
                and field_right.role = role.key
            where field.store_id = role.store_id and not field.retired
          )
        )
      ),
      '{}'
    )
    from crm.roles role
    join crm.stores store on store.id = role.store_id
    where role.store_id = p_store and role.scope = 'group' and not role.retired
  );
end $$;
comment on function crm.group_roles is
  'What the roles of scope "group" carry in a store, by key; held: somebody on the group''s list '
  'has it.';

create or replace function crm.require_group_roles(p_store uuid, p_user uuid, p_before jsonb)
  returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_role text;
  v_now jsonb := crm.group_roles(p_store);
begin
  select role.key into v_role
  from crm.members member
  join crm.roles role on role.store_id = member.store_id and role.key = member.role
  where member.store_id = p_store
    and member.active
    and role.scope = 'group'
    and not p_before ? role.key
    and crm.group_rank(p_store, member.user_id, role.key) = 0
  limit 1;
  if v_role is not null then
    raise sqlstate 'PT422' using message = 'group_role', detail = v_role;
  end if;
  if crm.group_rank(p_store, p_user) > 0 then
    return;
  end if;
  select entry.key into v_role
  from jsonb_each(p_before) entry
  where (entry.value ->> 'in_use')::bool
    and (
      -- a field that came or went is the store's to decide
      entry.value - 'fields' is distinct from (v_now -> entry.key) - 'fields'
      or exists (
        select from jsonb_each(entry.value -> 'fields') previous
        where v_now -> entry.key -> 'fields' ? previous.key
          and v_now -> entry.key -> 'fields' -> previous.key <> previous.value
      )
    )
  order by entry.key
  limit 1;
  if v_role is not null then
    raise sqlstate 'PT422' using message = 'group_role_fixed', detail = v_role;
  end if;
end $$;
comment on function crm.require_group_roles is
  'After apply_config; p_before: crm.group_roles before it. Errors: group_role (a role of the '
  'store''s people would become one of the group), group_role_fixed (only a group member changes '
  'what a role carries that group members have).';

-- What the daily acts cost ------------------------------------------------------------------------

create or replace function crm.field_seconds(p_field jsonb) returns numeric
  language plpgsql immutable set search_path = '' as $$
begin
  return 1.35
    + 1.1 * case
      when p_field ->> 'type' in ('date', 'time', 'person', 'file')
        or jsonb_array_length(coalesce(nullif(p_field -> 'options', 'null'), '[]')) > 7 then
        2
      else 1
    end
    + 0.28 * case coalesce(p_field ->> 'type', 'text')
      when 'text' then 6
      when 'long_text' then 12
      when 'number' then 4
      when 'money' then 6
      when 'phone' then 11
      when 'plate' then 7
      when 'vin' then 17
      else 0
    end;
end $$;
comment on function crm.field_seconds is
  'How long it takes to fill in a field: to think, to tap, to type.';

create or replace function crm.log_seconds(p_document jsonb)
  returns table (n bigint, role text, seconds numeric)
  language sql immutable set search_path = '' as $$
  select
    item.n,
    item.value ->> 'key',
    round(
      5 * 1.1
      + 2 * 1.35
      + coalesce(
        sum(crm.field_seconds(field.value)) filter (
          where field.value ->> 'key' <> 'notes'
            and item.value -> 'rights' -> 'conversation' ->> (field.value ->> 'key') = 'write'
            and (
              field.value -> 'required' = 'true'
              or field.value -> 'required_methods' ? 'call'
            )
        ),
        0
      ),
      1
    )
  from jsonb_array_elements(p_document -> 'roles') with ordinality as item (value, n)
  left join lateral jsonb_array_elements(p_document #> '{forms,conversation,fields}') field
    on true
  where item.value -> 'verbs' ? 'log_conversation'
  group by item.n, item.value ->> 'key'
$$;
comment on function crm.log_seconds is
  'How long a call takes to log, for every role that logs.';

-- A limit that is no whole number counts as the default.
create or replace function crm.over_budget(p_document jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  if jsonb_typeof(p_document -> 'roles') is distinct from 'array'
    or jsonb_typeof(p_document #> '{forms,conversation,fields}') is distinct from 'array'
  then
    return '[]';
  end if;
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'kind', 'over_budget',
          'level', 'warning',
          'role', x.role,
          'key', x.act,
          'before', x.allowed,
          'after', round(x.seconds, 1)
        )
        order by x.n, x.act desc
      ),
      '[]'
    )
    from (
      select
        l.n,
        l.role,
        a.act,
        a.seconds,
        case
          when jsonb_typeof(a.wanted) = 'number' and a.wanted #>> '{}' ~ '^\d+$' then
            (a.wanted #>> '{}')::int
          else a.usual
        end as allowed
      from crm.log_seconds(p_document) l
      cross join lateral (
        values
          ('log', l.seconds, p_document #> '{settings,log_seconds}', 20),
          ('clear', l.seconds - 2 * 1.1 - 1.35, p_document #> '{settings,clear_seconds}', 15)
      ) a (act, seconds, wanted, usual)
    ) x
    -- the screen rounds to tenths; the server is never the stricter one
    where x.seconds > x.allowed + 0.05
  );
end $$;
comment on function crm.over_budget is
  'Daily acts that cost a role more than the store''s own limit (first 6, F-76), priced as in '
  'shared/domain/impact.py (keystroke-level model).';

-- Publishing --------------------------------------------------------------------------------------

create or replace function crm.require_publishable(p_document jsonb, p_over_budget bool)
  returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_error jsonb := crm.config_errors(p_document) -> 0;
begin
  if v_error is not null then
    raise sqlstate 'PT422' using message = v_error ->> 'kind',
      detail = concat_ws(
        '.',
        v_error ->> 'form',
        v_error ->> 'pipeline',
        v_error ->> 'key',
        v_error ->> 'subject'
      );
  end if;
  if not coalesce(p_over_budget, false) and crm.over_budget(p_document) <> '[]' then
    raise sqlstate 'PT422' using message = 'over_budget',
      detail = crm.over_budget(p_document) -> 0 ->> 'role';
  end if;
  -- what verbs will cast later is cast now
  perform now() at time zone coalesce(p_document #>> '{store,time_zone}', 'Asia/Shanghai'),
    (p_document #>> '{settings,cut_off}')::time,
    (p_document #>> '{settings,snooze_limit}')::int;
end $$;
comment on function crm.require_publishable is
  'What can be said of a document alone. p_over_budget: whoever publishes agrees to forms that '
  'cost more than the store''s limit.';

create or replace function crm.validate_and_apply(
  p_store uuid, p_document jsonb, p_user uuid, p_over_budget bool
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_group_roles jsonb := crm.group_roles(p_store);
begin
  perform crm.require_publishable(p_document, p_over_budget);
  perform crm.apply_config(p_store, p_document);
  perform crm.require_group_roles(p_store, p_user, v_group_roles);
exception
  when sqlstate 'PT409' or sqlstate 'PT422' or serialization_failure or deadlock_detected then
    raise;
  when others then
    raise log 'publish refused: % %', sqlstate, sqlerrm;
    raise sqlstate 'PT422' using message = 'invalid_config';
end $$;

create or replace function crm.publish_config(
  p_store uuid, p_document jsonb, p_base_version int, p_note text, p_over_budget bool
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
  v_version int;
begin
  perform crm.lock_people(p_store);  -- nobody gets a role while it changes
  -- again: the caller may have been disabled meanwhile
  perform crm.require_permission(p_store, 'publish_config');
  -- two admins publish one after the other; conversations are logged meanwhile
  select store.config_version into v_version
  from crm.stores store
  where store.id = p_store for no key update;
  if v_version is distinct from p_base_version then
    raise sqlstate 'PT409' using message = 'version_conflict', detail = v_version::text;
  end if;

  perform crm.validate_and_apply(p_store, p_document, v_caller.user_id, p_over_budget);
  perform crm.require_active_admin(p_store);
  perform crm.require_access_check(p_store);

  insert into crm.config_versions (store_id, version, document, author_id, note)
  values (p_store, v_version + 1, p_document, v_caller.user_id, coalesce(p_note, ''));
  update crm.stores
  set config_version = v_version + 1
  where id = p_store;
  delete
  from crm.config_drafts draft
  where draft.store_id = p_store and draft.author_id = v_caller.user_id;
  return jsonb_build_object('version', v_version + 1);
end $$;
comment on function crm.publish_config is
  'Compare-and-set of the store''s document. Errors: forbidden, version_conflict, last_admin, '
  'leaks, group_role, group_role_fixed, over_budget, invalid_config, field_type_fixed, and those '
  'of crm.config_errors and crm.apply_config.';

create or replace function crm.create_store(
  p_group uuid, p_id uuid, p_name text, p_document jsonb
) returns uuid
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.stores (id, group_id, name, config_version) values (p_id, p_group, p_name, 1);
  perform crm.apply_config(p_id, p_document);
  insert into crm.config_versions (store_id, version, document, note)
  values (p_id, 1, p_document, 'preset');
  return p_id;
end $$;
comment on function crm.create_store is
  'For the operator: a new store at work from a preset. No client may call it.';

-- The document as a caller may know it ------------------------------------------------------------

create or replace function crm.roles_for(p_document jsonb, p_role text) returns jsonb
  language sql immutable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      case
        when r ->> 'key' = p_role then r - 'rights'
        else jsonb_build_object('key', r -> 'key', 'label', r -> 'label')
      end
      order by n
    ),
    '[]'
  )
  from jsonb_array_elements(p_document -> 'roles') with ordinality as t (r, n)
$$;
comment on function crm.roles_for is
  'The roles of a document by key and label only; the caller''s own in full.';

create or replace function crm.forms_for(p_document jsonb, p_store uuid, p_role text) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_object_agg(
      form.key,
      jsonb_set(
        form.value,
        '{fields}',
        (
          select coalesce(jsonb_agg(x order by n), '[]')
          from jsonb_array_elements(form.value -> 'fields') with ordinality as t (x, n)
          where x ->> 'key' = any (a.readable || a.masked)
        )
      )
    ),
    '{}'
  )
  from jsonb_each(p_document -> 'forms') form
  join crm.access a on a.store_id = p_store and a.role = p_role and a.form = form.key
$$;
comment on function crm.forms_for is 'The forms of a document, cut to what a role may see.';

-- An option is as hidden as its field.
create or replace function crm.retired_for(p_store uuid, p_role text, p_sees_all bool)
  returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(listed.list, listed.choices), '{}')
  from (
    select
      retired.list,
      jsonb_agg(
        jsonb_build_object('key', retired.key, 'label', retired.label) order by retired.key
      ) as choices
    from crm.retired_choices retired
    left join crm.form_tables form on form.form = split_part(retired.list, '.', 1)
    left join crm.access access
      on access.store_id = p_store and access.role = p_role and access.form = form.form
    where retired.store_id = p_store
      and (
        form.form is null
        or p_sees_all
        or split_part(retired.list, '.', 2) = any (access.readable || access.masked)
      )
    group by retired.list
  ) listed
$$;
comment on function crm.retired_for is
  'Choices that left the document, by list, with the names they had.';

create or replace function crm.config_for(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_document jsonb;
begin
  if v_caller.store_id is null then
    return null;
  end if;
  select version.document into v_document
  from crm.stores store
  join crm.config_versions version
    on version.store_id = store.id and version.version = store.config_version
  where store.id = p_store;
  select v_document
    || jsonb_build_object(
      'access', coalesce(
        jsonb_object_agg(
          access.form,
          jsonb_build_object(
            'readable', access.readable,
            'masked', access.masked,
            'writable', access.writable,
            'required', access.required
          )
        ),
        '{}'
      ),
      'retired', crm.retired_for(
        p_store, v_caller.role, 'publish_config' = any (v_caller.verbs)
      )
    ) into v_document
  from crm.access access
  where access.store_id = p_store and access.role = v_caller.role;
  if 'publish_config' = any (v_caller.verbs) then
    return v_document;
  end if;
  return (v_document - array['roles', 'forms', 'rules'])
    || jsonb_build_object(
      'roles', crm.roles_for(v_document, v_caller.role),
      'forms', crm.forms_for(v_document, p_store, v_caller.role)
    );
end $$;
comment on function crm.config_for is
  'The published document cut to the caller: fields they may not see are absent, "access" holds '
  'their own rights per form, "retired" the names of choices that earlier documents had.';

create or replace view api.config as
  select s.id as store_id, s.config_version as version, crm.config_for(s.id) as document
  from crm.stores s;

create or replace view api.config_versions as
  select
    v.store_id,
    v.version,
    v.author_id,
    m.name as author_name,
    v.note,
    v.published_at,
    v.document
  from crm.config_versions v
  left join crm.members m on m.store_id = v.store_id and m.user_id = v.author_id
  where crm.has_permission(v.store_id, 'publish_config');
alter view api.config owner to api_owner;
alter view api.config_versions owner to api_owner;
grant select on api.config, api.config_versions to authenticated;

create or replace function api.publish_config(
  store_id uuid,
  document jsonb,
  base_version int,
  note text default '',
  over_budget bool default false
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.publish_config(store_id, document, base_version, note, over_budget); end;
alter function crm.config_for(uuid) owner to api_owner;

grant execute on function
  crm.retired_for(uuid, text, bool),
  crm.roles_for(jsonb, text),
  crm.forms_for(jsonb, uuid, text)
to api_owner;
grant execute on function crm.config_for(uuid) to authenticated, api_owner;
grant execute on function
  crm.publish_config(uuid, jsonb, int, text, bool),
  api.publish_config(uuid, jsonb, int, text, bool)
to authenticated;
