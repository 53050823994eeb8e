-- What leaves the store, and who did what: exports with a reason, reveals of masked values, the
-- audit (T13, T22, F-82, F-84).

create policy select_member on crm.exports for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_self on crm.exports for insert to api_owner
  with check (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy update_self on crm.exports for update to api_owner
  using (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy select_member on crm.export_layouts for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_member on crm.export_layouts for insert to api_owner
  with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_member on crm.export_layouts for update to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.exports, crm.export_layouts to api_owner;
grant insert (store_id, id, form, columns, reason, author_id),
  update (rows, file_name, sha256, finished_at) on
  crm.exports
to api_owner;
grant insert (store_id, form, name, columns, author_id), update (columns, author_id, updated_at) on
  crm.export_layouts
to api_owner;

-- Columns beside the fields that every reader of a form sees.
create or replace function crm.unrestricted_columns(p_form text) returns text[]
  language sql immutable parallel safe set search_path = '' as $$
  select array['id', 'created_at', 'updated_at']
    || case p_form
      when 'customer' then array['owner_id', 'pool', 'renewal_owner_id', 'last_contact_at']
      when 'deal' then
        array[
          'customer_id', 'owner_id', 'pipeline', 'stage', 'stage_at', 'closed_at', 'lost_reason'
        ]
      when 'policy' then array['customer_id', 'vehicle_id', 'status']
      when 'conversation' then
        array['customer_id', 'author_id', 'method', 'outcome', 'reached', 'occurred_at']
      else array['customer_id']
    end
$$;

-- Exporting ---------------------------------------------------------------------------------------

create or replace function crm.exportable_columns(p_store uuid, p_form text) returns text[]
  language sql stable set search_path = '' as $$
  select array_agg(x.name)
  from (
    select unnest(crm.unrestricted_columns(p_form) || a.readable || a.masked) as name
    from crm.my_access(p_form) a
    where a.store_id = p_store
    union all
    select 'customer.' || unnest(a.readable || a.masked)
    from crm.my_access('customer') a
    where a.store_id = p_store and p_form <> 'customer'
  ) x
$$;
comment on function crm.exportable_columns is
  'The columns a caller may ask for: of the form, and customer.<field> of its customer.';

create or replace function crm.read_export(
  p_store uuid, p_form text, p_columns jsonb, p_reason text
) returns crm.exports
  language plpgsql stable set search_path = '' as $$
declare
  v_export crm.exports;
begin
  v_export.store_id := p_store;
  v_export.author_id := (select crm.current_user_id());
  v_export.form := p_form;
  v_export.reason := trim(p_reason);
  if jsonb_typeof(p_columns) is distinct from 'array'
    or jsonb_array_length(p_columns) not between 1 and 200
  then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  if not exists (select from crm.form_tables form_table where form_table.form = p_form) then
    raise sqlstate 'PT422' using message = 'option', detail = 'form';
  end if;
  if coalesce(v_export.reason, '') = '' then
    raise sqlstate 'PT422' using message = 'required', detail = 'reason';
  end if;
  if length(v_export.reason) > 300 then
    raise sqlstate 'PT422' using message = 'length', detail = 'reason';
  end if;
  v_export.columns := array(select jsonb_array_elements_text(p_columns));
  -- one that is hidden, unknown or misspelt gets one and the same answer
  if array_position(v_export.columns, null) is not null
    or not coalesce(v_export.columns <@ crm.exportable_columns(p_store, p_form), false)
  then
    raise sqlstate 'PT422' using message = 'option', detail = 'columns';
  end if;
  return v_export;
end $$;
comment on function crm.read_export is
  'What a caller asks to export, checked. Errors: operations_malformed, option, required, length.';

create or replace function crm.begin_export(p_caller crm.caller, p_export crm.exports) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.exports (store_id, id, form, columns, reason, author_id)
  values (
    p_export.store_id,
    p_export.id,
    p_export.form,
    p_export.columns,
    p_export.reason,
    p_export.author_id
  )
  on conflict (store_id, id) do nothing;
  if found then
    perform crm.record_audit_event(
      p_caller,
      'exported',
      p_export.id,
      jsonb_build_object(
        'form', p_export.form,
        'columns', to_jsonb(p_export.columns),
        'reason', p_export.reason
      )
    );
  end if;
end $$;

create or replace function crm.require_export(p_asked crm.exports, p_begins bool) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_export crm.exports;
begin
  select * into v_export
  from crm.exports export
  where export.store_id = p_asked.store_id and export.id = p_asked.id
  for update;
  if v_export.id is null and not p_begins then  -- an export nobody began, or a colleague did
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if v_export.finished_at is not null
    or (v_export.author_id, v_export.form, v_export.columns, v_export.reason)
    is distinct from (p_asked.author_id, p_asked.form, p_asked.columns, p_asked.reason)
  then
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
  if v_export.created_at < now() - interval '1 hour' then
    raise sqlstate 'PT409' using message = 'export_expired';
  end if;
end $$;
comment on function crm.require_export is
  'A page belongs to an export that was begun an hour ago at the most, by the same person, of the '
  'same columns, for the same reason. Errors: not_found, id_taken, export_expired.';

create or replace function crm.export_page(
  p_export crm.exports, p_after_at timestamptz, p_after_id uuid, p_limit int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_page jsonb;
  v_of_customer text := case
    when p_export.form = 'customer' then $q$select '{}'::jsonb as fields$q$
    else
      $q$
      select coalesce(jsonb_object_agg('customer.' || entry.key, entry.value), '{}') as fields
      from api.customers customer
      cross join jsonb_each((to_jsonb(customer) - 'custom') || customer.custom) entry
      where customer.store_id = v.store_id and customer.id = v.customer_id
      $q$
  end;
begin
  execute format(
    $q$
    select coalesce(jsonb_agg(x.picked || x.ordinal order by x.created_at, x.id), '[]')
    from (
      select
        v.created_at,
        v.id,
        jsonb_build_object('#', jsonb_build_array(v.created_at, v.id)) as ordinal,
        (
          select coalesce(jsonb_object_agg(k, r.record -> k), '{}')
          from unnest($3) k
        ) as picked
      from api.%I v
      cross join lateral (%s) c
      cross join lateral (
        select (to_jsonb(v) - 'custom') || v.custom || c.fields as record
      ) r
      where v.store_id = $1 and ($4::timestamptz is null or (v.created_at, v.id) > ($4, $5))
      order by v.created_at, v.id
      limit $2
    ) x
    $q$,
    (
      select form_table.relation
      from crm.form_tables form_table
      where form_table.form = p_export.form
    ),
    v_of_customer
  ) into v_page
  using p_export.store_id, p_limit, p_export.columns, p_after_at, p_after_id;
  return v_page;
end $$;
comment on function crm.export_page is
  'Rows as the caller''s own views show them; "#": where the next page would begin.';

-- The first page begins an export and leaves the act, whatever it says of where it begins.
create or replace function crm.export_rows(
  p_store uuid, p_export uuid, p_form text, p_columns jsonb, p_reason text, p_after jsonb,
  p_limit int
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'export_rows');
  v_export crm.exports;
  v_begins bool := coalesce(p_after, 'null') = 'null';
  v_limit int := least(greatest(coalesce(p_limit, 500), 1), 1000);
  v_page jsonb;
begin
  if p_export is null then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  v_export := crm.read_export(p_store, p_form, p_columns, p_reason);
  v_export.id := p_export;
  if v_begins then
    perform crm.begin_export(v_caller, v_export);
  end if;
  perform crm.require_export(v_export, v_begins);
  v_page := crm.export_page(
    v_export, crm.as_instant(p_after ->> 0), crm.as_uuid(p_after ->> 1), v_limit
  );
  update crm.exports export
  set rows = export.rows + jsonb_array_length(v_page)
  where export.store_id = p_store and export.id = p_export;
  return jsonb_build_object(
    'rows', (
      select coalesce(jsonb_agg(value - '#' order by ordinality), '[]')
      from jsonb_array_elements(v_page) with ordinality
    ),
    'next', case when jsonb_array_length(v_page) = v_limit then v_page -> -1 -> '#' end
  );
end $$;
comment on function crm.export_rows is
  'At most 1000 rows of a form through the caller''s views, logged with the reason; next: where '
  'the following page begins, asked for within an hour. Errors: forbidden, required, option, '
  'not_found, id_taken, export_expired.';

create or replace function crm.finish_export(
  p_store uuid, p_export uuid, p_file text, p_sha256 text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'export_rows');
  v_export crm.exports;
begin
  if not coalesce(p_sha256 ~ '^[0-9a-f]{64}$', false) or coalesce(p_file, '') = '' then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  update crm.exports export
  set file_name = left(p_file, 200), sha256 = p_sha256, finished_at = now()
  where export.store_id = p_store
    and export.id = p_export
    and export.author_id = v_caller.user_id
    and export.finished_at is null
  returning * into v_export;
  if v_export.id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return jsonb_build_object('rows', v_export.rows);
end $$;

create or replace function crm.save_export_layout(
  p_store uuid, p_form text, p_name text, p_columns jsonb
) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'export_rows');
begin
  if jsonb_typeof(p_columns) is distinct from 'array'
    or jsonb_array_length(p_columns) > 200
    or pg_column_size(p_columns) > 16000
    or length(coalesce(p_name, '')) not between 1 and 80
    or not exists (select from crm.form_tables form_table where form_table.form = p_form)
  then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  insert into crm.export_layouts (store_id, form, name, columns, author_id)
  values (p_store, p_form, p_name, p_columns, v_caller.user_id)
  on conflict (store_id, form, name) do update set columns = excluded.columns,
    author_id = excluded.author_id,
    updated_at = now();
end $$;

-- One masked value, shown to who may ask, and written down that they did (S-108, T22).
create or replace function crm.reveal_field(
  p_store uuid, p_form text, p_id uuid, p_field text, p_reason text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'reveal_field');
  v_relation text;
  v_access crm.caller_access;
  v_value jsonb;
  v_is_seen bool;
begin
  select form_table.relation into v_relation
  from crm.form_tables form_table
  where form_table.form = p_form;
  select * into v_access
  from crm.my_access(p_form) x
  where x.store_id = p_store;
  if v_relation is null
    or p_field is null
    or not coalesce(p_field = any (v_access.masked), false)
  then
    raise sqlstate 'PT403' using message = 'forbidden';  -- hidden and unknown alike
  end if;
  if coalesce(trim(p_reason), '') = '' then
    raise sqlstate 'PT422' using message = 'required', detail = 'reason';
  end if;
  execute format(
    'select exists (select from api.%I x where x.store_id = $1 and x.id = $2)',
    v_relation
  ) into v_is_seen using p_store,
    p_id;
  if not v_is_seen then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  execute format(
    $q$
    select coalesce(to_jsonb(t) -> $3, t.custom -> $3)
    from crm.%I t
    where t.store_id = $1 and t.id = $2
    $q$,
    v_relation
  ) into v_value using p_store,
    p_id,
    p_field;
  perform crm.record_audit_event(
    v_caller,
    'revealed',
    p_id,
    jsonb_build_object('form', p_form, 'field', p_field, 'reason', left(trim(p_reason), 300))
  );
  return jsonb_build_object('value', v_value);
end $$;
comment on function crm.reveal_field is
  'A value the caller sees masked, and a line in the audit. Errors: forbidden (also for what is '
  'hidden or no field), required, not_found.';

-- The audit ---------------------------------------------------------------------------------------
--
-- Newest first. p_filter is what crm.audit_filter made of the caller's; each function answers the
-- lines below p_before, at most p_limit.

create or replace function crm.audit_filter(
  p_filter jsonb,
  p_zone text,
  out what text,
  out user_id uuid,
  out since timestamptz,
  out upto timestamptz,
  out form text,
  out field text,
  out kind text
)
  language plpgsql stable set search_path = '' as $$
begin
  if jsonb_typeof(p_filter) is distinct from 'object' then
    p_filter := '{}';
  end if;
  what := coalesce(p_filter ->> 'what', 'records');
  user_id := crm.as_uuid(p_filter ->> 'user_id');
  since := crm.as_date(p_filter -> 'from')::timestamp at time zone p_zone;
  upto := (crm.as_date(p_filter -> 'to') + 1)::timestamp at time zone p_zone;
  form := p_filter ->> 'form';
  field := p_filter ->> 'field';
  kind := p_filter ->> 'kind';
end $$;

create or replace function crm.audit_configuration(
  p_store uuid, p_filter jsonb, p_zone text, p_before bigint, p_limit int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_filter record := crm.audit_filter(p_filter, p_zone);
begin
  return (
    select jsonb_agg(to_jsonb(x) order by x.id desc)
    from (
      select
        version.version::bigint as id,
        version.published_at as created_at,
        version.author_id as actor_id,
        'published' as kind,
        jsonb_build_object('version', version.version, 'note', version.note) as detail
      from crm.config_versions version
      where version.store_id = p_store
        and (p_before is null or version.version < p_before)
        and (v_filter.user_id is null or version.author_id = v_filter.user_id)
        and (v_filter.since is null or version.published_at >= v_filter.since)
        and (v_filter.upto is null or version.published_at < v_filter.upto)
      order by version.version desc
      limit p_limit
    ) x
  );
end $$;

create or replace function crm.audit_acts(
  p_store uuid, p_filter jsonb, p_zone text, p_before bigint, p_limit int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_filter record := crm.audit_filter(p_filter, p_zone);
begin
  return (
    select jsonb_agg(to_jsonb(x) order by x.id desc)
    from (
      select
        audit_event.id,
        audit_event.created_at,
        audit_event.actor_id,
        audit_event.kind,
        audit_event.subject_id,
        audit_event.detail - array(select 'columns' where audit_event.kind <> 'exported')
        || coalesce(
          case audit_event.kind
            when 'exported' then
              (
                select jsonb_build_object('rows', export.rows, 'sha256', export.sha256)
                from crm.exports export
                where export.store_id = p_store and export.id = audit_event.subject_id
              )
            when 'imported' then
              (
                select jsonb_build_object(
                  'rows', import.created + import.updated + import.unchanged + import.refused
                )
                from crm.imports import
                where import.store_id = p_store and import.id = audit_event.subject_id
              )
          end,
          '{}'
        ) as detail
      from crm.audit_events audit_event
      where audit_event.store_id = p_store
        and (p_before is null or audit_event.id < p_before)
        and (v_filter.user_id is null or audit_event.actor_id = v_filter.user_id)
        and (v_filter.kind is null or audit_event.kind = v_filter.kind)
        and (v_filter.since is null or audit_event.created_at >= v_filter.since)
        and (v_filter.upto is null or audit_event.created_at < v_filter.upto)
      order by audit_event.id desc
      limit p_limit
    ) x
  );
end $$;

create or replace function crm.audit_records(
  p_store uuid, p_filter jsonb, p_zone text, p_before bigint, p_limit int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_filter record := crm.audit_filter(p_filter, p_zone);
begin
  return (
    select jsonb_agg(to_jsonb(x) order by x.id desc)
    from (
      select
        event.id,
        event.created_at,
        event.actor_id,
        event.kind,
        event.form,
        event.field,
        event.subject_id,
        event.customer_id,
        event.old,
        event.new,
        (
          select customer.name
          from api.customers customer
          where customer.store_id = p_store and customer.id = event.customer_id
        ) as name
      from api.timeline event
      where event.store_id = p_store
        and (p_before is null or event.id < p_before)
        and (v_filter.user_id is null or event.actor_id = v_filter.user_id)
        and (v_filter.form is null or event.form = v_filter.form)
        and (v_filter.field is null or event.field = v_filter.field)
        and (v_filter.since is null or event.created_at >= v_filter.since)
        and (v_filter.upto is null or event.created_at < v_filter.upto)
      order by event.id desc
      limit p_limit
    ) x
  );
end $$;

create or replace function crm.audit_log(p_store uuid, p_filter jsonb, p_before jsonb, p_limit int)
  returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'read_audit');
  v_zone text := v_caller.time_zone;
  v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_before bigint := case
    when p_before #>> '{}' ~ '^\d{1,18}$' then (p_before #>> '{}')::bigint
  end;
  v_page jsonb;
begin
  v_page := case (crm.audit_filter(p_filter, v_zone)).what
    when 'configuration' then
      crm.audit_configuration(p_store, p_filter, v_zone, v_before, v_limit)
    when 'audit_events' then crm.audit_acts(p_store, p_filter, v_zone, v_before, v_limit)
    else crm.audit_records(p_store, p_filter, v_zone, v_before, v_limit)
  end;
  return jsonb_build_object(
    'rows', coalesce(v_page, '[]'),
    'next', case when jsonb_array_length(v_page) = v_limit then v_page -> -1 -> 'id' end
  );
end $$;
comment on function crm.audit_log is
  'Lines of the history, newest first. filter: {what: records | configuration | '
  'audit_events, user_id, from, to, form, field, kind}; hidden fields have no lines, masked ones '
  'masked values. Error: forbidden.';

create or replace view api.exports as
  select
    e.store_id,
    e.id,
    e.form,
    e.columns,
    e.reason,
    e.author_id,
    m.name as author_name,
    e.rows,
    e.file_name,
    e.sha256,
    e.created_at,
    e.finished_at
  from crm.exports e
  left join crm.members m on m.store_id = e.store_id and m.user_id = e.author_id
  where crm.has_permission(e.store_id, 'read_audit')
    or e.author_id = (select crm.current_user_id())
    and crm.has_permission(e.store_id, 'export_rows');

create or replace view api.export_layouts as
  select l.store_id, l.form, l.name, l.columns, l.updated_at
  from crm.export_layouts l
  where crm.has_permission(l.store_id, 'export_rows');
alter view api.exports owner to api_owner;
alter view api.export_layouts owner to api_owner;
grant select on api.exports, api.export_layouts to authenticated;

alter function crm.export_rows(uuid, uuid, text, jsonb, text, jsonb, int) owner to api_owner;
alter function crm.finish_export(uuid, uuid, text, text) owner to api_owner;
alter function crm.save_export_layout(uuid, text, text, jsonb) owner to api_owner;
alter function crm.reveal_field(uuid, text, uuid, text, text) owner to api_owner;
alter function crm.audit_log(uuid, jsonb, jsonb, int) owner to api_owner;

create or replace function api.export_rows(
  store_id uuid,
  export_id uuid,
  form text,
  columns jsonb,
  reason text,
  after jsonb default null,
  page_size int default 500
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic
    select crm.export_rows(store_id, export_id, form, columns, reason, after, page_size);
  end;

create or replace function api.finish_export(
  store_id uuid, export_id uuid, file_name text, sha256 text
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.finish_export(store_id, export_id, file_name, sha256); end;

create or replace function api.save_export_layout(
  store_id uuid, form text, name text, columns jsonb
) returns void
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.save_export_layout(store_id, form, name, columns); end;

create or replace function api.reveal_field(
  store_id uuid, form text, id uuid, field text, reason text
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.reveal_field(store_id, form, id, field, reason); end;

create or replace function api.audit_log(
  store_id uuid,
  filter jsonb default '{}',
  before jsonb default null,
  page_size int default 50
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.audit_log(store_id, filter, before, page_size); end;
grant execute on function
  crm.unrestricted_columns(text),
  crm.exportable_columns(uuid, text),
  crm.read_export(uuid, text, jsonb, text),
  crm.begin_export(crm.caller, crm.exports),
  crm.require_export(crm.exports, bool),
  crm.export_page(crm.exports, timestamptz, uuid, int),
  crm.audit_filter(jsonb, text),
  crm.audit_configuration(uuid, jsonb, text, bigint, int),
  crm.audit_acts(uuid, jsonb, text, bigint, int),
  crm.audit_records(uuid, jsonb, text, bigint, int)
to api_owner;
grant execute on function
  crm.export_rows(uuid, uuid, text, jsonb, text, jsonb, int),
  crm.finish_export(uuid, uuid, text, text),
  crm.save_export_layout(uuid, text, text, jsonb),
  crm.reveal_field(uuid, text, uuid, text, text),
  crm.audit_log(uuid, jsonb, jsonb, int),
  api.export_rows(uuid, uuid, text, jsonb, text, jsonb, int),
  api.finish_export(uuid, uuid, text, text),
  api.save_export_layout(uuid, text, text, jsonb),
  api.reveal_field(uuid, text, uuid, text, text),
  api.audit_log(uuid, jsonb, jsonb, int)
to authenticated;
insert into crm.endpoints (name, function, call)
values
  ('audit_log', 'audit_log', 'audit_log({store})'),
  ('export_rows', 'export_rows', 'export_rows({store}, {id}, ''customer'', ''["id"]'', ''proof'')');
insert into crm.endpoints (name, function, skip_reason)
values
  ('finish_export', 'finish_export', 'answers a count'),
  ('save_export_layout', 'save_export_layout', 'answers nothing'),
  (
    'reveal_field',
    'reveal_field',
    'it is for showing a masked value: one, to who carries the verb, written down'
  );
