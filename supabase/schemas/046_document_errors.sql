-- What a document may not say, whatever the store's records are. Each function below answers a list
-- of items as crm.config_impact has them, all of level refused.

create or replace function crm.config_error(p_kind text, p_place jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  return jsonb_build_object('kind', p_kind, 'level', 'refused') || p_place;
end $$;

-- The parts of a document, one row each -----------------------------------------------------------

create or replace function crm.document_fields(p_document jsonb)
  returns table (form text, key text, field jsonb, n bigint)
  language sql immutable set search_path = '' as $$
  select f.key, x ->> 'key', x, n
  from jsonb_each(p_document -> 'forms') f
  cross join jsonb_array_elements(f.value -> 'fields') with ordinality as t (x, n)
$$;
comment on function crm.document_fields is 'The fields of all forms of a document.';

create or replace function crm.document_stages(p_document jsonb)
  returns table (pipeline text, key text, stage jsonb)
  language sql immutable set search_path = '' as $$
  select p ->> 'key', s ->> 'key', s
  from jsonb_array_elements(p_document -> 'pipelines') p
  cross join jsonb_array_elements(p -> 'stages') s
$$;
comment on function crm.document_stages is 'The stages of all pipelines of a document.';

create or replace function crm.document_field_is_there(p_document jsonb, p_form text, p_key text)
  returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(
    p_document -> 'forms' -> p_form -> 'fields'
    @> jsonb_build_array(jsonb_build_object('key', p_key)),
    false
  );
end $$;

create or replace function crm.role_access(p_role jsonb, p_form text, p_key text) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(p_role -> 'rights' -> p_form ->> p_key, 'hidden');
end $$;
comment on function crm.role_access is
  'What a role of a document may do with a field: hidden, masked, read or write.';

-- Fields ------------------------------------------------------------------------------------------

create or replace function crm.document_conditions(p_document jsonb)
  returns table (form text, key text, part text, tree jsonb, known text[])
  language sql immutable set search_path = '' as $$
  with known as (
    select
      proposed_form.form,
      coalesce(
        array_agg(proposed_form.key)
          filter (where coalesce(proposed_form.field ->> 'type', '') <> 'formula'),
        '{}'
      )
      || case proposed_form.form
        when 'conversation' then array['method', 'outcome', 'level']
        when 'deal' then array['pipeline', 'stage']
        else '{}'
      end as keys
    from crm.document_fields(p_document) proposed_form
    group by proposed_form.form
  )
  select proposed.form, proposed.key, tree.part, tree.value, names.keys
  from crm.document_fields(p_document) proposed
  join known names on names.form = proposed.form
  cross join lateral (
    select item.part, proposed.field -> item.part as value
    from unnest(array['show', 'require', 'formula']) item (part)
    where proposed.field ? item.part
    union all
    select 'options_when', entry.value
    from jsonb_each(proposed.field -> 'options_when') entry
  ) tree
$$;
comment on function crm.document_conditions is
  'Every condition and formula of a document; known: the fields it may read.';

create or replace function crm.first_unreadable(
  p_document jsonb, p_role jsonb, p_form text, p_fields text[]
) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return (
    select v
    from unnest(p_fields) v
    where crm.document_field_is_there(p_document, p_form, v)
      and crm.role_access(p_role, p_form, v) not in ('read', 'write')
    order by v
    limit 1
  );
end $$;
comment on function crm.first_unreadable is
  'The first of these fields, by key, that a role of the document may not read.';

create or replace function crm.condition_errors(p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_errors jsonb := '[]';
  v_condition record;
  v_place jsonb;
  v_problem text;
  v_reads text[];
  v_role jsonb;
  v_hidden text;
begin
  for v_condition in select * from crm.document_conditions(p_document) loop
    v_place := jsonb_build_object(
      'form', v_condition.form, 'key', v_condition.key, 'part', v_condition.part
    );
    v_problem := crm.condition_error(v_condition.tree, v_condition.known);
    if v_problem is not null then
      v_place := v_place || jsonb_build_object('problem', v_problem);
      v_errors := v_errors || crm.config_error('invalid_condition', v_place);
      continue;
    end if;
    -- an answer to a condition is an answer about what it reads
    v_reads := array(
      select item
      from unnest(crm.condition_fields(v_condition.tree)) item
      where item = any (v_condition.known)
    );
    for v_role in select * from jsonb_array_elements(p_document -> 'roles') loop
      if crm.role_access(v_role, v_condition.form, v_condition.key) = 'hidden' then
        continue;
      end if;
      v_hidden := crm.first_unreadable(p_document, v_role, v_condition.form, v_reads);
      if v_hidden is not null then
        v_errors := v_errors
          || crm.config_error(
            'condition_reads_hidden',
            v_place || jsonb_build_object('role', v_role -> 'key', 'hidden', v_hidden)
          );
      end if;
    end loop;
  end loop;
  return v_errors;
end $$;
comment on function crm.condition_errors is
  'invalid_condition: a tree that cannot be judged. condition_reads_hidden: one that lets a role '
  'see through what is hidden from it.';

create or replace function crm.pattern_errors(p_document jsonb) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      crm.config_error(
        'bad_pattern',
        jsonb_build_object('form', y.form, 'key', y.key, 'part', 'pattern', 'problem', y.problem)
      )
      order by y.form, y.n
    ),
    '[]'
  )
  from (
    select
      proposed.form,
      proposed.key,
      proposed.n,
      case
        when jsonb_typeof(proposed.field -> 'pattern') <> 'string' then 'type'
        else coalesce(
          crm.pattern_problem(proposed.field ->> 'pattern'),
          case
            when jsonb_typeof(proposed.field -> 'max_length') = 'number' then
              case when proposed.field -> 'max_length' > '200' then 'long_text' end
            when coalesce(base.type, proposed.field ->> 'type') = 'long_text' then 'long_text'
          end
        )
      end as problem
    from crm.document_fields(p_document) proposed
    left join crm.base_fields base on base.form = proposed.form and base.key = proposed.key
    where jsonb_typeof(proposed.field -> 'pattern') <> 'null'
  ) y
  where y.problem is not null
$$;
comment on function crm.pattern_errors is
  'bad_pattern: one that could run away, or one that would have to read a longer text than it may.';

create or replace function crm.base_field_errors(p_document jsonb) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      crm.config_error('base_field_missing', jsonb_build_object('form', b.form, 'key', b.key))
    ),
    '[]'
  )
  from crm.base_fields b
  where b.required and not crm.document_field_is_there(p_document, b.form, b.key)
$$;

-- Roles and pipelines -----------------------------------------------------------------------------

create or replace function crm.role_errors(p_document jsonb) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      crm.config_error(
        'role_cannot_write',
        jsonb_build_object('role', role -> 'key', 'form', n.form, 'key', n.key)
      )
      order by role ->> 'key', n.form, n.key
    ),
    '[]'
  )
  from jsonb_array_elements(p_document -> 'roles') role
  cross join (
    select v.form, v.verb, base.key
    from (values ('customer', 'add_customer'), ('policy', 'save_policy')) v (form, verb)
    join crm.base_fields base on base.form = v.form and base.required
    union all
    values ('conversation', 'log_conversation', 'notes')
  ) n (form, verb, key)
  where role -> 'verbs' ? n.verb and crm.role_access(role, n.form, n.key) <> 'write'
$$;
comment on function crm.role_errors is
  'role_cannot_write: who may make a record must be able to fill what the server needs of it.';

create or replace function crm.size_errors(p_document jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      crm.config_error('too_many', x.ordinal || jsonb_build_object('count', x.count))
    ),
    '[]'
  )
  from (
    select
      jsonb_build_object('form', entry.key) as ordinal,
      jsonb_array_length(entry.value -> 'fields') as count,
      200 as most
    from jsonb_each(p_document -> 'forms') entry
    union all
    select '{"key": "roles"}', jsonb_array_length(p_document -> 'roles'), 30
    union all
    select jsonb_build_object('pipeline', item -> 'key'), jsonb_array_length(item -> 'stages'), 20
    from jsonb_array_elements(p_document -> 'pipelines') item
  ) x
  where x.count > x.most
$$;
comment on function crm.size_errors is 'too_many: more than a phone can show.';

create or replace function crm.pipeline_errors(p_document jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  with wanted as (
    select proposed.pipeline, proposed.key, item.field
    from crm.document_stages(p_document) proposed
    cross join jsonb_array_elements_text(proposed.stage -> 'required') item (field)
  )
  select coalesce(jsonb_agg(x.item), '[]')
  from (
    select crm.config_error('no_open_stage', jsonb_build_object('pipeline', item -> 'key')) as item
    from jsonb_array_elements(p_document -> 'pipelines') item
    where not item -> 'stages' @> '[{"type": "open"}]'
    union all  -- what is missing is told by name, so who moves deals must be allowed to know
    select distinct crm.config_error(
      'role_cannot_read',
      jsonb_build_object(
        'role', role -> 'key',
        'pipeline', wanted.pipeline,
        'key', wanted.key,
        'form', 'deal',
        'hidden', wanted.field
      )
    )
    from wanted
    cross join jsonb_array_elements(p_document -> 'roles') role
    where role -> 'verbs' ? 'move_deal'
      and crm.role_access(role, 'deal', wanted.field) not in ('read', 'write')
      and crm.document_field_is_there(p_document, 'deal', wanted.field)
    union all
    select crm.config_error(
      'unknown_field',
      jsonb_build_object('pipeline', wanted.pipeline, 'key', wanted.key, 'subject', wanted.field)
    )
    from wanted
    where not crm.document_field_is_there(p_document, 'deal', wanted.field)
  ) x
$$;
comment on function crm.pipeline_errors is
  'no_open_stage: a pipeline no deal could begin. role_cannot_read, unknown_field: a stage no deal '
  'could enter.';

-- Rules -------------------------------------------------------------------------------------------

create or replace function crm.is_care_date(p_document jsonb, p_form text, p_field text)
  returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return (p_form, p_field) = ('deal', 'closed_at')
    or exists (
      select from crm.base_fields base
      where base.form = p_form and base.key = p_field and base.type = 'date'
    )
    or exists (
      select from crm.document_fields(p_document) proposed
      where proposed.form = p_form
        and proposed.key = p_field
        and proposed.field ->> 'type' = 'date'
    );
end $$;
comment on function crm.is_care_date is
  'Whether a care rule can read this date (crm.care_date_expression).';

create or replace function crm.rule_errors(p_document jsonb) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      crm.config_error(
        'rule_field_missing',
        jsonb_build_object(
          'form', rule #> '{date,form}',
          'key', rule #> '{date,field}',
          'subject', rule -> 'key'
        )
      )
      order by n
    ),
    '[]'
  )
  from jsonb_array_elements(p_document -> 'rules') with ordinality as listed (rule, n)
  where rule ->> 'kind' = 'care'
    and coalesce((rule -> 'active')::bool, true)
    and not crm.is_care_date(p_document, rule #>> '{date,form}', rule #>> '{date,field}')
$$;
comment on function crm.rule_errors is
  'rule_field_missing: an active rule that would never make a call, because its date is gone.';

-- All of it ---------------------------------------------------------------------------------------

create or replace function crm.config_errors(p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_problem text := crm.document_problem(p_document);
begin
  if v_problem is not null then  -- nothing below could read it
    return jsonb_build_array(
      crm.config_error('invalid_config', jsonb_build_object('subject', v_problem))
    );
  end if;
  return crm.condition_errors(p_document)
    || crm.pattern_errors(p_document)
    || crm.base_field_errors(p_document)
    || crm.role_errors(p_document)
    || crm.size_errors(p_document)
    || crm.pipeline_errors(p_document)
    || crm.rule_errors(p_document);
end $$;
comment on function crm.config_errors is
  'What a document may not say, first things first: publishing refuses with the first item.';
