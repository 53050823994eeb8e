-- Seeing the store's app as one of its members does: for who shapes the store, read only, for a quarter of an hour, in the audit (F-73, S-50).
--
-- Nobody gets another person's token. `look` is one door: it asks who calls, then asks an exit from a list as the member, in a transaction
-- that Postgres itself keeps from writing, and in this store alone. Policies and helpers do not know about it: docs/decisions/0017.

grant create on schema crm, api to api_owner;          -- ownership changes hands below

create table crm.seeings (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  author_id uuid not null,
  member_id uuid not null,
  began_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '15 minutes',
  ended_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, member_id) references crm.members (store_id, user_id) on delete cascade,
  check (author_id <> member_id and expires_at <= began_at + interval '1 hour'));
comment on table crm.seeings is 'Who looked at the store''s app as whom, and until when.';
create index on crm.seeings (store_id, member_id);
alter table crm.seeings enable row level security;
create policy select_author on crm.seeings for select to api_owner using (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy insert_author on crm.seeings for insert to api_owner with check (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_author on crm.seeings for update to api_owner using (author_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.seeings to api_owner;
grant insert (store_id, author_id, member_id), update (ended_at) on crm.seeings to api_owner;

-- The rule: it never shows more than who looks may read himself. He shapes the store and sees its every row; each field the member reads he
-- reads too, each the member sees masked he sees at least masked. Asked again at every look, since rights may change within the quarter.
-- Belongs to the table owner: it compares the rights of two roles.
create function crm.demand_seeable(p_caller crm.caller, p_member uuid) returns crm.members
  language plpgsql stable security definer set search_path = '' as $$
declare m crm.members; more text;
begin
  if p_caller.scope is null or p_caller.scope not in ('store', 'group') then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  if p_member = p_caller.user_id then raise sqlstate 'PT422' using message = 'own_access'; end if;
  select * into m from crm.members x where x.store_id = p_caller.store_id and x.user_id = p_member and x.active;
  if m.user_id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  select his.form || '.' || k into more
  from crm.access his
  left join crm.access mine on mine.store_id = his.store_id and mine.form = his.form and mine.role = p_caller.role
  cross join lateral unnest(his.readable || his.masked) k
  where his.store_id = p_caller.store_id and his.role = m.role
    and k <> all (coalesce(mine.readable, '{}')) and (k = any (his.readable) or k <> all (coalesce(mine.masked, '{}')))
  limit 1;
  if more is not null then raise sqlstate 'PT403' using message = 'sees_more', detail = more; end if;
  return m;
end $$;

create function crm.see_as(p_store uuid, p_member uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); m crm.members := crm.demand_seeable(c, p_member); s crm.seeings;
begin
  update crm.seeings x set ended_at = now() where x.store_id = p_store and x.author_id = c.user_id and x.ended_at is null;   -- one at a time
  insert into crm.seeings (store_id, author_id, member_id) values (p_store, c.user_id, p_member) returning * into s;
  perform crm.note_act(c, 'seeing_began', p_member, jsonb_build_object('role', m.role, 'until', s.expires_at));
  return jsonb_build_object('id', s.id, 'expires_at', s.expires_at);
end $$;
comment on function crm.see_as is 'Begins to see the store''s app as a member, for a quarter of an hour: {id, expires_at}. Ends what the caller saw before. Errors: forbidden, not_found, own_access, sees_more (which field).';

create function crm.stop_seeing(p_store uuid, p_seeing uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); v_member uuid;
begin
  update crm.seeings x set ended_at = now() where x.store_id = p_store and x.id = p_seeing and x.author_id = c.user_id and x.ended_at is null returning x.member_id into v_member;
  if v_member is not null then perform crm.note_act(c, 'seeing_ended', v_member, '{}'); end if;
  return '{}';
end $$;
comment on function crm.stop_seeing is 'Ends it before its time; a second time is harmless. Error: forbidden.';

-- A call with what a client sent for its arguments, by name, in this store whatever he sent for that.
create function crm.call_text(p_function text, p_arguments jsonb) returns text
  language sql stable set search_path = '' as $$
  select format('select %s from api.%I(store_id => $1%s) x', case when p.proretset then 'coalesce(jsonb_agg(to_jsonb(x)), ''[]'')' else 'to_jsonb(x)' end, p.proname,
    (select string_agg(format(case a.kind when 'jsonb'::regtype then ', %1$I => nullif($2 -> %1$L, ''null'')' else ', %1$I => ($2 ->> %1$L)::%2$s' end, a.name, a.kind::regtype), '' order by a.n)
     from unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) with ordinality as a (name, kind, n) where a.name <> 'store_id' and p_arguments ? a.name))
  from pg_catalog.pg_proc p where p.pronamespace = 'api'::regnamespace and p.proname = p_function $$;

create function crm.look(p_store uuid, p_seeing uuid, p_what text, p_arguments jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.demand(p_store, 'publish_config'); s crm.seeings; m crm.members; answer jsonb; asked jsonb := coalesce(p_arguments, '{}');
  claims text := current_setting('request.jwt.claims', true); sub text := current_setting('request.jwt.claim.sub', true);
begin
  select * into s from crm.seeings x where x.store_id = p_store and x.id = p_seeing and x.author_id = c.user_id;
  if s.id is null or s.ended_at is not null or s.expires_at <= now() then raise sqlstate 'PT403' using message = 'seeing_over'; end if;
  m := crm.demand_seeable(c, s.member_id);
  if p_what = 'seeing' then
    return jsonb_build_object('name', m.name, 'role', m.role, 'expires_at', s.expires_at);
  elsif jsonb_typeof(asked) <> 'object' or p_what is null or p_what <> all (array['whoami', 'members', 'flags', 'held_operations', 'sync_pull', 'today', 'search_customers', 'find_customers', 'customer_brief', 'customer_timeline', 'find_duplicates',
    'funnel_report', 'pending_approvals', 'pool_list', 'reassign_list', 'heirs', 'orphan_policies', 'renewal_report', 'visit_report', 'get_attachment']) then
    raise sqlstate 'PT403' using message = 'looking_only';
  elsif p_what in ('flags', 'held_operations') and 'decide_approval' <> all (c.verbs) then
    return '[]';                                      -- what a right opens beyond rows and fields is for who has it
  end if;
  begin
    -- read only holds to the end of this block and cannot be taken back inside it; so long is he the member
    perform set_config('transaction_read_only', 'on', true), set_config('crm.seeing_store', p_store::text, true),
      set_config('request.jwt.claims', jsonb_build_object('sub', s.member_id, 'role', 'authenticated')::text, true), set_config('request.jwt.claim.sub', s.member_id::text, true);
    if (select auth.uid()) is distinct from s.member_id then raise sqlstate 'PT403' using message = 'forbidden'; end if;   -- rather nothing than one's own
    if p_what in ('whoami', 'members', 'flags', 'held_operations') then
      execute format('select coalesce(jsonb_agg(to_jsonb(x)), ''[]'') from (select v.* from api.%I v where v.store_id = $1 limit 500) x', p_what) into answer using p_store;
    else
      execute crm.call_text(p_what, asked) into answer using p_store, asked;
    end if;
  exception
    when read_only_sql_transaction then raise sqlstate 'PT403' using message = 'looking_only';
    when data_exception then raise sqlstate 'PT422' using message = 'invalid';      -- a cast error would print the value
  end;
  perform set_config('request.jwt.claims', coalesce(claims, ''), true), set_config('request.jwt.claim.sub', coalesce(sub, ''), true), set_config('crm.seeing_store', '', true);
  return answer;
end $$;
comment on function crm.look is 'What a view or function of the phone answers the member, as he would be answered, in this store; nothing can be written. p_what "seeing": {name, role, expires_at}. Errors: forbidden, seeing_over, sees_more, looking_only, and those of what is asked.';

alter function crm.see_as(uuid, uuid) owner to api_owner;
alter function crm.stop_seeing(uuid, uuid) owner to api_owner;
alter function crm.look(uuid, uuid, text, jsonb) owner to api_owner;
create function api.see_as(store_id uuid, user_id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.see_as(store_id, user_id); end;
create function api.stop_seeing(store_id uuid, seeing_id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.stop_seeing(store_id, seeing_id); end;
create function api.look(store_id uuid, seeing_id uuid, what text, arguments jsonb default '{}') returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.look(store_id, seeing_id, what, arguments); end;

grant execute on function crm.see_as(uuid, uuid), crm.stop_seeing(uuid, uuid), crm.look(uuid, uuid, text, jsonb), api.see_as(uuid, uuid), api.stop_seeing(uuid, uuid), api.look(uuid, uuid, text, jsonb) to authenticated;
grant execute on function crm.demand_seeable(crm.caller, uuid), crm.call_text(text, jsonb) to api_owner;
do $$ declare f regprocedure; begin                    -- `look` asks these in api_owner's name
  for f in select p.oid from pg_proc p where p.pronamespace = 'api'::regnamespace and p.proname in ('sync_pull', 'today', 'search_customers', 'find_customers', 'customer_brief', 'customer_timeline', 'find_duplicates',
    'funnel_report', 'pending_approvals', 'pool_list', 'reassign_list', 'heirs', 'orphan_policies', 'renewal_report', 'visit_report', 'get_attachment') loop
    execute format('grant execute on function %s to api_owner', f);
  end loop;
end $$;

insert into crm.exits (name, function, why_not) values
  ('see_as', 'see_as', 'answers an id and a time'), ('stop_seeing', 'stop_seeing', 'answers nothing'),
  ('look', 'look', 'answers what another exit answers to the member it is asked for; refused to whoever may not read each of his fields himself');

revoke create on schema crm, api from api_owner;
