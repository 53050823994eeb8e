-- The one door through which phones write: a batch of operations, each all or nothing, each answered; and taking one back.

-- Undo (F-21): one's own operation, within ten minutes, while nobody has touched the same values since. History tells what
-- to put back, so every verb can be undone by the same few lines; a decision on someone else's request cannot.
create function crm.undo(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); c crm.caller := crm.demand_verb(v_store, 'undo'); v_target uuid := crm.as_uuid(p_op #>> '{payload,op_id}');
  o crm.ops; s record; columns text; v_table text; tables jsonb := '{"customer": "customers", "companion": "companions", "vehicle": "vehicles", "policy": "policies",
    "deal": "deals", "task": "tasks", "approval": "approvals", "conversation": "conversations", "promise": "promises", "link": "links", "reception": "receptions"}';
begin
  select * into o from crm.ops x where x.store_id = v_store and x.op_id = v_target for update;
  if o.op_id is null or o.result ->> 'status' is distinct from 'applied' then perform crm.refuse('not_found', 'op_id'); end if;
  if o.undone_by is not null then return jsonb_build_object('status', 'applied', 'version', 1); end if;
  if o.verb in ('undo', 'decide_approval', 'claim_customer', 'reassign', 'accept_handover', 'claim_policy', 'request_customer', 'save_consent') then perform crm.refuse('not_undoable', 'op_id'); end if;
  if o.applied_at < now() - interval '10 minutes' then perform crm.refuse('too_late', 'op_id'); end if;
  if exists (select from crm.events e join crm.events later on later.store_id = e.store_id and later.customer_id = e.customer_id
               and later.id > e.id and later.op_id is distinct from e.op_id
               and (later.subject_id = e.subject_id and (later.field = e.field or e.kind = 'created') or e.form = 'customer' and e.kind = 'created')
             where e.store_id = v_store and e.op_id = v_target) then
    perform crm.refuse('changed_since', 'op_id');
  end if;
  for s in
    select e.form, e.subject_id, bool_or(e.kind = 'created') as created,
      coalesce(jsonb_object_agg(e.field, e.old) filter (where e.kind = 'changed' and not (e.is_field and b.key is null)), '{}') as base_part,
      coalesce(jsonb_object_agg(e.field, e.old) filter (where e.is_field and b.key is null), '{}') as custom_part
    from (select distinct on (x.subject_id, x.field) x.* from crm.events x where x.store_id = v_store and x.op_id = v_target order by x.subject_id, x.field, x.id) e
    left join crm.base_fields b on b.form = e.form and b.key = e.field
    group by e.form, e.subject_id
  loop
    v_table := tables ->> s.form;
    if s.created then
      execute format('update crm.%I set removed_at = now() where store_id = $1 and id = $2', v_table) using v_store, s.subject_id;
    else
      select coalesce(string_agg(format('%1$I = r.%1$I', key), ', '), '') into columns from jsonb_object_keys(s.base_part) key;
      if s.custom_part <> '{}' then
        columns := concat_ws(', ', nullif(columns, ''), 'custom = (t.custom || $3) - array(select key from jsonb_each($3) where jsonb_typeof(value) = ''null'')');
      end if;
      execute format('update crm.%1$I t set %2$s from jsonb_populate_record(null::crm.%1$I, $4) r where t.store_id = $1 and t.id = $2 and $3 is not null', v_table, columns)
        using v_store, s.subject_id, s.custom_part, s.base_part;
    end if;
  end loop;
  perform crm.drop_flags(v_store, v_target);
  update crm.ops set undone_by = crm.as_uuid(p_op ->> 'op_id') where store_id = v_store and op_id = v_target;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- A phone whose clock is wrong says by its own clock when it sends: what it says about the past is moved by the difference (T10).
create function crm.by_our_clock(p_op jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare skew interval := now() - crm.as_instant(p_op ->> 'sent_at'); k text; t timestamptz;
begin
  foreach k in array array['occurred_at', 'dialled_at'] loop
    continue when jsonb_typeof(p_op #> array['payload', k]) is distinct from 'string';
    t := crm.as_instant(p_op #>> array['payload', k]);
    if abs(extract(epoch from skew)) > 120 then t := t + skew; end if;
    if t is null or t > now() + interval '10 minutes' or t < now() - interval '400 days' then t := now(); end if;
    p_op := jsonb_set(p_op, array['payload', k], to_jsonb(t));
  end loop;
  return p_op;
end $$;
comment on function crm.by_our_clock is 'The operation with its times in the server''s clock; a time nobody can mean is now.';

create function crm.sync_push(p_device uuid, p_ops jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare op jsonb; r jsonb; answers jsonb := '[]'; c crm.caller; v_store uuid; v_op uuid; me uuid := (select auth.uid()); held text;
begin
  if jsonb_typeof(p_ops) is distinct from 'array' or p_device is null then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  if jsonb_array_length(p_ops) > 200 then raise sqlstate 'PT413' using message = 'ops_too_many'; end if;
  if me is null then raise sqlstate 'PT401' using message = 'signed_out'; end if;
  for op in select value from jsonb_array_elements(p_ops) loop
    v_op := crm.as_uuid(op ->> 'op_id'); v_store := crm.as_uuid(op #>> '{payload,store_id}');
    if v_op is null or coalesce(op ->> 'seq', '') !~ '^\d{1,15}$' or coalesce(op ->> 'base_version', '0') !~ '^\d{1,9}$'
      or coalesce(op ->> 'config_version', '0') !~ '^\d{1,9}$' then
      answers := answers || jsonb_build_object('op_id', op -> 'op_id', 'status', 'rejected', 'code', 'invalid', 'field', 'op_id'); continue;
    end if;
    c := crm.me(v_store); held := null;
    if c.is_member is distinct from true then          -- through a group role one reads and shapes; records are worked on by members
      if c.store_id is not null or not crm.was_member(v_store) then
        answers := answers || jsonb_build_object('op_id', v_op, 'status', 'rejected', 'code', 'forbidden'); continue;
      end if;
      held := 'disabled';
    end if;
    insert into crm.ops (op_id, store_id, user_id, device_id, seq, verb, config_version)
    values (v_op, v_store, me, p_device, (op ->> 'seq')::bigint, left(coalesce(op ->> 'verb', ''), 40), (op ->> 'config_version')::int) on conflict (store_id, op_id) do nothing;
    if not found then                                 -- a concurrent copy was waited for
      select o.result into r from crm.ops o where o.store_id = v_store and o.op_id = v_op and o.user_id = me;
      answers := answers || case when found then jsonb_build_object('op_id', v_op, 'status', 'duplicate', 'first', r)
        else jsonb_build_object('op_id', v_op, 'status', 'rejected', 'code', 'id_taken') end;
      continue;
    end if;
    perform set_config('crm.op_id', v_op::text, true);
    op := crm.by_our_clock(op);
    begin
      if held is not null then perform crm.refuse('forbidden'); end if;
      case op ->> 'verb'
        when 'save_customer' then r := crm.save_customer(op);
        when 'save_companion' then r := crm.save_companion(op);
        when 'save_vehicle' then r := crm.save_vehicle(op);
        when 'save_policy' then r := crm.save_policy(op);
        when 'save_deal' then r := crm.save_deal(op);
        when 'log_conversation' then r := crm.log_conversation(op);
        when 'request_cancel' then r := crm.request_cancel(op);
        when 'decide_approval' then r := crm.decide_approval(op);
        when 'move_deal' then r := crm.move_deal(op);
        when 'claim_customer' then r := crm.claim_customer(op);
        when 'reassign' then r := crm.reassign(op);
        when 'accept_handover' then r := crm.accept_handover(op);
        when 'renew_policy' then r := crm.renew_policy(op);
        when 'lose_policy' then r := crm.lose_policy(op);
        when 'claim_policy' then r := crm.claim_policy(op);
        when 'save_link' then r := crm.save_link(op);
        when 'save_consent' then r := crm.save_consent(op);
        when 'receive' then r := crm.receive(op);
        when 'request_customer' then r := crm.request_customer(op);
        when 'snooze_task' then r := crm.snooze_task(op);
        when 'end_promise' then r := crm.end_promise(op);
        when 'see_flag' then r := crm.see_flag(op);
        when 'undo' then r := crm.undo(op);
        else perform crm.refuse('unknown_verb');
      end case;
    exception                                         -- a built-in error's text never reaches the caller
      when sqlstate 'RFUSE' then r := sqlerrm::jsonb;
      when insufficient_privilege then r := jsonb_build_object('status', 'rejected', 'code', 'forbidden');
      when serialization_failure or deadlock_detected or lock_not_available then raise sqlstate 'PT503' using message = 'busy';
      when others then
        raise log 'op % failed: % %', v_op, sqlstate, sqlerrm;
        r := jsonb_build_object('status', 'rejected', 'code', 'unexpected');
    end;
    if r ->> 'code' in ('not_found', 'forbidden') then  -- refused because his standing changed while he was away: kept for a manager
      held := coalesce(held, case when crm.handed_over(op) is not null then 'handed_over' end);
      if held is not null then
        begin
          r := crm.hold(op || jsonb_build_object('device_id', p_device), held);
        exception when others then                    -- his standing may change again at this very moment: the refusal stands, the words stay with him
          raise log 'op % not held: % %', v_op, sqlstate, sqlerrm;
        end;
      end if;
    end if;
    r := r || jsonb_build_object('change_no', crm.change_no());   -- a pull complete up to a higher number holds what this operation did
    update crm.ops o set result = r - 'row' where o.store_id = v_store and o.op_id = v_op;
    answers := answers || (jsonb_build_object('op_id', v_op) || r);
  end loop;
  perform set_config('crm.op_id', '', true);
  return answers;
end $$;
comment on function crm.sync_push is 'Applies operations in order, each all or nothing; answers applied, duplicate, rejected, conflict or held per operation.';
alter function crm.sync_push(uuid, jsonb) set plan_cache_mode = force_generic_plan;   -- planning under row rules costs more than running; see the screens
alter function crm.sync_push(uuid, jsonb) owner to api_owner;

create function api.sync_push(device_id uuid, ops jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.sync_push(device_id, ops); end;

grant execute on function crm.undo(jsonb), crm.by_our_clock(jsonb) to api_owner;
grant execute on function crm.sync_push(uuid, jsonb), api.sync_push(uuid, jsonb) to authenticated;
