-- Saving a record of any form: validation by the store's fields and the caller's rights. Every verb
-- of sync_push refuses by code, checks rights before conflicts, and writes nothing when it refuses.

-- Whether a field is required of a record: always, for a method of the conversation, or under its
-- condition; never while not shown.
create or replace function crm.is_required(p_field jsonb, p_record jsonb) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return (
    coalesce((p_field ->> 'required')::bool, false)
    or coalesce(p_field -> 'methods' ? (p_record ->> 'method'), false)
    or p_field ? 'require' and crm.is_true(crm.evaluate_condition(p_field -> 'require', p_record))
  )
    and (not p_field ? 'show' or crm.is_true(crm.evaluate_condition(p_field -> 'show', p_record)));
end $$;

-- What is wrong with one value. Each answers a code, or null; plpgsql and one call for a value,
-- because an import asks for every cell.

create or replace function crm.number_error(p_field jsonb, p_value jsonb) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_code text;
  v_is_money bool := p_field ->> 'type' = 'money';
begin
  if jsonb_typeof(p_value) <> 'number' then
    v_code := 'type';
  elsif not crm.is_number(p_value)
    or p_value < coalesce(p_field -> 'min', case when v_is_money then '0' else '-1e15' end::jsonb)
    or p_value > coalesce(p_field -> 'max', case when v_is_money then '1e13' else '1e15' end::jsonb)
  then
    v_code := 'range';
  -- 分 are whole, and so is a number in a column of ours (a year)
  elsif v_is_money and p_value #>> '{}' !~ '^\d+$'
    or p_field ? 'base' and p_value #>> '{}' !~ '^-?\d+$'
  then
    v_code := 'type';
  end if;
  return v_code;
end $$;

create or replace function crm.date_error(
  p_store uuid, p_key text, p_field jsonb, p_text text, p_before jsonb, p_after jsonb
) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_today date;
  v_last date;
begin
  if not crm.is_date(p_text) then
    return 'date';
  end if;
  if p_key <> 'next_contact_on' or not p_field ? 'base' or crm.is_rehearsal() then
    return null;
  end if;
  if p_text::date = crm.as_date(p_before -> p_key) then
    return null;  -- as it is: a list may say so of a day that has passed since
  end if;
  select (now() at time zone store.time_zone)::date into v_today
  from crm.stores store
  where store.id = p_store;
  v_last := greatest(
    crm.last_next_contact_on(p_store, p_after ->> 'level', false),
    crm.as_date(p_before -> p_key)
  );
  return case when p_text::date not between v_today and v_last then 'range' end;
end $$;
comment on function crm.date_error is
  'No date; for the next contact also one in the past or beyond what the level allows.';

create or replace function crm.text_error(p_field jsonb, p_text text) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_code text;
  v_type text := p_field ->> 'type';
begin
  -- length before pattern
  if length(p_text) > coalesce(
    (p_field ->> 'length')::int,
    case v_type when 'long_text' then 2000 else 80 end
  ) then
    v_code := 'length';
  elsif v_type = 'phone' and p_text !~ '^\+?[0-9]{5,15}$'
    or v_type = 'plate' and p_text !~ '^[^\s]{4,12}$'
    or v_type = 'vin' and p_text !~ '^[A-Za-z0-9]{6,20}$'
    or p_field ? 'pattern' and not crm.fits_pattern(p_text, p_field ->> 'pattern')
  then
    v_code := 'format';
  end if;
  return v_code;
end $$;

create or replace function crm.value_error(
  p_store uuid, p_key text, p_field jsonb, p_value jsonb, p_before jsonb, p_after jsonb
) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_code text;
  v_type text := p_field ->> 'type';
  v_text text := p_value #>> '{}';
begin
  if p_field ? 'mask' and position('****' in v_text) > 0 then
    v_code := 'masked';  -- an old masked copy, whoever sends it
  elsif v_type in ('number', 'money') then
    v_code := crm.number_error(p_field, p_value);
  elsif v_type = 'bool' then
    if jsonb_typeof(p_value) <> 'boolean' then
      v_code := 'type';
    elsif p_key = 'do_not_call'
      and p_field ? 'base'
      and p_value = 'false'
      and p_before -> p_key = 'true'
      and not crm.has_permission(p_store, 'decide_approval')
    then
      v_code := 'forbidden';  -- the customer's wish
    end if;
  elsif v_type = 'multi' then
    if jsonb_typeof(p_value) <> 'array' then
      v_code := 'type';
    elsif exists (
      select from jsonb_array_elements(p_value) item
      where not crm.is_option(p_field, item)
        -- one removed since the record was given it may stay beside the others
        and not coalesce(p_before -> p_key, '[]') @> jsonb_build_array(item)
    ) then
      v_code := 'option';
    end if;
  elsif jsonb_typeof(p_value) <> 'string' then
    v_code := 'type';
  elsif v_type in ('select', 'level') then
    if not crm.is_option(p_field, p_value) and p_value is distinct from p_before -> p_key then
      v_code := 'option';
    end if;
  elsif v_type = 'person' then
    if not exists (
      select
      from crm.members member
      where member.store_id = p_store and member.user_id = crm.as_uuid(v_text)
    ) then
      v_code := 'option';
    end if;
  elsif v_type = 'date' then
    v_code := crm.date_error(p_store, p_key, p_field, v_text, p_before, p_after);
  elsif v_type = 'time' then
    if v_text !~ '^([01]\d|2[0-3]):[0-5]\d$' then
      v_code := 'format';
    end if;
  else
    v_code := crm.text_error(p_field, v_text);
  end if;
  return v_code;
end $$;

create or replace function crm.is_option(p_field jsonb, p_value jsonb) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(p_field -> 'options', '[]')
    @> jsonb_build_array(jsonb_build_object('key', p_value));
end $$;

create or replace function crm.shown_error(p_field jsonb, p_value jsonb, p_record jsonb)
  returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_code text;
  v_chosen text;
begin
  if p_field ? 'show' and not crm.is_true(crm.evaluate_condition(p_field -> 'show', p_record)) then
    v_code := 'field_not_shown';
  elsif p_field ? 'options_when' then
    for v_chosen in
      select item
      from jsonb_array_elements_text(
        case jsonb_typeof(p_value) when 'array' then p_value else jsonb_build_array(p_value) end
      ) item
    loop
      if p_field -> 'options_when' ? v_chosen
        and not crm.is_true(
          crm.evaluate_condition(p_field -> 'options_when' -> v_chosen, p_record)
        )
      then
        v_code := 'option';
      end if;
    end loop;
  end if;
  return v_code;
end $$;
comment on function crm.shown_error is
  'Of this record the form does not show the field, or does not offer the option.';

-- p_record: the record before the patch with its custom values, and what conditions may look at
-- beside ("method" of a conversation).
create or replace function crm.field_errors(
  p_store uuid,
  p_fields jsonb,
  p_patch jsonb,
  p_record jsonb,
  p_writable text[],
  p_required text[],
  p_create bool
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_fields jsonb := p_fields #> '{}';  -- taken out of its storage once, not for every key
  v_after jsonb := p_record || p_patch;
  v_errors jsonb := '[]';
  v_key text;
  v_value jsonb;
  v_field jsonb;
  v_code text;
begin
  for v_key, v_value in select key, value from jsonb_each(p_patch) loop
    v_field := v_fields -> v_key;
    v_code := null;
    if v_field is null or v_key <> all (p_writable) then
      v_code := 'forbidden';  -- unknown, hidden, masked, read only: one answer
    elsif jsonb_typeof(v_value) = 'null'
      or jsonb_typeof(v_value) = 'string' and trim(v_value #>> '{}') = ''
    then
      if v_key = any (p_required) and crm.is_required(v_field, v_after) then
        v_code := 'required';
      end if;
    else
      v_code := crm.value_error(p_store, v_key, v_field, v_value, p_record, v_after);
    end if;
    if v_code is null
      and v_field ?| array['show', 'options_when']
      and jsonb_typeof(v_value) <> 'null'
      and v_value <> '""'
    then
      v_code := crm.shown_error(v_field, v_value, v_after);
    end if;
    if v_code is not null then
      v_errors := v_errors || jsonb_build_object('field', v_key, 'code', v_code);
    end if;
  end loop;
  -- what is missing: of a new record all, of a changed one what this change made required
  select v_errors
    || coalesce(
      jsonb_agg(jsonb_build_object('field', item, 'code', 'required')), '[]'
    ) into v_errors
  from unnest(p_required) item
  where not p_patch ? item
    and crm.is_required(v_fields -> item, v_after)
    and (
      p_create
      or coalesce(p_record -> item, 'null') in ('null', '""')
        and not crm.is_required(v_fields -> item, p_record)
    );
  return v_errors;
end $$;
comment on function crm.field_errors is
  'Every problem of a patch, by field: forbidden, required, masked, type, range, option, date, '
  'length, format, field_not_shown.';

-- A phone one or two versions behind saves what its form allowed (S-56): a field removed since is
-- kept under its key, an option removed since stays an answer, a field required since is not
-- demanded. A right taken away acts at once all the same.
create or replace function crm.form_at_version(p_store uuid, p_op jsonb, p_form text, p_role text)
  returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_now int;
  v_then int := case
    when p_op ->> 'config_version' ~ '^\d{1,9}$' then (p_op ->> 'config_version')::int
  end;
  answer jsonb;
begin
  select store.config_version into v_now
  from crm.stores store
  where store.id = p_store;
  if v_then is null or v_then >= v_now or v_then < v_now - 2 then
    return null;
  end if;
  select coalesce(
    jsonb_object_agg(
      item ->> 'key',
      item
      || jsonb_build_object(
        'writable', coalesce(r -> 'rights' -> p_form ->> (item ->> 'key'), '') = 'write'
      )
    ),
    '{}'
  ) into answer
  from crm.config_versions version
  cross join lateral jsonb_array_elements(version.document -> 'forms' -> p_form -> 'fields') item
  left join lateral (
    select listed as r
    from jsonb_array_elements(version.document -> 'roles') listed
    where listed ->> 'key' = p_role
  ) role
    on true
  where version.store_id = p_store and version.version = v_then;
  return answer;
end $$;
comment on function crm.form_at_version is
  'The fields of a form in the version an operation was filled under, when that is one or two '
  'behind; else null. Definer: the documents are the admins''.';

create or replace function crm.tolerated_errors(
  p_store uuid, p_errors jsonb, p_patch jsonb, p_then jsonb, p_fields jsonb, p_form text
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  if p_then is null or p_errors = '[]' then
    return p_errors;
  end if;
  return (
    select coalesce(jsonb_agg(item), '[]')
    from jsonb_array_elements(p_errors) item
    where not case item ->> 'code'
      when 'required' then coalesce(not (p_then -> (item ->> 'field') ->> 'required')::bool, true)
      when 'option' then
        p_then -> (item ->> 'field') -> 'options' @> case jsonb_typeof(
          p_patch -> (item ->> 'field')
        )
          when 'array' then
            (
              select coalesce(jsonb_agg(jsonb_build_object('key', choice)), '[]')
              from jsonb_array_elements(p_patch -> (item ->> 'field')) choice
            )
          else jsonb_build_array(jsonb_build_object('key', p_patch -> (item ->> 'field')))
        end
      when 'field_not_shown' then not coalesce(p_then -> (item ->> 'field') ? 'show', false)
      -- by the rules of then
      when 'forbidden' then
        not p_fields ? (item ->> 'field')
          and (p_then -> (item ->> 'field') ->> 'writable')::bool
          and not exists (
            select
            from crm.base_fields base
            where base.form = p_form and base.key = item ->> 'field'
          )
          and crm.field_errors(
            p_store,
            jsonb_build_object(
              item ->> 'field', p_then -> (item ->> 'field')
                || jsonb_strip_nulls(
                  jsonb_build_object('length', p_then -> (item ->> 'field') -> 'max_length')
                )
            ),
            jsonb_build_object(item ->> 'field', p_patch -> (item ->> 'field')),
            '{}',
            array[item ->> 'field'],
            '{}',
            false
          )
            = '[]'
      else false
    end
  );
end $$;

create or replace function crm.require_verb(p_store uuid, p_verb text) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
begin
  if c.store_id is null or p_verb <> all (c.verbs) then
    perform crm.reject('forbidden');
  end if;
  return c;
end $$;
comment on function crm.require_verb is
  'The caller, or the refusal "forbidden": for verbs of sync_push.';

-- Saving a record of any form ---------------------------------------------------------------------

create or replace function crm.shown_record(p_table text, p_store uuid, p_id uuid) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_record jsonb;
begin
  execute format(
    $q$
    select (to_jsonb(v) - 'custom') || v.custom
    from api.%I v
    where v.store_id = $1 and v.id = $2
    $q$,
    p_table
  ) into v_record
  using p_store, p_id;
  return v_record;
end $$;
comment on function crm.shown_record is
  'A record as the caller is shown it, its own fields beside ours; null: not there, or not theirs.';

create or replace function crm.lock_record(p_table text, p_store uuid, p_id uuid) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_record jsonb;
begin
  execute format(
    $q$
    select (to_jsonb(t) - 'custom') || t.custom
    from crm.%I t
    where t.store_id = $1 and t.id = $2
    for update
    $q$,
    p_table
  ) into v_record
  using p_store, p_id;
  return v_record;
end $$;

create or replace function crm.convert_patch(p_patch jsonb, p_then jsonb, p_fields jsonb)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_object_agg(
        e.key,
        case
          when f.field ->> 'type' <> p_then -> e.key ->> 'type' then
            coalesce(crm.convert_value(e.value, f.field ->> 'type', f.field -> 'options'), e.value)
          else e.value
        end
      ),
      '{}'
    )
    from jsonb_each(p_patch) e
    cross join lateral (select p_fields -> e.key as field) f
  );
end $$;
comment on function crm.convert_patch is
  'Values filled in under another version of the form (p_then), in the types of now.';

create or replace function crm.require_valid_patch(
  p_store uuid,
  p_form text,
  p_fields jsonb,
  p_access crm.caller_access,
  p_then jsonb,
  p_patch jsonb,
  p_record jsonb,
  p_create bool
) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_errors jsonb := crm.field_errors(
    p_store, p_fields, p_patch, p_record, p_access.writable, p_access.required, p_create
  );
begin
  v_errors := crm.tolerated_errors(p_store, v_errors, p_patch, p_then, p_fields, p_form);
  if v_errors <> '[]' then
    perform crm.reject('invalid', null, v_errors);
  end if;
end $$;

create or replace function crm.changed_since(
  p_store uuid, p_customer uuid, p_id uuid, p_version int, p_patch jsonb
) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.events e
    where e.store_id = p_store
      and e.customer_id = p_customer
      and e.subject_id = p_id
      and e.version > p_version
      and p_patch ? e.field
  );
end $$;
comment on function crm.changed_since is
  'Whether somebody changed one of the fields of a patch after a version of the record.';

create or replace function crm.split_patch(
  p_patch jsonb, p_fields jsonb, out base_part jsonb, out custom_part jsonb
)
  language plpgsql immutable set search_path = '' as $$
begin
  select
    coalesce(jsonb_object_agg(key, value) filter (where p_fields -> key ? 'base'), '{}'),
    coalesce(
      jsonb_object_agg(key, value) filter (where not coalesce(p_fields -> key ? 'base', false)),
      '{}'
    ) into base_part, custom_part
  from jsonb_each(p_patch);
end $$;
comment on function crm.split_patch is 'What of a patch goes into columns and what into "custom".';

create or replace function crm.update_record(
  p_table text, p_store uuid, p_id uuid, p_columns jsonb, p_custom jsonb
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_set text;
  v_version int;
begin
  select string_agg(format('%1$I = r.%1$I', key), ', ') into v_set
  from jsonb_object_keys(p_columns) key;
  if p_custom is not null then
    v_set := concat_ws(
      ', ',
      v_set,
      $q$custom = (t.custom || $3)
        - array(select key from jsonb_each($3) where jsonb_typeof(value) = 'null')$q$
    );
  end if;
  execute format(
    $q$
    update crm.%1$I t
    set %2$s
    from jsonb_populate_record(null::crm.%1$I, $4) r
    where t.store_id = $1 and t.id = $2
    returning t.version
    $q$,
    p_table,
    v_set
  ) into v_version
  using p_store, p_id, p_custom, p_columns;
  return v_version;
end $$;
comment on function crm.update_record is
  'Sets columns and merges values into "custom" (a null takes one away; p_custom null: the table '
  'has none, or it is not touched). Answers the new version.';

create or replace function crm.agreed_contact(p_form text, p_patch jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when p_form = 'customer' and p_patch ? 'next_contact_on' then
      jsonb_build_object('agreed_contact_on', p_patch -> 'next_contact_on')
    else '{}'
  end;
end $$;
comment on function crm.agreed_contact is
  'A day that a person names in the form is agreed with the customer: no rule moves it.';

create or replace function crm.create_record(
  p_table text, p_store uuid, p_id uuid, p_patch jsonb, p_fields jsonb, p_columns jsonb
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_parts record;
  v_row jsonb;
  v_columns text;
  v_count int;
begin
  v_parts := crm.split_patch(p_patch, p_fields);
  v_row := v_parts.base_part
    || p_columns
    || jsonb_build_object('store_id', p_store, 'id', p_id, 'custom', v_parts.custom_part);
  -- base fields and our own links only
  select string_agg(format('%I', key), ', ') into v_columns from jsonb_object_keys(v_row) key;
  execute format(
    $q$
    insert into crm.%1$I (%2$s)
    select %2$s
    from jsonb_populate_record(null::crm.%1$I, $1)
    on conflict (store_id, id) do nothing
    $q$,
    p_table,
    v_columns
  ) using v_row;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    perform crm.reject('id_taken');  -- the same answer for a visible and an invisible row
  end if;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

create or replace function crm.change_record(
  p_table text,
  p_form text,
  p_store uuid,
  p_id uuid,
  p_version int,
  p_set jsonb,
  p_fields jsonb,
  p_access crm.caller_access,
  p_then jsonb
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_shown jsonb := crm.shown_record(p_table, p_store, p_id);
  v_stored jsonb;
  v_patch jsonb;
  v_customer uuid;
  v_parts record;
begin
  if v_shown is null then
    perform crm.reject('not_found');  -- not there = not theirs
  end if;
  v_stored := crm.lock_record(p_table, p_store, p_id);
  -- compare with what this caller is shown: a masked value sent back is no write, a stripped key
  -- is no delete
  v_shown := crm.shown_record(p_table, p_store, p_id);
  select coalesce(jsonb_object_agg(key, value), '{}') into v_patch
  from (
    select key, case when value = '""' then 'null' else value end as value from jsonb_each(p_set)
  ) g
  where value is distinct from coalesce(v_shown -> key, 'null');
  if p_version > (v_stored ->> 'version')::int then
    perform crm.reject('invalid', 'base_version');  -- conflicts with what comes would be missed
  end if;
  if v_patch = '{}' then
    return jsonb_build_object('status', 'applied', 'version', v_shown -> 'version');
  end if;
  -- rights first, conflict after: no signal from a hidden field
  perform crm.require_valid_patch(
    p_store, p_form, p_fields, p_access, p_then, v_patch, v_stored, false
  );
  v_customer := case p_form when 'customer' then p_id else (v_shown ->> 'customer_id')::uuid end;
  if crm.changed_since(p_store, v_customer, p_id, p_version, v_patch) then
    return jsonb_build_object('status', 'conflict', 'row', v_shown);
  end if;
  v_parts := crm.split_patch(v_patch, p_fields);
  return jsonb_build_object(
    'status', 'applied',
    'version', crm.update_record(
      p_table,
      p_store,
      p_id,
      v_parts.base_part || crm.agreed_contact(p_form, v_parts.base_part),
      v_parts.custom_part
    )
  );
end $$;

create or replace function crm.save_record(p_table text, p_form text, p_op jsonb, p_columns jsonb)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_id uuid := crm.as_uuid(p_op #>> '{payload,id}');
  v_set jsonb := coalesce(p_op #> '{payload,set}', '{}');
  v_version int := (p_op ->> 'base_version')::int;
  v_access crm.caller_access;
  v_fields jsonb;
  v_then jsonb;
  v_patch jsonb;
begin
  if v_id is null or jsonb_typeof(v_set) <> 'object' then
    perform crm.reject('invalid', 'id');
  end if;
  select * into v_access
  from crm.my_access(p_form) access
  where access.store_id = v_store;
  select form.fields #> '{}' into v_fields  -- as in crm.field_errors
  from crm.forms form
  where form.store_id = v_store and form.form = p_form;
  if v_access.store_id is null or v_fields is null then
    perform crm.reject('forbidden');
  end if;
  v_then := crm.form_at_version(v_store, p_op, p_form, (crm.current_member(v_store)).role);
  if v_then is not null then
    v_set := crm.convert_patch(v_set, v_then, v_fields);
  end if;
  if v_version is not null then
    return crm.change_record(
      p_table, p_form, v_store, v_id, v_version, v_set, v_fields, v_access, v_then
    );
  end if;

  if p_form <> 'customer' and p_columns ->> 'customer_id' is null then
    perform crm.reject('required', 'customer_id');
  end if;
  select coalesce(jsonb_object_agg(key, value), '{}') into v_patch
  from jsonb_each(v_set)
  where jsonb_typeof(value) <> 'null' and value <> '""';
  perform crm.require_valid_patch(
    v_store, p_form, v_fields, v_access, v_then, v_patch, p_columns, true
  );
  return crm.create_record(
    p_table,
    v_store,
    v_id,
    v_patch,
    v_fields,
    p_columns || crm.agreed_contact(p_form, v_patch)
  );
end $$;
comment on function crm.save_record is
  'Creates a record (base_version null) or changes one. p_links: columns our own code decides.';

create or replace function crm.require_customer_change(p_op jsonb, p_caller crm.caller)
  returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_customer crm.customers;
  v_is_decider bool := 'decide_approval' = any (p_caller.verbs);
  v_here crm.levels;
  v_there crm.levels;
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_caller.store_id
    and customer.id = crm.as_uuid(p_op #>> '{payload,id}');
  select * into v_here
  from crm.levels level
  where level.store_id = p_caller.store_id and level.key = v_customer.level;
  select * into v_there
  from crm.levels level
  where level.store_id = p_caller.store_id and level.key = p_op #>> '{payload,set,level}';
  -- a conversation asks for a lower level; a form does not
  if v_there.rank < v_here.rank
    and crm.requires_approval(p_caller.store_id, 'level_down', p_caller)
  then
    perform crm.reject('needs_approval', 'level');
  end if;
  -- the customer's wish: who decides requests may end it
  if not v_is_decider
    and p_op #> '{payload,set,do_not_call}' in ('false', 'null')
    and v_customer.do_not_call
  then
    perform crm.reject('forbidden', 'do_not_call');
  end if;
  -- a level that belongs to a pool takes the customer and the calls out of the owner's hands
  if not v_is_decider
    and v_there.pool is not null
    and v_there.key <> v_here.key
    and v_customer.owner_id is not null
  then
    perform crm.reject('needs_approval', 'level');
  end if;
end $$;
comment on function crm.require_customer_change is
  'What a form may not change of a customer. Rejects: needs_approval, forbidden.';

-- A new customer of a colleague, with no day named: who enters them has not spoken to them.
create or replace function crm.is_colleagues_lead(p_op jsonb) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return not crm.is_rehearsal()
    and p_op ->> 'base_version' is null
    and p_op #>> '{payload,pool}' is null
    and crm.as_uuid(p_op #>> '{payload,owner_id}') <> (select crm.current_user_id())
    and coalesce(p_op #>> '{payload,set,next_contact_on}', '') = ''
    and coalesce(p_op #> '{payload,set,do_not_call}' <> 'true', true);
end $$;

create or replace function crm.save_customer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_today date := crm.due_today(v_store);
  v_customer crm.customers;
  v_answer jsonb;
begin
  if not coalesce(crm.is_colleagues_lead(p_op), false) then
    return crm.write_customer(p_op, '{}');
  end if;
  v_answer := crm.write_customer(p_op, jsonb_build_object('next_contact_on', v_today));
  select * into v_customer
  from crm.customers customer
  where customer.store_id = v_store and customer.id = crm.as_uuid(p_op #>> '{payload,id}');
  perform crm.create_first_contact(v_customer, v_today);
  return v_answer;
end $$;
comment on function crm.save_customer is
  'A customer from a form. One who is entered for a colleague is called today (S-24).';

create or replace function crm.write_customer(p_op jsonb, p_columns jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_is_new bool := p_op ->> 'base_version' is null;
  v_caller crm.caller := crm.require_verb(
    v_store,
    case when v_is_new then 'add_customer' else 'save_customer' end
  );
  v_owner uuid;
  v_pool text := p_op #>> '{payload,pool}';
  v_columns jsonb := '{}';
  v_answer jsonb;
begin
  if v_is_new then
    if v_pool is null then
      v_owner := coalesce(crm.as_uuid(p_op #>> '{payload,owner_id}'), v_caller.user_id);
    end if;
    if v_owner is distinct from v_caller.user_id and 'assign_customer' <> all (v_caller.verbs) then
      perform crm.reject('forbidden', 'owner_id');  -- S-13
    end if;
    perform crm.require_recipient(v_store, v_owner, v_pool);
    v_columns := jsonb_build_object(
      'owner_id', v_owner, 'pool', v_pool, 'created_by', v_caller.user_id
    ) || p_columns;
  else
    perform crm.require_customer_change(p_op, v_caller);
  end if;
  v_answer := crm.save_record('customers', 'customer', p_op, v_columns);
  if v_answer ->> 'status' = 'applied' and p_op #>> '{payload,set,phone}' is not null then
    perform crm.raise_duplicate_alert(v_store, crm.as_uuid(p_op #>> '{payload,id}'));
  end if;
  return v_answer;
end $$;

-- Links of a new record ---------------------------------------------------------------------------

create or replace function crm.visible_reference(
  p_op jsonb, p_table text, p_key text, p_customer uuid
) returns uuid
  language plpgsql stable set search_path = '' as $$
declare
  v_id uuid;
  v_is_visible bool;
begin
  if p_op #>> array['payload', p_key] is null then
    return null;
  end if;
  v_id := crm.as_uuid(p_op #>> array['payload', p_key]);
  execute format(
    $q$
    select exists (
      select from api.%I t
      where t.store_id = $1 and t.id = $2 and ($3 is null or t.%I = $3)
    )
    $q$,
    p_table,
    case p_table when 'customers' then 'id' else 'customer_id' end
  ) into v_is_visible
  using crm.as_uuid(p_op #>> '{payload,store_id}'), v_id, p_customer;
  if not v_is_visible then
    perform crm.reject('not_found', p_key);
  end if;
  return v_id;
end $$;
comment on function crm.visible_reference is
  'A link of a new record: it must be visible, and hang on the same customer. Rejects: not_found.';

create or replace function crm.save_companion(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.require_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_customer');
  return crm.save_record(
    'companions',
    'companion',
    p_op,
    jsonb_build_object('customer_id', crm.visible_reference(p_op, 'customers', 'customer_id', null))
  );
end $$;

create or replace function crm.save_vehicle(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.require_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_vehicle');
  return crm.save_record(
    'vehicles',
    'vehicle',
    p_op,
    jsonb_build_object('customer_id', crm.visible_reference(p_op, 'customers', 'customer_id', null))
  );
end $$;

create or replace function crm.save_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_customer uuid;
begin
  perform crm.require_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_policy');
  v_customer := crm.visible_reference(p_op, 'customers', 'customer_id', null);
  return crm.save_record(
    'policies',
    'policy',
    p_op,
    jsonb_build_object(
      'customer_id', v_customer,
      'vehicle_id', crm.visible_reference(p_op, 'vehicles', 'vehicle_id', v_customer)
    )
  );
end $$;

create or replace function crm.save_deal(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_caller crm.caller := crm.require_verb(v_store, 'save_deal');
  v_customer uuid;
  v_pipeline text := p_op #>> '{payload,pipeline}';
  v_stage text;
begin
  v_customer := crm.visible_reference(p_op, 'customers', 'customer_id', null);
  -- a new deal begins at the pipeline's first open stage; further by move_deal
  if p_op ->> 'base_version' is null then
    select stage.key into v_stage
    from crm.stages stage
    where stage.store_id = v_store
      and stage.pipeline = v_pipeline
      and stage.type = 'open'
      and not stage.retired
    order by stage.position
    limit 1;
    if v_stage is null then
      perform crm.reject('option', 'pipeline');
    end if;
  end if;
  return crm.save_record(
    'deals',
    'deal',
    p_op,
    jsonb_build_object(
      'customer_id', v_customer,
      'owner_id', v_caller.user_id,
      'pipeline', v_pipeline,
      'stage', v_stage,
      'vehicle_id', crm.visible_reference(p_op, 'vehicles', 'vehicle_id', v_customer),
      'policy_id', crm.visible_reference(p_op, 'policies', 'policy_id', v_customer)
    )
  );
end $$;

grant execute on function
  crm.is_required(jsonb, jsonb),
  crm.number_error(jsonb, jsonb),
  crm.date_error(uuid, text, jsonb, text, jsonb, jsonb),
  crm.text_error(jsonb, text),
  crm.value_error(uuid, text, jsonb, jsonb, jsonb, jsonb),
  crm.is_option(jsonb, jsonb),
  crm.shown_error(jsonb, jsonb, jsonb),
  crm.field_errors(uuid, jsonb, jsonb, jsonb, text[], text[], bool),
  crm.form_at_version(uuid, jsonb, text, text),
  crm.tolerated_errors(uuid, jsonb, jsonb, jsonb, jsonb, text),
  crm.convert_choice(jsonb, jsonb),
  crm.convert_choices(jsonb, jsonb),
  crm.convert_number(jsonb, text),
  crm.convert_value(jsonb, text, jsonb),
  crm.require_verb(uuid, text),
  crm.shown_record(text, uuid, uuid),
  crm.lock_record(text, uuid, uuid),
  crm.convert_patch(jsonb, jsonb, jsonb),
  crm.require_valid_patch(
    uuid, text, jsonb, crm.caller_access, jsonb, jsonb, jsonb, bool
  ),
  crm.changed_since(uuid, uuid, uuid, int, jsonb),
  crm.split_patch(jsonb, jsonb),
  crm.agreed_contact(text, jsonb),
  crm.update_record(text, uuid, uuid, jsonb, jsonb),
  crm.create_record(text, uuid, uuid, jsonb, jsonb, jsonb),
  crm.change_record(
    text, text, uuid, uuid, int, jsonb, jsonb, crm.caller_access, jsonb
  ),
  crm.save_record(text, text, jsonb, jsonb),
  crm.require_customer_change(jsonb, crm.caller),
  crm.save_customer(jsonb),
  crm.is_colleagues_lead(jsonb),
  crm.write_customer(jsonb, jsonb),
  crm.visible_reference(jsonb, text, text, uuid),
  crm.save_companion(jsonb),
  crm.save_vehicle(jsonb),
  crm.save_policy(jsonb),
  crm.save_deal(jsonb)
to api_owner;
