-- Seeing the store's app as one of its members does: for who shapes the store, read only, for a
-- quarter of an hour, in the audit (F-73, S-50).
--
-- Nobody gets another person's token. `look` is one door: it asks who calls, then asks an exit from
-- a list as the member, in a transaction that Postgres itself keeps from writing, and in this store
-- alone. Policies and helpers do not know about it: docs/decisions/0017.

create policy select_author on crm.view_as_sessions for select to api_owner
  using (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy insert_author on crm.view_as_sessions for insert to api_owner
  with check (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy update_author on crm.view_as_sessions for update to api_owner
  using (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
grant select on crm.view_as_sessions to api_owner;
grant insert (store_id, author_id, member_id), update (ended_at) on
  crm.view_as_sessions
to api_owner;

-- The rule: it never shows more than who looks may read themselves. They shape the store and sees
-- its every row; each field the member reads they read too, each the member sees masked they see at
-- least masked. Asked again at every look, since rights may change within the quarter. Belongs to
-- the table owner: it compares the rights of two roles.
create or replace function crm.require_viewable_member(p_caller crm.caller, p_member uuid)
  returns crm.members
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_member crm.members;
  more text;
begin
  if p_caller.scope is null or p_caller.scope not in ('store', 'group') then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if p_member = p_caller.user_id then
    raise sqlstate 'PT422' using message = 'own_access';
  end if;
  select * into v_member
  from crm.members member
  where member.store_id = p_caller.store_id and member.user_id = p_member and member.active;
  if v_member.user_id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if not crm.can_manage(p_caller, p_member, v_member.role) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select theirs.form || '.' || item into more
  from crm.access theirs
  left join crm.access mine
    on mine.store_id = theirs.store_id and mine.form = theirs.form and mine.role = p_caller.role
  cross join lateral unnest(theirs.readable || theirs.masked) item
  where theirs.store_id = p_caller.store_id
    and theirs.role = v_member.role
    and item <> all (coalesce(mine.readable, '{}'))
    and (item = any (theirs.readable) or item <> all (coalesce(mine.masked, '{}')))
  limit 1;
  if more is not null then
    raise sqlstate 'PT403' using message = 'view_as_exceeds_own_rights', detail = more;
  end if;
  return v_member;
end $$;

create or replace function crm.start_view_as(p_store uuid, p_member uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
  v_member crm.members := crm.require_viewable_member(v_caller, p_member);
  v_session crm.view_as_sessions;
begin
  -- one at a time
  update crm.view_as_sessions session
  set ended_at = now()
  where session.store_id = p_store
    and session.author_id = v_caller.user_id
    and session.ended_at is null;
  insert into crm.view_as_sessions (store_id, author_id, member_id)
  values (p_store, v_caller.user_id, p_member)
  returning * into v_session;
  perform crm.record_audit_event(
    v_caller,
    'view_as_started',
    p_member,
    jsonb_build_object('role', v_member.role, 'until', v_session.expires_at)
  );
  return jsonb_build_object('id', v_session.id, 'expires_at', v_session.expires_at);
end $$;
comment on function crm.start_view_as is
  'Begins to see the store''s app as a member, for a quarter of an hour: {id, expires_at}. Ends '
  'what the caller saw before. Errors: forbidden, not_found, own_access, '
  'view_as_exceeds_own_rights (which field).';

create or replace function crm.stop_view_as(p_store uuid, p_view_as uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'publish_config');
  v_member uuid;
begin
  update crm.view_as_sessions x
  set ended_at = now()
  where x.store_id = p_store and x.id = p_view_as and x.author_id = c.user_id and x.ended_at is null
  returning x.member_id into v_member;
  if v_member is not null then
    perform crm.record_audit_event(c, 'view_as_stopped', v_member, '{}');
  end if;
  return '{}';
end $$;
comment on function crm.stop_view_as is
  'Ends it before its time; a second time is harmless. Error: forbidden.';

-- A call with what a client sent for its arguments, by name, in this store whatever they sent for
-- that.
create or replace function crm.call_sql(p_function text, p_arguments jsonb) returns text
  language sql stable set search_path = '' as $$
  select format(
    'select %s from api.%I(store_id => $1%s) x',
    case when proc.proretset then 'coalesce(jsonb_agg(to_jsonb(x)), ''[]'')' else 'to_jsonb(x)' end,
    proc.proname,
    (
      select string_agg(
        format(
          case item.kind
            when 'jsonb'::regtype then ', %1$I => nullif($2 -> %1$L, ''null'')'
            else ', %1$I => ($2 ->> %1$L)::%2$s'
          end,
          item.name,
          item.kind::regtype
        ),
          ''
        order by item.n
      )
      from unnest(
        proc.proargnames[1:proc.pronargs],
        proc.proargtypes::oid[]
      ) with ordinality as item (name, kind, n)
      where item.name <> 'store_id' and p_arguments ? item.name
    )
  )
  from pg_catalog.pg_proc proc
  where proc.pronamespace = 'api'::regnamespace and proc.proname = p_function
$$;

create or replace function crm.require_viewable_endpoint(p_what text, p_arguments jsonb)
  returns void
  language plpgsql immutable set search_path = '' as $$
begin
  if jsonb_typeof(p_arguments) <> 'object'
    or p_what is null
    or p_what <> all (
      array[
        'whoami', 'members', 'alerts', 'quarantined_operations', 'sync_pull', 'today',
        'search_customers', 'find_customers', 'customer_brief', 'customer_timeline',
        'find_duplicates', 'funnel_report', 'pending_approvals', 'pool_list', 'reassign_list',
        'new_owners', 'unassigned_policies', 'member_work', 'renewal_report', 'visit_report',
        'meeting_sheet', 'metric_rows', 'renewal_rates', 'renewal_rate_rows',
        'target_progress', 'report', 'metric_trend', 'meeting_notes', 'my_todos',
        'comments',
        'download_attachment'
      ]
    )
  then
    raise sqlstate 'PT403' using message = 'view_as_read_only';
  end if;
end $$;

create or replace function crm.ask_as_member(
  p_store uuid, p_member uuid, p_what text, p_arguments jsonb
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_answer jsonb;
begin
  -- read only holds to the end of this block and cannot be taken back inside it; so long is the
  -- caller the member
  perform set_config('transaction_read_only', 'on', true),
    set_config('crm.view_as_store', p_store::text, true),
    set_config(
      'request.jwt.claims',
      jsonb_build_object('sub', p_member, 'role', 'authenticated')::text,
      true
    );
  if (select crm.current_user_id()) is distinct from p_member then
    raise sqlstate 'PT403' using message = 'forbidden';  -- rather nothing than one's own
  end if;
  if p_what in ('whoami', 'members', 'alerts', 'quarantined_operations') then
    execute format(
      $q$
      select coalesce(jsonb_agg(to_jsonb(x)), '[]')
      from (select v.* from api.%I v where v.store_id = $1 limit 500) x
      $q$,
      p_what
    ) into v_answer using p_store;
  else
    execute crm.call_sql(p_what, p_arguments) into v_answer using p_store, p_arguments;
  end if;
  return v_answer;
exception
  when read_only_sql_transaction then
    raise sqlstate 'PT403' using message = 'view_as_read_only';
  when data_exception then
    raise sqlstate 'PT422' using message = 'invalid';  -- a cast error would print the value
end $$;

create or replace function crm.view_as(p_store uuid, p_view_as uuid, p_what text, p_arguments jsonb)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'publish_config');
  v_session crm.view_as_sessions;
  v_member crm.members;
  v_answer jsonb;
  v_arguments jsonb := coalesce(p_arguments, '{}');
  v_claims text := current_setting('request.jwt.claims', true);
begin
  select * into v_session
  from crm.view_as_sessions session
  where session.store_id = p_store
    and session.id = p_view_as
    and session.author_id = v_caller.user_id;
  if v_session.id is null
    or v_session.ended_at is not null
    or v_session.expires_at <= now()
  then
    raise sqlstate 'PT403' using message = 'view_as_ended';
  end if;
  v_member := crm.require_viewable_member(v_caller, v_session.member_id);
  if p_what = 'member' then
    return jsonb_build_object(
      'name', v_member.name, 'role', v_member.role, 'expires_at', v_session.expires_at
    );
  end if;
  perform crm.require_viewable_endpoint(p_what, v_arguments);
  -- what a right opens beyond rows and fields is for who has it
  if p_what in ('alerts', 'quarantined_operations') and 'decide_approval' <> all (v_caller.verbs)
  then
    return '[]';
  end if;
  v_answer := crm.ask_as_member(p_store, v_session.member_id, p_what, v_arguments);
  perform set_config('request.jwt.claims', coalesce(v_claims, ''), true),
    set_config('crm.view_as_store', '', true);
  return v_answer;
end $$;
comment on function crm.view_as is
  'What a view or function of the phone answers the member, as they would be answered, in this '
  'store; nothing can be written. p_what "member": {name, role, expires_at}. Errors: forbidden, '
  'view_as_ended, view_as_exceeds_own_rights, view_as_read_only, and those of what is asked.';

alter function crm.start_view_as(uuid, uuid) owner to api_owner;
alter function crm.stop_view_as(uuid, uuid) owner to api_owner;
alter function crm.view_as(uuid, uuid, text, jsonb) owner to api_owner;

create or replace function api.start_view_as(store_id uuid, user_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.start_view_as(store_id, user_id); end;

create or replace function api.stop_view_as(store_id uuid, view_as_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.stop_view_as(store_id, view_as_id); end;

create or replace function api.view_as(
  store_id uuid,
  view_as_id uuid,
  what text,
  arguments jsonb default '{}'
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.view_as(store_id, view_as_id, what, arguments); end;

grant execute on function
  crm.start_view_as(uuid, uuid),
  crm.stop_view_as(uuid, uuid),
  crm.view_as(uuid, uuid, text, jsonb),
  api.start_view_as(uuid, uuid),
  api.stop_view_as(uuid, uuid),
  api.view_as(uuid, uuid, text, jsonb)
to authenticated;
grant execute on function
  crm.require_viewable_member(crm.caller, uuid),
  crm.call_sql(text, jsonb),
  crm.require_viewable_endpoint(text, jsonb),
  crm.ask_as_member(uuid, uuid, text, jsonb)
to api_owner;
do $$
declare
  f regprocedure;
begin  -- `look` asks these in api_owner's name
  for f in
    select p.oid
    from pg_proc p
    where p.pronamespace = 'api'::regnamespace
      and p.proname in (
        'sync_pull', 'today', 'search_customers', 'find_customers', 'customer_brief',
        'customer_timeline', 'find_duplicates', 'funnel_report', 'pending_approvals', 'pool_list',
        'reassign_list', 'new_owners', 'unassigned_policies', 'member_work', 'renewal_report',
        'visit_report', 'download_attachment'
      ) loop
    execute format('grant execute on function %s to api_owner', f);
  end loop;
end $$;

insert into crm.endpoints (name, function, skip_reason)
values
  ('start_view_as', 'start_view_as', 'answers an id and a time'),
  ('stop_view_as', 'stop_view_as', 'answers nothing'),
  (
    'view_as',
    'view_as',
    'answers what another endpoint answers to the member it is asked for; '
    'refused to whoever may not read each of their fields'
  );
