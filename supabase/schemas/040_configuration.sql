-- A store's configuration is one versioned document; here is what it is materialised into: fields,
-- rights, lists, rules.

-- Fields and rights -------------------------------------------------------------------------------

create or replace function crm.tg_fields__protect() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if tg_op = 'UPDATE'
    and (new.store_id, new.form, new.key, new.is_base) is not distinct from (
      old.store_id, old.form, old.key, old.is_base
    )
    and (new.type = old.type or not new.is_base)
  then
    return new;
  end if;  -- apply_config changes a type after every value was convert_value
  if tg_op = 'DELETE' and not exists (select from crm.stores s where s.id = old.store_id) then
    return old;
  end if;  -- the whole store goes
  raise sqlstate 'PT409' using message = 'field_type_fixed', detail = old.form || '.' || old.key;
end $$;

create or replace trigger tg_fields__protect before update
  or delete on crm.fields for each row execute function crm.tg_fields__protect();

create or replace function crm.compile_form(p_store uuid, p_form text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.forms (
    store_id, form, fields, known, maskable, searchables, formulas, uniques, conditional
  )
  select
    p_store,
    p_form,
    coalesce(
      jsonb_object_agg(
        field.key,
        jsonb_strip_nulls(
          jsonb_build_object(
            'type', field.type,
            'label', field.label,
            'base', nullif(field.is_base, false),
            'required', nullif(field.required, false),
            'pattern', field.pattern,
            'min', field.min,
            'max', field.max,
            'length', field.max_length,
            'options', field.options,
            'mask', field.mask,
            'searchable', nullif(field.is_searchable, false),
            'unique', nullif(field.is_unique, false),
            'position', field.position
          )
        )
        || field.logic
      ) filter (where not field.retired),
      '{}'
    ),
    array_agg(field.key),
    coalesce(
      array_agg(field.key) filter (where field.mask is not null and not field.is_base), '{}'
    ),
    array_agg(field.key order by field.key)
      filter (where field.is_searchable and not field.retired),
    jsonb_object_agg(field.key, field.logic)
      filter (where field.type = 'formula' and not field.retired),
    array_agg(field.key) filter (where field.is_unique and not field.retired),
    bool_or(field.logic <> '{}' and not field.retired)
  from crm.fields field
  where field.store_id = p_store and field.form = p_form
  having count(*) > 0
  on conflict (store_id, form) do update set fields = excluded.fields,
    known = excluded.known,
    maskable = excluded.maskable,
    searchables = excluded.searchables,
    formulas = excluded.formulas,
    uniques = excluded.uniques,
    conditional = excluded.conditional;
end $$;
comment on function crm.compile_form is
  'The fields of a form in the one row of crm.forms that verbs and triggers read.';

-- No right = hidden; retired = hidden for all; required of those who may write it.
create or replace function crm.compile_access(p_store uuid, p_form text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.compile_form(p_store, p_form);
  delete
  from crm.access access
  where access.store_id = p_store and access.form = p_form;
  -- no right = hidden, unless always readable; retired = hidden for all
  insert into crm.access (store_id, role, form, readable, masked, writable, required)
  select
    p_store,
    role.key,
    p_form,
    coalesce(
      array_agg(
        field.key order by field.is_base desc, field.position
      ) filter (where field_right.access in ('read', 'write') or base.always_readable),
      '{}'
    ),
    coalesce(
      array_agg(field.key) filter (where field_right.access = 'masked' and field.mask is not null),
      '{}'
    ),
    coalesce(
      array_agg(field.key) filter (where field_right.access = 'write' and field.type <> 'formula'),
      '{}'
    ),
    coalesce(
      array_agg(field.key) filter (
        where field_right.access = 'write'
          and (field.required or field.logic ?| array['require', 'methods'])
      ),
      '{}'
    )
  from crm.roles role
  left join crm.fields field
    on field.store_id = role.store_id and field.form = p_form and not field.retired
  left join crm.field_rights field_right
    on field_right.store_id = role.store_id
      and field_right.role = role.key
      and field_right.form = p_form
      and field_right.key = field.key
  left join crm.base_fields base on base.form = field.form and base.key = field.key
  where role.store_id = p_store
  group by role.key;
end $$;

-- a plan kept from when the store had no field joins two hundred of them by hand
alter function crm.compile_access(uuid, text) set plan_cache_mode = force_custom_plan;

create or replace function crm.my_access(p_form text) returns setof crm.caller_access
  language plpgsql stable security definer rows 2 set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  if p_form is null then  -- every form, for the timeline
    return query
      select
        membership.store_id,
        membership.user_id,
        access.form,
        access.readable,
        access.masked,
        access.writable,
        access.required
      from crm.memberships membership
      join crm.access access
        on access.store_id = membership.store_id and access.role = membership.role
      where membership.user_id = (select crm.current_user_id());
  else
    return query
      select
        membership.store_id,
        membership.user_id,
        access.form,
        access.readable,
        access.masked,
        access.writable,
        access.required
      from crm.memberships membership
      join crm.access access
        on access.store_id = membership.store_id
          and access.role = membership.role
          and access.form = p_form
      where membership.user_id = (select crm.current_user_id());
  end if;
end $$;
comment on function crm.my_access is
  'The caller''s field rights on a form (null: on all), one row per store and form.';

create or replace function crm.can_write_field(p_store uuid, p_form text, p_key text) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.my_access(p_form) a where a.store_id = p_store and p_key = any (a.writable)
  );
end $$;
comment on function crm.can_write_field is
  'Whether the caller may write a field. Comparing with a value is asking whether it is there: '
  'who sees a number masked may not.';

-- Lists that rules and verbs look at --------------------------------------------------------------

do $$
declare
  t text;
begin
  foreach t in array array[
    'config_versions', 'fields', 'field_rights', 'forms', 'access', 'unique_values',
    'searchable_values', 'pools', 'pipelines', 'stages', 'levels', 'outcomes', 'reasons', 'rules',
    'retired_choices'
  ] loop
    execute format('alter table crm.%I enable row level security', t);
    execute format(
      'create policy select_member on crm.%I for select to api_owner'
      ' using (store_id = any ((select crm.my_store_ids(null))::uuid[]))',
      t
    );
    execute format('grant select on crm.%I to api_owner', t);
  end loop;
end $$;
create policy select_all on crm.base_fields for select to api_owner
  using (form is not null);
grant select on crm.base_fields to api_owner;
create policy select_all on crm.form_tables for select to api_owner
  using (form is not null);
grant select on crm.form_tables to api_owner;

grant execute on function crm.my_access(text) to authenticated, api_owner;
grant execute on function crm.can_write_field(uuid, text, text) to api_owner;
