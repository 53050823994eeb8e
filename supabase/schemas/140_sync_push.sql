-- The one door through which phones write: a batch of operations, each all or nothing, each
-- answered; and taking one back.

-- Undo (F-21) -------------------------------------------------------------------------------------
--
-- One's own operation, within ten minutes, while nobody has touched the same values since. History
-- tells what to put back, so every verb can be undone by the same few lines; a decision on someone
-- else's request cannot.

create or replace function crm.record_table(p_form text) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return case p_form
    when 'policy' then 'policies'
    else p_form || 's'
  end;
end $$;
comment on function crm.record_table is
  'The table of a form, or of a record without one (task, approval, promise, link, visit).';

create or replace function crm.require_undoable(p_op crm.operations) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_op.verb in (
    'undo', 'decide_approval', 'claim_customer', 'reassign', 'acknowledge_transfer', 'claim_policy',
    'request_transfer', 'save_consent', 'set_renewal_owner'
  ) then
    perform crm.reject('not_undoable', 'op_id');
  end if;
  if p_op.applied_at < now() - interval '10 minutes' then
    perform crm.reject('too_late', 'op_id');
  end if;
  if exists (
    select from crm.events event
    join crm.events later
      on later.store_id = event.store_id
        and later.customer_id = event.customer_id
        and later.id > event.id
        and later.op_id is distinct from event.op_id
        and (
          later.subject_id = event.subject_id
          and (later.field = event.field or event.kind = 'created')
          or event.form = 'customer' and event.kind = 'created'
        )
    where event.store_id = p_op.store_id and event.op_id = p_op.op_id
  ) then
    perform crm.reject('changed_since', 'op_id');
  end if;
end $$;
comment on function crm.require_undoable is
  'Rejects what cannot be undone: not_undoable, too_late, changed_since.';

create or replace function crm.undo_changes(p_store uuid, p_op uuid)
  returns table (form text, subject_id uuid, created bool, base_part jsonb, custom_part jsonb)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      e.form,
      e.subject_id,
      bool_or(e.kind = 'created'),
      coalesce(
        jsonb_object_agg(e.field, e.old) filter (
          where e.kind = 'changed' and not (e.is_field and base.key is null)
        ),
        '{}'
      ),
      -- null: nothing of "custom" was changed, or the table has none
      jsonb_object_agg(e.field, e.old) filter (where e.is_field and base.key is null)
    from (
      select distinct on (event.subject_id, event.field) event.*
      from crm.events event
      where event.store_id = p_store and event.op_id = p_op
      order by event.subject_id, event.field, event.id
    ) e
    left join crm.base_fields base on base.form = e.form and base.key = e.field
    group by e.form, e.subject_id;
end $$;
comment on function crm.undo_changes is
  'What an operation did, record by record: what it created, and the values before it.';

create or replace function crm.undo(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_caller crm.caller := crm.require_verb(v_store, 'undo');
  v_target uuid := crm.as_uuid(p_op #>> '{payload,op_id}');
  v_op crm.operations;
  v_change record;
begin
  select * into v_op
  from crm.operations operation
  where operation.store_id = v_store and operation.op_id = v_target
  for update;
  if v_op.op_id is null or v_op.result ->> 'status' is distinct from 'applied' then
    perform crm.reject('not_found', 'op_id');
  end if;
  if v_op.undone_by is not null then
    return jsonb_build_object('status', 'applied', 'version', 1);
  end if;
  perform crm.require_undoable(v_op);

  -- crm.tg_tasks__life: what follows puts back one operation's work
  perform set_config('crm.taking_back', v_target::text, true);
  for v_change in select * from crm.undo_changes(v_store, v_target) loop
    if v_change.created then
      execute format(
        'update crm.%I set removed_at = now() where store_id = $1 and id = $2',
        crm.record_table(v_change.form)
      ) using v_store, v_change.subject_id;
    else
      perform crm.update_record(
        crm.record_table(v_change.form),
        v_store,
        v_change.subject_id,
        v_change.base_part,
        v_change.custom_part
      );
    end if;
  end loop;
  perform set_config('crm.taking_back', '', true);
  perform crm.withdraw_alerts(v_store, v_target);
  update crm.operations
  set undone_by = crm.as_uuid(p_op ->> 'op_id')
  where store_id = v_store and op_id = v_target;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- A batch of operations ---------------------------------------------------------------------------

-- A phone whose clock is wrong says by its own clock when it sends: what it says about the past is
-- moved by the difference (T10).
create or replace function crm.normalise_client_times(p_op jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_skew interval := now() - crm.as_instant(p_op ->> 'sent_at');
  v_key text;
  v_time timestamptz;
begin
  foreach v_key in array array[
    'occurred_at', 'dialled_at', 'stated_at', 'recorded_at', 'arrived_at'
  ] loop
    continue when jsonb_typeof(p_op #> array['payload', v_key]) is distinct from 'string';
    v_time := crm.as_instant(p_op #>> array['payload', v_key]);
    if abs(extract(epoch from v_skew)) > 120 then
      v_time := v_time + v_skew;
    end if;
    if v_time is null or not isfinite(v_time) or v_time > now() then
      v_time := now();
    end if;
    p_op := jsonb_set(p_op, array['payload', v_key], to_jsonb(v_time));
  end loop;
  return p_op;
end $$;
comment on function crm.normalise_client_times is
  'The operation with its times in the server''s clock; no time, or one in the future, is now. '
  'How old one may be is the verb''s to say (crm.claimed_time).';

create or replace function crm.malformed_part(p_op jsonb) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when crm.as_uuid(p_op ->> 'op_id') is null then 'op_id'
    when coalesce(p_op ->> 'seq', '') !~ '^\d{1,15}$' then 'seq'
    when coalesce(p_op ->> 'base_version', '0') !~ '^\d{1,9}$' then 'base_version'
    when coalesce(p_op ->> 'config_version', '0') !~ '^\d{1,9}$' then 'config_version'
    when jsonb_typeof(p_op -> 'payload') is distinct from 'object'
      or pg_column_size(p_op) > 262144 then
      'payload'
  end;
end $$;
comment on function crm.malformed_part is
  'The part of an operation that nobody could read, or null: the casts of crm.push_operation hold.';

create or replace function crm.call_verb(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  case p_op ->> 'verb'
    when 'save_customer' then return crm.save_customer(p_op);
    when 'save_companion' then return crm.save_companion(p_op);
    when 'save_vehicle' then return crm.save_vehicle(p_op);
    when 'save_policy' then return crm.save_policy(p_op);
    when 'save_deal' then return crm.save_deal(p_op);
    when 'log_conversation' then return crm.log_conversation(p_op);
    when 'request_cancellation' then return crm.request_cancellation(p_op);
    when 'decide_approval' then return crm.decide_approval(p_op);
    when 'move_deal' then return crm.move_deal(p_op);
    when 'claim_customer' then return crm.claim_customer(p_op);
    when 'reassign' then return crm.reassign(p_op);
    when 'acknowledge_transfer' then return crm.acknowledge_transfer(p_op);
    when 'renew_policy' then return crm.renew_policy(p_op);
    when 'mark_policy_lost' then return crm.mark_policy_lost(p_op);
    when 'claim_policy' then return crm.claim_policy(p_op);
    when 'set_renewal_owner' then return crm.set_renewal_owner(p_op);
    when 'save_relationship' then return crm.save_relationship(p_op);
    when 'save_consent' then return crm.save_consent(p_op);
    when 'record_visit' then return crm.record_visit(p_op);
    when 'request_transfer' then return crm.request_transfer(p_op);
    when 'snooze_task' then return crm.snooze_task(p_op);
    when 'close_promise' then return crm.close_promise(p_op);
    when 'acknowledge_alert' then return crm.acknowledge_alert(p_op);
    when 'undo' then return crm.undo(p_op);
    else perform crm.reject('unknown_verb');
  end case;
end $$;

-- A built-in error's text never reaches the caller.
create or replace function crm.run_operation(p_op jsonb, p_is_disabled bool) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_column text;
  v_constraint text;
begin
  if p_is_disabled then
    perform crm.reject('forbidden');
  end if;
  return crm.call_verb(crm.normalise_client_times(p_op));
exception
  when sqlstate 'RFUSE' then
    return sqlerrm::jsonb;
  when insufficient_privilege then
    return jsonb_build_object('status', 'rejected', 'code', 'forbidden');
  when data_exception
    or check_violation
    or not_null_violation
    or foreign_key_violation
    or program_limit_exceeded
  then
    -- a value no verb had thought of: the operation's fault, not the server's
    get stacked diagnostics v_column = column_name, v_constraint = constraint_name;
    raise log 'op % refused: % % %', p_op ->> 'op_id', sqlstate, v_column, v_constraint;
    return jsonb_build_object(
      'status', 'rejected',
      'code', 'invalid',
      'field', coalesce(nullif(v_column, ''), 'payload')
    );
  when serialization_failure or deadlock_detected or lock_not_available then
    raise sqlstate 'PT503' using message = 'busy';
  when others then
    raise log 'op % failed: % %', p_op ->> 'op_id', sqlstate, sqlerrm;
    return jsonb_build_object('status', 'rejected', 'code', 'unexpected');
end $$;
comment on function crm.run_operation is
  'Runs the verb of an operation, all or nothing; answers applied, rejected or conflict.';

-- Refused because their standing changed while they were away: kept for a manager.
create or replace function crm.quarantine_refused(
  p_op jsonb, p_result jsonb, p_device uuid, p_is_disabled bool
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_op jsonb;
  v_reason text;
begin
  if p_result ->> 'code' is null or p_result ->> 'code' not in ('not_found', 'forbidden') then
    return p_result;
  end if;
  v_op := crm.normalise_client_times(p_op) || jsonb_build_object('device_id', p_device);
  v_reason := case
    when p_is_disabled then 'disabled'
    when crm.transferred_customer(v_op) is not null then 'transferred'
  end;
  if v_reason is null then
    return p_result;
  end if;
  begin
    return crm.quarantine_operation(v_op, v_reason);
  exception
    -- their standing may change again at this very moment: the refusal stands, the words stay with
    -- them
    when others then
      raise log 'op % not held: % %', p_op ->> 'op_id', sqlstate, sqlerrm;
      return p_result;
  end;
end $$;

create or replace function crm.register_operation(
  p_op jsonb, p_store uuid, p_user uuid, p_device uuid
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_op uuid := crm.as_uuid(p_op ->> 'op_id');
  v_result jsonb;
begin
  insert into crm.operations (op_id, store_id, user_id, device_id, seq, verb, config_version)
  values (
    v_op,
    p_store,
    p_user,
    p_device,
    (p_op ->> 'seq')::bigint,
    left(coalesce(p_op ->> 'verb', ''), 40),
    (p_op ->> 'config_version')::int
  )
  on conflict (store_id, op_id) do nothing;
  if found then
    return null;
  end if;
  -- a concurrent copy was waited for
  select operation.result into v_result
  from crm.operations operation
  where operation.store_id = p_store and operation.op_id = v_op and operation.user_id = p_user;
  if not found then
    return jsonb_build_object('status', 'rejected', 'code', 'id_taken');
  end if;
  return jsonb_build_object('status', 'duplicate', 'first', v_result);
end $$;
comment on function crm.register_operation is
  'Notes an operation, so that it is done once. Null, or the answer when it was here before.';

create or replace function crm.push_operation(p_op jsonb, p_user uuid, p_device uuid)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_malformed text := crm.malformed_part(p_op);
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  v_caller crm.caller;
  v_is_disabled bool := false;
  v_op jsonb;
  v_result jsonb;
begin
  if v_malformed is not null then
    return jsonb_build_object('status', 'rejected', 'code', 'invalid', 'field', v_malformed);
  end if;
  v_caller := crm.current_member(v_store);
  -- through a group role one reads and shapes; records are worked on by members
  if v_caller.is_member is distinct from true then
    v_is_disabled := v_caller.store_id is null and crm.is_disabled_member(v_store);
    if not v_is_disabled then
      return jsonb_build_object('status', 'rejected', 'code', 'forbidden');
    end if;
  end if;
  v_result := crm.register_operation(p_op, v_store, p_user, p_device);
  if v_result is not null then
    return v_result;
  end if;

  perform set_config('crm.op_id', crm.as_uuid(p_op ->> 'op_id')::text, true);
  if crm.is_about_erased(v_store, p_op -> 'payload') then
    -- nor is it held for a manager: its words go nowhere
    v_result := jsonb_build_object('status', 'rejected', 'code', 'not_found');
  else
    v_result := crm.run_operation(p_op, v_is_disabled);
    v_result := crm.quarantine_refused(p_op, v_result, p_device, v_is_disabled);
  end if;
  -- a pull complete up to a higher number holds what this operation did
  if v_result ->> 'status' = 'applied' then
    v_result := v_result || jsonb_build_object('change_no', crm.change_no(v_store));
  end if;
  update crm.operations operation
  set result = v_result - 'row'
  where operation.store_id = v_store and operation.op_id = crm.as_uuid(p_op ->> 'op_id');
  return v_result;
end $$;

create or replace function crm.sync_push(p_device uuid, p_operations jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_user uuid := (select crm.current_user_id());
  v_op jsonb;
  v_answers jsonb := '[]';
begin
  if jsonb_typeof(p_operations) is distinct from 'array' or p_device is null then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  if jsonb_array_length(p_operations) > 200 or pg_column_size(p_operations) > 4194304 then
    raise sqlstate 'PT413' using message = 'too_many_operations';
  end if;
  if v_user is null then
    raise sqlstate 'PT401' using message = 'signed_out';
  end if;
  for v_op in select value from jsonb_array_elements(p_operations) loop
    v_answers := v_answers
      || (
        jsonb_build_object(
          'op_id', coalesce(to_jsonb(crm.as_uuid(v_op ->> 'op_id')), v_op -> 'op_id')
        )
        || crm.push_operation(v_op, v_user, p_device)
      );
  end loop;
  perform set_config('crm.op_id', '', true);
  return v_answers;
end $$;
comment on function crm.sync_push is
  'Applies operations in order, each all or nothing; answers applied, duplicate, rejected, '
  'conflict or held per operation.';

-- planning under row rules costs more than running; see the screens
alter function crm.sync_push(uuid, jsonb) set plan_cache_mode = force_generic_plan;
alter function crm.sync_push(uuid, jsonb) owner to api_owner;

create or replace function api.sync_push(device_id uuid, operations jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.sync_push(device_id, operations); end;

grant execute on function
  crm.record_table(text),
  crm.require_undoable(crm.operations),
  crm.undo_changes(uuid, uuid),
  crm.undo(jsonb),
  crm.normalise_client_times(jsonb),
  crm.malformed_part(jsonb),
  crm.call_verb(jsonb),
  crm.run_operation(jsonb, bool),
  crm.quarantine_refused(jsonb, jsonb, uuid, bool),
  crm.register_operation(jsonb, uuid, uuid, uuid),
  crm.push_operation(jsonb, uuid, uuid)
to api_owner;
grant execute on function crm.sync_push(uuid, jsonb), api.sync_push(uuid, jsonb) to authenticated;
