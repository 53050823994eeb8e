-- A day's work on the phone: a conversation logged, a task that cannot be done, a decision, a deal moved, a call put off.

-- Logging a conversation (S-04, S-20, S-21, S-92, S-101): one transaction = talk, level, next date, task cleared, next task.
create function crm.log_conversation(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'log_conversation');
  v_id uuid := crm.as_uuid(p ->> 'id'); v_customer uuid := crm.as_uuid(p ->> 'customer_id'); v_task uuid := crm.as_uuid(p ->> 'task_id');
  a crm.caller_access; ac crm.caller_access; f crm.forms; o crm.outcomes; k crm.customers; t crm.tasks; l crm.levels;
  v_words text := nullif(trim(p ->> 'words'), ''); v_level text; v_next date; v_at timestamptz := coalesce(crm.as_instant(p ->> 'occurred_at'), now());
  answers jsonb := coalesce(p -> 'set', '{}'); errors jsonb := '[]'; v_due timestamptz; next_task uuid; new_tries int; n int; form_then jsonb; saved jsonb; settings jsonb; v_asked text;
  v_companions uuid[] := array(select crm.as_uuid(x) from jsonb_array_elements_text(case jsonb_typeof(p -> 'companions') when 'array' then p -> 'companions' else '[]' end) x);
  v_promises jsonb := case jsonb_typeof(p -> 'promises') when 'array' then p -> 'promises' else '[]' end;
begin
  if v_id is null then perform crm.refuse('invalid', 'id'); end if;
  select * into a from crm.my_access('conversation') x where x.store_id = v_store;
  select * into ac from crm.my_access('customer') x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = 'conversation';
  select * into k from crm.customers x where x.store_id = v_store and x.id = v_customer and x.removed_at is null for update;
  if k.id is null then perform crm.refuse('not_found', 'customer_id'); end if;
  form_then := crm.form_then(v_store, p_op, 'conversation', c.role);
  select * into o from crm.outcomes x where x.store_id = v_store and x.key = p ->> 'outcome' and (not x.retired or form_then is not null);
  if p ->> 'outcome' is null then errors := errors || '{"field": "outcome", "code": "required"}'::jsonb;
  elsif o.key is null or (o.roles <> '{}' and c.role <> all (o.roles)) then errors := errors || '{"field": "outcome", "code": "option"}'::jsonb;
  elsif coalesce(p ->> 'method', 'call') <> all (o.methods) then errors := errors || '{"field": "method", "code": "option"}'::jsonb;
  elsif o.needs_words and v_words is null then errors := errors || '{"field": "words", "code": "required"}'::jsonb; end if;
  if 'level' = any (ac.writable) then
    v_level := p ->> 'level';
    if v_level is null then errors := errors || '{"field": "level", "code": "required"}'::jsonb; end if;
  else v_level := k.level; end if;                    -- who may not grade keeps the level, explicitly
  select * into l from crm.levels x where x.store_id = v_store and x.key = v_level and (not x.retired or x.key = k.level or form_then is not null);
  if l.rank < (select x.rank from crm.levels x where x.store_id = v_store and x.key = k.level) and crm.must_ask(v_store, 'level_down', c) then
    v_asked := l.key; v_level := k.level;             -- the talk is kept, the level waits for the manager (F-44)
    select * into l from crm.levels x where x.store_id = v_store and x.key = v_level;
  end if;
  if v_level is not null and l.key is null then errors := errors || '{"field": "level", "code": "option"}'::jsonb; end if;
  if p ->> 'next_contact_on' is not null then
    v_next := crm.as_date(p -> 'next_contact_on');
    if v_next is null then errors := errors || '{"field": "next_contact_on", "code": "date"}'::jsonb;
    elsif v_next < (v_at at time zone c.time_zone)::date or v_next > c.today + 730 then errors := errors || '{"field": "next_contact_on", "code": "range"}'::jsonb; end if;
  elsif not p ? 'next_contact_on' and o.reached then v_next := c.today + l.cadence_days;   -- not said: the level's cadence
  end if;
  if o.effect = 'lost' and not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'reason' and 'lost' = any (r.uses) and (not r.retired or form_then is not null)) then
    errors := errors || jsonb_build_object('field', 'reason', 'code', case when p ->> 'reason' is null then 'required' else 'option' end);   -- F-37
  end if;
  if exists (select from unnest(v_companions) x where not exists (select from crm.companions y where y.store_id = v_store and y.id = x and y.customer_id = v_customer)) then
    errors := errors || '{"field": "companions", "code": "option"}'::jsonb;
  end if;
  errors := errors || crm.promise_problems(v_promises, (v_at at time zone c.time_zone)::date, o.reached);
  select least(v_next, min(crm.as_date(x -> 'due_on'))) into v_next from jsonb_array_elements(v_promises) x where errors = '[]';   -- what was promised is not forgotten
  if v_at > now() + interval '10 minutes' then v_at := now(); end if;              -- a phone whose clock runs ahead
  answers := case when v_words is null then answers else answers || jsonb_build_object('words', v_words) end;
  errors := errors || crm.forgiven(v_store, crm.problems(v_store, f.fields, answers, jsonb_build_object('method', coalesce(p ->> 'method', 'call'), 'outcome', o.key, 'level', v_level),
    a.writable, case when o.reached then a.required else '{}' end, true), answers, form_then, f.fields, 'conversation');   -- required of a real talk only
  if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;

  if p ->> 'task_id' is not null then
    select * into t from crm.tasks x where x.store_id = v_store and x.id = v_task and x.removed_at is null for update;
    if t.id is null or t.customer_id <> v_customer then perform crm.refuse('not_found', 'task_id'); end if;
    if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
    if t.status not in ('open', 'cancel_requested') then perform crm.refuse('task_closed', 'task_id'); end if;
  end if;

  insert into crm.conversations (store_id, id, customer_id, author_id, task_id, deal_id, method, outcome, reached, words, level_before, level_after,
    next_contact_on, occurred_at, dialled_at, away_seconds, reason, companions, influences, custom)
  values (v_store, v_id, v_customer, c.user_id, t.id, crm.link_of(p_op, 'deals', 'deal_id', v_customer), coalesce(p ->> 'method', 'call'), o.key, o.reached, v_words, k.level, v_level,
    v_next, v_at, crm.as_instant(p ->> 'dialled_at'), case when p ->> 'away_seconds' ~ '^\d{1,5}$' then least((p ->> 'away_seconds')::int, 86400) end,
    case when o.effect = 'lost' then p ->> 'reason' end, v_companions,
    (select coalesce(jsonb_object_agg(m.id, m.influence), '{}') from crm.companions m where m.store_id = v_store and m.id = any (v_companions) and m.influence is not null), answers - 'words')
  on conflict (store_id, id) do nothing;
  get diagnostics n = row_count;
  if n = 0 then perform crm.refuse('id_taken'); end if;

  if t.subject_form = 'policy' and o.effect in ('lost', 'won') then perform crm.renewal_answered(v_store, t.subject_id, o.effect, p ->> 'reason', null, p); end if;   -- First 9
  if v_asked is not null then perform crm.ask_approval(v_store, p, 'level_down', v_customer, null, null, jsonb_build_object('level', v_asked, 'from', k.level)); end if;
  if t.id is not null then
    if t.status = 'cancel_requested' then
      update crm.approvals set status = 'withdrawn' where store_id = v_store and task_id = t.id and status = 'pending';
    end if;
    update crm.tasks set status = 'done', conversation_id = v_id, closed_at = now(), tries = tries + 1 where store_id = v_store and id = t.id;
  end if;
  if o.reached then                                   -- default e: any contact counts; the customer's other follow-ups are answered by it
    update crm.tasks set status = 'done', conversation_id = v_id, closed_at = now()
    where store_id = v_store and customer_id = v_customer and subject_id = v_customer and status = 'open' and removed_at is null
      and assignee_id is not distinct from c.user_id  -- with "=" the planner walks the whole queue of the member
      and why in ('cadence', 'next_contact', 'retry', 'first_contact') and subject_form = 'customer' and id is distinct from t.id;
  end if;
  update crm.customers set level = v_level, next_contact_on = case when o.reached or v_next is not null then v_next else next_contact_on end,
    last_contact_at = case when o.reached then greatest(v_at, last_contact_at) else last_contact_at end,
    complaint_at = case when o.effect = 'complaint' then coalesce(complaint_at, v_at) when o.reached then null else complaint_at end,
    do_not_call = do_not_call or o.effect is not distinct from 'do_not_call'
  where store_id = v_store and id = v_customer;
  if coalesce(p -> 'facts', '{}') <> '{}' then        -- what was asked on the way, once (First 8)
    select x.version into n from crm.customers x where x.store_id = v_store and x.id = v_customer;
    saved := crm.save_record('customers', 'customer', p_op || jsonb_build_object('payload', jsonb_build_object('store_id', v_store, 'id', v_customer, 'set', p -> 'facts'), 'base_version', n), '{}');
  end if;
  insert into crm.promises (store_id, id, customer_id, author_id, conversation_id, words, due_on)
  select v_store, crm.as_uuid(x ->> 'id'), v_customer, c.user_id, v_id, trim(x ->> 'words'), crm.as_date(x -> 'due_on') from jsonb_array_elements(v_promises) x;
  if o.effect = 'do_not_call' then                    -- F-23: nobody calls him again
    k.do_not_call := true;
    update crm.tasks set removed_at = now() where store_id = v_store and customer_id = v_customer and status = 'open' and removed_at is null;
  elsif o.effect = 'complaint' then
    perform crm.raise_flag(v_store, 'complaint', c.user_id, v_customer, t.id);
  end if;
  if coalesce(p ->> 'method', 'call') = 'call' and p ->> 'dialled_at' is null then perform crm.watch_for_bursts(v_store, c.user_id, v_at); end if;   -- First 1

  new_tries := case when t.id is null then 1 else t.tries + 1 end;
  if not o.reached and v_next is null and o.retry_hours is not null and new_tries >= coalesce(o.retry_max, 3) then
    if o.after_last = 'manager' then perform crm.raise_flag(v_store, 'unreachable', c.user_id, v_customer, t.id); end if;
  elsif not o.reached and v_next is null and o.retry_hours is not null and not k.do_not_call and k.consent_withdrawn_at is null then
    select s.settings into settings from crm.stores s where s.id = v_store;
    v_due := crm.next_try(now() + make_interval(hours => o.retry_hours), c.time_zone, settings -> 'day_parts', crm.parts_tried(v_store, v_customer, c.time_zone, settings -> 'day_parts'), k.preferred_time);
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_form, subject_id, due_on, due_at, expires_on, tries)
    values (v_store, v_customer, c.user_id, 'retry', coalesce(t.subject_form, 'customer'), coalesce(t.subject_id, v_customer),
      (v_due at time zone c.time_zone)::date, v_due, t.expires_on, new_tries) returning id into next_task;
  elsif v_next is not null and not k.do_not_call and k.consent_withdrawn_at is null then
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_id, due_on, due_at, expires_on)    -- at the hour he prefers (F-04)
    values (v_store, v_customer, c.user_id, 'next_contact', v_customer, v_next,
      (select (v_next + q.start) at time zone c.time_zone from crm.day_parts((select s.settings -> 'day_parts' from crm.stores s where s.id = v_store)) q where q.key = k.preferred_time),
      t.expires_on) returning id into next_task;
  end if;
  return jsonb_strip_nulls(jsonb_build_object('status', 'applied', 'version', 1, 'task_id', next_task));
end $$;

create function crm.request_cancel(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'request_cancel');
  t crm.tasks; v_id uuid := crm.as_uuid(p ->> 'id');
begin
  if v_id is null then perform crm.refuse('invalid', 'id'); end if;
  select * into t from crm.tasks x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'task_id') and x.removed_at is null for update;
  if t.id is null then perform crm.refuse('not_found', 'task_id'); end if;
  if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
  if t.status <> 'open' then perform crm.refuse('task_closed', 'task_id'); end if;
  if p ->> 'reason' is null then perform crm.refuse('required', 'reason'); end if;                 -- S-07
  if not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'reason' and 'cancel' = any (r.uses)
                 and (not r.retired or crm.form_then(v_store, p_op, 'customer', c.role) is not null)) then
    perform crm.refuse('option', 'reason');
  end if;
  insert into crm.approvals (store_id, id, task_id, customer_id, requester_id, reason, words)
  values (v_store, v_id, t.id, t.customer_id, c.user_id, p ->> 'reason', nullif(trim(left(p ->> 'words', 500)), '')) on conflict (store_id, id) do nothing;
  if not found then perform crm.refuse('id_taken'); end if;
  update crm.tasks set status = 'cancel_requested' where store_id = v_store and id = t.id;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

create function crm.decide_approval(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'decide_approval');
  a crm.approvals; v_remark text := nullif(trim(left(p ->> 'remark', 500)), '');
begin
  select * into a from crm.approvals x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'id') and x.removed_at is null for update;   -- the second of two managers waits here
  if a.id is null then perform crm.refuse('not_found', 'id'); end if;
  if a.requester_id = c.user_id then perform crm.refuse('own_request', 'id'); end if;
  if a.status <> 'pending' then
    return jsonb_build_object('status', 'rejected', 'code', 'already_decided', 'field', 'id', 'decision', a.status, 'decided_by', a.decided_by, 'decided_at', a.decided_at);
  end if;
  if coalesce(p ->> 'decision', '') not in ('approve', 'reject') then perform crm.refuse('option', 'decision'); end if;
  if p ->> 'decision' = 'reject' and v_remark is null then perform crm.refuse('required', 'remark'); end if;
  update crm.approvals set status = case p ->> 'decision' when 'approve' then 'approved' else 'rejected' end, decided_by = c.user_id, decided_at = now(), remark = v_remark
  where store_id = v_store and id = a.id;
  if a.kind not in ('task_cancel', 'task_snooze') then
    perform crm.carry_out(a, p ->> 'decision', v_remark);
  elsif p ->> 'decision' = 'approve' and a.kind = 'task_snooze' then   -- F-39: the day that was asked for, or today when it has passed meanwhile
    update crm.tasks set status = 'open', due_on = greatest((a.asked ->> 'until')::date, c.today), due_at = null, snoozes = snoozes + 1, remark = v_remark
    where store_id = v_store and id = a.task_id;
  elsif p ->> 'decision' = 'approve' then             -- S-08: excused, never counted as a call
    update crm.tasks set status = 'excused', closed_at = now(), remark = v_remark where store_id = v_store and id = a.task_id;
  else                                                -- S-09: open again, first in the queue, due today
    update crm.tasks set status = 'open', due_on = c.today, due_at = null, rank = 0, remark = v_remark where store_id = v_store and id = a.task_id;
  end if;
  return jsonb_build_object('status', 'applied', 'version', a.version + 1);
end $$;

create function crm.move_deal(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'move_deal'); v_id uuid := crm.as_uuid(p ->> 'id');
  d crm.deals; s crm.stages; here crm.stages; a crm.caller_access; f crm.forms; shown jsonb; patch jsonb := coalesce(p -> 'set', '{}'); errors jsonb; checks text[];
  base int := (p_op ->> 'base_version')::int; saved jsonb;
begin
  select * into d from crm.deals x where x.store_id = v_store and x.id = v_id and x.removed_at is null for update;
  if d.id is null then perform crm.refuse('not_found', 'id'); end if;
  select * into here from crm.stages x where x.store_id = v_store and x.pipeline = d.pipeline and x.key = d.stage;
  select * into s from crm.stages x where x.store_id = v_store and x.pipeline = d.pipeline and x.key = p ->> 'stage' and not x.retired;
  if s.key is null then perform crm.refuse('option', 'stage'); end if;
  if s.key = d.stage then return jsonb_build_object('status', 'applied', 'version', d.version); end if;
  if here.moves is not null and s.key <> all (here.moves) then perform crm.refuse('move_not_allowed', 'stage'); end if;
  select * into a from crm.my_access('deal') x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = 'deal';
  select to_jsonb(v) || v.custom into shown from api.deals v where v.store_id = v_store and v.id = v_id;
  checks := d.checked || array(select jsonb_array_elements_text(case when jsonb_typeof(p -> 'checked') = 'array' then p -> 'checked' else '[]' end));
  errors := crm.problems(v_store, f.fields, patch, to_jsonb(d) || d.custom, a.writable, '{}', false);
  select errors || coalesce(jsonb_agg(jsonb_build_object('field', r, 'code', 'required')), '[]') into errors      -- S-86: the list of what is missing
  from unnest(s.required) r where coalesce(patch -> r, (to_jsonb(d) || d.custom) -> r, 'null') in ('null', '""');
  select errors || coalesce(jsonb_agg(jsonb_build_object('field', 'checked.' || (x ->> 'key'), 'code', 'unchecked')), '[]') into errors
  from jsonb_array_elements(s.checklist) x where x ->> 'key' <> all (checks);
  if s.type = 'lost' and not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'lost_reason' and 'lost' = any (r.uses) and not r.retired) then
    errors := errors || jsonb_build_object('field', 'lost_reason', 'code', case when p ->> 'lost_reason' is null then 'required' else 'option' end);
  end if;
  if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;
  if base is not null and exists (select from crm.events e where e.store_id = v_store and e.customer_id = d.customer_id and e.subject_id = v_id and e.version > base and e.field = 'stage') then
    return jsonb_build_object('status', 'conflict', 'row', shown);
  end if;
  if p ->> 'vehicle_id' is not null then              -- the car that is handed over
    update crm.deals x set vehicle_id = crm.link_of(p_op, 'vehicles', 'vehicle_id', d.customer_id) where x.store_id = v_store and x.id = v_id returning x.version into d.version;
  end if;
  if patch <> '{}' then
    saved := crm.save_record('deals', 'deal', jsonb_build_object('payload', jsonb_build_object('store_id', v_store, 'id', v_id, 'set', patch), 'base_version', d.version), '{}');
  end if;
  if s.type = 'lost' and crm.must_ask(v_store, 'lost', c) then          -- F-45: what was filled in is saved, the move waits
    perform crm.ask_approval(v_store, p, 'lost', d.customer_id, v_id, p ->> 'lost_reason', jsonb_build_object('stage', s.key, 'checked', checks));
    return jsonb_build_object('status', 'applied', 'version', (select x.version from crm.deals x where x.store_id = v_store and x.id = v_id), 'asked', 'lost');
  end if;
  update crm.deals x set stage = s.key, stage_at = now(), closed_at = case when s.type = 'open' then null else now() end,
    lost_reason = case when s.type = 'lost' then p ->> 'lost_reason' end, checked = array(select distinct unnest(checks))
  where x.store_id = v_store and x.id = v_id returning x.version into base;
  perform crm.deal_closed(v_store, v_id, p);          -- what a won or lost deal leaves behind (First 9)
  return jsonb_build_object('status', 'applied', 'version', base);
end $$;

create function crm.snooze_task(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'snooze_task');
  t crm.tasks; v_until date := crm.as_date(p -> 'until'); v_limit int; v_ask uuid := crm.as_uuid(p ->> 'approval_id');
begin
  select * into t from crm.tasks x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'task_id') and x.removed_at is null for update;
  if t.id is null then perform crm.refuse('not_found', 'task_id'); end if;
  if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
  if t.status <> 'open' then perform crm.refuse('task_closed', 'task_id'); end if;
  if t.rank = 0 then perform crm.refuse('due_today', 'task_id'); end if;           -- S-09: what the manager sent back is done today
  if v_until is null then perform crm.refuse('date', 'until'); end if;
  if v_until <= c.today or v_until > c.today + 30 or v_until > coalesce(t.expires_on, v_until) then perform crm.refuse('range', 'until'); end if;
  select coalesce((s.settings ->> 'snooze_limit')::int, 3) into v_limit from crm.stores s where s.id = v_store;
  if t.snoozes >= v_limit then                        -- once more than that: the manager decides, and until then the task waits as one that cannot be done does
    if v_ask is null then perform crm.refuse('snooze_limit', 'task_id'); end if;
    insert into crm.approvals (store_id, id, kind, task_id, customer_id, requester_id, words, asked)
    values (v_store, v_ask, 'task_snooze', t.id, t.customer_id, c.user_id, nullif(trim(left(p ->> 'words', 500)), ''), jsonb_build_object('until', v_until)) on conflict (store_id, id) do nothing;
    if not found then perform crm.refuse('id_taken'); end if;
    update crm.tasks set status = 'cancel_requested' where store_id = v_store and id = t.id;
    return jsonb_build_object('status', 'applied', 'version', t.version + 1, 'asked', 'task_snooze');
  end if;
  update crm.tasks set due_on = v_until, due_at = null, snoozes = snoozes + 1 where store_id = v_store and id = t.id;
  return jsonb_build_object('status', 'applied', 'version', t.version + 1);
end $$;

grant execute on function crm.log_conversation(jsonb), crm.request_cancel(jsonb), crm.decide_approval(jsonb), crm.move_deal(jsonb), crm.snooze_task(jsonb) to api_owner;
