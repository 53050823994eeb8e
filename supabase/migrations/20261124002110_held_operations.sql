-- Operations of people whose standing changed while they were offline: kept, never silently applied, never dropped.

grant create on schema crm, api to api_owner;         -- taken back at the end

create table crm.held_operations (
  store_id uuid not null references crm.stores on delete cascade,
  op_id uuid not null,
  user_id uuid not null,
  customer_id uuid,
  reason text not null check (reason in ('disabled', 'handed_over')),
  operation jsonb not null check (pg_column_size(operation) < 131072),
  made_at timestamptz,
  received_at timestamptz not null default now(),
  decided_by uuid, decided_at timestamptz,
  decision text check (decision in ('applied', 'dismissed')),
  primary key (store_id, op_id));
comment on table crm.held_operations is 'What a disabled member''s phone still sent, or someone about a customer handed to a colleague meanwhile: a manager applies or dismisses it. The words stay either way.';
create index on crm.held_operations (store_id, received_at) where decided_at is null;

alter table crm.held_operations enable row level security;
create policy select_decider on crm.held_operations for select to api_owner using (
  case when user_id = (select auth.uid()) then true
    when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    else (store_id, user_id) in (select t.store_id, t.user_id from crm.my_team() t) end);
create policy insert_self on crm.held_operations for insert to api_owner with check (
  case when user_id <> (select auth.uid()) then false when store_id = any ((select crm.my_store_ids(null))::uuid[]) then true else crm.was_member(store_id) end);
create policy update_decider on crm.held_operations for update to api_owner using (
  case when user_id = (select auth.uid()) then false
    when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    else (store_id, user_id) in (select t.store_id, t.user_id from crm.my_team() t) end);
grant select on crm.held_operations to api_owner;
grant insert (store_id, op_id, user_id, customer_id, reason, operation, made_at), update (decided_by, decided_at, decision) on crm.held_operations to api_owner;
grant update (author_id) on crm.conversations to api_owner;   -- a talk applied by a manager stays the talk of the one who had it

-- The customer of an operation, when he was handed from the caller to someone else within the last two months.
create function crm.handed_over(p_op jsonb) returns uuid
  language plpgsql stable security definer set search_path = '' as $$
declare v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); v_customer uuid := crm.as_uuid(p_op #>> '{payload,customer_id}'); v_id uuid := crm.as_uuid(p_op #>> '{payload,id}');
begin
  if v_customer is null then
    select coalesce(
      case when p_op ->> 'verb' = 'save_customer' then v_id end,
      (select x.customer_id from crm.tasks x where x.store_id = v_store and x.id = crm.as_uuid(p_op #>> '{payload,task_id}')),
      case when p_op ->> 'verb' in ('save_deal', 'move_deal') then (select x.customer_id from crm.deals x where x.store_id = v_store and x.id = v_id) end,
      case when p_op ->> 'verb' = 'save_vehicle' then (select x.customer_id from crm.vehicles x where x.store_id = v_store and x.id = v_id) end,
      case when p_op ->> 'verb' = 'save_policy' then (select x.customer_id from crm.policies x where x.store_id = v_store and x.id = v_id) end,
      case when p_op ->> 'verb' = 'save_companion' then (select x.customer_id from crm.companions x where x.store_id = v_store and x.id = v_id) end) into v_customer;
  end if;
  return (select l.subject_id from crm.losses l
    join crm.customers k on k.store_id = l.store_id and k.id = l.subject_id and k.removed_at is null
      and k.owner_id is distinct from (select auth.uid()) and k.renewal_owner_id is distinct from (select auth.uid())
    where l.store_id = v_store and l.user_id = (select auth.uid()) and l.form = 'customer' and l.subject_id = v_customer and l.created_at > now() - interval '60 days' limit 1);
end $$;
comment on function crm.handed_over is 'Answers only about the caller: the customer he lost, or null.';

-- A talk that happened stays a talk: kept under its author's name, seen by the new owner, moving nothing of what is his now
-- (level, next date, tasks). Null when it is not plainly a valid talk; then it is held.
create function crm.keep_talk(p_op jsonb, p_customer uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.me(v_store); o crm.outcomes; k crm.customers; a crm.caller_access; f crm.forms;
  v_words text := nullif(trim(p ->> 'words'), ''); answers jsonb := coalesce(p -> 'set', '{}');
begin
  select * into o from crm.outcomes x where x.store_id = v_store and x.key = p ->> 'outcome';
  select * into k from crm.customers x where x.store_id = v_store and x.id = p_customer;
  select * into a from crm.my_access('conversation') x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = 'conversation';
  answers := case when v_words is null then answers else answers || jsonb_build_object('words', v_words) end;
  if c.user_id is null or crm.as_uuid(p ->> 'id') is null or o.key is null or 'log_conversation' <> all (c.verbs) or coalesce(p ->> 'method', 'call') <> all (o.methods)
    or (o.reached or o.needs_words) and v_words is null
    or crm.problems(v_store, f.fields, answers, jsonb_build_object('method', coalesce(p ->> 'method', 'call'), 'outcome', o.key), a.writable, '{}', true) <> '[]' then return null; end if;
  insert into crm.conversations (store_id, id, customer_id, author_id, method, outcome, reached, words, level_before, level_after, occurred_at, dialled_at, custom)
  values (v_store, crm.as_uuid(p ->> 'id'), p_customer, c.user_id, coalesce(p ->> 'method', 'call'), o.key, o.reached, v_words, k.level, k.level,
    least(coalesce(crm.as_instant(p ->> 'occurred_at'), now()), now()), crm.as_instant(p ->> 'dialled_at'), answers - 'words')
  on conflict (store_id, id) do nothing;
  if not found then return null; end if;
  return jsonb_build_object('status', 'applied', 'version', 1, 'code', 'handed_over');
end $$;
comment on function crm.keep_talk is 'Writes a talk about a customer whom crm.handed_over named. Definer of the table owner: the author does not see the customer any more.';

create function crm.hold(p_op jsonb, p_reason text) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); kept jsonb; v_customer uuid := crm.handed_over(p_op);
begin
  if p_reason = 'handed_over' and p_op ->> 'verb' = 'log_conversation' then
    kept := crm.keep_talk(p_op, v_customer);
    if kept is not null then return kept; end if;
  end if;
  if pg_column_size(p_op) > 65536 or (select count(*) from crm.held_operations h where h.store_id = v_store and h.user_id = (select auth.uid())) >= 20000 then
    return jsonb_build_object('status', 'rejected', 'code', 'forbidden');
  end if;
  insert into crm.held_operations (store_id, op_id, user_id, customer_id, reason, operation, made_at)
  values (v_store, crm.as_uuid(p_op ->> 'op_id'), (select auth.uid()), coalesce(v_customer, crm.as_uuid(p_op #>> '{payload,customer_id}')), p_reason, p_op, crm.as_instant(p_op ->> 'client_time')) on conflict do nothing;
  return jsonb_build_object('status', 'held', 'code', 'held');
end $$;
comment on function crm.hold is 'Keeps an operation for a manager, or a talk where it belongs.';

create view api.held_operations as
select h.store_id, h.op_id, h.user_id, m.name as author_name, h.customer_id, k.name as customer_name, h.reason, h.operation ->> 'verb' as verb, h.received_at,
  h.made_at, h.decided_by, h.decided_at, h.decision,
  case when coalesce('words' = any (a.readable), false) or h.operation ->> 'verb' <> 'log_conversation' then h.operation #>> '{payload,words}' end as words,
  h.operation #>> '{payload,outcome}' as outcome, h.operation #>> '{payload,reason}' as reason_given,
  coalesce((select jsonb_object_agg(e.key, e.value) from jsonb_each(h.operation #> '{payload,set}') e where e.key = any (a.readable)), '{}') as fields
from crm.held_operations h
left join crm.members m on m.store_id = h.store_id and m.user_id = h.user_id
left join api.customers k on k.store_id = h.store_id and k.id = h.customer_id
left join crm.my_access(null) a on a.store_id = h.store_id and a.form = case h.operation ->> 'verb' when 'log_conversation' then 'conversation' when 'save_companion' then 'companion'
  when 'save_vehicle' then 'vehicle' when 'save_policy' then 'policy' when 'save_deal' then 'deal' when 'move_deal' then 'deal' else 'customer' end
where crm.may(h.store_id, 'decide_approval') and h.user_id <> (select auth.uid());
alter view api.held_operations owner to api_owner;
grant select on api.held_operations to authenticated;

create function crm.decide_held(p_store uuid, p_op uuid, p_decision text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'decide_approval'); h crm.held_operations; r jsonb := '{}';
begin
  if not c.is_member then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  if coalesce(p_decision, '') not in ('apply', 'dismiss') then raise sqlstate 'PT422' using message = 'option', detail = 'decision'; end if;
  select * into h from crm.held_operations x where x.store_id = p_store and x.op_id = p_op and x.user_id <> c.user_id for update;
  if h.op_id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  if h.decided_at is not null then raise sqlstate 'PT409' using message = 'already_decided'; end if;
  if p_decision = 'apply' then                        -- as the manager, under his rights: what the author may not do any more, he may
    r := crm.sync_push(coalesce(crm.as_uuid(h.operation ->> 'device_id'), p_op), jsonb_build_array(h.operation || jsonb_build_object('op_id', gen_random_uuid()))) -> 0;
    if r ->> 'status' <> 'applied' then return r; end if;                       -- not decided: it stays with its reason
    if h.operation ->> 'verb' = 'log_conversation' then
      update crm.conversations v set author_id = h.user_id where v.store_id = p_store and v.id = crm.as_uuid(h.operation #>> '{payload,id}');
    end if;
  end if;
  update crm.held_operations x set decided_by = c.user_id, decided_at = now(), decision = case p_decision when 'apply' then 'applied' else 'dismissed' end
  where x.store_id = p_store and x.op_id = p_op;
  return jsonb_build_object('status', 'applied') || r;
end $$;
comment on function crm.decide_held is 'apply: the operation is done under the caller''s rights, a talk in its author''s name; answers what sync_push answered when that is refused. dismiss: it stays here, marked. Errors: not_found, already_decided, option.';
alter function crm.decide_held(uuid, uuid, text) owner to api_owner;
create function api.decide_held(store_id uuid, op_id uuid, decision text) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.decide_held(store_id, op_id, decision); end;

grant execute on function crm.handed_over(jsonb), crm.keep_talk(jsonb, uuid), crm.hold(jsonb, text) to api_owner;
grant execute on function crm.decide_held(uuid, uuid, text), api.decide_held(uuid, uuid, text) to authenticated;
revoke create on schema crm, api from api_owner;

insert into crm.exits (name, function, why_not) values
  ('put_attachment', 'put_attachment', 'answers how many bytes arrived'), ('get_attachment', 'get_attachment', 'a piece of a file; no fields'),
  ('decide_held', 'decide_held', 'answers as sync_push does');
