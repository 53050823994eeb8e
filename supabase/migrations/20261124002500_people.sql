-- People after they came in: another role, leaving with an heir, coming back, signing out everywhere (S-35, S-49, F-80).

grant create on schema crm, api to api_owner;          -- ownership changes hands below

-- What the panel did beyond records and configuration, for the audit: people, exports, reveals, merges, reverts.
create table crm.acts (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  kind text not null check (kind in ('member_invited', 'invitation_revoked', 'member_changed', 'member_disabled', 'member_enabled', 'member_signed_out', 'exported', 'revealed', 'merged', 'unmerged', 'import_reverted', 'seeing_began', 'seeing_ended')),
  actor_id uuid not null,
  subject_id uuid,
  detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object' and pg_column_size(detail) < 8192),
  created_at timestamptz not null default now(),
  primary key (store_id, id));
comment on table crm.acts is 'Append-only: who did what in the panel. detail holds names of fields and counts, never a field''s value.';
alter table crm.acts enable row level security;
create policy select_auditor on crm.acts for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_self on crm.acts for insert to api_owner with check (actor_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.acts to api_owner;
grant insert (store_id, kind, actor_id, subject_id, detail) on crm.acts to api_owner;

create function crm.note_act(p_caller crm.caller, p_kind text, p_subject uuid, p_detail jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.acts (store_id, kind, actor_id, subject_id, detail) values (p_caller.store_id, p_kind, p_caller.user_id, p_subject, jsonb_strip_nulls(coalesce(p_detail, '{}')));
end $$;

-- Rows: only who invites changes a member, and nobody his own membership: no raised rights, no admin who locks himself out.
create policy update_inviter on crm.members for update to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]) and crm.may(store_id, 'invite_member') and user_id <> (select auth.uid()));
create policy delete_inviter on crm.invitations for delete to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]) and crm.may(store_id, 'invite_member'));
grant update (role, team, name, active, disabled_at) on crm.members to api_owner;
grant delete on crm.invitations to api_owner;
grant update (owner_id, pool, renewal_owner_id) on crm.customers to api_owner;
grant update (owner_id) on crm.deals to api_owner;
grant insert (store_id, id, customer_id, why, from_id, to_id, to_pool, by_id, accepted_at) on crm.handovers to api_owner;
grant update (assignee_id) on crm.tasks to api_owner;

-- What a person still holds, counted whatever the caller's rows are: the proof that nothing is lost. Belongs to the table owner.
create function crm.holdings(p_store uuid) returns table (user_id uuid, customers int, renewals int, deals int, tasks int)
  language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select m.user_id, coalesce(k.n, 0)::int, coalesce(r.n, 0)::int, coalesce(d.n, 0)::int, coalesce(t.n, 0)::int
  from crm.members m
  left join (select c.owner_id, count(*) as n from crm.customers c where c.store_id = p_store and c.owner_id is not null and c.removed_at is null group by 1) k on k.owner_id = m.user_id
  left join (select c.renewal_owner_id, count(*) as n from crm.customers c where c.store_id = p_store and c.renewal_owner_id is not null and c.removed_at is null group by 1) r
    on r.renewal_owner_id = m.user_id
  left join (select x.owner_id, count(*) as n from crm.deals x join crm.stages s on s.store_id = x.store_id and s.pipeline = x.pipeline and s.key = x.stage and s.type = 'open'
    where x.store_id = p_store and x.owner_id is not null and x.removed_at is null group by 1) d on d.owner_id = m.user_id
  left join (select x.assignee_id, count(*) as n from crm.tasks x where x.store_id = p_store and x.status in ('open', 'cancel_requested') and x.removed_at is null group by 1) t
    on t.assignee_id = m.user_id
  where m.store_id = p_store;
end $$;

-- When someone last signed in and was last here, and on how many devices: what Supabase Auth knows. Without the right to look: nulls.
create function crm.session_facts(p_users uuid[]) returns table (user_id uuid, last_sign_in_at timestamptz, last_seen_at timestamptz, sessions int)
  language plpgsql stable security definer set search_path = '' as $$
begin
  if not coalesce(has_table_privilege(to_regclass('auth.users'), 'select') and has_table_privilege(to_regclass('auth.sessions'), 'select'), false) then return; end if;
  return query execute 'select u.id, u.last_sign_in_at, max(greatest(s.updated_at, s.refreshed_at::timestamptz, s.created_at)), count(s.id)::int
    from auth.users u left join auth.sessions s on s.user_id = u.id where u.id = any ($1) group by u.id, u.last_sign_in_at' using p_users;
end $$;

create function crm.end_sessions(p_user uuid) returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare n int;
begin
  if not coalesce(has_table_privilege(to_regclass('auth.sessions'), 'delete') and has_table_privilege(to_regclass('auth.refresh_tokens'), 'delete'), false) then
    raise sqlstate 'PT422' using message = 'sessions_unreachable';
  end if;
  execute 'delete from auth.refresh_tokens where user_id::text = $1::text' using p_user;
  execute 'delete from auth.sessions where user_id = $1' using p_user;
  get diagnostics n = row_count;
  return n;
end $$;
comment on function crm.end_sessions is 'Ends every device''s session: no token is renewed. One that was given out lives to its end (an hour), but rights are asked of the tables at every request.';

-- The caller, who must be allowed to manage people; and the member he means, locked: two admins act one after the other.
create function crm.demand_member(p_caller crm.caller, p_user uuid) returns crm.members
  language plpgsql volatile set search_path = '' as $$
declare m crm.members;
begin
  if p_user = p_caller.user_id then raise sqlstate 'PT422' using message = 'own_access'; end if;
  perform pg_advisory_xact_lock(hashtextextended('crm.people:' || p_caller.store_id, 0));
  select * into m from crm.members x where x.store_id = p_caller.store_id and x.user_id = p_user for update;
  if m.user_id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  return m;
end $$;

-- Who may not publish makes nobody an admin: else a second account would raise his own rights.
create function crm.demand_grantable(p_caller crm.caller, p_role text) returns void
  language plpgsql stable set search_path = '' as $$
declare r crm.roles;
begin
  select * into r from crm.roles x where x.store_id = p_caller.store_id and x.key = p_role and not x.retired;
  if r.key is null then raise sqlstate 'PT422' using message = 'option', detail = 'role'; end if;
  if r.verbs && array['publish_config', 'invite_member'] and 'publish_config' <> all (p_caller.verbs) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
end $$;

create function crm.people(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member');
begin
  return (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('user_id', m.user_id, 'name', m.name, 'role', m.role, 'team', m.team, 'active', m.active, 'joined_at', m.joined_at,
      'disabled_at', m.disabled_at, 'last_sign_in_at', s.last_sign_in_at, 'last_seen_at', s.last_seen_at, 'sessions', s.sessions,
      'customers', h.customers, 'renewals', h.renewals, 'deals', h.deals, 'tasks', h.tasks)) order by m.active desc, m.joined_at, m.user_id), '[]')
    from crm.members m
    join crm.holdings(p_store) h on h.user_id = m.user_id
    left join crm.session_facts(array(select x.user_id from crm.members x where x.store_id = p_store)) s on s.user_id = m.user_id
    where m.store_id = p_store);
end $$;
comment on function crm.people is 'Members with what they hold and when they were last here, for who may invite. Error: forbidden.';

create function crm.set_member(p_store uuid, p_user uuid, p_name text, p_role text, p_team text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member'); m crm.members := crm.demand_member(c, p_user);
begin
  if length(trim(coalesce(p_name, ''))) not between 1 and 40 then raise sqlstate 'PT422' using message = case when coalesce(trim(p_name), '') = '' then 'required' else 'length' end, detail = 'name'; end if;
  if length(coalesce(p_team, '')) > 40 then raise sqlstate 'PT422' using message = 'length', detail = 'team'; end if;
  if p_role is distinct from m.role then
    perform crm.demand_grantable(c, p_role);
    if exists (select from crm.roles r where r.store_id = p_store and r.key = m.role and r.verbs @> array['publish_config']) then perform crm.demand_grantable(c, m.role); end if;
  end if;
  update crm.members x set name = trim(p_name), role = p_role, team = nullif(trim(coalesce(p_team, '')), '') where x.store_id = p_store and x.user_id = p_user;
  perform crm.demand_an_admin(p_store);
  perform crm.note_act(c, 'member_changed', p_user, jsonb_build_object('role', jsonb_build_array(m.role, p_role), 'team', jsonb_build_array(m.team, nullif(trim(coalesce(p_team, '')), ''))));
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.set_member is 'Name, role and team of another member; they count at his next request. Errors: forbidden, own_access, not_found, required, length, option, last_admin.';

-- Leaving (S-35): every open customer, renewal, deal and task goes to a person, or customers and deals to a pool, in one transaction; nothing is lost.
create function crm.disable_member(p_store uuid, p_user uuid, p_heir uuid, p_pool text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member'); m crm.members := crm.demand_member(c, p_user); h crm.members; r crm.roles; moved jsonb; left_over record; n int;
begin
  if p_heir is not null then
    select * into h from crm.members x where x.store_id = p_store and x.user_id = p_heir and x.active and x.user_id <> p_user;
    if h.user_id is null then raise sqlstate 'PT422' using message = 'option', detail = 'heir_id'; end if;
    select * into r from crm.roles x where x.store_id = p_store and x.key = h.role;
  end if;
  if p_pool is not null and not exists (select from crm.pools x where x.store_id = p_store and x.key = p_pool and not x.retired) then
    raise sqlstate 'PT422' using message = 'option', detail = 'pool';
  end if;
  select * into left_over from crm.holdings(p_store) x where x.user_id = p_user;
  if p_heir is null and (left_over.tasks > 0 or left_over.renewals > 0 or p_pool is null and left_over.customers + left_over.deals > 0) then
    raise sqlstate 'PT422' using message = 'heir_needed', detail = 'heir_id';
  end if;
  if p_heir is not null and p_pool is not null and left_over.tasks > 0 and r.scope <> 'store' and p_pool <> all (r.pools) then
    raise sqlstate 'PT422' using message = 'heir_cannot_see', detail = 'heir_id';      -- calls about customers he would not see
  end if;
  insert into crm.handovers (store_id, id, customer_id, why, from_id, to_id, to_pool, by_id, accepted_at)       -- the heir's cards (First 3)
  select p_store, crm.new_id(), k.id, 'member_left', p_user, case when p_pool is null then p_heir end, p_pool, c.user_id, case when p_pool is not null then now() end
  from crm.customers k where k.store_id = p_store and k.owner_id = p_user and k.removed_at is null;
  update crm.customers k set owner_id = case when p_pool is null then p_heir end, pool = p_pool where k.store_id = p_store and k.owner_id = p_user and k.removed_at is null;
  get diagnostics n = row_count;
  moved := jsonb_build_object('customers', n);
  update crm.customers k set renewal_owner_id = p_heir where k.store_id = p_store and k.renewal_owner_id = p_user and k.removed_at is null;
  get diagnostics n = row_count;
  moved := moved || jsonb_build_object('renewals', n);
  update crm.deals d set owner_id = case when p_pool is null then p_heir end from crm.stages s
  where d.store_id = p_store and d.owner_id = p_user and d.removed_at is null and s.store_id = p_store and s.pipeline = d.pipeline and s.key = d.stage and s.type = 'open';
  get diagnostics n = row_count;
  moved := moved || jsonb_build_object('deals', n);
  update crm.tasks t set assignee_id = p_heir where t.store_id = p_store and t.assignee_id = p_user and t.status in ('open', 'cancel_requested') and t.removed_at is null;
  get diagnostics n = row_count;
  moved := moved || jsonb_build_object('tasks', n);
  select * into left_over from crm.holdings(p_store) x where x.user_id = p_user;
  if left_over.customers + left_over.renewals + left_over.deals + left_over.tasks > 0 then raise sqlstate 'PT403' using message = 'forbidden'; end if;   -- rows the caller does not see
  update crm.members x set active = false, disabled_at = coalesce(x.disabled_at, now()) where x.store_id = p_store and x.user_id = p_user;
  perform crm.demand_an_admin(p_store);
  perform crm.note_act(c, 'member_disabled', p_user, moved || jsonb_build_object('heir_id', p_heir, 'pool', p_pool));
  return moved;
end $$;
comment on function crm.disable_member is 'Ends a member''s access at once and hands over what he holds: answers how much. Again is harmless and moves what came meanwhile. Errors: forbidden, own_access, not_found, option, heir_needed, heir_cannot_see, last_admin.';

create function crm.enable_member(p_store uuid, p_user uuid, p_role text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member'); m crm.members := crm.demand_member(c, p_user);
begin
  perform crm.demand_grantable(c, coalesce(p_role, m.role));
  update crm.members x set active = true, disabled_at = null, role = coalesce(p_role, x.role) where x.store_id = p_store and x.user_id = p_user;
  perform crm.note_act(c, 'member_enabled', p_user, jsonb_build_object('role', coalesce(p_role, m.role)));
  return jsonb_build_object('user_id', p_user);
end $$;
comment on function crm.enable_member is 'A former member is back, with empty hands. Errors: forbidden, own_access, not_found, option.';

create function crm.sign_out_member(p_store uuid, p_user uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member');
begin
  if not exists (select from crm.members x where x.store_id = p_store and x.user_id = p_user) then raise sqlstate 'PT404' using message = 'not_found'; end if;
  if exists (select from crm.members x join crm.roles r on r.store_id = x.store_id and r.key = x.role where x.store_id = p_store and x.user_id = p_user and r.verbs @> array['publish_config'])
    and 'publish_config' <> all (c.verbs) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  perform crm.note_act(c, 'member_signed_out', p_user, '{}');
  return jsonb_build_object('sessions', crm.end_sessions(p_user));
end $$;
comment on function crm.sign_out_member is 'Signs a member out on every device, a lost phone among them. Errors: forbidden, not_found, sessions_unreachable.';

create function crm.revoke_invitation(p_store uuid, p_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'invite_member'); n int;
begin
  delete from crm.invitations i where i.store_id = p_store and i.id = p_id and i.accepted_at is null;
  get diagnostics n = row_count;
  if n = 0 then raise sqlstate 'PT404' using message = 'not_found'; end if;
  perform crm.note_act(c, 'invitation_revoked', p_id, '{}');
  return jsonb_build_object('id', p_id);
end $$;

alter function crm.people(uuid) owner to api_owner;
alter function crm.set_member(uuid, uuid, text, text, text) owner to api_owner;
alter function crm.disable_member(uuid, uuid, uuid, text) owner to api_owner;
alter function crm.enable_member(uuid, uuid, text) owner to api_owner;
alter function crm.sign_out_member(uuid, uuid) owner to api_owner;
alter function crm.revoke_invitation(uuid, uuid) owner to api_owner;
create function api.people(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.people(store_id); end;
create function api.set_member(store_id uuid, user_id uuid, name text, role text, team text default null) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.set_member(store_id, user_id, name, role, team); end;
create function api.disable_member(store_id uuid, user_id uuid, heir_id uuid default null, pool text default null) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.disable_member(store_id, user_id, heir_id, pool); end;
create function api.enable_member(store_id uuid, user_id uuid, role text default null) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.enable_member(store_id, user_id, role); end;
create function api.sign_out_member(store_id uuid, user_id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.sign_out_member(store_id, user_id); end;
create function api.revoke_invitation(store_id uuid, id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.revoke_invitation(store_id, id); end;
grant execute on function crm.note_act(crm.caller, text, uuid, jsonb), crm.holdings(uuid), crm.session_facts(uuid[]), crm.end_sessions(uuid), crm.demand_member(crm.caller, uuid), crm.demand_grantable(crm.caller, text),
  crm.demand_an_admin(uuid) to api_owner;
grant execute on function crm.people(uuid), crm.set_member(uuid, uuid, text, text, text), crm.disable_member(uuid, uuid, uuid, text), crm.enable_member(uuid, uuid, text),
  crm.sign_out_member(uuid, uuid), crm.revoke_invitation(uuid, uuid), api.people(uuid), api.set_member(uuid, uuid, text, text, text), api.disable_member(uuid, uuid, uuid, text),
  api.enable_member(uuid, uuid, text), api.sign_out_member(uuid, uuid), api.revoke_invitation(uuid, uuid) to authenticated;
revoke create on schema crm, api from api_owner;

insert into crm.exits (name, function, call) values ('people', 'people', 'people({store})');
insert into crm.exits (name, function, why_not) values
  ('set_member', 'set_member', 'answers ids'), ('disable_member', 'disable_member', 'answers counts'), ('enable_member', 'enable_member', 'answers ids'),
  ('sign_out_member', 'sign_out_member', 'answers ids'), ('revoke_invitation', 'revoke_invitation', 'answers ids');
