-- Publishing a document: what it may not say, what it does to the rows of 0003xx_config, what a caller may know of it.
-- Belongs to the table owner: configuration rows are writable by nobody else. Called by publish_config after its checks and
-- by the operator's create_store.

create function crm.searchable_parts(p_custom jsonb, p_keys text[]) returns table (key text, place smallint, n float8, t text)
  language sql immutable set search_path = '' as $$
  select k.key, e.place::smallint, case jsonb_typeof(e.x) when 'number' then e.x::float8 end, case when jsonb_typeof(e.x) <> 'number' then left(e.x #>> '{}', 200) end
  from unnest(p_keys) k (key)
  cross join lateral (select p_custom -> k.key as v) c
  cross join lateral jsonb_array_elements(case jsonb_typeof(c.v) when 'array' then c.v else jsonb_build_array(c.v) end) with ordinality e (x, place)
  where jsonb_typeof(e.x) in ('number', 'string', 'boolean') and e.place <= 50 $$;
comment on function crm.searchable_parts is 'A record''s rows of crm.searchable_values; no cast that could fail.';

-- What a new document does to the values that are there: another type converts them all or is refused, a formula is computed
-- anew, a field that becomes unique takes its values into the unique ones.
create function crm.apply_values(p_store uuid, p_before crm.forms[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare f record; n int; culprit text;
begin
  for f in
    select now_.form, k.key, t.relation, now_.fields -> k.key as definition, b.fields -> k.key as was
    from crm.forms now_ join crm.form_tables t on t.form = now_.form
    left join unnest(p_before) b on b.form = now_.form
    cross join jsonb_object_keys(now_.fields) k (key)
    where now_.store_id = p_store and (b.fields ? k.key or now_.uniques @> array[k.key]) and not now_.fields -> k.key ? 'base'
  loop
    if f.was ->> 'type' <> f.definition ->> 'type' and f.definition ->> 'type' <> 'formula' then
      execute format('select count(*) from crm.%I t where t.store_id = $1 and t.custom ? $2 and crm.converted(t.custom -> $2, $3, $4) is null', f.relation)
        into n using p_store, f.key, f.definition ->> 'type', f.definition -> 'options';
      if n > 0 then raise sqlstate 'PT422' using message = 'values_do_not_convert', detail = f.form || '.' || f.key; end if;
      execute format('update crm.%I t set custom = jsonb_set(t.custom, array[$2], crm.converted(t.custom -> $2, $3, $4)) where t.store_id = $1 and t.custom ? $2', f.relation)
        using p_store, f.key, f.definition ->> 'type', f.definition -> 'options';
    end if;
    if coalesce((f.definition ->> 'unique')::bool, false) and not coalesce((f.was ->> 'unique')::bool, false) then
      delete from crm.unique_values u where u.store_id = p_store and u.form = f.form and u.key = f.key;
      begin
        execute format('insert into crm.unique_values (store_id, form, key, value, subject_id) select t.store_id, $3, $2, lower(t.custom ->> $2), t.id
          from crm.%I t where t.store_id = $1 and t.custom ? $2 and t.removed_at is null', f.relation) using p_store, f.key, f.form;
      exception when unique_violation then
        raise sqlstate 'PT422' using message = 'values_not_unique', detail = f.form || '.' || f.key;
      end;
    end if;
  end loop;
  delete from crm.searchable_values v using crm.forms now_ where v.store_id = p_store and now_.store_id = p_store and now_.form = v.form and v.key <> all (coalesce(now_.searchables, '{}'));
  for f in
    select now_.form, t.relation, array(select unnest(now_.searchables) except select unnest(b.searchables)) as fresh from crm.forms now_ join crm.form_tables t on t.form = now_.form
    left join unnest(p_before) b on b.form = now_.form where now_.store_id = p_store and now_.searchables is not null
  loop
    if f.fresh = '{}' then continue; end if;
    execute format('insert into crm.searchable_values (store_id, form, key, subject_id, place, n, t)
      select $1, $2, v.key, r.id, v.place, v.n, v.t from crm.%I r cross join crm.searchable_parts(r.custom, $3) v where r.store_id = $1 and r.removed_at is null on conflict do nothing', f.relation)
      using p_store, f.form, f.fresh;
  end loop;
  for f in
    select t.relation from crm.forms now_ join crm.form_tables t on t.form = now_.form join unnest(p_before) b on b.form = now_.form
    where now_.store_id = p_store and now_.formulas is not null and now_.formulas is distinct from b.formulas
  loop
    execute format('update crm.%I t set custom = t.custom where t.store_id = $1', f.relation) using p_store;   -- the trigger computes
  end loop;
end $$;

create function crm.apply_config(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare d jsonb := p_document; f record; before crm.forms[];
begin
  select array_agg(x) into before from crm.forms x where x.store_id = p_store;
  update crm.stores set settings = coalesce(d -> 'settings', '{}') || jsonb_strip_nulls(jsonb_build_object('queue', d -> 'queue', 'day_parts', d -> 'day_parts', 'burst', d -> 'burst')),
    time_zone = coalesce(d #>> '{store,time_zone}', time_zone) where id = p_store;

  insert into crm.pools (store_id, key, label, claims_per_day, ex_owner_days, contact_hours, position)
  select p_store, x ->> 'key', x -> 'label', coalesce((x ->> 'claims_per_day')::int, 0), coalesce((x ->> 'ex_owner_days')::int, 30), coalesce((x ->> 'contact_hours')::int, 24), n
  from jsonb_array_elements(coalesce(d -> 'pools', '[]')) with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, claims_per_day = excluded.claims_per_day, ex_owner_days = excluded.ex_owner_days,
    contact_hours = excluded.contact_hours, position = excluded.position, retired = false;
  update crm.pools set retired = true where store_id = p_store and not exists (
    select from jsonb_array_elements(coalesce(d -> 'pools', '[]')) x where x ->> 'key' = key);

  insert into crm.roles (store_id, key, label, scope, verbs, screens, pools, position)
  select p_store, x ->> 'key', x -> 'label', coalesce(x ->> 'scope', 'own'), array(select jsonb_array_elements_text(coalesce(x -> 'verbs', '[]'))),
    array(select jsonb_array_elements_text(coalesce(x -> 'screens', '[]'))), array(select jsonb_array_elements_text(coalesce(x -> 'pools', '[]'))), n
  from jsonb_array_elements(d -> 'roles') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, scope = excluded.scope, verbs = excluded.verbs,
    screens = excluded.screens, pools = excluded.pools, position = excluded.position, retired = false;
  update crm.roles r set retired = true where r.store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'roles') x where x ->> 'key' = r.key);
  if exists (select from crm.members m join crm.roles r on r.store_id = m.store_id and r.key = m.role
             where m.store_id = p_store and m.active and r.retired) then
    raise sqlstate 'PT422' using message = 'role_in_use';
  end if;

  -- fields: the document's, and every base column it does not mention (retired: hidden from everyone)
  insert into crm.fields (store_id, form, key, label, is_base, type, required, pattern, min, max, max_length, options, mask, is_searchable, position, is_unique, logic)
  select p_store, form.key, x ->> 'key', x -> 'label', b.key is not null, coalesce(b.type, x ->> 'type'),
    coalesce((x ->> 'required')::bool, false) or coalesce(b.required, false), x ->> 'pattern', (x ->> 'min')::numeric, (x ->> 'max')::numeric,
    (x ->> 'max_length')::int, case b.type when 'level' then (select jsonb_agg(jsonb_build_object('key', l -> 'key')) from jsonb_array_elements(d -> 'levels') l) else x -> 'options' end, coalesce(b.mask, x ->> 'mask'), coalesce((x ->> 'searchable')::bool, false) and b.key is null, n, coalesce((x ->> 'unique')::bool, false) and b.key is null,
    jsonb_strip_nulls(jsonb_build_object('show', x -> 'show', 'require', x -> 'require', 'options_when', nullif(x -> 'options_when', '{}'), 'formula', x -> 'formula',
      'decimals', case when x ? 'formula' then coalesce(x -> 'decimals', '0') end, 'methods', nullif(x -> 'required_methods', '[]')))
  from jsonb_each(d -> 'forms') form
  cross join jsonb_array_elements(form.value -> 'fields') with ordinality as t (x, n)
  left join crm.base_fields b on b.form = form.key and b.key = x ->> 'key'
  on conflict (store_id, form, key) do update set label = excluded.label, type = excluded.type, is_base = excluded.is_base,
    required = excluded.required, pattern = excluded.pattern, min = excluded.min, max = excluded.max, max_length = excluded.max_length,
    options = excluded.options, mask = excluded.mask, is_searchable = excluded.is_searchable, position = excluded.position, is_unique = excluded.is_unique, logic = excluded.logic,
    retired = false, retired_at = null, purged_at = null;
  insert into crm.fields (store_id, form, key, label, is_base, type, mask, retired)
  select p_store, b.form, b.key, '{}', true, b.type, b.mask, true from crm.base_fields b on conflict do nothing;
  update crm.fields k set retired = true, retired_at = now() where k.store_id = p_store and not k.retired and not exists (
    select from jsonb_array_elements(coalesce(d -> 'forms' -> k.form -> 'fields', '[]')) x where x ->> 'key' = k.key);

  delete from crm.field_rights where store_id = p_store;
  insert into crm.field_rights (store_id, role, form, key, access)
  select p_store, r ->> 'key', k.form, k.key, r -> 'rights' -> k.form ->> k.key
  from jsonb_array_elements(d -> 'roles') r cross join crm.fields k
  where k.store_id = p_store and not k.retired and r -> 'rights' -> k.form ->> k.key <> 'hidden';
  for f in select distinct form from crm.fields where store_id = p_store loop perform crm.compile_access(p_store, f.form); end loop;
  perform crm.apply_values(p_store, before);

  insert into crm.pipelines (store_id, key, label, position)
  select p_store, x ->> 'key', x -> 'label', n from jsonb_array_elements(d -> 'pipelines') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, position = excluded.position, retired = false;
  update crm.pipelines set retired = true where store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'pipelines') x where x ->> 'key' = key);
  insert into crm.stages (store_id, pipeline, key, label, type, color, moves, required, checklist, position)
  select p_store, p ->> 'key', x ->> 'key', x -> 'label', x ->> 'type', coalesce(x ->> 'color', 'blue'),
    case when jsonb_typeof(x -> 'moves') = 'array' then array(select jsonb_array_elements_text(x -> 'moves')) end,
    array(select jsonb_array_elements_text(coalesce(x -> 'required', '[]'))), coalesce(x -> 'checklist', '[]'), n
  from jsonb_array_elements(d -> 'pipelines') p
  cross join jsonb_array_elements(p -> 'stages') with ordinality as t (x, n)
  on conflict (store_id, pipeline, key) do update set label = excluded.label, type = excluded.type, color = excluded.color, moves = excluded.moves,
    required = excluded.required, checklist = excluded.checklist, position = excluded.position, retired = false;
  update crm.stages s set retired = true where s.store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'pipelines') p, jsonb_array_elements(p -> 'stages') x
    where p ->> 'key' = s.pipeline and x ->> 'key' = s.key);
  insert into crm.levels (store_id, key, label, definition, rank, cadence_days, reassign_after_days, demote_after_days, demote_to, pool, position)
  select p_store, x ->> 'key', x -> 'label', coalesce(x -> 'definition', '{}'), (x ->> 'rank')::int, (x ->> 'cadence_days')::int,
    (x ->> 'reassign_after_days')::int, (x ->> 'demote_after_days')::int, x ->> 'demote_to', x ->> 'pool', n
  from jsonb_array_elements(d -> 'levels') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, definition = excluded.definition, rank = excluded.rank,
    cadence_days = excluded.cadence_days, reassign_after_days = excluded.reassign_after_days, demote_after_days = excluded.demote_after_days,
    demote_to = excluded.demote_to, pool = excluded.pool, position = excluded.position, retired = false;
  update crm.levels set retired = true where store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'levels') x where x ->> 'key' = key);

  insert into crm.outcomes (store_id, key, label, methods, reached, needs_words, retry_hours, retry_max, after_last, effect, roles, position)
  select p_store, x ->> 'key', x -> 'label', array(select jsonb_array_elements_text(x -> 'methods')), (x ->> 'reached')::bool,
    (x ->> 'reached')::bool or coalesce((x ->> 'needs_words')::bool, false),         -- S-04: reached always needs words
    (x ->> 'retry_hours')::int, (x ->> 'retry_max')::int, x ->> 'after_last', x ->> 'effect', array(select jsonb_array_elements_text(coalesce(x -> 'roles', '[]'))), n
  from jsonb_array_elements(d -> 'outcomes') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, methods = excluded.methods, reached = excluded.reached,
    needs_words = excluded.needs_words, retry_hours = excluded.retry_hours, retry_max = excluded.retry_max, after_last = excluded.after_last, effect = excluded.effect, roles = excluded.roles,
    position = excluded.position, retired = false;
  update crm.outcomes set retired = true where store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'outcomes') x where x ->> 'key' = key);

  insert into crm.reasons (store_id, key, label, uses, parent, returns, position)
  select p_store, x ->> 'key', x -> 'label', array(select jsonb_array_elements_text(x -> 'uses')), x ->> 'parent', coalesce((x ->> 'returns')::bool, true), n
  from jsonb_array_elements(d -> 'reasons') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, uses = excluded.uses, parent = excluded.parent, returns = excluded.returns,
    position = excluded.position, retired = false;
  update crm.reasons set retired = true where store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'reasons') x where x ->> 'key' = key);
  perform crm.apply_successors(p_store, d);             -- after both lists stand: what left them takes its records along
  if exists (select from crm.funnel_counts c join crm.stages s on s.store_id = c.store_id and s.pipeline = c.pipeline and s.key = c.stage
             where c.store_id = p_store and c.deals > 0 and s.retired) then
    raise sqlstate 'PT422' using message = 'stage_in_use';
  end if;

  insert into crm.rules (store_id, key, label, kind, days, options, active, position)
  select p_store, x ->> 'key', x -> 'label', x ->> 'kind', array(select jsonb_array_elements_text(coalesce(x -> 'days', '[]'))::int),
    jsonb_strip_nulls(x - array['key', 'label', 'kind', 'days', 'active']), coalesce((x ->> 'active')::bool, true), n
  from jsonb_array_elements(d -> 'rules') with ordinality as t (x, n)
  on conflict (store_id, key) do update set label = excluded.label, kind = excluded.kind, days = excluded.days, options = excluded.options, active = excluded.active, position = excluded.position;
  update crm.rules set active = false where store_id = p_store and not exists (
    select from jsonb_array_elements(d -> 'rules') x where x ->> 'key' = key);
end $$;
comment on function crm.apply_config is 'Materialises a document: what it no longer names is retired, never deleted.';

-- What a document may not say, whatever the store's records are: trees that cannot be judged or that let a role see through
-- what is hidden from it.
create function crm.config_refusals(p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare found jsonb := '[]'; t record; problem text; r jsonb; blind text;
begin
  for t in
    select form.key as form, x ->> 'key' as key, tree.part, tree.value as tree,
      array(select f ->> 'key' from jsonb_array_elements(form.value -> 'fields') f where coalesce(f ->> 'type', '') <> 'formula')
        || case form.key when 'conversation' then array['method', 'outcome', 'level'] when 'deal' then array['pipeline', 'stage'] else '{}' end as known
    from jsonb_each(case jsonb_typeof(p_document -> 'forms') when 'object' then p_document -> 'forms' else '{}' end) form
    cross join lateral jsonb_array_elements(case jsonb_typeof(form.value -> 'fields') when 'array' then form.value -> 'fields' else '[]' end) x
    cross join lateral (
      select p.part, x -> p.part as value from unnest(array['show', 'require', 'formula']) p (part) where x ? p.part
      union all select 'options_when', o.value from jsonb_each(case jsonb_typeof(x -> 'options_when') when 'object' then x -> 'options_when' else '{}' end) o) tree
  loop
    problem := crm.tree_problem(t.tree, t.known);
    if problem is not null then
      found := found || jsonb_build_object('kind', 'bad_condition', 'level', 'refused', 'form', t.form, 'key', t.key, 'part', t.part, 'problem', problem);
      continue;
    end if;
    for r in select value from jsonb_array_elements(p_document -> 'roles') loop      -- an answer to a condition is an answer about what it reads
      if coalesce(r -> 'rights' -> t.form ->> t.key, 'hidden') = 'hidden' then continue; end if;
      select v into blind from unnest(crm.tree_vars(t.tree)) v
      where v = any (t.known) and exists (select from jsonb_array_elements(p_document -> 'forms' -> t.form -> 'fields') f where f ->> 'key' = v)
        and coalesce(r -> 'rights' -> t.form ->> v, 'hidden') not in ('read', 'write') order by v limit 1;
      if blind is not null then
        found := found || jsonb_build_object('kind', 'reads_hidden', 'level', 'refused', 'form', t.form, 'key', t.key, 'part', t.part, 'role', r -> 'key', 'hidden', blind);
      end if;
    end loop;
  end loop;
  select found || coalesce(jsonb_agg(jsonb_build_object('kind', 'needed_field', 'level', 'refused', 'form', b.form, 'key', b.key)), '[]') into found
  from crm.base_fields b where b.required and not coalesce(p_document -> 'forms' -> b.form -> 'fields' @> jsonb_build_array(jsonb_build_object('key', b.key)), false);
  -- who may make a record must be able to fill what the server needs of it
  select found || coalesce(jsonb_agg(jsonb_build_object('kind', 'cannot_fill', 'level', 'refused', 'role', role -> 'key', 'form', n.form, 'key', n.key) order by role ->> 'key', n.form, n.key), '[]') into found
  from jsonb_array_elements(case jsonb_typeof(p_document -> 'roles') when 'array' then p_document -> 'roles' else '[]' end) role
  cross join (
    select v.form, v.verb, b.key from (values ('customer', 'add_customer'), ('policy', 'save_policy')) v (form, verb) join crm.base_fields b on b.form = v.form and b.required
    union all values ('conversation', 'log_conversation', 'words')) n (form, verb, key)
  where role -> 'verbs' ? n.verb and coalesce(role -> 'rights' -> n.form ->> n.key, 'hidden') <> 'write';
  -- more than a phone can show; a pipeline no deal could begin; a stage no deal could enter
  select found || coalesce(jsonb_agg(x), '[]') into found from (
    select jsonb_build_object('kind', 'too_many', 'level', 'refused', 'form', f.key, 'count', jsonb_array_length(f.value -> 'fields')) as x
    from jsonb_each(case jsonb_typeof(p_document -> 'forms') when 'object' then p_document -> 'forms' else '{}' end) f
    where jsonb_typeof(f.value -> 'fields') = 'array' and jsonb_array_length(f.value -> 'fields') > 200
    union all
    select jsonb_build_object('kind', 'too_many', 'level', 'refused', 'key', 'roles', 'count', jsonb_array_length(p_document -> 'roles'))
    where jsonb_typeof(p_document -> 'roles') = 'array' and jsonb_array_length(p_document -> 'roles') > 30
    union all
    select jsonb_build_object('kind', 'too_many', 'level', 'refused', 'pipeline', p -> 'key', 'count', jsonb_array_length(p -> 'stages'))
    from jsonb_array_elements(case jsonb_typeof(p_document -> 'pipelines') when 'array' then p_document -> 'pipelines' else '[]' end) p
    where jsonb_typeof(p -> 'stages') = 'array' and jsonb_array_length(p -> 'stages') > 20
    union all
    select jsonb_build_object('kind', 'no_open_stage', 'level', 'refused', 'pipeline', p -> 'key')
    from jsonb_array_elements(case jsonb_typeof(p_document -> 'pipelines') when 'array' then p_document -> 'pipelines' else '[]' end) p
    where jsonb_typeof(p -> 'stages') = 'array' and not p -> 'stages' @> '[{"type": "open"}]'
    union all                                         -- what is missing is told by name, so who moves deals must be allowed to know
    select distinct jsonb_build_object('kind', 'stage_blind', 'level', 'refused', 'role', role -> 'key', 'pipeline', p -> 'key', 'key', st -> 'key', 'form', 'deal', 'hidden', wanted)
    from jsonb_array_elements(case jsonb_typeof(p_document -> 'pipelines') when 'array' then p_document -> 'pipelines' else '[]' end) p
    cross join lateral jsonb_array_elements(case jsonb_typeof(p -> 'stages') when 'array' then p -> 'stages' else '[]' end) st
    cross join lateral jsonb_array_elements_text(case jsonb_typeof(st -> 'required') when 'array' then st -> 'required' else '[]' end) wanted
    cross join lateral jsonb_array_elements(case jsonb_typeof(p_document -> 'roles') when 'array' then p_document -> 'roles' else '[]' end) role
    where role -> 'verbs' ? 'move_deal' and coalesce(role -> 'rights' -> 'deal' ->> wanted, 'hidden') not in ('read', 'write')
      and p_document -> 'forms' -> 'deal' -> 'fields' @> jsonb_build_array(jsonb_build_object('key', wanted))
    union all
    select jsonb_build_object('kind', 'unknown_field', 'level', 'refused', 'pipeline', p -> 'key', 'key', st -> 'key', 'subject', wanted)
    from jsonb_array_elements(case jsonb_typeof(p_document -> 'pipelines') when 'array' then p_document -> 'pipelines' else '[]' end) p
    cross join lateral jsonb_array_elements(case jsonb_typeof(p -> 'stages') when 'array' then p -> 'stages' else '[]' end) st
    cross join lateral jsonb_array_elements_text(case jsonb_typeof(st -> 'required') when 'array' then st -> 'required' else '[]' end) wanted
    where not coalesce(p_document -> 'forms' -> 'deal' -> 'fields' @> jsonb_build_array(jsonb_build_object('key', wanted)), false)) y;
  return found;
end $$;
comment on function crm.config_refusals is 'bad_condition, reads_hidden, needed_field, cannot_fill, too_many, no_open_stage, stage_blind, unknown_field: items as crm.config_impact has them, all of level refused.';

create function crm.demand_an_admin(p_store uuid) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if not exists (select from crm.members m join crm.roles r on r.store_id = m.store_id and r.key = m.role
                 where m.store_id = p_store and m.active and not r.retired and r.verbs @> array['publish_config', 'invite_member']) then
    raise sqlstate 'PT422' using message = 'last_admin';
  end if;
end $$;

-- What the daily acts cost, as shared/domain/impact.py prices them (keystroke-level model), for every role that logs; those above the store's
-- own limit (first 6, F-76). A limit that is no whole number counts as the default.
create function crm.over_budget(p_document jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  if jsonb_typeof(p_document -> 'roles') is distinct from 'array' or jsonb_typeof(p_document #> '{forms,conversation,fields}') is distinct from 'array' then return '[]'; end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', 'over_budget', 'level', 'warning', 'role', x.role, 'key', x.act, 'before', x.allowed, 'after', round(x.seconds, 1)) order by x.n, x.act desc), '[]')
    from (
      select l.n, l.role, a.act, a.seconds, case when jsonb_typeof(a.said) = 'number' and a.said #>> '{}' ~ '^\d+$' then (a.said #>> '{}')::int else a.allowed end as allowed
      from (
        select r.n, r.value ->> 'key' as role, round(5 * 1.1 + 2 * 1.35 + coalesce(sum(1.35 + 1.1
            * case when f.value ->> 'type' in ('date', 'time', 'person', 'file') or jsonb_array_length(coalesce(nullif(f.value -> 'options', 'null'), '[]')) > 7 then 2 else 1 end
            + 0.28 * case coalesce(f.value ->> 'type', 'text') when 'text' then 6 when 'long_text' then 12 when 'number' then 4 when 'money' then 6 when 'phone' then 11 when 'plate' then 7 when 'vin' then 17 else 0 end)
          filter (where f.value ->> 'key' <> 'words' and r.value -> 'rights' -> 'conversation' ->> (f.value ->> 'key') = 'write'
            and (f.value -> 'required' = 'true' or f.value -> 'required_methods' ? 'call')), 0), 1) as seconds
        from jsonb_array_elements(p_document -> 'roles') with ordinality as r (value, n)
        left join lateral jsonb_array_elements(p_document #> '{forms,conversation,fields}') f on true
        where r.value -> 'verbs' ? 'log_conversation' group by r.n, r.value ->> 'key') l
      cross join lateral (values ('log', l.seconds, p_document #> '{settings,log_seconds}', 20), ('clear', l.seconds - 2 * 1.1 - 1.35, p_document #> '{settings,clear_seconds}', 15)) a (act, seconds, said, allowed)) x
    where x.seconds > x.allowed + 0.05);               -- the screen rounds to tenths; the server is never the stricter one
end $$;

-- p_over_budget: whoever publishes agrees to forms that cost more than the store's limit.
create function crm.publish_config(p_store uuid, p_document jsonb, p_base_version int, p_note text, p_over_budget bool) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); now_version int; refusals jsonb;
begin
  select s.config_version into now_version from crm.stores s where s.id = p_store for no key update;   -- two admins publish one after the other; talks are logged meanwhile
  if now_version is distinct from p_base_version then
    raise sqlstate 'PT409' using message = 'version_conflict', detail = now_version::text;
  end if;
  begin
    refusals := crm.config_refusals(p_document);
    if refusals <> '[]' then
      raise sqlstate 'PT422' using message = refusals -> 0 ->> 'kind', detail = concat_ws('.', refusals -> 0 ->> 'form', refusals -> 0 ->> 'pipeline', refusals -> 0 ->> 'key');
    end if;
    if not coalesce(p_over_budget, false) and crm.over_budget(p_document) <> '[]' then
      raise sqlstate 'PT422' using message = 'over_budget', detail = crm.over_budget(p_document) -> 0 ->> 'role';
    end if;
    perform now() at time zone coalesce(p_document #>> '{store,time_zone}', 'Asia/Shanghai'), (p_document #>> '{settings,cut_off}')::time,
      (p_document #>> '{settings,snooze_limit}')::int;                              -- what verbs will cast later is cast now
    perform crm.apply_config(p_store, p_document);
  exception
    when sqlstate 'PT409' or sqlstate 'PT422' or serialization_failure or deadlock_detected then raise;
    when others then
      raise log 'publish refused: % %', sqlstate, sqlerrm;
      raise sqlstate 'PT422' using message = 'invalid_config';
  end;
  perform crm.demand_an_admin(p_store);
  perform crm.demand_proof(p_store);
  insert into crm.config_versions (store_id, version, document, author_id, note)
  values (p_store, now_version + 1, p_document, c.user_id, coalesce(p_note, ''));
  update crm.stores set config_version = now_version + 1 where id = p_store;
  delete from crm.config_drafts d where d.store_id = p_store and d.author_id = c.user_id;
  return jsonb_build_object('version', now_version + 1);
end $$;
comment on function crm.publish_config is 'Compare-and-set of the store''s document; errors: forbidden, version_conflict, role_in_use, stage_in_use, level_in_use, pool_in_use, bad_successor, field_type_fixed, values_do_not_convert, values_not_unique, bad_condition, reads_hidden, needed_field, cannot_fill, too_many, no_open_stage, stage_blind, unknown_field, last_admin, leaks, invalid_config.';

create function crm.create_store(p_group uuid, p_id uuid, p_name text, p_document jsonb) returns uuid
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.stores (id, group_id, name, config_version) values (p_id, p_group, p_name, 1);
  perform crm.apply_config(p_id, p_document);
  insert into crm.config_versions (store_id, version, document, note) values (p_id, 1, p_document, 'preset');
  return p_id;
end $$;
comment on function crm.create_store is 'For the operator: a new store at work from a preset. No client may call it.';

-- The document as a caller may know it: roles by key and label only, his own in full; forms cut to his rights --------------

create function crm.config_for(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); d jsonb; v int;
begin
  if c.store_id is null then return null; end if;
  select s.config_version into v from crm.stores s where s.id = p_store;
  select x.document into d from crm.config_versions x where x.store_id = p_store and x.version = v;
  select d || jsonb_build_object('access', coalesce(jsonb_object_agg(a.form, jsonb_build_object(
      'readable', a.readable, 'masked', a.masked, 'writable', a.writable, 'required', a.required)), '{}')) into d
  from crm.access a where a.store_id = p_store and a.role = c.role;
  if 'publish_config' = any (c.verbs) then return d; end if;
  return (d - array['roles', 'forms', 'rules']) || jsonb_build_object(
    'roles', (select coalesce(jsonb_agg(case when r ->> 'key' = c.role then r - 'rights' else jsonb_build_object('key', r -> 'key', 'label', r -> 'label') end order by n), '[]')
              from jsonb_array_elements(d -> 'roles') with ordinality as t (r, n)),
    'forms', (select coalesce(jsonb_object_agg(form.key, jsonb_set(form.value, '{fields}', (
                select coalesce(jsonb_agg(x order by n), '[]') from jsonb_array_elements(form.value -> 'fields') with ordinality as t (x, n)
                where x ->> 'key' = any (a.readable || a.masked)))), '{}')
              from jsonb_each(d -> 'forms') form join crm.access a on a.store_id = p_store and a.role = c.role and a.form = form.key));
end $$;
comment on function crm.config_for is 'The published document cut to the caller: fields he may not see are absent, "access" holds his own rights per form.';

create view api.config as
  select s.id as store_id, s.config_version as version, crm.config_for(s.id) as document from crm.stores s;
create view api.config_versions as
  select v.store_id, v.version, v.author_id, m.name as author_name, v.note, v.published_at, v.document
  from crm.config_versions v left join crm.members m on m.store_id = v.store_id and m.user_id = v.author_id
  where crm.may(v.store_id, 'publish_config');
alter view api.config owner to api_owner;
alter view api.config_versions owner to api_owner;
grant select on api.config, api.config_versions to authenticated;

create function api.publish_config(store_id uuid, document jsonb, base_version int, note text default '', over_budget bool default false) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.publish_config(store_id, document, base_version, note, over_budget); end;
alter function crm.config_for(uuid) owner to api_owner;

grant execute on function crm.config_for(uuid) to authenticated, api_owner;
grant execute on function crm.publish_config(uuid, jsonb, int, text, bool), api.publish_config(uuid, jsonb, int, text, bool) to authenticated;
