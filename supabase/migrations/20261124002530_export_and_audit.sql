-- What leaves the store, and who did what: exports with a reason, reveals of masked values, the audit (T13, T22, F-82, F-84).

grant create on schema crm, api to api_owner;          -- ownership changes hands below

create table crm.exports (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  form text not null,
  columns text[] not null,
  reason text not null check (length(trim(reason)) between 1 and 300),
  author_id uuid not null,
  rows int not null default 0,
  file_name text check (length(file_name) <= 200),
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (store_id, id));
comment on table crm.exports is 'The log of exports: who took which columns of how many rows, why, and the fingerprint of the file. Counted by the server as rows are handed out.';
create table crm.export_layouts (
  store_id uuid not null references crm.stores on delete cascade,
  form text not null,
  name text not null check (length(name) between 1 and 80),
  columns jsonb not null check (jsonb_typeof(columns) = 'array' and pg_column_size(columns) < 16384),
  author_id uuid not null,
  updated_at timestamptz not null default now(),
  primary key (store_id, form, name));
comment on table crm.export_layouts is 'Saved column layouts, [{key, heading}] in order: a maker''s format is one of them.';
alter table crm.exports enable row level security;
alter table crm.export_layouts enable row level security;
create policy select_member on crm.exports for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_self on crm.exports for insert to api_owner with check (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_self on crm.exports for update to api_owner using (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_member on crm.export_layouts for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_member on crm.export_layouts for insert to api_owner with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_member on crm.export_layouts for update to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.exports, crm.export_layouts to api_owner;
grant insert (store_id, id, form, columns, reason, author_id), update (rows, file_name, sha256, finished_at) on crm.exports to api_owner;
grant insert (store_id, form, name, columns, author_id), update (columns, author_id, updated_at) on crm.export_layouts to api_owner;

-- Columns beside the fields that every reader of a form sees.
create function crm.plain_columns(p_form text) returns text[]
  language sql immutable parallel safe set search_path = '' as $$
  select array['id', 'created_at', 'updated_at'] || case p_form when 'customer' then array['owner_id', 'pool', 'renewal_owner_id', 'last_contact_at']
    when 'deal' then array['customer_id', 'owner_id', 'pipeline', 'stage', 'stage_at', 'closed_at', 'lost_reason'] when 'policy' then array['customer_id', 'vehicle_id', 'status']
    when 'conversation' then array['customer_id', 'author_id', 'method', 'outcome', 'reached', 'occurred_at'] else array['customer_id'] end $$;

-- A page of what the caller's own views show. A column that is hidden, unknown or misspelt gets one and the same answer.
create function crm.export_rows(p_store uuid, p_export uuid, p_form text, p_columns jsonb, p_reason text, p_after jsonb, p_limit int) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.demand(p_store, 'export_rows'); e crm.exports; v_relation text; v_columns text[]; known text[]; k text; n int := least(greatest(coalesce(p_limit, 500), 1), 1000); page jsonb; last jsonb;
  after_at timestamptz := crm.as_instant(p_after ->> 0); after_id uuid := crm.as_uuid(p_after ->> 1);
begin
  if p_export is null or jsonb_typeof(p_columns) is distinct from 'array' or jsonb_array_length(p_columns) not between 1 and 200 then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  select t.relation into v_relation from crm.form_tables t where t.form = p_form;
  if v_relation is null then raise sqlstate 'PT422' using message = 'option', detail = 'form'; end if;
  if coalesce(trim(p_reason), '') = '' then raise sqlstate 'PT422' using message = 'required', detail = 'reason'; end if;
  if length(trim(p_reason)) > 300 then raise sqlstate 'PT422' using message = 'length', detail = 'reason'; end if;
  v_columns := array(select jsonb_array_elements_text(p_columns));
  select crm.plain_columns(p_form) || a.readable || a.masked into known from crm.my_access(p_form) a where a.store_id = p_store;
  select known || array(select 'customer.' || x from unnest(a.readable || a.masked) x) into known from crm.my_access('customer') a where a.store_id = p_store and p_form <> 'customer';
  if p_form = 'customer' then select crm.plain_columns(p_form) || a.readable || a.masked into known from crm.my_access(p_form) a where a.store_id = p_store; end if;
  foreach k in array v_columns loop
    if k is null or not coalesce(k = any (known), false) then raise sqlstate 'PT422' using message = 'option', detail = 'columns'; end if;
  end loop;
  insert into crm.exports (store_id, id, form, columns, reason, author_id) values (p_store, p_export, p_form, v_columns, trim(p_reason), c.user_id) on conflict (store_id, id) do nothing;
  select * into e from crm.exports x where x.store_id = p_store and x.id = p_export for update;
  if e.id is null or e.author_id <> c.user_id or e.form <> p_form or e.columns <> v_columns or e.finished_at is not null then raise sqlstate 'PT409' using message = 'id_taken'; end if;
  if e.rows = 0 and p_after is null then perform crm.note_act(c, 'exported', p_export, jsonb_build_object('form', p_form, 'columns', to_jsonb(v_columns), 'reason', trim(p_reason))); end if;
  execute format($q$
    select coalesce(jsonb_agg(x.picked || jsonb_build_object('#', jsonb_build_array(x.created_at, x.id)) order by x.created_at, x.id), '[]') from (
      select v.created_at, v.id, (select coalesce(jsonb_object_agg(k, r.record -> k), '{}') from unnest($3) k) as picked
      from api.%I v %s
      cross join lateral (select (to_jsonb(v) - 'custom') || v.custom %s as record) r
      where v.store_id = $1 and ($4::timestamptz is null or (v.created_at, v.id) > ($4, $5)) order by v.created_at, v.id limit $2) x$q$, v_relation,
    case when p_form = 'customer' then '' else 'left join lateral (select (select coalesce(jsonb_object_agg(''customer.'' || f.key, f.value), ''{}'') from jsonb_each((to_jsonb(k) - ''custom'') || k.custom) f) as of_customer
      from api.customers k where k.store_id = v.store_id and k.id = v.customer_id) kk on true' end, case when p_form = 'customer' then '' else '|| coalesce(kk.of_customer, ''{}'')' end)
    into page using p_store, n, v_columns, after_at, after_id;
  update crm.exports x set rows = x.rows + jsonb_array_length(page) where x.store_id = p_store and x.id = p_export;
  last := page -> -1 -> '#';
  return jsonb_build_object('rows', (select coalesce(jsonb_agg(value - '#' order by ordinality), '[]') from jsonb_array_elements(page) with ordinality),
    'next', case when jsonb_array_length(page) = n then last end);
end $$;
comment on function crm.export_rows is 'At most 1000 rows of a form through the caller''s views, logged with the reason; next: where the following page begins. Errors: forbidden, required, option, id_taken.';

create function crm.finish_export(p_store uuid, p_export uuid, p_file text, p_sha256 text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'export_rows'); e crm.exports;
begin
  if not coalesce(p_sha256 ~ '^[0-9a-f]{64}$', false) or coalesce(p_file, '') = '' then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  update crm.exports x set file_name = left(p_file, 200), sha256 = p_sha256, finished_at = now() where x.store_id = p_store and x.id = p_export and x.author_id = c.user_id and x.finished_at is null returning * into e;
  if e.id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  return jsonb_build_object('rows', e.rows);
end $$;

create function crm.save_export_layout(p_store uuid, p_form text, p_name text, p_columns jsonb) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'export_rows');
begin
  if jsonb_typeof(p_columns) is distinct from 'array' or jsonb_array_length(p_columns) > 200 or pg_column_size(p_columns) > 16000 or length(coalesce(p_name, '')) not between 1 and 80
    or not exists (select from crm.form_tables t where t.form = p_form) then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  insert into crm.export_layouts (store_id, form, name, columns, author_id) values (p_store, p_form, p_name, p_columns, c.user_id)
  on conflict (store_id, form, name) do update set columns = excluded.columns, author_id = excluded.author_id, updated_at = now();
end $$;

-- One masked value, shown to who may ask, and written down that he did (S-108, T22).
create function crm.reveal_field(p_store uuid, p_form text, p_id uuid, p_field text, p_reason text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'reveal_field'); v_relation text; a crm.caller_access; v jsonb; seen bool;
begin
  select t.relation into v_relation from crm.form_tables t where t.form = p_form;
  select * into a from crm.my_access(p_form) x where x.store_id = p_store;
  if v_relation is null or p_field is null or not coalesce(p_field = any (a.masked), false) then raise sqlstate 'PT403' using message = 'forbidden'; end if;   -- hidden and unknown alike
  if coalesce(trim(p_reason), '') = '' then raise sqlstate 'PT422' using message = 'required', detail = 'reason'; end if;
  execute format('select exists (select from api.%I x where x.store_id = $1 and x.id = $2)', v_relation) into seen using p_store, p_id;
  if not seen then raise sqlstate 'PT404' using message = 'not_found'; end if;
  execute format('select coalesce(to_jsonb(t) -> $3, t.custom -> $3) from crm.%I t where t.store_id = $1 and t.id = $2', v_relation) into v using p_store, p_id, p_field;
  perform crm.note_act(c, 'revealed', p_id, jsonb_build_object('form', p_form, 'field', p_field, 'reason', left(trim(p_reason), 300)));
  return jsonb_build_object('value', v);
end $$;
comment on function crm.reveal_field is 'A value the caller sees masked, and a line in the audit. Errors: forbidden (also for what is hidden or no field), required, not_found.';

-- The audit: records by the reader's rights, configuration, and what the panel did, newest first.
create function crm.audit(p_store uuid, p_filter jsonb, p_before jsonb, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.demand(p_store, 'read_audit'); n int := least(greatest(coalesce(p_limit, 50), 1), 200); f jsonb := case jsonb_typeof(p_filter) when 'object' then p_filter else '{}' end;
  who uuid := crm.as_uuid(f ->> 'user_id'); d_from timestamptz := crm.as_date(f -> 'from')::timestamp at time zone c.time_zone; d_to timestamptz := (crm.as_date(f -> 'to') + 1)::timestamp at time zone c.time_zone;
  w text := coalesce(f ->> 'what', 'records'); v_form text := f ->> 'form'; v_field text := f ->> 'field'; before_id bigint := case when p_before #>> '{}' ~ '^\d{1,18}$' then (p_before #>> '{}')::bigint end; page jsonb;
begin
  if w = 'configuration' then
    select coalesce(jsonb_agg(to_jsonb(x) order by x.id desc), '[]') into page from (
      select v.version::bigint as id, v.published_at as created_at, v.author_id as actor_id, 'published' as kind, jsonb_build_object('version', v.version, 'note', v.note) as detail
      from crm.config_versions v where v.store_id = p_store and (before_id is null or v.version < before_id) and (who is null or v.author_id = who)
        and (d_from is null or v.published_at >= d_from) and (d_to is null or v.published_at < d_to) order by v.version desc limit n) x;
  elsif w = 'acts' then
    select coalesce(jsonb_agg(to_jsonb(x) order by x.id desc), '[]') into page from (
      select a.id, a.created_at, a.actor_id, a.kind, a.subject_id, a.detail - array(select 'columns' where a.kind <> 'exported')
        || case when a.kind = 'exported' then (select jsonb_build_object('rows', e.rows, 'sha256', e.sha256) from crm.exports e where e.store_id = p_store and e.id = a.subject_id) else '{}' end as detail
      from crm.acts a where a.store_id = p_store and (before_id is null or a.id < before_id) and (who is null or a.actor_id = who) and (f ->> 'kind' is null or a.kind = f ->> 'kind')
        and (d_from is null or a.created_at >= d_from) and (d_to is null or a.created_at < d_to) order by a.id desc limit n) x;
  else
    select coalesce(jsonb_agg(to_jsonb(x) order by x.id desc), '[]') into page from (
      select t.id, t.created_at, t.actor_id, t.kind, t.form, t.field, t.subject_id, t.customer_id, t.old, t.new,
        (select k.name from api.customers k where k.store_id = p_store and k.id = t.customer_id) as name
      from api.timeline t where t.store_id = p_store and (before_id is null or t.id < before_id) and (who is null or t.actor_id = who) and (v_form is null or t.form = v_form)
        and (v_field is null or t.field = v_field) and (d_from is null or t.created_at >= d_from) and (d_to is null or t.created_at < d_to) order by t.id desc limit n) x;
  end if;
  return jsonb_build_object('rows', page, 'next', case when jsonb_array_length(page) = n then page -> -1 -> 'id' end);
end $$;
comment on function crm.audit is 'Lines of the history, newest first. filter: {what: records | configuration | acts, user_id, from, to, form, field, kind}; hidden fields have no lines, masked ones masked values. Error: forbidden.';

create view api.exports as
  select e.store_id, e.id, e.form, e.columns, e.reason, e.author_id, m.name as author_name, e.rows, e.file_name, e.sha256, e.created_at, e.finished_at
  from crm.exports e left join crm.members m on m.store_id = e.store_id and m.user_id = e.author_id
  where crm.may(e.store_id, 'read_audit') or e.author_id = (select auth.uid()) and crm.may(e.store_id, 'export_rows');
create view api.export_layouts as
  select l.store_id, l.form, l.name, l.columns, l.updated_at from crm.export_layouts l where crm.may(l.store_id, 'export_rows');
alter view api.exports owner to api_owner;
alter view api.export_layouts owner to api_owner;
grant select on api.exports, api.export_layouts to authenticated;

alter function crm.export_rows(uuid, uuid, text, jsonb, text, jsonb, int) owner to api_owner;
alter function crm.finish_export(uuid, uuid, text, text) owner to api_owner;
alter function crm.save_export_layout(uuid, text, text, jsonb) owner to api_owner;
alter function crm.reveal_field(uuid, text, uuid, text, text) owner to api_owner;
alter function crm.audit(uuid, jsonb, jsonb, int) owner to api_owner;
create function api.export_rows(store_id uuid, export_id uuid, form text, columns jsonb, reason text, after jsonb default null, page_size int default 500) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.export_rows(store_id, export_id, form, columns, reason, after, page_size); end;
create function api.finish_export(store_id uuid, export_id uuid, file_name text, sha256 text) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.finish_export(store_id, export_id, file_name, sha256); end;
create function api.save_export_layout(store_id uuid, form text, name text, columns jsonb) returns void
  language sql volatile security invoker set search_path = '' begin atomic select crm.save_export_layout(store_id, form, name, columns); end;
create function api.reveal_field(store_id uuid, form text, id uuid, field text, reason text) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.reveal_field(store_id, form, id, field, reason); end;
create function api.audit(store_id uuid, filter jsonb default '{}', before jsonb default null, page_size int default 50) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.audit(store_id, filter, before, page_size); end;
grant execute on function crm.plain_columns(text) to api_owner;
grant execute on function crm.export_rows(uuid, uuid, text, jsonb, text, jsonb, int), crm.finish_export(uuid, uuid, text, text), crm.save_export_layout(uuid, text, text, jsonb),
  crm.reveal_field(uuid, text, uuid, text, text), crm.audit(uuid, jsonb, jsonb, int), api.export_rows(uuid, uuid, text, jsonb, text, jsonb, int),
  api.finish_export(uuid, uuid, text, text), api.save_export_layout(uuid, text, text, jsonb), api.reveal_field(uuid, text, uuid, text, text), api.audit(uuid, jsonb, jsonb, int) to authenticated;
insert into crm.exits (name, function, call) values ('audit', 'audit', 'audit({store})'),
  ('export_rows', 'export_rows', 'export_rows({store}, {id}, ''customer'', ''["id"]'', ''proof'')');
insert into crm.exits (name, function, why_not) values ('finish_export', 'finish_export', 'answers a count'), ('save_export_layout', 'save_export_layout', 'answers nothing'),
  ('reveal_field', 'reveal_field', 'it is for showing a masked value: one, to who carries the verb, written down');
revoke create on schema crm, api from api_owner;
