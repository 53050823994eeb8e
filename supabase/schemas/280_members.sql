-- People after they came in: another role, leaving with a new owner, coming back, signing out
-- everywhere (S-35, S-49, F-80).

create policy select_auditor on crm.audit_events for select to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_self on crm.audit_events for insert to api_owner
  with check (
    actor_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
grant select on crm.audit_events to api_owner;
grant insert (store_id, kind, actor_id, subject_id, detail) on crm.audit_events to api_owner;

create or replace function crm.record_audit_event(
  p_caller crm.caller,
  p_kind text,
  p_subject uuid,
  p_detail jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.audit_events (store_id, kind, actor_id, subject_id, detail)
  values (
    p_caller.store_id,
    p_kind,
    p_caller.user_id,
    p_subject,
    jsonb_strip_nulls(coalesce(p_detail, '{}'))
  );
end $$;

-- Rows: only who invites changes a member, and nobody their own membership: no raised rights, no
-- admin who locks themselves out.
create policy update_inviter on crm.members for update to api_owner
  using (
    store_id = any ((select crm.my_store_ids(null))::uuid[])
    and crm.has_permission(store_id, 'invite_member')
    and user_id <> (select crm.current_user_id())
  );
create policy delete_inviter on crm.invitations for delete to api_owner
  using (
    store_id = any ((select crm.my_store_ids(null))::uuid[])
    and crm.has_permission(store_id, 'invite_member')
  );
grant update (role, team, name, active, disabled_at) on crm.members to api_owner;
grant delete on crm.invitations to api_owner;
grant update (owner_id, pool, renewal_owner_id) on crm.customers to api_owner;
grant update (owner_id) on crm.deals to api_owner;
grant insert (store_id, id, customer_id, kind, from_id, to_id, to_pool, by_id, accepted_at) on
  crm.transfers
to api_owner;
grant update (assignee_id) on crm.tasks to api_owner;

-- What a person still holds, counted whatever the caller's rows are: the access check that nothing
-- is lost. Belongs to the table owner.
create or replace function crm.open_work_counts(
  p_store uuid
) returns table (user_id uuid, customers int, renewals int, deals int, tasks int)
  language plpgsql stable security definer set search_path = '' as $$
begin
  return query
    select
      member.user_id,
      coalesce(k.n, 0)::int,
      coalesce(r.n, 0)::int,
      coalesce(d.n, 0)::int,
      coalesce(t.n, 0)::int
    from crm.members member
    left join (
      select customer.owner_id, count(*) as n
      from crm.customers customer
      where customer.store_id = p_store
        and customer.owner_id is not null
        and customer.removed_at is null
      group by 1
    ) k
      on k.owner_id = member.user_id
    left join (
      select customer.renewal_owner_id, count(*) as n
      from crm.customers customer
      where customer.store_id = p_store
        and customer.renewal_owner_id is not null
        and customer.removed_at is null
      group by 1
    ) r
      on r.renewal_owner_id = member.user_id
    left join (
      select deal.owner_id, count(*) as n
      from crm.deals deal
      join crm.stages stage
        on stage.store_id = deal.store_id
          and stage.pipeline = deal.pipeline
          and stage.key = deal.stage
          and stage.type = 'open'
      where deal.store_id = p_store and deal.owner_id is not null and deal.removed_at is null
      group by 1
    ) d
      on d.owner_id = member.user_id
    left join (
      select task.assignee_id, count(*) as n
      from crm.tasks task
      where task.store_id = p_store
        and task.status in ('open', 'cancel_requested', 'suspended')
        and task.removed_at is null
      group by 1
    ) t
      on t.assignee_id = member.user_id
    where member.store_id = p_store;
end $$;

-- When someone last signed in and was last here, and on how many devices: what Supabase Auth knows.
-- Without the right to look: nulls.
create or replace function crm.session_summary(
  p_users uuid[]
) returns table (user_id uuid, last_sign_in_at timestamptz, last_seen_at timestamptz, sessions int)
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_instants text;
begin
  if not coalesce(
    has_table_privilege(to_regclass('auth.users'), 'select')
    and has_table_privilege(to_regclass('auth.sessions'), 'select'),
    false
  ) then
    return;
  end if;
  -- versions of Supabase Auth differ: refreshed_at came later, and is written as text, timestamp or
  -- timestamptz
  select string_agg(format('s.%I::timestamptz', attribute.attname), ', ') into v_instants
  from pg_catalog.pg_attribute attribute
  where attribute.attrelid = to_regclass('auth.sessions')
    and attribute.attname in ('created_at', 'updated_at', 'refreshed_at')
    and not attribute.attisdropped;
  return query execute format(
    'select u.id, u.last_sign_in_at::timestamptz, max(%s), count(s.id)::int
    from auth.users u
    left join auth.sessions s on s.user_id = u.id
    where u.id = any ($1)
    group by u.id, u.last_sign_in_at',
    case
      when v_instants is null then 'null::timestamptz'
      else 'greatest(' || v_instants || ')'
    end
  )
    using p_users;
end $$;

create or replace function crm.end_sessions(p_user uuid) returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare
  n int;
begin
  if not coalesce(
    has_table_privilege(to_regclass('auth.sessions'), 'delete')
    and has_table_privilege(to_regclass('auth.refresh_tokens'), 'delete'),
    false
  ) then
    raise sqlstate 'PT422' using message = 'sessions_unreachable';
  end if;
  execute 'delete from auth.refresh_tokens where user_id::text = $1::text' using p_user;
  execute 'delete from auth.sessions where user_id = $1' using p_user;
  get diagnostics n = row_count;
  return n;
end $$;
comment on function crm.end_sessions is
  'Ends every device''s session: no token is renewed. One that was given out lives to its end (an'
  ' hour), but rights are asked of the tables at every request.';

-- Who may do what to whom -------------------------------------------------------------------------
--
-- One measure for every function about people: what a role carries (scope, verbs, pools, field
-- rights), never its name. Nobody acts on a person, and nobody gives a role, that carries more than
-- their own role does. Whoever may publish can give their own role anything within the store, so
-- nothing there is beyond them; the group's list is beyond every store.

create or replace function crm.lock_people(p_store uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.people:' || p_store, 0));
end $$;
comment on function crm.lock_people is
  'One act on people or roles of a store at a time: the rights it was checked against hold until '
  'it ends.';

create or replace function crm.require_member_management(p_store uuid) returns crm.caller
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.require_permission(p_store, 'invite_member');
  perform crm.lock_people(p_store);
  -- again: somebody may have disabled the caller meanwhile
  return crm.require_permission(p_store, 'invite_member');
end $$;
comment on function crm.require_member_management is
  'The caller, who must be allowed to manage people, after everybody who does so at this moment.';

-- Belongs to the table owner: the list is the group's, its rows are shown to nobody else.
create or replace function crm.group_rank(p_store uuid, p_user uuid, p_role text default null)
  returns int
  language plpgsql stable security definer set search_path = '' as $$
begin
  return coalesce(
    (
      select case when g.is_admin then 2 else 1 end
      from crm.stores s
      join crm.group_members g on g.group_id = s.group_id
      where s.id = p_store and g.user_id = p_user and (p_role is null or g.role = p_role)
    ),
    0
  );
end $$;
comment on function crm.group_rank is
  'Standing in the group of a store: 0 none, 1 group member, 2 group administrator; with p_role, '
  'only under that role.';

create or replace function crm.within_reach(p_caller crm.caller, p_role text) returns bool
  language plpgsql stable set search_path = '' as $$
declare
  v_role crm.roles;
begin
  if 'publish_config' = any (p_caller.verbs) then
    return true;
  end if;
  select * into v_role
  from crm.roles role
  where role.store_id = p_caller.store_id and role.key = p_role;
  return coalesce(
    array_position(array['own', 'team', 'store', 'group'], v_role.scope)
      <= array_position(array['own', 'team', 'store', 'group'], p_caller.scope)
    and v_role.verbs <@ p_caller.verbs
    and case
      when p_caller.scope in ('store', 'group') then true
      else v_role.pools <@ p_caller.pools
    end
    and not exists (
      select from crm.access theirs
      left join crm.access mine
        on mine.store_id = theirs.store_id and mine.form = theirs.form and mine.role = p_caller.role
      where theirs.store_id = p_caller.store_id
        and theirs.role = p_role
        and not coalesce(
          theirs.readable <@ mine.readable
          and theirs.masked <@ (mine.readable || mine.masked)
          and theirs.writable <@ mine.writable,
          false
        )
    ),
    false
  );
end $$;
comment on function crm.within_reach is
  'Whether a role of the caller''s store carries nothing that the caller''s own role does not '
  'carry.';

create or replace function crm.can_manage(p_caller crm.caller, p_user uuid, p_role text)
  returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return crm.group_rank(p_caller.store_id, p_caller.user_id)
      >= crm.group_rank(p_caller.store_id, p_user)
    and (
      -- a role of the group gives nothing to who is not on its list
      crm.within_reach(p_caller, p_role)
      or exists (
        select from crm.roles r
        where r.store_id = p_caller.store_id
          and r.key = p_role
          and r.scope = 'group'
          and crm.group_rank(p_caller.store_id, p_user, p_role) = 0
      )
    );
end $$;
comment on function crm.can_manage is
  'Whether the caller, who manages people, may act on a person with that role.';

create or replace function crm.can_grant(p_caller crm.caller, p_role text, p_user uuid) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.roles role
    where role.store_id = p_caller.store_id
      and role.key = p_role
      and not role.retired
      and case
        when role.scope = 'group' then crm.group_rank(role.store_id, p_user, p_role) > 0
        -- whoever does not publish makes nobody who manages people: that is the administrators'
        -- to decide
        else crm.within_reach(p_caller, p_role)
          -- of two team leads each sees another team
          and (
            'publish_config' = any (p_caller.verbs)
            or not role.verbs && array['publish_config', 'invite_member']
          )
          and case
            when role.scope <> 'team'
              or p_caller.scope <> 'team'
              or 'publish_config' = any (p_caller.verbs) then
              true
            else not exists (
              select from crm.members theirs
              join crm.members mine
                on mine.store_id = theirs.store_id and mine.user_id = p_caller.user_id
              where theirs.store_id = role.store_id
                and theirs.user_id = p_user
                and theirs.team is not null
                and theirs.team is distinct from mine.team
            )
          end
      end
  );
end $$;
comment on function crm.can_grant is
  'Whether the caller may give that role to a person (null: to somebody yet unknown). Roles of '
  'scope "group" go only to people on the group''s list.';

create or replace function crm.require_managed_member(p_caller crm.caller, p_user uuid)
  returns crm.members
  language plpgsql volatile set search_path = '' as $$
declare
  m crm.members;
begin
  if p_user = p_caller.user_id then
    raise sqlstate 'PT422' using message = 'own_access';
  end if;
  select * into m
  from crm.members x
  where x.store_id = p_caller.store_id and x.user_id = p_user;
  if m.user_id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if not crm.can_manage(p_caller, p_user, m.role) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return m;
end $$;
comment on function crm.require_managed_member is
  'The member a people function acts on. Errors: own_access, not_found, forbidden (they may do '
  'more than the caller).';

create or replace function crm.require_grantable_role(p_caller crm.caller, p_role text, p_user uuid)
  returns void
  language plpgsql stable set search_path = '' as $$
declare
  r crm.roles;
begin
  select * into r
  from crm.roles x
  where x.store_id = p_caller.store_id and x.key = p_role and not x.retired;
  if r.key is null then
    raise sqlstate 'PT422' using message = 'option', detail = 'role';
  end if;
  if not crm.can_grant(p_caller, p_role, p_user) then
    if r.scope = 'group' then
      raise sqlstate 'PT403' using message = 'group_role', detail = 'role';
    end if;
    raise sqlstate 'PT403' using message = 'forbidden', detail = 'role';
  end if;
end $$;
comment on function crm.require_grantable_role is
  'Errors: option (no such role), group_role, forbidden (it carries more than the caller''s role).';

-- One line a person typed, without the spaces around it. What is refused here would break a list or
-- mislead who reads it: line breaks, other control characters, and marks that turn or hide letters.
create or replace function crm.clean_line(
  p_text text, p_field text, p_shortest int, p_longest int
) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_text text := regexp_replace(
    left(coalesce(p_text, ''), 1000),
    '^[\s\u00a0\u3000]+|[\s\u00a0\u3000]+$',
    '',
    'g'
  );
begin
  if v_text = '' then
    if p_shortest = 0 then
      return null;
    end if;
    raise sqlstate 'PT422' using message = 'required', detail = p_field;
  elsif length(v_text) > p_longest then
    raise sqlstate 'PT422' using message = 'length', detail = p_field;
  elsif length(v_text) < p_shortest
    or v_text ~ '[\u0001-\u001f\u007f-\u009f]'
    or v_text ~ '[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]'
  then
    raise sqlstate 'PT422' using message = 'format', detail = p_field;
  end if;
  return v_text;
end $$;
comment on function crm.clean_line is
  'A name as it may be stored; null for an empty one where p_shortest is 0. Errors: required, '
  'length, format.';

create or replace function crm.people(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'invite_member');
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_strip_nulls(
          jsonb_build_object(
            'user_id', member.user_id,
            'name', member.name,
            'role', member.role,
            'team', member.team,
            'active', member.active,
            'joined_at', member.joined_at,
            'disabled_at', member.disabled_at,
            'last_sign_in_at', s.last_sign_in_at,
            'last_seen_at', s.last_seen_at,
            'sessions', s.sessions,
            'customers', open_work.customers,
            'renewals', open_work.renewals,
            'deals', open_work.deals,
            'tasks', open_work.tasks,
            'can_manage', member.user_id <> v_caller.user_id
              and crm.can_manage(v_caller, member.user_id, member.role)
          )
        )
        order by member.active desc, member.joined_at, member.user_id
      ),
      '[]'
    )
    from crm.members member
    join crm.open_work_counts(p_store) open_work on open_work.user_id = member.user_id
    left join crm.session_summary(
      array(
        select listed.user_id
        from crm.members listed
        where listed.store_id = p_store
      )
    ) s
      on s.user_id = member.user_id
    where member.store_id = p_store
  );
end $$;
comment on function crm.people is
  'Members with what they hold, when they were last here and whether the caller may act on them, '
  'for who may invite. Error: forbidden.';

create or replace function crm.grantable_roles(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'invite_member');
begin
  return (
    select coalesce(jsonb_agg(r.key order by r.position), '[]')
    from crm.roles r
    where r.store_id = p_store and crm.can_grant(c, r.key, null)
  );
end $$;
comment on function crm.grantable_roles is
  'Keys of the roles the caller may give to others in the store, in its order. Error: forbidden.';

create or replace function crm.set_member(
  p_store uuid, p_user uuid, p_name text, p_role text, p_team text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_member_management(p_store);
  v_member crm.members := crm.require_managed_member(v_caller, p_user);
  v_name text := crm.clean_line(p_name, 'name', 1, 40);
  v_team text := crm.clean_line(p_team, 'team', 0, 40);
begin
  if p_role is distinct from v_member.role then
    perform crm.require_grantable_role(v_caller, p_role, p_user);
  end if;
  -- a team is whose rows its lead sees: who does not see the whole store moves nobody
  if v_team is distinct from v_member.team
    and v_caller.scope not in ('store', 'group')
    and 'publish_config' <> all (v_caller.verbs)
  then
    raise sqlstate 'PT403' using message = 'forbidden', detail = 'team';
  end if;
  update crm.members member
  set name = v_name, role = p_role, team = v_team
  where member.store_id = p_store and member.user_id = p_user;
  perform crm.require_active_admin(p_store);
  perform crm.record_audit_event(
    v_caller,
    'member_changed',
    p_user,
    jsonb_build_object(
      'role', jsonb_build_array(v_member.role, p_role),
      'team', jsonb_build_array(v_member.team, v_team)
    )
  );
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.set_member is
  'Name, role and team of another member; they count at their next request. Errors: forbidden, '
  'group_role, own_access, not_found, required, length, format, option, last_admin.';

-- Leaving (S-35): every open customer, renewal, deal and task goes to a person, or customers and
-- deals to a pool, in one transaction; nothing is lost.

create or replace function crm.require_new_owner(
  p_store uuid, p_user uuid, p_new_owner uuid, p_pool text
) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_role crm.roles;
  v_work record;
begin
  if p_new_owner is not null then
    select role.* into v_role
    from crm.members member
    join crm.roles role on role.store_id = member.store_id and role.key = member.role
    where member.store_id = p_store
      and member.user_id = p_new_owner
      and member.user_id <> p_user
      and member.active;
    if v_role.key is null then
      raise sqlstate 'PT422' using message = 'option', detail = 'new_owner_id';
    end if;
  end if;
  if p_pool is not null
    and not exists (
      select
      from crm.pools pool
      where pool.store_id = p_store and pool.key = p_pool and not pool.retired
    )
  then
    raise sqlstate 'PT422' using message = 'option', detail = 'pool';
  end if;
  select * into v_work
  from crm.open_work_counts(p_store) open_work
  where open_work.user_id = p_user;
  if p_new_owner is null
    and (
      v_work.tasks > 0
      or v_work.renewals > 0
      or p_pool is null and v_work.customers + v_work.deals > 0
    )
  then
    raise sqlstate 'PT422' using message = 'new_owner_required', detail = 'new_owner_id';
  end if;
  if p_new_owner is not null
    and p_pool is not null
    and v_work.tasks > 0
    and v_role.scope <> 'store'
    and p_pool <> all (v_role.pools)
  then
    -- calls about customers they would not see
    raise sqlstate 'PT422' using message = 'new_owner_cannot_see', detail = 'new_owner_id';
  end if;
end $$;
comment on function crm.require_new_owner is
  'Who takes over what a member holds. Errors: option, new_owner_required, new_owner_cannot_see.';

create or replace function crm.move_customers(
  p_store uuid, p_user uuid, p_new_owner uuid, p_pool text, p_by uuid
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_count int;
begin
  -- the new owner's cards (First 3)
  insert into crm.transfers (
    store_id, id, customer_id, kind, from_id, to_id, to_pool, by_id, accepted_at
  )
  select
    p_store,
    crm.new_id(),
    customer.id,
    'member_left',
    p_user,
    case when p_pool is null then p_new_owner end,
    p_pool,
    p_by,
    case when p_pool is not null then now() end
  from crm.customers customer
  where customer.store_id = p_store and customer.owner_id = p_user and customer.removed_at is null;
  update crm.customers customer
  set owner_id = case when p_pool is null then p_new_owner end, pool = p_pool
  where customer.store_id = p_store and customer.owner_id = p_user and customer.removed_at is null;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

create or replace function crm.move_open_work(
  p_store uuid, p_user uuid, p_new_owner uuid, p_pool text, p_by uuid
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_customers int := crm.move_customers(p_store, p_user, p_new_owner, p_pool, p_by);
  v_renewals int;
  v_deals int;
  v_tasks int;
begin
  update crm.customers customer
  set renewal_owner_id = p_new_owner
  where customer.store_id = p_store
    and customer.renewal_owner_id = p_user
    and customer.removed_at is null;
  get diagnostics v_renewals = row_count;
  update crm.deals deal
  set owner_id = case when p_pool is null then p_new_owner end
  from crm.stages stage
  where deal.store_id = p_store
    and deal.owner_id = p_user
    and deal.removed_at is null
    and stage.store_id = p_store
    and stage.pipeline = deal.pipeline
    and stage.key = deal.stage
    and stage.type = 'open';
  get diagnostics v_deals = row_count;
  update crm.tasks task
  set assignee_id = p_new_owner
  where task.store_id = p_store
    and task.assignee_id = p_user
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null;
  get diagnostics v_tasks = row_count;
  return jsonb_build_object(
    'customers', v_customers, 'renewals', v_renewals, 'deals', v_deals, 'tasks', v_tasks
  );
end $$;

create or replace function crm.disable_member(
  p_store uuid, p_user uuid, p_new_owner uuid, p_pool text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_member_management(p_store);
  v_member crm.members := crm.require_managed_member(v_caller, p_user);
  v_moved jsonb;
begin
  perform crm.require_new_owner(p_store, p_user, p_new_owner, p_pool);
  v_moved := crm.move_open_work(p_store, p_user, p_new_owner, p_pool, v_caller.user_id);
  if exists (
    select from crm.open_work_counts(p_store) open_work
    where open_work.user_id = p_user
      and open_work.customers + open_work.renewals + open_work.deals + open_work.tasks > 0
  ) then
    raise sqlstate 'PT403' using message = 'forbidden';  -- rows the caller does not see
  end if;
  update crm.members member
  set active = false, disabled_at = coalesce(member.disabled_at, now())
  where member.store_id = p_store and member.user_id = p_user;
  perform crm.require_active_admin(p_store);
  perform crm.record_audit_event(
    v_caller,
    'member_disabled',
    p_user,
    v_moved || jsonb_build_object('new_owner_id', p_new_owner, 'pool', p_pool)
  );
  return v_moved;
end $$;
comment on function crm.disable_member is
  'Ends a member''s access at once and hands over what they hold: answers how much. Again is '
  'harmless and moves what came meanwhile. Errors: forbidden, own_access, not_found, option, '
  'new_owner_required, new_owner_cannot_see, last_admin.';

create or replace function crm.enable_member(p_store uuid, p_user uuid, p_role text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_member_management(p_store);
  m crm.members := crm.require_managed_member(c, p_user);
  v_role text := coalesce(p_role, m.role);
begin
  perform crm.require_grantable_role(c, v_role, p_user);
  update crm.members x
  set active = true, disabled_at = null, role = v_role
  where x.store_id = p_store and x.user_id = p_user;
  if m.active then
    perform crm.require_active_admin(p_store);
  end if;
  perform crm.record_audit_event(c, 'member_enabled', p_user, jsonb_build_object('role', v_role));
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.enable_member is
  'A former member is back, with empty hands. Errors: forbidden, group_role, own_access, '
  'not_found, option, last_admin.';

create or replace function crm.sign_out_member(p_store uuid, p_user uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_member_management(p_store);
begin
  -- one's own lost phone, too
  if p_user is distinct from c.user_id then
    perform crm.require_managed_member(c, p_user);
  end if;
  perform crm.record_audit_event(c, 'member_signed_out', p_user, '{}');
  return jsonb_build_object('sessions', crm.end_sessions(p_user));
end $$;
comment on function crm.sign_out_member is
  'Signs a member out on every device, a lost phone among them. Errors: forbidden, not_found, '
  'sessions_unreachable.';

create or replace function crm.revoke_invitation(p_store uuid, p_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_member_management(p_store);
  v_invitation crm.invitations;
begin
  select * into v_invitation
  from crm.invitations invitation
  where invitation.store_id = p_store and invitation.id = p_id and invitation.accepted_at is null;
  if v_invitation.id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if v_invitation.invited_by is distinct from v_caller.user_id
    and not crm.within_reach(v_caller, v_invitation.role)
  then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  delete
  from crm.invitations invitation
  where invitation.store_id = p_store and invitation.id = p_id;
  perform crm.record_audit_event(
    v_caller, 'invitation_revoked', p_id, jsonb_build_object('role', v_invitation.role)
  );
  return jsonb_build_object('id', p_id);
end $$;
comment on function crm.revoke_invitation is
  'Takes an open invitation back. Errors: forbidden (it gives more than the caller''s role '
  'carries), not_found.';

alter function crm.people(uuid) owner to api_owner;
alter function crm.grantable_roles(uuid) owner to api_owner;
alter function crm.set_member(uuid, uuid, text, text, text) owner to api_owner;
alter function crm.disable_member(uuid, uuid, uuid, text) owner to api_owner;
alter function crm.enable_member(uuid, uuid, text) owner to api_owner;
alter function crm.sign_out_member(uuid, uuid) owner to api_owner;
alter function crm.revoke_invitation(uuid, uuid) owner to api_owner;

create or replace function api.people(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.people(store_id); end;

create or replace function api.grantable_roles(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.grantable_roles(store_id); end;

create or replace function api.set_member(
  store_id uuid,
  user_id uuid,
  name text,
  role text,
  team text default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.set_member(store_id, user_id, name, role, team); end;

create or replace function api.disable_member(
  store_id uuid,
  user_id uuid,
  new_owner_id uuid default null,
  pool text default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.disable_member(store_id, user_id, new_owner_id, pool); end;

create or replace function api.enable_member(store_id uuid, user_id uuid, role text default null)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.enable_member(store_id, user_id, role); end;

create or replace function api.sign_out_member(store_id uuid, user_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.sign_out_member(store_id, user_id); end;

create or replace function api.revoke_invitation(store_id uuid, id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.revoke_invitation(store_id, id); end;
grant execute on function
  crm.record_audit_event(crm.caller, text, uuid, jsonb),
  crm.open_work_counts(uuid),
  crm.session_summary(uuid[]),
  crm.end_sessions(uuid),
  crm.require_managed_member(crm.caller, uuid),
  crm.require_grantable_role(crm.caller, text, uuid),
  crm.require_active_admin(uuid),
  crm.lock_people(uuid),
  crm.require_member_management(uuid),
  crm.group_rank(uuid, uuid, text),
  crm.within_reach(crm.caller, text),
  crm.can_manage(crm.caller, uuid, text),
  crm.can_grant(crm.caller, text, uuid),
  crm.clean_line(text, text, int, int),
  crm.require_new_owner(uuid, uuid, uuid, text),
  crm.move_customers(uuid, uuid, uuid, text, uuid),
  crm.move_open_work(uuid, uuid, uuid, text, uuid)
to api_owner;
grant execute on function crm.grantable_roles(uuid), api.grantable_roles(uuid) to authenticated;
grant execute on function
  crm.people(uuid),
  crm.set_member(uuid, uuid, text, text, text),
  crm.disable_member(uuid, uuid, uuid, text),
  crm.enable_member(uuid, uuid, text),
  crm.sign_out_member(uuid, uuid),
  crm.revoke_invitation(uuid, uuid),
  api.people(uuid),
  api.set_member(uuid, uuid, text, text, text),
  api.disable_member(uuid, uuid, uuid, text),
  api.enable_member(uuid, uuid, text),
  api.sign_out_member(uuid, uuid),
  api.revoke_invitation(uuid, uuid)
to authenticated;

insert into crm.endpoints (name, function, call)
values
  ('people', 'people', 'people({store})'),
  ('grantable_roles', 'grantable_roles', 'grantable_roles({store})');
insert into crm.endpoints (name, function, skip_reason)
values
  ('set_member', 'set_member', 'answers ids'),
  ('disable_member', 'disable_member', 'answers counts'),
  ('enable_member', 'enable_member', 'answers ids'),
  ('sign_out_member', 'sign_out_member', 'answers ids'),
  ('revoke_invitation', 'revoke_invitation', 'answers ids');
