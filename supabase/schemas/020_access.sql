-- Dealer groups, stores, roles and members: who may stand before which rows.

-- Who am I: small definer functions that answer only about the caller. plpgsql on purpose: a
-- definer function in sql is planned again at every call (250 against 50 µs).

-- Memberships, and the places group members have without one. Access to a whole group is granted on
-- the group's own list: a store's document only says what its role of that key sees there (F-83). A
-- membership with a role of scope "group" counts only for people on that list, so nobody gains
-- anything by what a store writes into its document or by whom it invites. Whoever is disabled in
-- every store they belonged to has left; their row on the list counts again when they are enabled.
-- crm.view_as_store narrows the view to one store while somebody looks as a member (0026xx_seeing);
-- it can only take away.
create or replace view crm.memberships as
  select
    member.store_id,
    member.user_id,
    member.role,
    member.name,
    member.team,
    role.scope,
    role.verbs,
    role.screens,
    role.pools,
    true as is_member
  from crm.members member
  join crm.roles role on role.store_id = member.store_id and role.key = member.role
  where member.active
    and case
      when coalesce(current_setting('crm.view_as_store', true), '') = '' then true
      else member.store_id::text = current_setting('crm.view_as_store', true)
    end
    and case
      when role.scope <> 'group' then true
      else exists (
        select from crm.stores store
        join crm.group_members person on person.group_id = store.group_id
        where store.id = member.store_id
          and person.user_id = member.user_id
          and person.role = member.role
      )
    end
  union all
  select
    store.id,
    person.user_id,
    role.key,
    person.name,
    null,
    role.scope,
    role.verbs,
    role.screens,
    role.pools,
    false
  from crm.group_members person
  join crm.stores store on store.group_id = person.group_id
  join crm.roles role
    on role.store_id = store.id
      and role.key = person.role
      and role.scope = 'group'
      and not role.retired
  where case
    when coalesce(current_setting('crm.view_as_store', true), '') = '' then true
    else store.id::text = current_setting('crm.view_as_store', true)
  end
    and not exists (
      select from crm.members member
      join crm.roles own on own.store_id = member.store_id and own.key = member.role
      where member.store_id = store.id
        and member.user_id = person.user_id
        and member.active
        and (own.scope <> 'group' or member.role = person.role)
    )
    and not exists (
      select from crm.members member
      join crm.stores other_store on other_store.id = member.store_id
      where member.user_id = person.user_id and other_store.group_id = person.group_id
      having count(*) > 0 and not bool_or(member.active)
    );
comment on view crm.memberships is
  'Active people by store, with what their role there carries. is_member false: a group member '
  'without a membership in that store.';

-- One plan for all callers: planning the view again for each (a custom plan knows the scope asked
-- for, so looks cheaper) took 2 ms a call.
create or replace function crm.current_member(p_store uuid) returns crm.caller
  language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
declare
  v_caller crm.caller;
begin
  select
    membership.store_id,
    membership.user_id,
    membership.role,
    membership.scope,
    membership.verbs,
    membership.pools,
    (now() at time zone store.time_zone)::date,
    store.time_zone,
    membership.is_member into v_caller
  from crm.memberships membership
  join crm.stores store on store.id = membership.store_id
  where membership.store_id = p_store and membership.user_id = (select crm.current_user_id());
  return v_caller;
end $$;
comment on function crm.current_member is
  'The caller in one store, with the store''s today; all null when they have no place there.';

create or replace function crm.caller_of(p_store uuid, p_user uuid) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare
  c crm.caller;
begin
  select
    p.store_id,
    p.user_id,
    p.role,
    p.scope,
    p.verbs,
    p.pools,
    (now() at time zone s.time_zone)::date,
    s.time_zone,
    p.is_member into c
  from crm.memberships p
  join crm.stores s on s.id = p.store_id
  where p.store_id = p_store and p.user_id = p_user;
  return c;
end $$;
comment on function crm.caller_of is
  'Somebody else as crm.current_member would answer them; for functions of the table owner alone.';

create or replace function crm.my_memberships() returns setof crm.memberships
  language plpgsql stable security definer rows 2 set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  return query
    select *
    from crm.memberships p
    where p.user_id = (select crm.current_user_id());
end $$;
comment on function crm.my_memberships is
  'Every store the caller stands in, with what their role carries there.';

-- Every policy asks this, a logged conversation two dozen times: whoever is on no group's list is
-- answered without the view, in a third of its time.
create or replace function crm.my_store_ids(p_scope text) returns uuid[]
  language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
declare
  v_user uuid := (select crm.current_user_id());
  v_ids uuid[];
  v_view_as_store text := coalesce(current_setting('crm.view_as_store', true), '');
begin
  if exists (select from crm.group_members person where person.user_id = v_user) then
    return array(
      select membership.store_id
      from crm.memberships membership
      where membership.user_id = v_user
        and (p_scope is null or membership.scope in (p_scope, 'group'))
    );
  end if;
  select array_agg(member.store_id)
    filter (where p_scope is null or role.scope = p_scope) into v_ids
  from crm.members member
  join crm.roles role on role.store_id = member.store_id and role.key = member.role
  where member.user_id = v_user
    and member.active
    and role.scope <> 'group'
    and (v_view_as_store = '' or member.store_id::text = v_view_as_store);
  return coalesce(v_ids, '{}');
end $$;
comment on function crm.my_store_ids is
  'Stores in which the caller is active; with "store", only those where they see every row.';

create or replace function crm.my_team() returns table (store_id uuid, user_id uuid)
  language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  return query
    select t.store_id, t.user_id
    from crm.memberships p
    join crm.members t on t.store_id = p.store_id and t.team = p.team
    where p.user_id = (select crm.current_user_id()) and p.scope = 'team';
end $$;
comment on function crm.my_team is
  'Members whose rows a caller of scope "team" sees, store by store.';

create or replace function crm.my_pools() returns table (store_id uuid, pool text)
  language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  return query
    select p.store_id, unnest(p.pools)
    from crm.memberships p
    where p.user_id = (select crm.current_user_id());
end $$;
comment on function crm.my_pools is 'Pools whose customers the caller sees.';

create or replace function crm.my_lent_customers(
) returns table (store_id uuid, customer_id uuid)
  language plpgsql stable security definer set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  return query
    select task.store_id, task.customer_id
    from crm.memberships membership
    join crm.queue_loans loan
      on loan.store_id = membership.store_id
        and loan.borrower_id = membership.user_id
        and loan.ended_at is null
    join crm.tasks task on task.store_id = loan.store_id and task.loan_id = loan.id
    where membership.user_id = (select crm.current_user_id());
end $$;
comment on function crm.my_lent_customers is
  'Customers whose calls are lent to the caller: until the loan ends, since a photo or a '
  'correction may follow the call.';

-- atomic: views call it for people without usage on crm
create or replace function crm.has_permission(p_store uuid, p_verb text) returns bool
  language sql stable set search_path = ''
  begin atomic select coalesce(p_verb = any ((crm.current_member(p_store)).verbs), false); end;
comment on function crm.has_permission is
  'Whether the caller''s role in that store carries the verb.';

create or replace function crm.require_permission(p_store uuid, p_verb text) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
begin
  if c.store_id is null or p_verb <> all (c.verbs) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return c;
end $$;
comment on function crm.require_permission is
  'The caller, or 403: for functions that are no verbs of sync_push.';

-- Rows --------------------------------------------------------------------------------------------

create policy select_member on crm.groups for select to api_owner
  using (id in (select s.group_id from crm.stores s));
create policy select_member on crm.stores for select to api_owner
  using (id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_member on crm.roles for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_member on crm.members for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_self on crm.group_members for select to api_owner
  using (user_id = (select crm.current_user_id()));
create policy select_inviter on crm.invitations for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_inviter on crm.invitations for insert to api_owner
  with check (
    invited_by = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );

grant select on
  crm.groups, crm.stores, crm.roles, crm.members, crm.group_members, crm.invitations
to api_owner;
grant insert (store_id, id, code_hash, name, contact, role, invited_by) on
  crm.invitations
to api_owner;

-- Views -------------------------------------------------------------------------------------------

create or replace view api.stores as
  select s.id, s.group_id, g.name as group_name, s.name, s.time_zone, s.config_version
  from crm.stores s
  join crm.groups g on g.id = s.group_id;

create or replace view api.members as
  select
    m.store_id,
    m.user_id,
    m.role,
    m.name,
    m.team,
    m.active,
    m.joined_at,
    coalesce(role.verbs @> '{add_customer, log_conversation}', false) as takes_visitors
  from crm.members m
  left join crm.roles role on role.store_id = m.store_id and role.key = m.role;
comment on view api.members is
  'Who works in the caller''s stores. takes_visitors: their role enters customers and calls them, '
  'so that somebody who walks in can be given to them; what else a role may is its own.';

create or replace view api.whoami as
  select
    membership.store_id,
    store.name as store_name,
    membership.user_id,
    membership.name,
    membership.role,
    role.label as role_label,
    membership.scope,
    membership.verbs,
    membership.screens,
    membership.pools,
    store.time_zone,
    (now() at time zone store.time_zone)::date as today,
    store.config_version,
    membership.is_member,
    store.group_id,
    coalesce(person.is_admin, false) as is_group_admin
  from crm.my_memberships() membership
  join crm.roles role on role.store_id = membership.store_id and role.key = membership.role
  join crm.stores store on store.id = membership.store_id
  left join crm.group_members person
    on person.group_id = store.group_id and person.user_id = membership.user_id;
comment on view api.whoami is
  'One row per store the caller belongs to: role, verbs, screens and the store''s today. '
  'is_group_admin: the caller may say who works for the whole group.';
alter view api.stores owner to api_owner;
alter view api.members owner to api_owner;
alter view api.whoami owner to api_owner;
grant select on api.stores, api.members, api.whoami to authenticated;

-- Inviting (S-49: only a role that carries the verb) ----------------------------------------------

create or replace function crm.create_invitation(
  p_store uuid, p_name text, p_contact text, p_role text, p_by uuid
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  -- 50 bits from a random uuid, in letters that are hard to misread on a phone
  v_code text := translate(
    upper(encode(substr(decode(replace(gen_random_uuid()::text, '-', ''), 'hex'), 10, 7), 'hex')),
    '01',
    'XY'
  );
  v_id uuid := gen_random_uuid();
  v_name text := crm.clean_line(p_name, 'name', 1, 40);
  v_contact text := crm.clean_line(p_contact, 'contact', 3, 120);
begin
  insert into crm.invitations (store_id, id, code_hash, name, contact, role, invited_by)
  values (p_store, v_id, sha256(convert_to(v_code, 'utf8')), v_name, v_contact, p_role, p_by);
  return jsonb_build_object('id', v_id, 'code', v_code);
end $$;
comment on function crm.create_invitation is
  'The invitation and its code, which is answered once. p_by: null is the operator. Errors: '
  'required, length, format.';

create or replace function crm.invite_member(
  p_store uuid, p_name text, p_contact text, p_role text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_member_management(p_store);
  v_made jsonb;
begin
  perform crm.require_grantable_role(v_caller, p_role, null);
  v_made := crm.create_invitation(p_store, p_name, p_contact, p_role, v_caller.user_id);
  perform crm.record_audit_event(
    v_caller, 'member_invited', (v_made ->> 'id')::uuid, jsonb_build_object('role', p_role)
  );
  return v_made;
end $$;
comment on function crm.invite_member is
  'Keeps a place and answers the code once. S-49, S-42. Errors: forbidden, group_role, required, '
  'length, format, option.';

-- An e-mail address, or the digits of a phone number without the country: both ways of writing an
-- account compare equal.
create or replace function crm.account_key(p_contact text) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_text text := lower(trim(coalesce(p_contact, '')));
  v_address text := substring(v_text from '[^[:space:]<>@]+@[^[:space:]<>@]+');
begin
  if v_address not like '%@phone.forecourt.invalid' then
    return v_address;
  end if;
  v_text := split_part(v_text, '@', 1);
  -- a name, a note: nothing to compare with
  if v_text !~ '^[-+0-9 ().]+$' then
    return null;
  end if;
  v_text := regexp_replace(crm.digits(v_text), '^0+', '');
  return nullif(regexp_replace(v_text, '^86(1\d{10})$', '\1'), '');
end $$;
comment on function crm.account_key is
  'What an account and the contact of its invitation have in common; null for neither.';

create or replace function crm.invitation_of(p_code text) returns crm.invitations
  language plpgsql volatile set search_path = '' as $$
declare
  v_invitation crm.invitations;
  v_hash bytea := sha256(
    convert_to(
      upper(regexp_replace(left(coalesce(p_code, ''), 100), '[^A-Za-z0-9]', '', 'g')),
      'utf8'
    )
  );
begin
  select * into v_invitation
  from crm.invitations invitation
  where invitation.code_hash = v_hash;
  if v_invitation.id is null then
    raise sqlstate 'PT404' using message = 'invitation_unknown';
  end if;
  -- people functions and publishing come before or after, never between the check of the inviter
  -- and the joining
  perform crm.lock_people(v_invitation.store_id);
  select * into v_invitation
  from crm.invitations invitation
  where invitation.store_id = v_invitation.store_id and invitation.id = v_invitation.id
  for update;
  if v_invitation.id is null
    or v_invitation.expires_at < now()
    or v_invitation.accepted_by <> (select crm.current_user_id())
  then
    raise sqlstate 'PT404' using message = 'invitation_unknown';
  end if;
  return v_invitation;
end $$;
comment on function crm.invitation_of is
  'The invitation of a code, locked. Error: invitation_unknown (also one that ran out or that '
  'another has accepted).';

create or replace function crm.require_inviter(p_invitation crm.invitations) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_inviter crm.caller := crm.caller_of(p_invitation.store_id, p_invitation.invited_by);
  v_account text := crm.account_key(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  );
begin
  -- a member who invites must still be allowed to, for this role; the operator always is
  if p_invitation.invited_by is not null
    and (
      coalesce('invite_member' <> all (v_inviter.verbs), true)
      or not crm.can_grant(v_inviter, p_invitation.role, null)
    )
  then
    raise sqlstate 'PT404' using message = 'invitation_unknown';
  end if;
  if v_account <> crm.account_key(p_invitation.contact) then
    raise sqlstate 'PT403' using message = 'invitation_for_another';
  end if;
end $$;

-- Belongs to the table owner: the newcomer is no member yet, so no row policy can let them in. It
-- reads nothing but the code.
create or replace function crm.accept_invitation(p_code text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_user uuid := (select crm.current_user_id());
  v_invitation crm.invitations;
  v_store uuid;
  v_member crm.members;
begin
  if v_user is null then
    raise sqlstate 'PT401' using message = 'signed_out';
  end if;
  v_invitation := crm.invitation_of(p_code);
  v_store := v_invitation.store_id;
  select * into v_member
  from crm.members member
  where member.store_id = v_store and member.user_id = v_user;
  if not v_member.active then
    raise sqlstate 'PT403' using message = 'ask_an_admin';
  end if;
  if v_invitation.accepted_by = v_user then
    if v_member.user_id is null then
      raise sqlstate 'PT404' using message = 'invitation_unknown';
    end if;
    return jsonb_build_object('store_id', v_store);
  end if;
  perform crm.require_inviter(v_invitation);
  if v_member.user_id is null then
    insert into crm.members (store_id, user_id, role, name)
    values (v_store, v_user, v_invitation.role, v_invitation.name);
    perform crm.record_audit_event(
      crm.caller_of(v_store, v_user),
      'member_joined',
      v_user,
      jsonb_build_object(
        'role', v_invitation.role,
        'invited_by', v_invitation.invited_by,
        'invitation', v_invitation.id
      )
    );
  end if;
  update crm.invitations invitation
  set accepted_by = v_user, accepted_at = now()
  where invitation.store_id = v_store and invitation.id = v_invitation.id;
  return jsonb_build_object('store_id', v_store);
end $$;
comment on function crm.accept_invitation is
  'Makes the signed-in caller a member of the inviting store, once; their own second call is '
  'harmless. The inviter must still be allowed to give that role. Errors: signed_out, '
  'invitation_unknown, invitation_for_another, ask_an_admin (a disabled member: no code lets them'
  ' back in).';

-- Whether a code opens the door to an account of that name. The contact decides who may use it:
-- else a holder of any code could take a colleague's name before the colleague comes.
create or replace function crm.invitation_is_open(p_code text, p_email text) returns bool
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_code text := upper(regexp_replace(coalesce(p_code, ''), '[^A-Za-z0-9]', '', 'g'));
  v_email text := lower(trim(coalesce(p_email, '')));
  v_number text := substring(v_email from '^(\d+)@phone\.forecourt\.invalid$');
  v_contact text;
  v_digits text;
begin
  select lower(trim(invitation.contact)) into v_contact
  from crm.invitations invitation
  where invitation.code_hash = sha256(convert_to(v_code, 'utf8'))
    and invitation.accepted_by is null
    and invitation.expires_at > now();
  if v_contact is null or v_email = '' then
    return false;
  end if;
  if position('@' in v_contact) > 0 then
    return v_contact = v_email;
  end if;
  v_digits := crm.digits(translate(v_contact, '０１２３４５６７８９', '0123456789'));
  if v_number is not null then
    return v_digits in (v_number, '86' || v_number, '0086' || v_number)
      or v_digits in ('0' || v_number, '00' || v_number);
  end if;
  return length(v_digits) < 7 and v_email not like '%@phone.forecourt.invalid';
end $$;
comment on function crm.invitation_is_open is
  'Whether the code of an open invitation may make an account with that e-mail address or alias '
  'of a number.';

create or replace function auth_hooks.before_user_created(event jsonb) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  if crm.invitation_is_open(
    event #>> '{user,user_metadata,invitation_code}',
    event #>> '{user,email}'
  ) then
    return '{}';
  end if;
  return jsonb_build_object(
    'error', jsonb_build_object('http_code', 422, 'message', 'invitation_unknown')
  );
end $$;
comment on function auth_hooks.before_user_created is
  'Refuses a sign-up without the code of an open invitation for that name. One answer for every '
  'reason.';
do $$
begin
  if exists (select from pg_roles where rolname = 'supabase_auth_admin') then
    grant usage on schema auth_hooks to supabase_auth_admin;
    grant execute on function auth_hooks.before_user_created(jsonb) to supabase_auth_admin;
  end if;
end $$;

create or replace view api.invitations as
  select
    i.store_id, i.id, i.name, i.contact, i.role, i.invited_by, i.created_at, i.expires_at,
    i.accepted_at
  from crm.invitations i
  where crm.has_permission(i.store_id, 'invite_member');
alter view api.invitations owner to api_owner;
grant select on api.invitations to authenticated;

alter function crm.invite_member(uuid, text, text, text) owner to api_owner;

create or replace function api.invite_member(store_id uuid, name text, contact text, role text)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.invite_member(store_id, name, contact, role); end;

create or replace function api.accept_invitation(code text) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.accept_invitation(code); end;

grant execute on function
  crm.mask_text(text, text),
  crm.current_member(uuid),
  crm.my_memberships(),
  crm.my_store_ids(text),
  crm.my_team(),
  crm.my_lent_customers(),
  crm.my_pools(),
  crm.has_permission(uuid, text)
to authenticated, api_owner;
grant execute on function
  crm.digits(text),
  crm.is_date(text),
  crm.as_number(jsonb),
  crm.as_date(jsonb),
  crm.as_uuid(text),
  crm.as_instant(text),
  crm.reject(text, text, jsonb),
  crm.pinyin_of(text),
  crm.require_permission(uuid, text),
  crm.create_invitation(uuid, text, text, text, uuid)
to api_owner;
grant execute on function
  crm.invite_member(uuid, text, text, text),
  crm.accept_invitation(text),
  api.invite_member(uuid, text, text, text),
  api.accept_invitation(text)
to authenticated;
