-- Who works for the whole group: granted by the operator and by group administrators, written into
-- the audit of every store.

-- Group administrators act one after the other, so that two of them cannot remove each other.
create or replace function crm.require_group_admin(p_group uuid) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_user uuid := (select crm.current_user_id());
begin
  if p_group is null or v_user is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('crm.group:' || p_group, 0));
  if not exists (
    select from crm.group_members person
    where person.group_id = p_group
      and person.user_id = v_user
      and person.is_admin
      and exists (
        select from crm.memberships membership
        join crm.stores store on store.id = membership.store_id
        where store.group_id = p_group and membership.user_id = v_user
      )
  ) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return v_user;
end $$;
comment on function crm.require_group_admin is
  'The caller''s id, or 403; from here on no other administrator of that group acts. Whoever was '
  'disabled in all their stores administers nothing.';

create or replace function crm.record_group_audit_event(
  p_group uuid, p_kind text, p_actor uuid, p_user uuid, p_detail jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.audit_events (store_id, kind, actor_id, subject_id, detail)
  select s.id, p_kind, p_actor, p_user, p_detail
  from crm.stores s
  where s.group_id = p_group;
end $$;
comment on function crm.record_group_audit_event is
  'An act that concerns the whole group stands in the audit of each of its stores.';

-- For the operator (`forecourt group`): the caller of the API goes through the functions below.
-- p_by null: the operator.
create or replace function crm.upsert_group_member(
  p_group uuid, p_user uuid, p_role text, p_name text, p_is_admin bool, p_by uuid
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_name text := crm.clean_line(p_name, 'name', 1, 40);
begin
  if not exists (
    select from crm.stores store
    join crm.roles role on role.store_id = store.id
    where store.group_id = p_group
      and role.key = p_role
      and role.scope = 'group'
      and not role.retired
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'role';
  end if;
  insert into crm.group_members as person (group_id, user_id, role, name, is_admin, granted_by)
  values (p_group, p_user, p_role, v_name, coalesce(p_is_admin, false), p_by)
  on conflict (group_id, user_id) do update set role = excluded.role,
    name = excluded.name,
    is_admin = excluded.is_admin,
    granted_by = excluded.granted_by,
    granted_at = now();
  perform crm.record_group_audit_event(
    p_group,
    'group_role_granted',
    p_by,
    p_user,
    jsonb_build_object('role', p_role, 'is_admin', coalesce(p_is_admin, false))
  );
end $$;
comment on function crm.upsert_group_member is
  'Puts a person on a group''s list or changes their role there. Checks no caller: the '
  'operator''s, and grant_group_role''s. Errors: option, required, length, format.';

create or replace function crm.delete_group_member(p_group uuid, p_user uuid, p_by uuid)
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_person crm.group_members;
begin
  delete
  from crm.group_members person
  where person.group_id = p_group and person.user_id = p_user
  returning * into v_person;
  if v_person.user_id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  perform crm.record_group_audit_event(
    p_group,
    'group_role_revoked',
    p_by,
    p_user,
    jsonb_build_object('role', v_person.role)
  );
end $$;
comment on function crm.delete_group_member is
  'Takes a person off a group''s list. Checks no caller, as crm.put_group_member. Error: '
  'not_found.';

-- These belong to the table owner: no caller's row policy lets anybody write the list.
create or replace function crm.grant_group_role(
  p_group uuid, p_user uuid, p_role text, p_is_admin bool
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_user uuid := crm.require_group_admin(p_group);
  v_name text;
begin
  if p_user = v_user then
    raise sqlstate 'PT422' using message = 'own_access';
  end if;
  -- somebody the group knows: on the list already, or at work in one of its stores
  select x.name into v_name
  from (
    select member.name, 1 as n
    from crm.members member
    join crm.stores store on store.id = member.store_id
    where store.group_id = p_group and member.user_id = p_user and member.active
    union all
    select person.name, 0
    from crm.group_members person
    where person.group_id = p_group and person.user_id = p_user
  ) x
  order by x.n, x.name
  limit 1;
  if v_name is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  perform crm.upsert_group_member(p_group, p_user, p_role, v_name, p_is_admin, v_user);
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.grant_group_role is
  'Gives a member of a store of the group a role for all its stores, or changes it; is_admin: '
  'they may do the same. For group administrators, never for themselves. Errors: forbidden, '
  'own_access, not_found, option.';

create or replace function crm.revoke_group_role(p_group uuid, p_user uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_user uuid := crm.require_group_admin(p_group);
begin
  if p_user = v_user
    and not exists (
      select from crm.group_members g
      where g.group_id = p_group and g.is_admin and g.user_id <> v_user
    ) then
    raise sqlstate 'PT422' using message = 'last_group_admin';
  end if;
  perform crm.delete_group_member(p_group, p_user, v_user);
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.revoke_group_role is
  'Takes a person''s role in the group away; it counts at their next request. Memberships in '
  'stores stay. For group administrators. Errors: forbidden, not_found, last_group_admin.';

create or replace function crm.group_people(p_group uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_user uuid := crm.require_group_admin(p_group);
begin
  return jsonb_build_object(
    'people', (
      select jsonb_agg(
        jsonb_strip_nulls(
          jsonb_build_object(
            'user_id', person.user_id,
            'name', person.name,
            'role', person.role,
            'is_admin', person.is_admin,
            'granted_by', person.granted_by,
            'granted_at', person.granted_at
          )
        )
        order by person.is_admin desc, person.name, person.user_id
      )
      from crm.group_members person
      where person.group_id = p_group
    ),
    'roles', (
      select coalesce(
        jsonb_agg(jsonb_build_object('key', x.key, 'label', x.label) order by x.key),
        '[]'
      )
      from (
        select distinct on (role.key) role.key, role.label
        from crm.stores store
        join crm.roles role on role.store_id = store.id
        where store.group_id = p_group and role.scope = 'group' and not role.retired
        order by role.key, store.created_at, store.id
      ) x
    )
  );
end $$;
comment on function crm.group_people is
  'Who works for the whole group and the roles there are for it: {people, roles}. For group '
  'administrators. Error: forbidden.';

create or replace function api.grant_group_role(
  group_id uuid,
  user_id uuid,
  role text,
  is_admin bool default false
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.grant_group_role(group_id, user_id, role, is_admin); end;

create or replace function api.revoke_group_role(group_id uuid, user_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.revoke_group_role(group_id, user_id); end;

create or replace function api.group_people(group_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.group_people(group_id); end;

grant execute on function
  crm.grant_group_role(uuid, uuid, text, bool),
  crm.revoke_group_role(uuid, uuid),
  crm.group_people(uuid),
  api.grant_group_role(uuid, uuid, text, bool),
  api.revoke_group_role(uuid, uuid),
  api.group_people(uuid)
to authenticated;

insert into crm.endpoints (name, function, skip_reason)
values
  ('grant_group_role', 'grant_group_role', 'answers an id'),
  ('revoke_group_role', 'revoke_group_role', 'answers an id'),
  ('group_people', 'group_people', 'names people of the group, no record; for its administrators');
