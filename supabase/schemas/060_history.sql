-- History: append-only events from triggers, what a member lost sight of, and the log of applied
-- operations.

create or replace function crm.is_disabled_member(p_store uuid) returns bool
  language plpgsql stable security definer set search_path = '' as $$
begin
  return exists (
    select from crm.members m
    where m.store_id = p_store and m.user_id = (select crm.current_user_id()) and not m.active
  );
end $$;
comment on function crm.is_disabled_member is
  'Whether the caller belonged to the store and was disabled.';
create policy insert_self on crm.events for insert to api_owner
  with check (
    actor_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy select_self on crm.visibility_changes for select to api_owner
  using (user_id = (select crm.current_user_id()));
create policy insert_member on crm.visibility_changes for insert to api_owner
  with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_self on crm.operations for select to api_owner
  using (user_id = (select crm.current_user_id()));

-- a disabled member's late ones are logged, then held
create policy insert_self on crm.operations for insert to api_owner
  with check (
    case
      when user_id <> (select crm.current_user_id()) then false
      when store_id = any ((select crm.my_store_ids(null))::uuid[]) then true
      else crm.is_disabled_member(store_id)
    end
  );
create policy update_self on crm.operations for update to api_owner
  using (user_id = (select crm.current_user_id()));
grant select on crm.events, crm.visibility_changes, crm.operations to api_owner;
grant insert (
  store_id, customer_id, form, subject_id, kind, field, is_field, old, new, version, actor_id,
  op_id, origin, origin_id
) on
  crm.events
to api_owner;
grant insert (store_id, user_id, form, subject_id) on crm.visibility_changes to api_owner;
grant insert (op_id, store_id, user_id, device_id, seq, verb, config_version),
  update (result, undone_by) on
  crm.operations
to api_owner;

-- Triggers shared by all records ------------------------------------------------------------------

create or replace function crm.tg_record__stamp() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  new.change_no := crm.change_no(new.store_id);
  if tg_op = 'UPDATE' then
    new.version := old.version + 1;
    new.updated_at := now();
  end if;
  return new;
end $$;

create or replace function crm.tg_visibility_changes__stamp() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  new.change_no := crm.change_no(new.store_id);
  return new;
end $$;

create or replace trigger tg_visibility_changes__stamp before insert on crm.visibility_changes
  for each row execute function crm.tg_visibility_changes__stamp();

-- The guard, for every writer, importers and the operator too: no key this store never defined;
-- masked copies follow.
create or replace function crm.tg_record__custom() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_form crm.forms;
  record jsonb;
begin
  -- not the whole row: its fields are unpacked only when needed
  select form.formulas into v_form.formulas
  from crm.forms form
  where form.store_id = new.store_id and form.form = tg_argv[0];
  if v_form.formulas is not null then
    record := (to_jsonb(new) - 'custom') || new.custom;
    select new.custom - array(select jsonb_object_keys(v_form.formulas))
      || coalesce(
        jsonb_object_agg(
          k.key,
          to_jsonb(trim_scale(round(k.x::numeric, k.decimals)))
        ) filter (where jsonb_typeof(k.x) = 'number'),
        '{}'
      ) into new.custom
    from (
      select
        key,
        crm.evaluate_condition(value -> 'formula', record) as x,
        (value ->> 'decimals')::int as decimals
      from jsonb_each(v_form.formulas)
    ) k;
  end if;
  if new.custom = '{}' and (tg_op = 'INSERT' or old.custom = '{}') then
    return new;
  end if;
  if tg_op = 'UPDATE' and new.custom = old.custom and new.custom_masked = old.custom_masked then
    return new;
  end if;
  select * into v_form
  from crm.forms form
  where form.store_id = new.store_id and form.form = tg_argv[0];
  if v_form.known is null or (new.custom - v_form.known) <> '{}' then
    raise sqlstate 'PT422' using message = 'unknown_field_key';
  end if;
  v_form.fields := v_form.fields #> '{}';  -- taken out of its storage once, not for every key
  select coalesce(
    jsonb_object_agg(
      item, crm.mask_text(new.custom ->> item, coalesce(v_form.fields -> item ->> 'mask', 'all'))
    ),
    '{}'
  ) into new.custom_masked
  from unnest(v_form.maskable) item
  where new.custom ->> item is not null;
  return new;
end $$;

-- What is kept beside the records: values that must be unique, values that are searched by. Removed
-- records give theirs back.
create or replace function crm.tg_record__index_values() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_form crm.forms;
  taken text;
begin
  if tg_op = 'INSERT' and new.custom = '{}' then
    return null;
  end if;
  select form.uniques, form.searchables into v_form.uniques, v_form.searchables
  from crm.forms form
  where form.store_id = new.store_id
    and form.form = tg_argv[0]
    and (form.uniques is not null or form.searchables is not null);
  if not found then
    return null;
  end if;
  if tg_op = 'UPDATE' then
    delete
    from crm.unique_values value
    where value.store_id = new.store_id and value.form = tg_argv[0] and value.subject_id = new.id;
    delete
    from crm.searchable_values value
    where value.store_id = new.store_id and value.form = tg_argv[0] and value.subject_id = new.id;
  end if;
  if new.removed_at is not null then
    return null;
  end if;
  for taken in
    select item
    from unnest(v_form.uniques) item
    where coalesce(new.custom ->> item, '') <> ''
    order by item loop
    insert into crm.unique_values (store_id, form, key, value, subject_id)
    values (new.store_id, tg_argv[0], taken, lower(new.custom ->> taken), new.id)
    on conflict do nothing;
    if not found then
      perform crm.reject(
        'invalid',
        null,
        jsonb_build_array(jsonb_build_object('field', taken, 'code', 'taken'))
      );
    end if;
  end loop;
  if v_form.searchables is not null then
    insert into crm.searchable_values (store_id, form, key, subject_id, ordinal, n, t)
    select
      new.store_id,
      tg_argv[0],
      searchable.key,
      new.id,
      searchable.ordinal,
      searchable.n,
      searchable.t
    from crm.searchable_rows(new.custom, v_form.searchables) searchable;
  end if;
  return null;
end $$;
comment on function crm.tg_record__index_values is
  'Refuses the second record with the same value in a unique field (taken) and keeps '
  'crm.searchable_values. Definer: nobody else writes these tables.';

-- A record made: once per statement, since a list of ten thousand or the nightly tasks would
-- otherwise pay a trigger call for each.
create or replace function crm.tg_record__created() returns trigger
  language plpgsql volatile set search_path = '' as $$
declare
  v_user uuid := (select crm.current_user_id());
  v_op uuid := nullif(current_setting('crm.op_id', true), '')::uuid;
  v_origin text := nullif(current_setting('crm.origin', true), '');
  v_origin_id uuid := nullif(current_setting('crm.origin_id', true), '')::uuid;
begin
  if tg_argv[0] = 'customer' then
    insert into crm.events (
      store_id, customer_id, form, subject_id, kind, version, actor_id, op_id, origin, origin_id
    )
    select
      after_rows.store_id,
      after_rows.id,
      'customer',
      after_rows.id,
      'created',
      after_rows.version,
      v_user,
      v_op,
      v_origin,
      v_origin_id
    from after_rows;
  else
    insert into crm.events (
      store_id, customer_id, form, subject_id, kind, version, actor_id, op_id, origin, origin_id
    )
    select
      after_rows.store_id,
      after_rows.customer_id,
      tg_argv[0],
      after_rows.id,
      'created',
      after_rows.version,
      v_user,
      v_op,
      v_origin,
      v_origin_id
    from after_rows;
  end if;
  return null;
end $$;

-- Arguments: the form, then the tracked columns that are no fields of the form (owner, stage,
-- status …).
create or replace function crm.tg_record__history() returns trigger
  language plpgsql volatile set search_path = '' as $$
declare
  v_old jsonb := to_jsonb(old);
  v_new jsonb := to_jsonb(new);
  v_user uuid := (select crm.current_user_id());
  v_customer uuid := case
    when tg_argv[0] = 'customer' then new.id
    else (v_new ->> 'customer_id')::uuid
  end;
  v_op uuid := nullif(current_setting('crm.op_id', true), '')::uuid;
  v_origin text := nullif(current_setting('crm.origin', true), '');
  v_origin_id uuid := nullif(current_setting('crm.origin_id', true), '')::uuid;
begin
  insert into crm.events (
    store_id, customer_id, form, subject_id, kind, field, is_field, old, new, version, actor_id,
    op_id, origin, origin_id
  )
  select
    new.store_id,
    v_customer,
    tg_argv[0],
    new.id,
    'changed',
    k.key,
    k.is_field,
    k.before,
    k.after,
    new.version,
    v_user,
    v_op,
    v_origin,
    v_origin_id
  from (
    select base.key, true as is_field, v_old -> base.key as before, v_new -> base.key as after
    from crm.base_fields base
    where base.form = tg_argv[0]
    union all
    select item.key, false, v_old -> item.key, v_new -> item.key
    from unnest(tg_argv[1:]) item (key)
    union all
    select c.key, true, v_old -> 'custom' -> c.key, v_new -> 'custom' -> c.key
    from jsonb_object_keys(
      coalesce(v_old -> 'custom', '{}') || coalesce(v_new -> 'custom', '{}')
    ) c (key)
    where v_old -> 'custom' is distinct from v_new -> 'custom'
  ) k
  where k.before is distinct from k.after;
  return null;
end $$;
comment on function crm.tg_record__history is
  'One event per value changed (S-05, S-52); the operation, import or merge that did it stands '
  'beside.';

create or replace function crm.begin_origin(p_origin text, p_id uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('crm.op_id', '', true),
    set_config('crm.origin', p_origin, true),
    set_config('crm.origin_id', p_id::text, true);
end $$;
comment on function crm.begin_origin is
  'What is written from here on in this transaction is the work of an import or a merge, or of '
  'taking one back.';

create or replace function crm.end_origin() returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('crm.origin', '', true), set_config('crm.origin_id', '', true);
end $$;
comment on function crm.end_origin is 'Ends what crm.begin_origin began.';

grant execute on function
  crm.tg_record__stamp(),
  crm.tg_visibility_changes__stamp(),
  crm.tg_record__custom(),
  crm.tg_record__index_values(),
  crm.tg_record__created(),
  crm.tg_record__history()
to api_owner;
grant execute on function
  crm.is_disabled_member(uuid),
  crm.begin_origin(text, uuid),
  crm.end_origin()
to api_owner;
