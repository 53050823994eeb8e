-- The life of a document: draft, check, publish, restore; what a field's end means; why a member can do what he can.

grant create on schema crm, api to api_owner;          -- ownership changes hands below

create table crm.config_drafts (
  store_id uuid not null references crm.stores on delete cascade,
  author_id uuid not null,
  document jsonb not null check (jsonb_typeof(document) = 'object' and pg_column_size(document) < 1048576),
  base_version int not null,
  saved_at timestamptz not null default now(),
  primary key (store_id, author_id));
comment on table crm.config_drafts is 'What an admin is working on, one per store and person; publishing or discarding ends it.';
alter table crm.config_drafts enable row level security;
create policy select_author on crm.config_drafts for select to api_owner using (author_id = (select auth.uid()));
grant select on crm.config_drafts to api_owner;

create view api.config_drafts as
  select d.store_id, d.document, d.base_version, d.saved_at from crm.config_drafts d where crm.may(d.store_id, 'publish_config');
alter view api.config_drafts owner to api_owner;
grant select on api.config_drafts to authenticated;

create function crm.save_config_draft(p_store uuid, p_document jsonb, p_base_version int) returns timestamptz
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); v_at timestamptz;
begin
  if p_document is null then
    delete from crm.config_drafts d where d.store_id = p_store and d.author_id = c.user_id;
    return null;
  end if;
  if jsonb_typeof(p_document) <> 'object' or pg_column_size(p_document) >= 1048576 or p_base_version is null then raise sqlstate 'PT422' using message = 'invalid_config'; end if;
  insert into crm.config_drafts as d (store_id, author_id, document, base_version) values (p_store, c.user_id, p_document, p_base_version)
  on conflict (store_id, author_id) do update set document = excluded.document, base_version = excluded.base_version, saved_at = now()
  returning d.saved_at into v_at;
  return v_at;
end $$;
comment on function crm.save_config_draft is 'Keeps the caller''s draft, half-finished or not; a null document discards it. Errors: forbidden, invalid_config.';

-- What a check says: the refusals of publishing in words, then what the document would change for records, roles and tasks.
create function crm.config_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare d jsonb := p_document; f record; found jsonb := '[]'; n int; ids jsonb; failure text; failure_detail text; today date; before jsonb; after jsonb; sees jsonb;
begin
  -- which records hold a value is an answer about the value: named to who may read the field, counted for everybody
  select coalesce(jsonb_object_agg(a.form, to_jsonb(a.readable)), '{}') into sees from crm.my_access(null) a where a.store_id = p_store;
  select (now() at time zone s.time_zone)::date into today from crm.stores s where s.id = p_store;

  -- options and fields that go, while records hold them
  for f in
    select now_.form, k.key, t.relation, now_.fields -> k.key as was, x as field,
      array(select o ->> 'key' from jsonb_array_elements(coalesce(now_.fields -> k.key -> 'options', '[]')) o
            where x is null or not coalesce(x -> 'options', '[]') @> jsonb_build_array(jsonb_build_object('key', o ->> 'key'))) as gone
    from crm.forms now_ join crm.form_tables t on t.form = now_.form
    cross join jsonb_object_keys(now_.fields) k (key)
    left join lateral (select y as x from jsonb_array_elements(coalesce(d -> 'forms' -> now_.form -> 'fields', '[]')) y where y ->> 'key' = k.key) z on true
    where now_.store_id = p_store
  loop
    if f.field is null then
      execute format('select count(*), coalesce((jsonb_agg(t.id) filter (where t.n <= 20)), ''[]'') from (select r.id, row_number() over () as n from crm.%I r
        where r.store_id = $1 and r.removed_at is null and %s) t', f.relation,
        case when f.was ? 'base' then format('%I is not null', f.key) else 'r.custom ? $2' end) into n, ids using p_store, f.key;
      if not coalesce(sees -> f.form ? f.key, false) then ids := '[]'; end if;
      found := found || jsonb_build_object('kind', 'field_removed', 'level', case when n > 0 then 'warning' else 'info' end, 'form', f.form, 'key', f.key, 'count', n, 'ids', ids);
      continue;
    end if;
    if f.gone <> '{}' and f.field ? 'options' then
      execute format('select count(*), coalesce((jsonb_agg(t.id) filter (where t.n <= 20)), ''[]'') from (select r.id, row_number() over () as n from crm.%I r
        where r.store_id = $1 and r.removed_at is null and %s) t', f.relation,
        case when f.was ? 'base' then format('%I = any ($3)', f.key) else 'r.custom ? $2 and (r.custom ->> $2 = any ($3) or jsonb_typeof(r.custom -> $2) = ''array'' and r.custom -> $2 ?| $3)' end)
        into n, ids using p_store, f.key, f.gone;
      if not coalesce(sees -> f.form ? f.key, false) then ids := '[]'; end if;
      found := found || jsonb_build_object('kind', 'option_removed', 'level', case when n > 0 then 'warning' else 'info' end, 'form', f.form, 'key', f.key,
        'options', to_jsonb(f.gone), 'count', n, 'ids', ids);
    end if;
    if not f.was ? 'base' and coalesce(f.field ->> 'type', f.was ->> 'type') <> f.was ->> 'type' then
      execute format('select count(*), coalesce((jsonb_agg(jsonb_build_object(''id'', t.id, ''value'', t.v)) filter (where t.n <= 20)), ''[]'') from (
          select r.id, r.custom -> $2 as v, row_number() over () as n from crm.%I r
          where r.store_id = $1 and r.custom ? $2 and crm.converted(r.custom -> $2, $3, $4) is null) t', f.relation)
        into n, ids using p_store, f.key, f.field ->> 'type', f.field -> 'options';
      if not coalesce(sees -> f.form ? f.key, false) then ids := '[]'; end if;
      found := found || jsonb_build_object('kind', 'type_changed', 'level', case when n > 0 then 'refused' else 'info' end, 'form', f.form, 'key', f.key,
        'before', f.was -> 'type', 'after', f.field -> 'type', 'count', n, 'rows', ids);
    end if;
    if coalesce((f.field ->> 'required')::bool, false) and not coalesce((f.was ->> 'required')::bool, false) then
      execute format('select count(*) from crm.%I r where r.store_id = $1 and r.removed_at is null and %s', f.relation,
        case when f.was ? 'base' then format('%I is null', f.key) else 'not r.custom ? $2' end) into n using p_store, f.key;
      found := found || jsonb_build_object('kind', 'now_required', 'level', 'info', 'form', f.form, 'key', f.key, 'count', n);
    end if;
  end loop;

  -- stages: deals that stand in one that goes, deals whose further way is barred
  for f in
    select s.pipeline, s.key, x as stage, s.moves, coalesce(c.n, 0) as n, c.ids,
      exists (select from crm.successors(p_store, d) o where o.kind = 'stage' and o.was = s.pipeline || '.' || s.key) as goes
    from crm.stages s
    left join lateral (select st as x from jsonb_array_elements(coalesce(d -> 'pipelines', '[]')) p, jsonb_array_elements(coalesce(p -> 'stages', '[]')) st
                       where p ->> 'key' = s.pipeline and st ->> 'key' = s.key) z on true
    left join lateral (select count(*)::int as n, jsonb_agg(e.id) filter (where e.place <= 20) as ids from (
        select e.id, row_number() over () as place from crm.deals e where e.store_id = p_store and e.pipeline = s.pipeline and e.stage = s.key and e.removed_at is null) e) c on true
    where s.store_id = p_store and not s.retired
  loop
    if f.stage is null and f.goes then continue;             -- told below, with where they go
    elsif f.stage is null then
      found := found || jsonb_build_object('kind', 'stage_removed', 'level', case when f.n > 0 then 'refused' else 'info' end, 'pipeline', f.pipeline, 'key', f.key, 'count', f.n, 'ids', coalesce(f.ids, '[]'));
    elsif jsonb_typeof(f.stage -> 'moves') = 'array' and (f.moves is null or not f.stage -> 'moves' @> to_jsonb(f.moves)) then
      found := found || jsonb_build_object('kind', 'moves_barred', 'level', case when f.n > 0 then 'warning' else 'info' end, 'pipeline', f.pipeline, 'key', f.key,
        'before', f.moves, 'after', f.stage -> 'moves', 'count', f.n, 'ids', coalesce(f.ids, '[]'));
    end if;
  end loop;

  found := found || crm.successors_impact(p_store, d);

  -- roles: who gains or loses what
  for f in
    select coalesce(r.key, x ->> 'key') as key, r.key is null as is_new, x is null as is_gone, r.scope, r.verbs, r.screens, r.pools, x as role,
      (select count(*)::int from crm.members m where m.store_id = p_store and m.role = coalesce(r.key, x ->> 'key') and m.active) as members
    from (select * from crm.roles q where q.store_id = p_store and not q.retired) r
    full join jsonb_array_elements(coalesce(d -> 'roles', '[]')) x on x ->> 'key' = r.key
  loop
    if f.is_gone then
      found := found || jsonb_build_object('kind', 'role_removed', 'level', case when f.members > 0 then 'refused' else 'info' end, 'role', f.key, 'count', f.members);
      continue;
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('what', w.what, 'before', w.was, 'after', w.now_)), '[]') into ids from (values
      ('scope', to_jsonb(f.scope), coalesce(f.role -> 'scope', '"own"')), ('verbs', to_jsonb(f.verbs), coalesce(f.role -> 'verbs', '[]')),
      ('screens', to_jsonb(f.screens), coalesce(f.role -> 'screens', '[]')), ('pools', to_jsonb(f.pools), coalesce(f.role -> 'pools', '[]'))) w (what, was, now_)
    where not f.is_new and not (w.was @> w.now_ and w.now_ @> w.was);
    if ids <> '[]' then
      found := found || jsonb_build_object('kind', 'role_changed', 'level', 'warning', 'role', f.key, 'count', f.members, 'changes', ids);
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('form', w.form, 'key', w.key, 'before', w.was, 'after', w.now_) order by w.form, w.key), '[]') into ids from (
      select coalesce(a.form, b.form) as form, coalesce(a.key, b.key) as key, coalesce(a.access, 'hidden') as was, coalesce(b.access, 'hidden') as now_
      from (select g.form, g.key, g.access from crm.field_rights g where g.store_id = p_store and g.role = f.key) a
      full join (select form.key as form, field.key, field.value #>> '{}' as access from jsonb_each(coalesce(f.role -> 'rights', '{}')) form cross join jsonb_each(form.value) field
                 where d -> 'forms' -> form.key -> 'fields' @> jsonb_build_array(jsonb_build_object('key', field.key))) b on b.form = a.form and b.key = a.key) w
    where w.was <> w.now_;
    if ids <> '[]' and not f.is_new then
      found := found || jsonb_build_object('kind', 'rights_changed', 'level', 'warning', 'role', f.key, 'count', f.members, 'changes', ids);
    end if;
  end loop;

  found := found || crm.config_refusals(d);

  -- the same code that publishes, in a transaction that is given up: what it refuses, and the tasks of today's rules before and after
  begin
    before := crm.run_rules(p_store, today);
    raise sqlstate 'GIVEN';
  exception when sqlstate 'GIVEN' then null;
  end;
  begin
    perform crm.apply_config(p_store, d);
    perform crm.demand_an_admin(p_store);
    perform crm.demand_proof(p_store);
    after := crm.run_rules(p_store, today);
    raise sqlstate 'GIVEN';
  exception
    when sqlstate 'GIVEN' then null;
    when sqlstate 'PT409' or sqlstate 'PT422' then
      get stacked diagnostics failure = message_text, failure_detail = pg_exception_detail;
      found := found || jsonb_strip_nulls(jsonb_build_object('kind', failure, 'level', 'refused', 'subject', nullif(failure_detail, '')));
    when serialization_failure or deadlock_detected then raise;
    when others then
      raise log 'check: % %', sqlstate, sqlerrm;
      found := found || '{"kind": "invalid_config", "level": "refused"}'::jsonb;
  end;
  if after is not null and (before - 'day') <> (after - 'day') then
    found := found || jsonb_build_object('kind', 'tasks_today', 'level', 'info', 'before', before - array['store_id', 'day'], 'after', after - array['store_id', 'day']);
  end if;
  return found || crm.over_budget(p_document);
end $$;
comment on function crm.config_impact is 'What publishing a document would do; writes nothing. Items {kind, level: refused | warning | info, …, count, ids: the first 20}.';

create function crm.check_config(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config');
begin
  if jsonb_typeof(p_document) is distinct from 'object' then raise sqlstate 'PT422' using message = 'invalid_config'; end if;
  return crm.config_impact(p_store, p_document);
exception
  when sqlstate 'PT403' or sqlstate 'PT422' or sqlstate 'PT409' or serialization_failure or deadlock_detected then raise;
  when others then
    raise log 'check refused: % %', sqlstate, sqlerrm;
    raise sqlstate 'PT422' using message = 'invalid_config';
end $$;
comment on function crm.check_config is 'The impact list of a document for its store. Errors: forbidden, invalid_config.';

create function crm.restore_config(p_store uuid, p_version int, p_base_version int, p_note text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); d jsonb;
begin
  select v.document into d from crm.config_versions v where v.store_id = p_store and v.version = p_version;
  if d is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  return crm.publish_config(p_store, d, p_base_version, coalesce(nullif(p_note, ''), 'restored ' || p_version), true);
end $$;
comment on function crm.restore_config is 'Publishes an earlier version again, as a new one. Errors: those of publish_config, not_found.';

-- The end of a field: 30 days after it left the document its values go, from records and from history.
create function crm.purge_fields(p_store uuid, p_now timestamptz) returns int
  language plpgsql volatile set search_path = '' as $$
declare f record; n int := 0;
begin
  for f in
    select k.form, k.key, t.relation from crm.fields k join crm.form_tables t on t.form = k.form
    where k.store_id = p_store and k.retired and not k.is_base and k.purged_at is null and k.retired_at < p_now - interval '30 days' for update of k
  loop
    execute format('update crm.%I t set custom = t.custom - $2 where t.store_id = $1 and t.custom ? $2', f.relation) using p_store, f.key;
    update crm.events e set old = null, new = null where e.store_id = p_store and e.form = f.form and e.field = f.key and e.is_field;
    delete from crm.unique_values u where u.store_id = p_store and u.form = f.form and u.key = f.key;
    update crm.fields k set purged_at = p_now where k.store_id = p_store and k.form = f.form and k.key = f.key;
    n := n + 1;
  end loop;
  return n;
end $$;
comment on function crm.purge_fields is 'For the scheduler: empties fields that left the document 30 days ago (F-72). Answers how many.';

-- Why a member can do what he can, field by field and verb by verb; of a record: through which row rule.
create function crm.effective_access(p_store uuid, p_user uuid, p_customer uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); m crm.members; r crm.roles; k crm.customers; why text;
begin
  if c.store_id is null or c.user_id is distinct from p_user and 'publish_config' <> all (c.verbs) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  select * into m from crm.members x where x.store_id = p_store and x.user_id = p_user;
  if m.user_id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  select * into r from crm.roles x where x.store_id = p_store and x.key = m.role;
  if p_customer is not null then
    select * into k from crm.customers x where x.store_id = p_store and x.id = p_customer and x.removed_at is null;
    why := case when k.id is null then 'not_found' when not m.active then 'disabled' when r.scope in ('store', 'group') then 'scope_' || r.scope
      when k.owner_id = p_user then 'owner' when k.renewal_owner_id = p_user then 'renewal_owner'
      when k.owner_id is not null and r.scope = 'team' and exists (select from crm.members t where t.store_id = p_store and t.user_id = k.owner_id and t.team = m.team) then 'team'
      when k.owner_id is null and k.pool = any (r.pools) then 'pool' else 'no_rule' end;
  end if;
  return jsonb_strip_nulls(jsonb_build_object('user_id', m.user_id, 'name', m.name, 'active', m.active, 'role', m.role, 'role_label', r.label, 'scope', r.scope, 'team', m.team,
    'pools', r.pools, 'verbs', case when m.active then to_jsonb(r.verbs) else '[]'::jsonb end, 'row_rule', why,
    'fields', (select jsonb_object_agg(g.form, g.of_form) from (
      select f.form, jsonb_object_agg(f.key, jsonb_build_object(
        'access', case when not m.active or f.retired then 'hidden' when coalesce(x.access, 'hidden') = 'masked' and f.mask is null then 'hidden'
          when x.access = 'write' and f.type = 'formula' then 'read' else coalesce(x.access, 'hidden') end,
        'because', case when not m.active then 'disabled' when f.retired then 'retired' when x.access is null then 'not_granted'
          when x.access = 'masked' and f.mask is null then 'no_mask' when x.access = 'write' and f.type = 'formula' then 'formula' else 'role' end)) as of_form
      from crm.fields f left join crm.field_rights x on x.store_id = f.store_id and x.role = m.role and x.form = f.form and x.key = f.key
      where f.store_id = p_store and (not f.retired or f.label <> '{}')
        and (x.access is not null and not f.retired or 'publish_config' = any (c.verbs))      -- to himself a hidden field is not there
      group by f.form) g)));
end $$;
alter function crm.effective_access(uuid, uuid, uuid) set plan_cache_mode = force_custom_plan;   -- as compile_access
comment on function crm.effective_access is 'The rights of a member with the rule behind each (why can he see this?); of oneself, or for who may publish. Errors: forbidden, not_found.';

create function api.save_config_draft(store_id uuid, document jsonb, base_version int) returns timestamptz
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.save_config_draft(store_id, document, base_version); end;
create function api.check_config(store_id uuid, document jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.check_config(store_id, document); end;
create function api.restore_config(store_id uuid, version int, base_version int, note text default '') returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.restore_config(store_id, version, base_version, note); end;
create function api.effective_access(store_id uuid, user_id uuid, customer_id uuid default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.effective_access(store_id, user_id, customer_id); end;

grant execute on function crm.save_config_draft(uuid, jsonb, int), crm.check_config(uuid, jsonb), crm.restore_config(uuid, int, int, text),
  crm.effective_access(uuid, uuid, uuid), api.save_config_draft(uuid, jsonb, int), api.check_config(uuid, jsonb), api.restore_config(uuid, int, int, text),
  api.effective_access(uuid, uuid, uuid) to authenticated;
revoke create on schema crm, api from api_owner;
