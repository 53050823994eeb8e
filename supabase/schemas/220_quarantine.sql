-- Operations of people whose standing changed while they were offline: kept, never silently
-- applied, never dropped.

create policy select_decider on crm.quarantined_operations for select to api_owner
  using (
    case
      when user_id = (select crm.current_user_id()) then true
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      else (store_id, user_id) in (select t.store_id, t.user_id from crm.my_team() t)
    end
  );
create policy insert_self on crm.quarantined_operations for insert to api_owner
  with check (
    case
      when user_id <> (select crm.current_user_id()) then false
      when store_id = any ((select crm.my_store_ids(null))::uuid[]) then true
      else crm.is_disabled_member(store_id)
    end
  );
create policy update_decider on crm.quarantined_operations for update to api_owner
  using (
    case
      when user_id = (select crm.current_user_id()) then false
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      else (store_id, user_id) in (select t.store_id, t.user_id from crm.my_team() t)
    end
  );
grant select on crm.quarantined_operations to api_owner;
grant insert (store_id, op_id, user_id, customer_id, reason, operation, made_at),
  update (decided_by, decided_at, decision) on
  crm.quarantined_operations
to api_owner;

-- a conversation applied by a manager stays the conversation of the one who had it
grant update (author_id) on crm.conversations to api_owner;

-- The customer of the record an operation is about; it may be out of the caller's sight.
create or replace function crm.customer_of_record(p_op jsonb) returns uuid
  language plpgsql stable set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_id uuid := crm.as_uuid(p_op #>> '{payload,id}');
begin
  return coalesce(
    case when p_op ->> 'verb' = 'save_customer' then v_id end,
    (
      select task.customer_id
      from crm.tasks task
      where task.store_id = v_store and task.id = crm.as_uuid(p_op #>> '{payload,task_id}')
    ),
    case
      when p_op ->> 'verb' in ('save_deal', 'move_deal') then
        (
          select deal.customer_id
          from crm.deals deal
          where deal.store_id = v_store and deal.id = v_id
        )
    end,
    case
      when p_op ->> 'verb' = 'save_vehicle' then
        (
          select vehicle.customer_id
          from crm.vehicles vehicle
          where vehicle.store_id = v_store and vehicle.id = v_id
        )
    end,
    case
      when p_op ->> 'verb' = 'save_policy' then
        (
          select policy.customer_id
          from crm.policies policy
          where policy.store_id = v_store and policy.id = v_id
        )
    end,
    case
      when p_op ->> 'verb' = 'save_companion' then
        (
          select companion.customer_id
          from crm.companions companion
          where companion.store_id = v_store and companion.id = v_id
        )
    end
  );
end $$;

-- The customer of an operation, when they were handed from the caller to someone else within the
-- last two months.
create or replace function crm.transferred_customer(p_op jsonb) returns uuid
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_customer uuid := coalesce(
    crm.as_uuid(p_op #>> '{payload,customer_id}'), crm.customer_of_record(p_op)
  );
begin
  return (
    select change.subject_id
    from crm.visibility_changes change
    join crm.customers customer
      on customer.store_id = change.store_id
        and customer.id = change.subject_id
        and customer.removed_at is null
        and customer.owner_id is distinct from (select crm.current_user_id())
        and customer.renewal_owner_id is distinct from (select crm.current_user_id())
    where change.store_id = v_store
      and change.user_id = (select crm.current_user_id())
      and change.form = 'customer'
      and change.subject_id = v_customer
      and change.created_at > now() - interval '60 days'
    limit 1
  );
end $$;
comment on function crm.transferred_customer is
  'Answers only about the caller: the customer they lost, or null.';

-- What may be held: work on records, under the right it needs. Never a decision, a hand-over, a
-- claim, an undo: whoever applies a held operation does it with rights its author may never have
-- had.
create or replace function crm.quarantine_permission(p_op jsonb) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case p_op ->> 'verb'
    when 'save_customer' then
      case when p_op ->> 'base_version' is null then 'add_customer' else 'save_customer' end
    when 'save_companion' then 'save_customer'
    when 'save_relationship' then 'save_customer'
    when 'save_consent' then 'save_customer'
    when 'record_visit' then 'save_customer'
    when 'save_vehicle' then 'save_vehicle'
    when 'save_policy' then 'save_policy'
    when 'renew_policy' then 'save_policy'
    when 'mark_policy_lost' then 'save_policy'
    when 'save_deal' then 'save_deal'
    when 'move_deal' then 'move_deal'
    when 'log_conversation' then 'log_conversation'
    when 'close_promise' then 'log_conversation'
    when 'request_cancellation' then 'request_cancellation'
    when 'snooze_task' then 'snooze_task'
  end;
end $$;
comment on function crm.quarantine_permission is
  'The verb a role must carry for an operation to be held; null: never held.';

-- The form whose fields an operation sets.
create or replace function crm.form_of_verb(p_verb text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case p_verb
    when 'log_conversation' then 'conversation'
    when 'save_companion' then 'companion'
    when 'save_vehicle' then 'vehicle'
    when 'save_policy' then 'policy'
    when 'renew_policy' then 'policy'
    when 'save_deal' then 'deal'
    when 'move_deal' then 'deal'
    else 'customer'
  end;
end $$;

-- Every customer an operation names, by any id in it; an id that is nowhere yet stands for itself.
create or replace function crm.customers_of_operation(p_op jsonb) returns uuid[]
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_payload jsonb := p_op -> 'payload';
  v_verb text := p_op ->> 'verb';
  v_id uuid := crm.as_uuid(v_payload ->> 'id');
begin
  return array(
    select distinct named.id
    from (
      select crm.as_uuid(v_payload ->> 'customer_id') as id
      union all
      select crm.as_uuid(v_payload ->> 'other_id')
      union all
      select v_id
      where v_verb = 'save_customer'
      union all
      select task.customer_id
      from crm.tasks task
      where task.store_id = v_store and task.id = crm.as_uuid(v_payload ->> 'task_id')
      union all
      select policy.customer_id
      from crm.policies policy
      where policy.store_id = v_store
        and (
          policy.id = crm.as_uuid(v_payload ->> 'policy_id')
          or policy.id = v_id and v_verb in ('save_policy', 'mark_policy_lost')
        )
      union all
      select vehicle.customer_id
      from crm.vehicles vehicle
      where vehicle.store_id = v_store
        and (
          vehicle.id = crm.as_uuid(v_payload ->> 'vehicle_id')
          or vehicle.id = v_id and v_verb = 'save_vehicle'
        )
      union all
      select deal.customer_id
      from crm.deals deal
      where deal.store_id = v_store
        and (
          deal.id = crm.as_uuid(v_payload ->> 'deal_id')
          or deal.id = v_id and v_verb in ('save_deal', 'move_deal')
        )
      union all
      select companion.customer_id
      from crm.companions companion
      where companion.store_id = v_store and companion.id = v_id and v_verb = 'save_companion'
      union all
      select promise.customer_id
      from crm.promises promise
      where promise.store_id = v_store and promise.id = v_id and v_verb = 'close_promise'
    ) named
    where named.id is not null
  );
end $$;
comment on function crm.customers_of_operation is
  'The customers an operation is about. Definer: the caller may not see them any more; our verbs '
  'alone may execute it.';

-- The fields an operation sets, as form.key.
create or replace function crm.held_fields(p_op jsonb) returns text[]
  language plpgsql immutable set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
begin
  return array(
    select crm.form_of_verb(p_op ->> 'verb') || '.' || key
    from jsonb_object_keys(coalesce(v_payload -> 'set', '{}')) key
    union
    select 'customer.' || key
    from jsonb_object_keys(coalesce(v_payload -> 'facts', '{}')) key
    union
    select 'customer.level'
    where v_payload ->> 'level' is not null
  );
end $$;

create or replace function crm.is_held_customer(p_op jsonb, p_user uuid, p_customer uuid)
  returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return p_op ->> 'verb' in ('save_customer', 'record_visit')
    and coalesce(
      p_customer = crm.as_uuid(p_op #>> '{payload,customer_id}')
      or p_customer = crm.as_uuid(p_op #>> '{payload,id}'),
      false
    )
    or exists (
      select from crm.quarantined_operations operation
      where operation.store_id = crm.as_uuid(p_op #>> '{payload,store_id}')
        and operation.user_id = p_user
        and operation.operation ->> 'verb' in ('save_customer', 'record_visit')
        and p_customer in (
          crm.as_uuid(operation.operation #>> '{payload,customer_id}'),
          crm.as_uuid(operation.operation #>> '{payload,id}')
        )
    );
end $$;
comment on function crm.is_held_customer is
  'A new customer, made by this operation or one held before it.';

create or replace function crm.saw_customer(
  p_member crm.members, p_role crm.roles, p_customer crm.customers
) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return p_role.scope in ('store', 'group')
    or coalesce(p_member.user_id = p_customer.owner_id, false)
    or coalesce(p_member.user_id = p_customer.renewal_owner_id, false)
    or coalesce(p_customer.pool = any (p_role.pools), false)
    or p_role.scope = 'team'
    and exists (
      select from crm.members member
      where member.store_id = p_member.store_id
        and member.user_id = p_customer.owner_id
        and member.team = p_member.team
    )
    or exists (
      select from crm.visibility_changes change
      where change.store_id = p_member.store_id
        and change.user_id = p_member.user_id
        and change.form = 'customer'
        and change.subject_id = p_customer.id
        and change.created_at > now() - interval '60 days'
    );
end $$;
comment on function crm.saw_customer is
  'Whether the role a member held last shows a customer, or showed one within two months.';

create or replace function crm.had_rights(p_op jsonb, p_member crm.members, p_role crm.roles)
  returns bool
  language plpgsql stable set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
begin
  if crm.quarantine_permission(p_op) is null
    or crm.quarantine_permission(p_op) <> all (p_role.verbs)
  then
    return false;
  end if;
  if v_payload ->> 'pool' is not null and 'reassign' <> all (p_role.verbs)
    or coalesce(crm.as_uuid(v_payload ->> 'owner_id'), p_member.user_id) <> p_member.user_id
    and 'assign_customer' <> all (p_role.verbs)
  then
    return false;
  end if;
  if jsonb_typeof(coalesce(v_payload -> 'set', '{}')) <> 'object'
    or jsonb_typeof(coalesce(v_payload -> 'facts', '{}')) <> 'object'
  then
    return false;
  end if;
  return crm.held_fields(p_op) <@ array(
    select access.form || '.' || key
    from crm.access access, unnest(access.writable) key
    where access.store_id = p_member.store_id and access.role = p_member.role
  );
end $$;
comment on function crm.had_rights is
  'Whether the role a member held last carries the verb of an operation and may write its fields.';

create or replace function crm.can_quarantine(p_op jsonb) returns bool
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_member crm.members;
  v_role crm.roles;
  v_customer crm.customers;
  v_is_theirs bool;
  v_id uuid;
  v_ids uuid[] := crm.customers_of_operation(p_op);
begin
  select * into v_member
  from crm.members member
  where member.store_id = v_store and member.user_id = (select crm.current_user_id());
  select * into v_role
  from crm.roles role
  where role.store_id = v_store and role.key = v_member.role;
  if v_role.key is null or v_ids = '{}' or not crm.had_rights(p_op, v_member, v_role) then
    return false;
  end if;
  foreach v_id in array v_ids loop
    select * into v_customer
    from crm.customers customer
    where customer.store_id = v_store and customer.id = v_id;
    v_is_theirs := case
      when v_customer.id is null then crm.is_held_customer(p_op, v_member.user_id, v_id)
      else crm.saw_customer(v_member, v_role, v_customer)
    end;
    if not v_is_theirs then
      return false;
    end if;
  end loop;
  return true;
end $$;
comment on function crm.can_quarantine is
  'Answers only about the caller: whether the role held last carried the operation, for records '
  'it saw.';

-- A conversation that happened stays a conversation: kept under its author's name, seen by the new
-- owner, moving nothing of what is theirs now (level, next date, tasks). Null when it is not
-- plainly a valid conversation; then it is held.
create or replace function crm.log_transferred_conversation(p_op jsonb, p_customer uuid)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.current_member(v_store);
  v_method text := coalesce(v_payload ->> 'method', 'call');
  v_notes text := nullif(trim(v_payload ->> 'notes'), '');
  v_occurred_at timestamptz;
  v_reached bool;
begin
  v_reached := crm.valid_conversation(p_op, v_caller);
  if v_reached is null then
    return null;
  end if;
  v_occurred_at := crm.claimed_time(v_payload ->> 'occurred_at', 'occurred_at');
  insert into crm.conversations (
    store_id, id, customer_id, author_id, method, outcome, reached, notes, level_before,
    level_after, occurred_at, dialled_at, custom
  )
  select
    v_store,
    crm.as_uuid(v_payload ->> 'id'),
    customer.id,
    v_caller.user_id,
    v_method,
    v_payload ->> 'outcome',
    v_reached,
    v_notes,
    customer.level,
    customer.level,
    v_occurred_at,
    case
      when v_payload ->> 'dialled_at' is not null then
        least(crm.as_instant(v_payload ->> 'dialled_at'), v_occurred_at)
    end,
    coalesce(v_payload -> 'set', '{}') - 'notes'
  from crm.customers customer
  where customer.store_id = v_store and customer.id = p_customer
  on conflict (store_id, id) do nothing;
  if not found then
    return null;
  end if;
  return jsonb_build_object('status', 'applied', 'version', 1, 'code', 'transferred');
end $$;
comment on function crm.log_transferred_conversation is
  'Writes a conversation about a customer whom crm.transferred_customer named. Definer of the '
  'table owner: '
  'the author does not see the customer any more.';

create or replace function crm.valid_conversation(p_op jsonb, p_caller crm.caller) returns bool
  language plpgsql stable set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_method text := coalesce(v_payload ->> 'method', 'call');
  v_notes text := nullif(trim(v_payload ->> 'notes'), '');
  v_answers jsonb := coalesce(v_payload -> 'set', '{}')
    || jsonb_strip_nulls(jsonb_build_object('notes', v_notes));
  v_outcome crm.outcomes;
  v_access crm.caller_access;
  v_errors jsonb;
begin
  select * into v_outcome
  from crm.outcomes outcome
  where outcome.store_id = p_caller.store_id and outcome.key = v_payload ->> 'outcome';
  if p_caller.user_id is null
    or crm.as_uuid(v_payload ->> 'id') is null
    or v_outcome.key is null
    or 'log_conversation' <> all (p_caller.verbs)
    or v_method <> all (v_outcome.methods)
    or (v_outcome.reached or v_outcome.notes_required) and v_notes is null
  then
    return null;
  end if;
  select * into v_access
  from crm.my_access('conversation') access
  where access.store_id = p_caller.store_id;
  select crm.field_errors(
    p_caller.store_id,
    form.fields,
    v_answers,
    jsonb_build_object('method', v_method, 'outcome', v_outcome.key),
    v_access.writable,
    '{}',
    true
  ) into v_errors
  from crm.forms form
  where form.store_id = p_caller.store_id and form.form = 'conversation';
  return case when v_errors = '[]' then v_outcome.reached end;
end $$;
comment on function crm.valid_conversation is
  'Whether the customer was reached, of an operation that is plainly a valid conversation; null of '
  'any other.';

create or replace function crm.quarantine_operation(p_op jsonb, p_reason text) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  kept jsonb;
  v_customer uuid := crm.transferred_customer(p_op);
begin
  if p_reason = 'transferred' and p_op ->> 'verb' = 'log_conversation' then
    kept := crm.log_transferred_conversation(p_op, v_customer);
    if kept is not null then
      return kept;
    end if;
  end if;
  if not crm.can_quarantine(p_op) then
    return jsonb_build_object('status', 'rejected', 'code', 'forbidden');
  end if;
  -- A month offline is about a thousand operations of a kilobyte. More than that in a day is no
  -- work: the list is read by a person.
  if octet_length(p_op::text) > 32768
    or (
      select count(*) >= 2000
        or coalesce(sum(operation.operation_bytes), 0) + octet_length(p_op::text) > 2 * 1024 * 1024
      from crm.quarantined_operations operation
      where operation.store_id = v_store
        and operation.user_id = (select crm.current_user_id())
        and operation.received_at > now() - interval '1 day'
    ) then
    return jsonb_build_object('status', 'rejected', 'code', 'quarantine_full');
  end if;
  insert into crm.quarantined_operations (
    store_id, op_id, user_id, customer_id, reason, operation, made_at
  )
  values (
    v_store,
    crm.as_uuid(p_op ->> 'op_id'),
    (select crm.current_user_id()),
    coalesce(v_customer, (crm.customers_of_operation(p_op))[1]),
    p_reason,
    p_op,
    least(crm.as_instant(p_op ->> 'client_time'), now())
  )
  on conflict do nothing;
  return jsonb_build_object('status', 'quarantined', 'code', 'quarantined');
end $$;
comment on function crm.quarantine_operation is
  'Keeps an operation for a manager, or a conversation where it belongs.';

-- What applying would change ----------------------------------------------------------------------
--
-- Field by field, as the reader may see it: [{form, field, before, after}]. Asked of the views, so
-- that a manager learns nothing new by it.

create or replace function crm.effect_item(
  p_form text, p_field text, p_before jsonb, p_after jsonb
) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  return jsonb_build_object(
    'form', p_form, 'field', p_field, 'before', p_before, 'after', p_after
  );
end $$;

create or replace function crm.held_values_effect(p_form text, p_values jsonb, p_before jsonb)
  returns jsonb
  language sql immutable set search_path = '' as $$
  select coalesce(
    jsonb_agg(crm.effect_item(p_form, e.key, p_before -> e.key, e.value) order by e.key),
    '[]'
  )
  from jsonb_each(p_values) e
$$;

create or replace function crm.readable_values(
  p_values jsonb, p_form text, p_store uuid, p_keys text[]
) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(e.key, e.value), '{}')
  from jsonb_each(case jsonb_typeof(p_values) when 'object' then p_values else '{}' end) e
  join crm.my_access(p_form) a on a.store_id = p_store
  where e.key = any (a.readable) and (p_keys is null or e.key = any (p_keys))
$$;
comment on function crm.readable_values is
  'The values a reader may see; p_keys: of these fields alone.';

create or replace function crm.changed_values(p_values jsonb, p_before jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  select coalesce(jsonb_object_agg(e.key, e.value), '{}')
  from jsonb_each(p_values) e
  where e.value is distinct from coalesce(p_before -> e.key, 'null')
$$;

create or replace function crm.held_conversation_effect(
  p_payload jsonb, p_store uuid, p_customer jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_values jsonb := crm.readable_values(
    p_payload, 'customer', p_store, array['level', 'next_contact_on']
  );
  v_items jsonb := crm.held_values_effect(
    'customer', crm.changed_values(v_values, p_customer), p_customer
  );
begin
  if exists (
    select from crm.outcomes outcome
    where outcome.store_id = p_store
      and outcome.key = p_payload ->> 'outcome'
      and outcome.effect = 'do_not_call'
  ) then
    v_items := v_items
      || crm.effect_item('customer', 'do_not_call', p_customer -> 'do_not_call', 'true');
  end if;
  return v_items;
end $$;

create or replace function crm.held_task_effect(p_verb text, p_payload jsonb, p_store uuid)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_field text := case p_verb when 'snooze_task' then 'due_on' else 'status' end;
  v_task jsonb;
begin
  select to_jsonb(task) into v_task
  from api.tasks task
  where task.store_id = p_store and task.id = crm.as_uuid(p_payload ->> 'task_id');
  if v_task is null then
    return '[]';
  end if;
  return crm.effect_item(
    'task',
    v_field,
    v_task -> v_field,
    case p_verb
      when 'snooze_task' then p_payload -> 'until'
      when 'request_cancellation' then '"cancel_requested"'
      else '"done"'
    end
  );
end $$;

create or replace function crm.held_verb_effect(
  p_verb text, p_payload jsonb, p_record jsonb, p_customer jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return case p_verb
    when 'move_deal' then
      crm.effect_item('deal', 'stage', p_record -> 'stage', p_payload -> 'stage')
    when 'mark_policy_lost' then crm.effect_item('policy', 'status', '"active"', '"lost"')
    when 'renew_policy' then crm.effect_item('policy', 'status', '"active"', '"renewed"')
    when 'close_promise' then
      crm.effect_item('promise', 'status', '"open"', p_payload -> 'status')
    when 'save_relationship' then
      crm.effect_item('relationship', 'relation', null, p_payload -> 'relation')
    when 'save_consent' then
      crm.effect_item(
        'consent',
        'granted',
        to_jsonb(p_customer -> 'consent_withdrawn_at' = 'null'),
        p_payload -> 'granted'
      )
    else '[]'
  end;
end $$;

create or replace function crm.quarantine_effect(p_op jsonb) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_payload jsonb := coalesce(p_op -> 'payload', '{}');
  v_verb text := p_op ->> 'verb';
  v_form text := crm.form_of_verb(v_verb);
  v_record jsonb;
  v_customer jsonb := crm.shown_record(
    'customers', v_store, (crm.customers_of_operation(p_op))[1]
  );
  v_items jsonb;
begin
  if v_verb <> 'log_conversation' then
    v_record := crm.shown_record(
      crm.record_table(v_form),
      v_store,
      crm.as_uuid(
        coalesce(
          case when v_verb not in ('record_visit', 'renew_policy') then v_payload ->> 'id' end,
          v_payload ->> 'customer_id'
        )
      )
    );
  end if;
  v_items := crm.held_values_effect(
    v_form,
    crm.changed_values(
      crm.readable_values(v_payload -> 'set', v_form, v_store, null), v_record
    ),
    v_record
  )
    || crm.held_values_effect(
      'customer',
      crm.readable_values(v_payload -> 'facts', 'customer', v_store, null),
      v_customer
    );
  if v_verb = 'log_conversation' then
    v_items := v_items || crm.held_conversation_effect(v_payload, v_store, v_customer);
  end if;
  return v_items
    || crm.held_task_effect(v_verb, v_payload, v_store)
    || crm.held_verb_effect(v_verb, v_payload, v_record, v_customer);
end $$;
comment on function crm.quarantine_effect is
  'Before and after of what a held operation would change, under the reader''s rights.';
alter function crm.quarantine_effect(jsonb) owner to api_owner;

create or replace view api.quarantined_operations as
  select
    operation.store_id,
    operation.op_id,
    operation.user_id,
    member.name as author_name,
    operation.customer_id,
    customer.name as customer_name,
    operation.reason,
    operation.operation ->> 'verb' as verb,
    operation.received_at,
    operation.made_at,
    operation.decided_by,
    operation.decided_at,
    operation.decision,
    case
      when coalesce('notes' = any (access.readable), false)
        or operation.operation ->> 'verb' <> 'log_conversation' then
        operation.operation #>> '{payload,notes}'
    end as notes,
    operation.operation #>> '{payload,outcome}' as outcome,
    operation.operation #>> '{payload,reason}' as reason_given,
    coalesce(
      (
        select jsonb_object_agg(entry.key, entry.value)
        from jsonb_each(operation.operation #> '{payload,set}') entry
        where entry.key = any (access.readable)
      ),
      '{}'
    ) as fields,
    crm.quarantine_effect(
      operation.operation
      || jsonb_build_object(
        'payload', coalesce(operation.operation -> 'payload', '{}')
          || jsonb_build_object('store_id', operation.store_id)
      )
    ) as effect
  from crm.quarantined_operations operation
  left join crm.members member
    on member.store_id = operation.store_id and member.user_id = operation.user_id
  left join api.customers customer
    on customer.store_id = operation.store_id and customer.id = operation.customer_id
  left join crm.my_access(null) access
    on access.store_id = operation.store_id
      and access.form = crm.form_of_verb(operation.operation ->> 'verb')
  where crm.has_permission(operation.store_id, 'decide_approval')
    and operation.user_id <> (select crm.current_user_id());
alter view api.quarantined_operations owner to api_owner;
grant select on api.quarantined_operations to authenticated;

create or replace function crm.decide_quarantined(p_store uuid, p_op uuid, p_decision text)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'decide_approval');
  v_operation crm.quarantined_operations;
  v_answer jsonb := '{}';
begin
  if not v_caller.is_member then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if coalesce(p_decision, '') not in ('apply', 'dismiss') then
    raise sqlstate 'PT422' using message = 'option', detail = 'decision';
  end if;
  select * into v_operation
  from crm.quarantined_operations operation
  where operation.store_id = p_store
    and operation.op_id = p_op
    and operation.user_id <> v_caller.user_id
  for update;
  if v_operation.op_id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if v_operation.decided_at is not null then
    raise sqlstate 'PT409' using message = 'already_decided';
  end if;
  if p_decision = 'apply' and crm.quarantine_permission(v_operation.operation) is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  -- as the manager, under their rights: what the author may not do any more, they may
  if p_decision = 'apply' then
    v_answer := crm.sync_push(
      coalesce(crm.as_uuid(v_operation.operation ->> 'device_id'), p_op),
      jsonb_build_array(v_operation.operation || jsonb_build_object('op_id', gen_random_uuid()))
    ) -> 0;
    if v_answer ->> 'status' <> 'applied' then
      return v_answer;  -- not decided: it stays with its reason
    end if;
    if v_operation.operation ->> 'verb' = 'log_conversation' then
      update crm.conversations conversation
      set author_id = v_operation.user_id
      where conversation.store_id = p_store
        and conversation.id = crm.as_uuid(v_operation.operation #>> '{payload,id}');
    end if;
  end if;
  update crm.quarantined_operations operation
  set
    decided_by = v_caller.user_id,
    decided_at = now(),
    decision = case p_decision when 'apply' then 'applied' else 'dismissed' end
  where operation.store_id = p_store and operation.op_id = p_op;
  return jsonb_build_object('status', 'applied') || v_answer;
end $$;
comment on function crm.decide_quarantined is
  'apply: the operation is done under the caller''s rights, a conversation in its author''s name; '
  'answers'
  ' what sync_push answered when that is refused. dismiss: it stays here, marked. Errors: '
  'not_found, already_decided, option.';
alter function crm.decide_quarantined(uuid, uuid, text) owner to api_owner;

create or replace function api.decide_quarantined(store_id uuid, op_id uuid, decision text)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.decide_quarantined(store_id, op_id, decision); end;

grant execute on function
  crm.transferred_customer(jsonb),
  crm.log_transferred_conversation(jsonb, uuid),
  crm.quarantine_operation(jsonb, text),
  crm.quarantine_permission(jsonb),
  crm.customers_of_operation(jsonb),
  crm.can_quarantine(jsonb)
to api_owner;
grant execute on function
  crm.effect_item(text, text, jsonb, jsonb),
  crm.held_values_effect(text, jsonb, jsonb),
  crm.readable_values(jsonb, text, uuid, text[]),
  crm.changed_values(jsonb, jsonb),
  crm.held_conversation_effect(jsonb, uuid, jsonb),
  crm.held_task_effect(text, jsonb, uuid),
  crm.held_verb_effect(text, jsonb, jsonb, jsonb)
to api_owner;
grant execute on function
  crm.form_of_verb(text),
  crm.quarantine_effect(jsonb)
to authenticated, api_owner;
grant execute on function
  crm.decide_quarantined(uuid, uuid, text),
  api.decide_quarantined(uuid, uuid, text)
to authenticated;

insert into crm.endpoints (name, function, skip_reason)
values
  ('upload_attachment', 'upload_attachment', 'answers how many bytes arrived'),
  ('download_attachment', 'download_attachment', 'a piece of a file; no fields'),
  ('decide_quarantined', 'decide_quarantined', 'answers as sync_push does');
