-- Dealer groups, stores, roles and members: who may stand before which rows.

create table crm.groups (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 80));
comment on table crm.groups is 'A dealer group: several stores of one company.';

create table crm.stores (
  id uuid primary key default gen_random_uuid(),
  group_id uuid not null references crm.groups on delete restrict,
  name text not null check (length(name) between 1 and 80),
  time_zone text not null default 'Asia/Shanghai',
  config_version int not null default 0,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now());
comment on table crm.stores is 'A store (one shop). settings and config_version are written by publishing only.';
create index on crm.stores (group_id);

create table crm.roles (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  scope text not null check (scope in ('own', 'team', 'store', 'group')),
  verbs text[] not null default '{}',
  screens text[] not null default '{}',
  pools text[] not null default '{}',
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key));
comment on table crm.roles is 'What the store''s roles see and may do, materialised from its configuration. One role per member: rights are never a union.';

create table crm.members (
  store_id uuid not null references crm.stores on delete cascade,
  user_id uuid not null,                              -- auth.users; no foreign key, since a person may leave auth while the history stays
  role text not null,
  name text not null check (length(name) between 1 and 40),
  team text,
  active bool not null default true,
  disabled_at timestamptz,
  joined_at timestamptz not null default now(),
  primary key (store_id, user_id),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete restrict);
comment on table crm.members is 'A person in a store, with one role there; the same person may be a member of several stores.';
create index on crm.members (user_id);
create index on crm.members (store_id, role);

create table crm.invitations (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  code_hash bytea not null unique,
  name text not null check (length(name) between 1 and 40),
  contact text not null check (length(contact) between 3 and 120),
  role text not null,
  invited_by uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_by uuid,
  accepted_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete restrict);
comment on table crm.invitations is 'A place kept for a new member. Only the hash of the code is stored.';
create index on crm.invitations (store_id, role);

-- Who am I: small definer functions that answer only about the caller. plpgsql on purpose: a definer function in sql is
-- planned again at every call (fields.md: 250 against 50 µs).

-- Where people stand: their memberships, and for a role of scope "group" every other store of the group that defines a role under
-- the same key, as that store defines it: a store's own document says what the group sees of it (F-83).
-- crm.seeing_store narrows it to one store while somebody looks as a member (0026xx_seeing); it can only take away.
create view crm.places as
  select m.store_id, m.user_id, m.role, m.name, m.team, r.scope, r.verbs, r.screens, r.pools, true as is_member
  from crm.members m join crm.roles r on r.store_id = m.store_id and r.key = m.role
  where m.active and case when coalesce(current_setting('crm.seeing_store', true), '') = '' then true else m.store_id::text = current_setting('crm.seeing_store', true) end
  union all
  select distinct on (s.id, m.user_id) s.id, m.user_id, r.key, m.name, null, r.scope, r.verbs, r.screens, r.pools, false
  from crm.members m
  join crm.roles h on h.store_id = m.store_id and h.key = m.role and h.scope = 'group'
  join crm.stores home on home.id = m.store_id
  join crm.stores s on s.group_id = home.group_id and s.id <> m.store_id
  join crm.roles r on r.store_id = s.id and r.key = m.role and r.scope = 'group' and not r.retired
  where m.active and case when coalesce(current_setting('crm.seeing_store', true), '') = '' then true else s.id::text = current_setting('crm.seeing_store', true) end
    and not exists (select from crm.members x where x.store_id = s.id and x.user_id = m.user_id);
comment on view crm.places is 'Active people by store, with what their role there carries. is_member false: through a group role of another store.';

create type crm.caller as (store_id uuid, user_id uuid, role text, scope text, verbs text[], pools text[], today date, time_zone text, is_member bool);

-- One plan for all callers: planning the view anew for each (a custom plan knows the scope asked for, so looks cheaper) took 2 ms a call.
create function crm.me(p_store uuid) returns crm.caller
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare c crm.caller;
begin
  select p.store_id, p.user_id, p.role, p.scope, p.verbs, p.pools, (now() at time zone s.time_zone)::date, s.time_zone, p.is_member into c
  from crm.places p join crm.stores s on s.id = p.store_id
  where p.store_id = p_store and p.user_id = (select auth.uid());
  return c;
end $$;
comment on function crm.me is 'The caller in one store, with the store''s today; all null when he has no place there.';

create function crm.my_places() returns setof crm.places
  language plpgsql stable security definer rows 2 set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
  return query select * from crm.places p where p.user_id = (select auth.uid());
end $$;
comment on function crm.my_places is 'Every store the caller stands in, with what his role carries there.';

-- Every policy asks this, a logged conversation two dozen times: who has no group role is answered without the view, in a third of its time.
create function crm.my_store_ids(p_scope text) returns uuid[]
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare ids uuid[]; is_group bool; seeing text := coalesce(current_setting('crm.seeing_store', true), '');
begin
  select array_agg(m.store_id) filter (where p_scope is null or r.scope in (p_scope, 'group')), bool_or(r.scope = 'group') into ids, is_group
  from crm.members m join crm.roles r on r.store_id = m.store_id and r.key = m.role
  where m.user_id = (select auth.uid()) and m.active and (seeing = '' or m.store_id::text = seeing);
  if is_group then return array(select p.store_id from crm.places p where p.user_id = (select auth.uid()) and (p_scope is null or p.scope in (p_scope, 'group'))); end if;
  return coalesce(ids, '{}');
end $$;
comment on function crm.my_store_ids is 'Stores in which the caller is active; with "store", only those where he sees every row.';

create function crm.my_team() returns table (store_id uuid, user_id uuid)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
  return query select t.store_id, t.user_id
    from crm.places p join crm.members t on t.store_id = p.store_id and t.team = p.team
    where p.user_id = (select auth.uid()) and p.scope = 'team';
end $$;
comment on function crm.my_team is 'Members whose rows a caller of scope "team" sees, store by store.';

create function crm.my_pools() returns table (store_id uuid, pool text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
  return query select p.store_id, unnest(p.pools) from crm.places p where p.user_id = (select auth.uid());
end $$;
comment on function crm.my_pools is 'Pools whose customers the caller sees.';

create function crm.may(p_store uuid, p_verb text) returns bool
  language sql stable set search_path = ''
  begin atomic select coalesce(p_verb = any ((crm.me(p_store)).verbs), false); end;   -- atomic: views call it for people without usage on crm
comment on function crm.may is 'Whether the caller''s role in that store carries the verb.';

create function crm.demand(p_store uuid, p_verb text) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare c crm.caller := crm.me(p_store);
begin
  if c.store_id is null or p_verb <> all (c.verbs) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  return c;
end $$;
comment on function crm.demand is 'The caller, or 403: for functions that are no verbs of sync_push.';

-- Rows ------------------------------------------------------------------------------------------------------------------

alter table crm.groups enable row level security;
alter table crm.stores enable row level security;
alter table crm.roles enable row level security;
alter table crm.members enable row level security;
alter table crm.invitations enable row level security;

create policy select_member on crm.groups for select to api_owner
  using (id in (select s.group_id from crm.stores s));
create policy select_member on crm.stores for select to api_owner
  using (id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_member on crm.roles for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_member on crm.members for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_inviter on crm.invitations for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_inviter on crm.invitations for insert to api_owner
  with check (invited_by = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));

grant select on crm.groups, crm.stores, crm.roles, crm.members, crm.invitations to api_owner;
grant insert (store_id, id, code_hash, name, contact, role, invited_by) on crm.invitations to api_owner;

-- Views -------------------------------------------------------------------------------------------------------------------

create view api.stores as
  select s.id, s.group_id, g.name as group_name, s.name, s.time_zone, s.config_version
  from crm.stores s join crm.groups g on g.id = s.group_id;
create view api.members as
  select m.store_id, m.user_id, m.role, m.name, m.team, m.active, m.joined_at from crm.members m;
create view api.whoami as
  select p.store_id, s.name as store_name, p.user_id, p.name, p.role, r.label as role_label, p.scope, p.verbs, p.screens, p.pools,
    s.time_zone, (now() at time zone s.time_zone)::date as today, s.config_version, p.is_member
  from crm.my_places() p
  join crm.roles r on r.store_id = p.store_id and r.key = p.role
  join crm.stores s on s.id = p.store_id;
comment on view api.whoami is 'One row per store the caller belongs to: role, verbs, screens and the store''s today.';
alter view api.stores owner to api_owner;
alter view api.members owner to api_owner;
alter view api.whoami owner to api_owner;
grant select on api.stores, api.members, api.whoami to authenticated;

-- Inviting (S-49: only a role that carries the verb) ----------------------------------------------------------------------

create function crm.invite_member(p_store uuid, p_name text, p_contact text, p_role text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.demand(p_store, 'invite_member');
  -- 50 bits from a random uuid, in letters that are hard to misread on a phone
  code text := translate(upper(encode(substr(decode(replace(gen_random_uuid()::text, '-', ''), 'hex'), 10, 7), 'hex')), '01', 'XY');
  v_id uuid := gen_random_uuid();
begin
  if coalesce(trim(p_name), '') = '' then raise sqlstate 'PT422' using message = 'required', detail = 'name'; end if;
  if coalesce(trim(p_contact), '') = '' then raise sqlstate 'PT422' using message = 'required', detail = 'contact'; end if;
  if not exists (select from crm.roles r where r.store_id = p_store and r.key = p_role and not r.retired) then
    raise sqlstate 'PT422' using message = 'option', detail = 'role';
  end if;
  if 'publish_config' <> all (c.verbs) and exists (select from crm.roles r where r.store_id = p_store and r.key = p_role and r.verbs && array['publish_config', 'invite_member']) then
    raise sqlstate 'PT403' using message = 'forbidden';      -- a second account would raise his own rights
  end if;
  insert into crm.invitations (store_id, id, code_hash, name, contact, role, invited_by)
  values (p_store, v_id, sha256(convert_to(code, 'utf8')), trim(p_name), trim(p_contact), p_role, c.user_id);
  perform crm.note_act(c, 'member_invited', v_id, jsonb_build_object('role', p_role));      -- 0025xx_people: into the audit
  return jsonb_build_object('id', v_id, 'code', code);
end $$;
comment on function crm.invite_member is 'Keeps a place and answers the code once. S-49, S-42.';

-- Belongs to the table owner: the newcomer is no member yet, so no row policy can let him in. It reads nothing but the code.
create function crm.accept_invitation(p_code text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare i crm.invitations; me uuid := (select auth.uid());
begin
  if me is null then raise sqlstate 'PT401' using message = 'signed_out'; end if;
  select * into i from crm.invitations x
    where x.code_hash = sha256(convert_to(upper(regexp_replace(coalesce(p_code, ''), '[^A-Za-z0-9]', '', 'g')), 'utf8')) for update;
  if i.id is null or i.expires_at < now() or (i.accepted_by is not null and i.accepted_by <> me) then
    raise sqlstate 'PT404' using message = 'invitation_unknown';
  end if;
  if i.accepted_by is null then
    insert into crm.members (store_id, user_id, role, name) values (i.store_id, me, i.role, i.name)
    on conflict (store_id, user_id) do update set role = excluded.role, active = true, disabled_at = null where not members.active;   -- a former member comes back
    update crm.invitations set accepted_by = me, accepted_at = now() where store_id = i.store_id and id = i.id;
  end if;
  return jsonb_build_object('store_id', i.store_id);
end $$;
comment on function crm.accept_invitation is 'Makes the signed-in caller a member of the inviting store; a second call by the same person is harmless.';

create view api.invitations as
  select i.store_id, i.id, i.name, i.contact, i.role, i.invited_by, i.created_at, i.expires_at, i.accepted_at
  from crm.invitations i where crm.may(i.store_id, 'invite_member');
alter view api.invitations owner to api_owner;
grant select on api.invitations to authenticated;

alter function crm.invite_member(uuid, text, text, text) owner to api_owner;
create function api.invite_member(store_id uuid, name text, contact text, role text) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.invite_member(store_id, name, contact, role); end;
create function api.accept_invitation(code text) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.accept_invitation(code); end;

grant execute on function crm.mask_text(text, text), crm.me(uuid), crm.my_places(), crm.my_store_ids(text), crm.my_team(), crm.my_pools(), crm.may(uuid, text)
  to authenticated, api_owner;
grant execute on function crm.digits(text), crm.is_date(text), crm.as_number(jsonb), crm.as_date(jsonb), crm.as_uuid(text), crm.as_instant(text),
  crm.change_no(), crm.refuse(text, text, jsonb), crm.pinyin_of(text), crm.demand(uuid, text) to api_owner;
grant execute on function crm.invite_member(uuid, text, text, text), crm.accept_invitation(text),
  api.invite_member(uuid, text, text, text), api.accept_invitation(text) to authenticated;
