-- The life of a document: draft, check, publish, restore; what a field's end means; why a member
-- can do what they can.

create policy select_author on crm.config_drafts for select to api_owner
  using (author_id = (select crm.current_user_id()));
grant select on crm.config_drafts to api_owner;

create or replace view api.config_drafts as
  select d.store_id, d.document, d.base_version, d.saved_at
  from crm.config_drafts d
  where crm.has_permission(d.store_id, 'publish_config');
alter view api.config_drafts owner to api_owner;
grant select on api.config_drafts to authenticated;

create or replace function crm.save_config_draft(
  p_store uuid,
  p_document jsonb,
  p_base_version int
) returns timestamptz
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
  v_at timestamptz;
begin
  if p_document is null then
    delete
    from crm.config_drafts draft
    where draft.store_id = p_store and draft.author_id = v_caller.user_id;
    return null;
  end if;
  if jsonb_typeof(p_document) <> 'object'
    or pg_column_size(p_document) >= 1048576
    or p_base_version is null
  then
    raise sqlstate 'PT422' using message = 'invalid_config';
  end if;
  insert into crm.config_drafts as draft (store_id, author_id, document, base_version)
  values (p_store, v_caller.user_id, p_document, p_base_version)
  on conflict (store_id, author_id) do update set document = excluded.document,
    base_version = excluded.base_version,
    saved_at = now()
  returning draft.saved_at into v_at;
  return v_at;
end $$;
comment on function crm.save_config_draft is
  'Keeps the caller''s draft, half-finished or not; a null document discards it. Errors: '
  'forbidden, invalid_config.';

-- What publishing would do ------------------------------------------------------------------------
--
-- Each function answers a list of items {kind, level: refused | warning | info, …, count, ids: the
-- first 20}. p_readable: the caller's readable fields by form. Which records hold a value is an
-- answer about the value: named to who may read the field, counted for everybody.

create or replace function crm.affected_records(
  p_relation text,
  p_store uuid,
  p_condition text,
  p_key text,
  p_options text[],
  out n int,
  out ids jsonb
)
  language plpgsql stable set search_path = '' as $$
begin
  execute format(
    $q$
    select count(*), coalesce(jsonb_agg(t.id) filter (where t.ordinal <= 20), '[]')
    from (
      select r.id, row_number() over () as ordinal
      from crm.%I r
      where r.store_id = $1 and r.removed_at is null and %s
    ) t
    $q$,
    p_relation,
    p_condition
  ) into n, ids
  using p_store, p_key, p_options;
end $$;
comment on function crm.affected_records is
  'Counts the records r for which a condition of our own holds ($2: a key, $3: options).';

create or replace function crm.is_readable(p_readable jsonb, p_form text, p_key text) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(p_readable -> p_form ? p_key, false);
end $$;

create or replace function crm.field_changes(p_store uuid, p_document jsonb)
  returns table (form text, key text, relation text, was jsonb, field jsonb)
  language sql stable set search_path = '' as $$
  select published.form, entry.key, form_table.relation, entry.value, proposed.field
  from crm.forms published
  join crm.form_tables form_table on form_table.form = published.form
  cross join jsonb_each(published.fields) entry
  left join crm.document_fields(p_document) proposed
    on proposed.form = published.form and proposed.key = entry.key
  where published.store_id = p_store
$$;
comment on function crm.field_changes is
  'Every published field and what the document makes of it; field null: it goes.';

create or replace function crm.removed_fields_impact(
  p_store uuid, p_document jsonb, p_readable jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_field record;
  v_found record;
  v_items jsonb := '[]';
begin
  for v_field in
    select * from crm.field_changes(p_store, p_document) change where change.field is null
  loop
    v_found := crm.affected_records(
      v_field.relation,
      p_store,
      case
        when v_field.was ? 'base' then format('r.%I is not null', v_field.key)
        else 'r.custom ? $2'
      end,
      v_field.key,
      null
    );
    v_items := v_items
      || jsonb_build_object(
        'kind', 'field_removed',
        'level', case when v_found.n > 0 then 'warning' else 'info' end,
        'form', v_field.form,
        'key', v_field.key,
        'count', v_found.n,
        'ids', case
          when crm.is_readable(p_readable, v_field.form, v_field.key) then v_found.ids
          else '[]'
        end
      );
  end loop;
  return v_items;
end $$;

create or replace function crm.removed_options_impact(
  p_store uuid, p_document jsonb, p_readable jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_field record;
  v_found record;
  v_items jsonb := '[]';
begin
  for v_field in
    select change.*, o.gone
    from crm.field_changes(p_store, p_document) change
    cross join lateral (
      select array_agg(item ->> 'key') as gone
      from jsonb_array_elements(coalesce(change.was -> 'options', '[]')) item
      where not coalesce(change.field -> 'options', '[]') @> jsonb_build_array(
        jsonb_build_object('key', item ->> 'key')
      )
    ) o
    where change.field ? 'options' and o.gone is not null
  loop
    v_found := crm.affected_records(
      v_field.relation,
      p_store,
      case
        when v_field.was ? 'base' then format('r.%I = any ($3)', v_field.key)
        else
          'r.custom ? $2 and (r.custom ->> $2 = any ($3)'
          ' or jsonb_typeof(r.custom -> $2) = ''array'' and r.custom -> $2 ?| $3)'
      end,
      v_field.key,
      v_field.gone
    );
    v_items := v_items
      || jsonb_build_object(
        'kind', 'option_removed',
        'level', case when v_found.n > 0 then 'warning' else 'info' end,
        'form', v_field.form,
        'key', v_field.key,
        'options', to_jsonb(v_field.gone),
        'count', v_found.n,
        'ids', case
          when crm.is_readable(p_readable, v_field.form, v_field.key) then v_found.ids
          else '[]'
        end
      );
  end loop;
  return v_items;
end $$;

create or replace function crm.changed_types_impact(
  p_store uuid, p_document jsonb, p_readable jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_field record;
  v_count int;
  v_rows jsonb;
  v_items jsonb := '[]';
begin
  for v_field in
    select *
    from crm.field_changes(p_store, p_document) change
    where not change.was ? 'base'
      and change.field is not null
      and coalesce(change.field ->> 'type', change.was ->> 'type') <> change.was ->> 'type'
  loop
    execute format(
      $q$
      select
        count(*),
        coalesce(
          jsonb_agg(jsonb_build_object('id', t.id, 'value', t.value))
            filter (where t.ordinal <= 20),
          '[]'
        )
      from (
        select r.id, r.custom -> $2 as value, row_number() over () as ordinal
        from crm.%I r
        where r.store_id = $1
          and r.custom ? $2
          and crm.convert_value(r.custom -> $2, $3, $4) is null
      ) t
      $q$,
      v_field.relation
    ) into v_count, v_rows
    using p_store, v_field.key, v_field.field ->> 'type', v_field.field -> 'options';
    v_items := v_items
      || jsonb_build_object(
        'kind', 'type_changed',
        'level', case when v_count > 0 then 'refused' else 'info' end,
        'form', v_field.form,
        'key', v_field.key,
        'before', v_field.was -> 'type',
        'after', v_field.field -> 'type',
        'count', v_count,
        'rows', case
          when crm.is_readable(p_readable, v_field.form, v_field.key) then v_rows
          else '[]'
        end
      );
  end loop;
  return v_items;
end $$;
comment on function crm.changed_types_impact is
  'type_changed: refused when a value cannot be converted; rows: such values.';

create or replace function crm.newly_required_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_field record;
  v_found record;
  v_items jsonb := '[]';
begin
  for v_field in
    select *
    from crm.field_changes(p_store, p_document) change
    where coalesce((change.field ->> 'required')::bool, false)
      and not coalesce((change.was ->> 'required')::bool, false)
  loop
    v_found := crm.affected_records(
      v_field.relation,
      p_store,
      case
        when v_field.was ? 'base' then format('r.%I is null', v_field.key)
        else 'not r.custom ? $2'
      end,
      v_field.key,
      null
    );
    v_items := v_items
      || jsonb_build_object(
        'kind', 'now_required',
        'level', 'info',
        'form', v_field.form,
        'key', v_field.key,
        'count', v_found.n
      );
  end loop;
  return v_items;
end $$;

-- Deals that stand in a stage that goes, deals whose further way is barred. A stage with a
-- replacement is told by crm.replacements_impact.
create or replace function crm.stages_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_stage record;
  v_items jsonb := '[]';
begin
  for v_stage in
    select stage.pipeline, stage.key, stage.moves, proposed.stage, held.n, held.ids
    from crm.stages stage
    left join crm.document_stages(p_document) proposed
      on proposed.pipeline = stage.pipeline and proposed.key = stage.key
    cross join lateral (
      select
        count(*)::int as n,
        coalesce(jsonb_agg(numbered.id) filter (where numbered.ordinal <= 20), '[]') as ids
      from (
        select deal.id, row_number() over () as ordinal
        from crm.deals deal
        where deal.store_id = p_store
          and deal.pipeline = stage.pipeline
          and deal.stage = stage.key
          and deal.removed_at is null
      ) numbered
    ) held
    where stage.store_id = p_store
      and not stage.retired
      and not exists (
        select from crm.replacements(p_store, p_document) replaced
        where proposed.stage is null
          and replaced.kind = 'stage'
          and replaced.was = stage.pipeline || '.' || stage.key
      )
  loop
    if v_stage.stage is null then
      v_items := v_items
        || jsonb_build_object(
          'kind', 'stage_removed',
          'level', case when v_stage.n > 0 then 'refused' else 'info' end,
          'pipeline', v_stage.pipeline,
          'key', v_stage.key,
          'count', v_stage.n,
          'ids', v_stage.ids
        );
    elsif jsonb_typeof(v_stage.stage -> 'moves') = 'array'
      and (v_stage.moves is null or not v_stage.stage -> 'moves' @> to_jsonb(v_stage.moves))
    then
      v_items := v_items
        || jsonb_build_object(
          'kind', 'moves_barred',
          'level', case when v_stage.n > 0 then 'warning' else 'info' end,
          'pipeline', v_stage.pipeline,
          'key', v_stage.key,
          'before', v_stage.moves, 'after', v_stage.stage -> 'moves',
          'count', v_stage.n,
          'ids', v_stage.ids
        );
    end if;
  end loop;
  return v_items;
end $$;

create or replace function crm.role_changes(p_was crm.roles, p_role jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  select coalesce(
    jsonb_agg(jsonb_build_object('what', x.what, 'before', x.was, 'after', x.becomes)),
    '[]'
  )
  from (
    values
      ('scope', to_jsonb(p_was.scope), coalesce(p_role -> 'scope', '"own"')),
      ('verbs', to_jsonb(p_was.verbs), coalesce(p_role -> 'verbs', '[]')),
      ('screens', to_jsonb(p_was.screens), coalesce(p_role -> 'screens', '[]')),
      ('pools', to_jsonb(p_was.pools), coalesce(p_role -> 'pools', '[]'))
  ) x (what, was, becomes)
  where not (x.was @> x.becomes and x.becomes @> x.was)
$$;

create or replace function crm.rights_changes(p_store uuid, p_role jsonb, p_document jsonb)
  returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('form', x.form, 'key', x.key, 'before', x.was, 'after', x.becomes)
      order by x.form, x.key
    ),
    '[]'
  )
  from (
    select
      coalesce(a.form, b.form) as form,
      coalesce(a.key, b.key) as key,
      coalesce(a.access, 'hidden') as was,
      coalesce(b.access, 'hidden') as becomes
    from (
      select field_right.form, field_right.key, field_right.access
      from crm.field_rights field_right
      where field_right.store_id = p_store and field_right.role = p_role ->> 'key'
    ) a
    full join (
      select
        proposed.form,
        proposed.key,
        p_role -> 'rights' -> proposed.form ->> proposed.key as access
      from crm.document_fields(p_document) proposed
      where p_role -> 'rights' -> proposed.form ? proposed.key
    ) b
      on b.form = a.form and b.key = a.key
  ) x
  where x.was <> x.becomes
$$;

create or replace function crm.roles_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_was crm.roles;
  v_role jsonb;
  v_members int;
  v_item jsonb;
  v_items jsonb := '[]';
begin
  for v_was in
    select * from crm.roles role where role.store_id = p_store and not role.retired
  loop
    select item into v_role
    from jsonb_array_elements(p_document -> 'roles') item
    where item ->> 'key' = v_was.key;
    select count(*) into v_members
    from crm.members member
    where member.store_id = p_store and member.role = v_was.key and member.active;
    v_item := jsonb_build_object('level', 'warning', 'role', v_was.key, 'count', v_members);
    if v_role is null then
      v_items := v_items
        || (
          v_item
          || jsonb_build_object(
            'kind', 'role_removed',
            'level', case when v_members > 0 then 'refused' else 'info' end
          )
        );
      continue;
    end if;
    select v_items || coalesce(jsonb_agg(v_item || x.item), '[]') into v_items
    from (
      select jsonb_build_object('kind', k.kind, 'changes', k.changes) as item
      from (
        values
          ('role_changed', crm.role_changes(v_was, v_role)),
          ('rights_changed', crm.rights_changes(p_store, v_role, p_document))
      ) k (kind, changes)
      where k.changes <> '[]'
    ) x;
  end loop;
  return v_items;
end $$;
comment on function crm.roles_impact is
  'Which roles go, and who gains or loses what: role_removed, role_changed, rights_changed.';

create or replace function crm.rules_rehearsal(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_tasks jsonb;
begin
  v_tasks := crm.run_rules(p_store, p_day);
  raise sqlstate 'GIVEN';  -- up: nothing of it stays
exception
  when sqlstate 'GIVEN' then
    return v_tasks;
end $$;
comment on function crm.rules_rehearsal is
  'The tasks that the rules would make on a day; none is made.';

create or replace function crm.publishing_rehearsal(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_today date := (
    select (now() at time zone store.time_zone)::date from crm.stores store where store.id = p_store
  );
  v_group_roles jsonb := crm.group_roles(p_store);
  v_before jsonb := crm.rules_rehearsal(p_store, v_today);
  v_after jsonb;
  v_code text;
  v_detail text;
begin
  perform crm.apply_config(p_store, p_document);
  perform crm.require_group_roles(p_store, (select crm.current_user_id()), v_group_roles);
  perform crm.require_active_admin(p_store);
  perform crm.require_access_check(p_store);
  v_after := crm.run_rules(p_store, v_today);
  raise sqlstate 'GIVEN';  -- up: nothing of it stays
exception
  when sqlstate 'GIVEN' then
    if v_before - 'day' = v_after - 'day' then
      return '[]';
    end if;
    return jsonb_build_array(
      jsonb_build_object(
        'kind', 'tasks_today',
        'level', 'info',
        'before', v_before - array['store_id', 'day'],
        'after', v_after - array['store_id', 'day']
      )
    );
  when sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics v_code = message_text, v_detail = pg_exception_detail;
    return jsonb_build_array(
      jsonb_strip_nulls(
        jsonb_build_object('kind', v_code, 'level', 'refused', 'subject', nullif(v_detail, ''))
      )
    );
  when serialization_failure or deadlock_detected then
    raise;
  when others then
    raise log 'check: % %', sqlstate, sqlerrm;
    return '[{"kind": "invalid_config", "level": "refused"}]';
end $$;
comment on function crm.publishing_rehearsal is
  'Runs the code that publishes in a transaction that is given up: what it refuses, or the tasks '
  'of today''s rules before and after.';

create or replace function crm.config_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_errors jsonb := crm.config_errors(p_document);
  v_readable jsonb;
begin
  -- a document that cannot be read has no consequences
  if v_errors @> '[{"kind": "invalid_config"}]' then
    return v_errors;
  end if;
  select coalesce(jsonb_object_agg(access.form, to_jsonb(access.readable)), '{}') into v_readable
  from crm.my_access(null) access
  where access.store_id = p_store;
  return crm.removed_fields_impact(p_store, p_document, v_readable)
    || crm.removed_options_impact(p_store, p_document, v_readable)
    || crm.changed_types_impact(p_store, p_document, v_readable)
    || crm.newly_required_impact(p_store, p_document)
    || crm.stages_impact(p_store, p_document)
    || crm.replacements_impact(p_store, p_document)
    || crm.roles_impact(p_store, p_document)
    || v_errors
    || crm.publishing_rehearsal(p_store, p_document)
    || crm.over_budget(p_document);
end $$;
comment on function crm.config_impact is
  'What a check says: what the document would change for records, roles and tasks, and the '
  'refusals of publishing. Writes nothing.';

create or replace function crm.check_config(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
begin
  if jsonb_typeof(p_document) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'invalid_config';
  end if;
  return crm.config_impact(p_store, p_document);
exception
  when sqlstate 'PT403'
    or sqlstate 'PT422'
    or sqlstate 'PT409'
    or serialization_failure
    or deadlock_detected
  then
    raise;
  when others then
    raise log 'check refused: % %', sqlstate, sqlerrm;
    raise sqlstate 'PT422' using message = 'invalid_config';
end $$;
comment on function crm.check_config is
  'The impact list of a document for its store. Errors: forbidden, invalid_config.';

create or replace function crm.restore_config(
  p_store uuid, p_version int, p_base_version int, p_note text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
  v_document jsonb;
begin
  select version.document into v_document
  from crm.config_versions version
  where version.store_id = p_store and version.version = p_version;
  if v_document is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return crm.publish_config(
    p_store,
    v_document,
    p_base_version,
    coalesce(nullif(p_note, ''), 'restored ' || p_version),
    true
  );
end $$;
comment on function crm.restore_config is
  'Publishes an earlier version again, as a new one. Errors: those of publish_config, not_found.';

-- The end of a field: 30 days after it left the document its values go, from records and from
-- history.
create or replace function crm.purge_fields(p_store uuid, p_now timestamptz) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_field record;
  v_count int := 0;
begin
  for v_field in
    select field.form, field.key, t.relation
    from crm.fields field
    join crm.form_tables t on t.form = field.form
    where field.store_id = p_store
      and field.retired
      and not field.is_base
      and field.purged_at is null
      and field.retired_at < p_now - interval '30 days'
    for update of field loop
    execute format(
      'update crm.%I t set custom = t.custom - $2 where t.store_id = $1 and t.custom ? $2',
      v_field.relation
    ) using p_store,
      v_field.key;
    update crm.events event
    set old = null, new = null
    where event.store_id = p_store
      and event.form = v_field.form
      and event.field = v_field.key
      and event.is_field;
    delete
    from crm.unique_values value
    where value.store_id = p_store and value.form = v_field.form and value.key = v_field.key;
    update crm.fields field
    set purged_at = p_now
    where field.store_id = p_store and field.form = v_field.form and field.key = v_field.key;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function crm.purge_fields is
  'For the scheduler: empties fields that left the document 30 days ago (F-72). Answers how many.';

-- Why a member can do what they can ---------------------------------------------------------------
--
-- p_is_granted: false for a role of the group whose member is not on its list.

create or replace function crm.row_rule(
  p_member crm.members, p_role crm.roles, p_is_granted bool, p_customer uuid
) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_customer crm.customers;
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_member.store_id
    and customer.id = p_customer
    and customer.removed_at is null;
  return case
    when v_customer.id is null then 'not_found'
    when not p_member.active then 'disabled'
    when not p_is_granted then 'no_rule'
    when p_role.scope in ('store', 'group') then 'scope_' || p_role.scope
    when v_customer.owner_id = p_member.user_id then 'owner'
    when v_customer.renewal_owner_id = p_member.user_id then 'renewal_owner'
    when v_customer.owner_id is not null
      and p_role.scope = 'team'
      and exists (
        select from crm.members member
        where member.store_id = p_member.store_id
          and member.user_id = v_customer.owner_id
          and member.team = p_member.team
      ) then
      'team'
    when v_customer.owner_id is null and v_customer.pool = any (p_role.pools) then 'pool'
    else 'no_rule'
  end;
end $$;
comment on function crm.row_rule is 'Through which row rule a member sees a customer.';

create or replace function crm.field_reasons(
  p_member crm.members, p_is_granted bool, p_with_hidden bool
) returns jsonb
  language sql stable set search_path = '' as $$
  select jsonb_object_agg(g.form, g.of_form)
  from (
    select
      field.form,
      jsonb_object_agg(
        field.key,
        jsonb_build_object(
          'access', case
            when not p_is_granted or field.retired then 'hidden'
            when base.always_readable and field_right.access is distinct from 'write' then 'read'
            when coalesce(field_right.access, 'hidden') = 'masked'
              and field.mask is null
            then 'hidden'
            when field_right.access = 'write' and field.type = 'formula' then 'read'
            else coalesce(field_right.access, 'hidden')
          end,
          'because', case
            when not p_member.active then 'disabled'
            when not p_is_granted then 'not_granted'
            when field.retired then 'retired'
            when base.always_readable
              and field_right.access is distinct from 'write'
            then 'always_readable'
            when field_right.access is null then 'not_granted'
            when field_right.access = 'masked' and field.mask is null then 'no_mask'
            when field_right.access = 'write' and field.type = 'formula' then 'formula'
            else 'role'
          end
        )
      ) as of_form
    from crm.fields field
    left join crm.field_rights field_right
      on field_right.store_id = field.store_id
        and field_right.role = p_member.role
        and field_right.form = field.form
        and field_right.key = field.key
    left join crm.base_fields base on base.form = field.form and base.key = field.key
    where field.store_id = p_member.store_id
      and (not field.retired or field.label <> '{}')
      and (
        not field.retired and (field_right.access is not null or base.always_readable)
        or p_with_hidden
      )
    group by field.form
  ) g
$$;
comment on function crm.field_reasons is
  'What a member may do with each field, and why. To themselves a hidden field is not there.';

create or replace function crm.effective_access(p_store uuid, p_user uuid, p_customer uuid)
  returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_member crm.members;
  v_role crm.roles;
  v_is_granted bool;
  v_may_publish bool := 'publish_config' = any (v_caller.verbs);
begin
  if v_caller.store_id is null
    or v_caller.user_id is distinct from p_user and not v_may_publish
  then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select * into v_member
  from crm.members member
  where member.store_id = p_store and member.user_id = p_user;
  if v_member.user_id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  select * into v_role
  from crm.roles role
  where role.store_id = p_store and role.key = v_member.role;
  v_is_granted := v_member.active
    and (v_role.scope <> 'group' or crm.group_rank(p_store, p_user, v_member.role) > 0);
  return jsonb_strip_nulls(
    jsonb_build_object(
      'user_id', v_member.user_id,
      'name', v_member.name,
      'active', v_member.active,
      'role', v_member.role,
      'role_label', v_role.label,
      'scope', v_role.scope,
      'team', v_member.team,
      'pools', v_role.pools,
      'verbs', case when v_is_granted then to_jsonb(v_role.verbs) else '[]'::jsonb end,
      'row_rule', case
        when p_customer is not null then
          crm.row_rule(v_member, v_role, v_is_granted, p_customer)
      end,
      'fields', crm.field_reasons(v_member, v_is_granted, v_may_publish)
    )
  );
end $$;

-- as compile_access
alter function crm.effective_access(uuid, uuid, uuid) set plan_cache_mode = force_custom_plan;
comment on function crm.effective_access is
  'The rights of a member with the rule behind each (why can they see this?); of oneself, or for '
  'who may publish. Errors: forbidden, not_found.';

create or replace function api.save_config_draft(
  store_id uuid,
  document jsonb,
  base_version int
) returns timestamptz
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.save_config_draft(store_id, document, base_version); end;

create or replace function api.check_config(store_id uuid, document jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.check_config(store_id, document); end;

create or replace function api.restore_config(
  store_id uuid,
  version int,
  base_version int,
  note text default ''
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.restore_config(store_id, version, base_version, note); end;

create or replace function api.effective_access(
  store_id uuid,
  user_id uuid,
  customer_id uuid default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.effective_access(store_id, user_id, customer_id); end;

grant execute on function
  crm.save_config_draft(uuid, jsonb, int),
  crm.check_config(uuid, jsonb),
  crm.restore_config(uuid, int, int, text),
  crm.effective_access(uuid, uuid, uuid),
  api.save_config_draft(uuid, jsonb, int),
  api.check_config(uuid, jsonb),
  api.restore_config(uuid, int, int, text),
  api.effective_access(uuid, uuid, uuid)
to authenticated;
