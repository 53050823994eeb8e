-- A day's work on the phone: a conversation logged, a task that cannot be done, a decision, a deal
-- moved, a call put off.

-- A time a phone claims: never in the future; what is no time at all is now. A phone works a month
-- without a network; what it says is older than that, or older than the customer, is refused and
-- not corrected: it would answer tasks that came later.
create or replace function crm.claimed_time(
  p_text text,
  p_field text,
  p_since timestamptz default '-infinity'
) returns timestamptz
  language plpgsql stable set search_path = '' as $$
declare
  v_time timestamptz := case
    when p_text ~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:' then crm.as_instant(p_text)
  end;
begin
  if v_time is null or not isfinite(v_time) or v_time > now() then
    return now();
  end if;
  if not crm.is_rehearsal()
    and v_time < greatest(now() - interval '31 days', p_since - interval '10 minutes')
  then
    perform crm.reject('range', p_field);
  end if;
  return v_time;
end $$;
comment on function crm.claimed_time is
  'The instant a phone claims for what happened, at most now, at least p_since and a month ago. '
  'Error: range.';

-- Logging a conversation (S-04, S-20, S-21, S-92, S-101): one transaction = conversation, level,
-- next date, task cleared, next task. First everything is read and judged (crm.check_conversation),
-- then it is written.

-- The customer's level afterwards. Who may not grade keeps the level; a lower one may wait for the
-- manager, and the conversation is kept (F-44).
create or replace function crm.check_conversation_level(
  p_draft crm.conversation_draft, p_caller crm.caller, p_customer crm.customers, p_payload jsonb
) returns crm.conversation_draft
  language plpgsql stable set search_path = '' as $$
declare
  v_is_writable bool;
  v_level crm.levels;
begin
  select 'level' = any (access.writable) into v_is_writable
  from crm.my_access('customer') access
  where access.store_id = p_draft.store_id;
  p_draft.level := case when v_is_writable then p_payload ->> 'level' else p_customer.level end;
  if p_draft.level is null then
    p_draft.errors := p_draft.errors || '{"field": "level", "code": "required"}'::jsonb;
  end if;
  select * into v_level
  from crm.levels level
  where level.store_id = p_draft.store_id
    and level.key = p_draft.level
    and (not level.retired or level.key = p_customer.level or p_draft.form_then is not null);
  if p_draft.level is not null and v_level.key is null then
    p_draft.errors := p_draft.errors || '{"field": "level", "code": "option"}'::jsonb;
  elsif v_level.rank < (
      select level.rank
      from crm.levels level
      where level.store_id = p_draft.store_id and level.key = p_customer.level
    )
    and crm.requires_approval(p_draft.store_id, 'level_down', p_caller)
  then
    p_draft.requested_level := p_draft.level;
    p_draft.level := p_customer.level;
  end if;
  return p_draft;
end $$;

-- The day of the next contact, from what was said, the level's cadence and what was promised.
create or replace function crm.check_conversation_plan(
  p_draft crm.conversation_draft,
  p_caller crm.caller,
  p_payload jsonb
) returns crm.conversation_draft
  language plpgsql stable set search_path = '' as $$
declare
  v_next date := crm.as_date(p_payload -> 'next_contact_on');
  v_said_on date := (p_draft.occurred_at at time zone p_caller.time_zone)::date;
  v_earliest date := crm.due_today(p_draft.store_id);
begin
  if p_payload ->> 'next_contact_on' is not null then
    if v_next is null then
      p_draft.errors := p_draft.errors || '{"field": "next_contact_on", "code": "date"}'::jsonb;
    elsif v_next < v_said_on
      or v_next > crm.last_next_contact_on(
        p_draft.store_id,
        p_draft.level,
        coalesce(p_draft.reached, false)
      )
    then
      p_draft.errors := p_draft.errors || '{"field": "next_contact_on", "code": "range"}'::jsonb;
    end if;
    if v_next < p_caller.today and not crm.is_rehearsal() then
      v_next := v_earliest;
    end if;  -- the day passed while the phone was offline
  elsif not p_payload ? 'next_contact_on' and p_draft.reached then
    select crm.cadence_day(p_draft.store_id, level.key, p_caller.today) into v_next
    from crm.levels level
    where level.store_id = p_draft.store_id
      and level.key = p_draft.level
      and level.cadence_days is not null;
  end if;
  p_draft.errors := p_draft.errors || crm.promise_errors(
    p_draft.promises,
    v_said_on,
    crm.last_next_contact_on(p_draft.store_id, p_draft.level, true),
    p_draft.reached
  );
  if p_draft.errors = '[]' then  -- what was promised is not forgotten
    select least(v_next, min(crm.as_date(item -> 'due_on'))) into v_next
    from jsonb_array_elements(p_draft.promises) item;
    if v_next < p_caller.today and not crm.is_rehearsal() then
      v_next := v_earliest;
    end if;
  end if;
  p_draft.next_contact_on := v_next;
  return p_draft;
end $$;

-- What came of it: the outcome, its method and words, its reason (F-37), who was there.
create or replace function crm.conversation_outcome_errors(
  p_draft crm.conversation_draft, p_outcome crm.outcomes, p_role text, p_payload jsonb
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_errors jsonb := '[]';
begin
  if p_payload ->> 'outcome' is null then
    v_errors := v_errors || '{"field": "outcome", "code": "required"}'::jsonb;
  elsif p_outcome.key is null or (p_outcome.roles <> '{}' and p_role <> all (p_outcome.roles)) then
    v_errors := v_errors || '{"field": "outcome", "code": "option"}'::jsonb;
  elsif p_draft.method <> all (p_outcome.methods) then
    v_errors := v_errors || '{"field": "method", "code": "option"}'::jsonb;
  elsif p_outcome.notes_required and p_draft.notes is null then
    v_errors := v_errors || '{"field": "notes", "code": "required"}'::jsonb;
  end if;
  if p_outcome.effect = 'lost'
    and not exists (
      select from crm.reasons reason
      where reason.store_id = p_draft.store_id
        and reason.key = p_payload ->> 'reason'
        and 'lost' = any (reason.uses)
        and (not reason.retired or p_draft.form_then is not null)
    ) then
    v_errors := v_errors
      || jsonb_build_object(
        'field', 'reason',
        'code', case when p_payload ->> 'reason' is null then 'required' else 'option' end
      );
  end if;
  if exists (
    select from unnest(p_draft.companions) item
    where not exists (
      select from crm.companions companion
      where companion.store_id = p_draft.store_id
        and companion.id = item
        and companion.customer_id = p_draft.customer_id
    )
  ) then
    v_errors := v_errors || '{"field": "companions", "code": "option"}'::jsonb;
  end if;
  return v_errors;
end $$;

-- The answers to the form's own fields; required of a real conversation only.
create or replace function crm.conversation_form_errors(p_draft crm.conversation_draft)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_access crm.caller_access;
  v_fields jsonb;
begin
  select * into v_access
  from crm.my_access('conversation') access
  where access.store_id = p_draft.store_id;
  select form.fields into v_fields
  from crm.forms form
  where form.store_id = p_draft.store_id and form.form = 'conversation';
  return crm.tolerated_errors(
    p_draft.store_id,
    crm.field_errors(
      p_draft.store_id,
      v_fields,
      p_draft.answers,
      jsonb_build_object(
        'method', p_draft.method,
        'outcome', p_draft.outcome,
        'level', p_draft.level
      ),
      v_access.writable,
      case when p_draft.reached then v_access.required else '{}' end,
      true
    ),
    p_draft.answers,
    p_draft.form_then,
    v_fields,
    'conversation'
  );
end $$;

create or replace function crm.check_conversation(
  p_op jsonb, p_caller crm.caller, p_customer crm.customers
) returns crm.conversation_draft
  language plpgsql stable set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_draft crm.conversation_draft;
  v_outcome crm.outcomes;
begin
  v_draft.store_id := p_caller.store_id;
  v_draft.id := crm.as_uuid(v_payload ->> 'id');
  v_draft.customer_id := p_customer.id;
  v_draft.author_id := p_caller.user_id;
  v_draft.method := coalesce(v_payload ->> 'method', 'call');
  v_draft.notes := nullif(trim(v_payload ->> 'notes'), '');
  v_draft.answers := coalesce(v_payload -> 'set', '{}');
  if v_draft.notes is not null then
    v_draft.answers := v_draft.answers || jsonb_build_object('notes', v_draft.notes);
  end if;
  v_draft.promises := case jsonb_typeof(v_payload -> 'promises')
    when 'array' then v_payload -> 'promises'
    else '[]'
  end;
  v_draft.companions := array(
    select crm.as_uuid(item)
    from jsonb_array_elements_text(
      case jsonb_typeof(v_payload -> 'companions')
        when 'array' then v_payload -> 'companions'
        else '[]'
      end
    ) item
  );
  -- who made the customer may have spoken before the server heard of either
  v_draft.occurred_at := crm.claimed_time(
    v_payload ->> 'occurred_at',
    'occurred_at',
    case
      when p_customer.created_by = p_caller.user_id then '-infinity'
      else p_customer.created_at
    end
  );
  v_draft.form_then := crm.form_at_version(v_draft.store_id, p_op, 'conversation', p_caller.role);
  select * into v_outcome
  from crm.outcomes outcome
  where outcome.store_id = v_draft.store_id
    and outcome.key = v_payload ->> 'outcome'
    and (not outcome.retired or v_draft.form_then is not null);
  v_draft.outcome := v_outcome.key;
  v_draft.reached := v_outcome.reached;
  v_draft.reason := case when v_outcome.effect = 'lost' then v_payload ->> 'reason' end;
  v_draft.errors := crm.conversation_outcome_errors(v_draft, v_outcome, p_caller.role, v_payload);
  v_draft := crm.check_conversation_level(v_draft, p_caller, p_customer, v_payload);
  v_draft := crm.check_conversation_plan(v_draft, p_caller, v_payload);
  v_draft.errors := v_draft.errors || crm.conversation_form_errors(v_draft);
  if v_draft.errors <> '[]' then
    perform crm.reject('invalid', null, v_draft.errors);
  end if;
  return v_draft;
end $$;
comment on function crm.check_conversation is
  'A conversation as it will be written. Error: invalid, with every problem by field.';

-- The task a conversation answers, locked; no row: it answers none.
create or replace function crm.lock_answered_task(
  p_caller crm.caller, p_customer uuid, p_task text, p_occurred_at timestamptz
) returns crm.tasks
  language plpgsql volatile set search_path = '' as $$
declare
  v_task crm.tasks;
begin
  if p_task is null then
    return null;
  end if;
  select * into v_task
  from crm.tasks task
  where task.store_id = p_caller.store_id
    and task.id = crm.as_uuid(p_task)
    and task.removed_at is null
  for update;
  if v_task.id is null or v_task.customer_id <> p_customer then
    perform crm.reject('not_found', 'task_id');
  end if;
  if v_task.assignee_id <> p_caller.user_id and p_caller.scope = 'own' then
    perform crm.reject('forbidden', 'task_id');
  end if;
  if v_task.status not in ('open', 'cancel_requested', 'suspended') then
    perform crm.reject('task_closed', 'task_id');
  end if;
  if not crm.counts_for(p_occurred_at, v_task.opened_at) then
    perform crm.reject('range', 'occurred_at');
  end if;  -- it answers nothing asked later
  return v_task;
end $$;

create or replace function crm.insert_conversation(
  p_draft crm.conversation_draft, p_op jsonb, p_task uuid, p_level_before text
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_away text := p_op #>> '{payload,away_seconds}';
  v_count int;
begin
  insert into crm.conversations (
    store_id, id, customer_id, author_id, task_id, deal_id, method, outcome, reached, notes,
    level_before, level_after, next_contact_on, occurred_at, dialled_at, dial_credible,
    away_seconds, reason, companions, influences, custom
  )
  values (
    p_draft.store_id,
    p_draft.id,
    p_draft.customer_id,
    p_draft.author_id,
    p_task,
    crm.visible_reference(p_op, 'deals', 'deal_id', p_draft.customer_id),
    p_draft.method,
    p_draft.outcome,
    p_draft.reached,
    p_draft.notes,
    p_level_before,
    p_draft.level,
    p_draft.next_contact_on,
    p_draft.occurred_at,
    p_draft.dialled_at,
    p_draft.dial_credible,
    case when v_away ~ '^\d{1,5}$' then least(v_away::int, 86400) end,
    p_draft.reason,
    p_draft.companions,
    (
    select coalesce(jsonb_object_agg(companion.id, companion.influence), '{}')
    from crm.companions companion
    where companion.store_id = p_draft.store_id
      and companion.id = any (p_draft.companions)
      and companion.influence is not null
  ),
    p_draft.answers - 'notes'
  )
  on conflict (store_id, id) do nothing;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    perform crm.reject('id_taken');
  end if;
  insert into crm.promises (store_id, id, customer_id, author_id, conversation_id, notes, due_on)
  select
    p_draft.store_id,
    crm.as_uuid(item ->> 'id'),
    p_draft.customer_id,
    p_draft.author_id,
    p_draft.id,
    trim(item ->> 'notes'),
    crm.as_date(item -> 'due_on')
  from jsonb_array_elements(p_draft.promises) item;
end $$;

-- The tasks a conversation answers: the one it was logged for, and when the customer was reached
-- the author's other follow-ups (default e).
create or replace function crm.close_answered_tasks(
  p_draft crm.conversation_draft,
  p_task crm.tasks
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_task.id is not null then
    if p_task.status = 'cancel_requested' then
      update crm.approvals
      set status = 'withdrawn'
      where store_id = p_draft.store_id and task_id = p_task.id and status = 'pending';
    end if;
    update crm.tasks
    set status = 'done', conversation_id = p_draft.id, closed_at = now(), attempts = attempts + 1
    where store_id = p_draft.store_id and id = p_task.id;
  end if;
  if p_draft.reached then
    update crm.tasks
    set status = 'done', conversation_id = p_draft.id, closed_at = now()
    where store_id = p_draft.store_id
      and customer_id = p_draft.customer_id
      and subject_id = p_draft.customer_id
      and status = 'open'
      and removed_at is null
      -- with "=" the planner walks the whole queue of the member
      and assignee_id is not distinct from p_draft.author_id
      and kind in ('cadence', 'next_contact', 'retry', 'first_contact')
      and subject_form = 'customer'
      and id is distinct from p_task.id
      and crm.counts_for(p_draft.occurred_at, opened_at);
  end if;
end $$;

create or replace function crm.update_contacted_customer(
  p_draft crm.conversation_draft, p_effect text, p_is_last_try bool, p_today date
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.customers customer
  set
    level = p_draft.level,
    next_contact_on = case
    -- null: crm.tg_customers__plan_contact
    when p_draft.reached or p_draft.next_contact_on is not null then p_draft.next_contact_on
    -- not reached at all: the plan goes on
    when p_is_last_try and customer.next_contact_on <= p_today then
      crm.cadence_day(p_draft.store_id, p_draft.level, p_today)
    else customer.next_contact_on
  end,
    last_contact_at = case
    when p_draft.reached then greatest(p_draft.occurred_at, customer.last_contact_at)
    else customer.last_contact_at
  end,
    complaint_at = case
    when p_effect = 'complaint' then coalesce(customer.complaint_at, p_draft.occurred_at)
    when p_draft.reached then null
    else customer.complaint_at
  end,
    test_drive_asked_at = case
    when p_effect = 'test_drive' then coalesce(customer.test_drive_asked_at, p_draft.occurred_at)
    when p_draft.reached then null
    else customer.test_drive_asked_at
  end,
    do_not_call = customer.do_not_call or p_effect is not distinct from 'do_not_call'
  where customer.store_id = p_draft.store_id and customer.id = p_draft.customer_id;
end $$;

-- What was asked on the way, once (First 8).
create or replace function crm.save_collected_facts(p_op jsonb, p_store uuid, p_customer uuid)
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_facts jsonb := coalesce(p_op #> '{payload,facts}', '{}');
  v_version int;
begin
  if v_facts = '{}' then
    return;
  end if;
  select customer.version into v_version
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer;
  perform crm.save_record(
    'customers',
    'customer',
    p_op || jsonb_build_object(
      'payload', jsonb_build_object('store_id', p_store, 'id', p_customer, 'set', v_facts),
      'base_version', v_version
    ),
    '{}'
  );
end $$;

-- Who makes the call that follows. Whoever calls for a colleague in a loan will not see the
-- customer afterwards: the call is the lender's, and lent again if it is due in time. Definer:
-- authors need not see loans.
create or replace function crm.next_caller(p_draft crm.conversation_draft, p_loan uuid)
  returns uuid
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_customer crm.customers;
  v_candidate uuid;
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_draft.store_id and customer.id = p_draft.customer_id;
  if p_draft.author_id in (v_customer.owner_id, v_customer.renewal_owner_id) then
    return p_draft.author_id;  -- nearly always
  end if;
  foreach v_candidate in array array[
    p_draft.author_id,
    (
      select loan.lender_id
      from crm.queue_loans loan
      where loan.store_id = p_draft.store_id and loan.id = p_loan
    ),
    v_customer.owner_id,
    v_customer.renewal_owner_id
  ] loop
    if crm.sees_customer(v_customer, v_candidate) then
      return v_candidate;
    end if;
  end loop;
  return p_draft.author_id;
end $$;

-- The next try after a call that reached nobody, at an hour that was not tried yet, on a working
-- day. When none is left before the policy ends, it is tried again at once.
create or replace function crm.create_retry_task(
  p_draft crm.conversation_draft, p_task crm.tasks, p_hours int, p_tries int, p_zone text
) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_parts jsonb;
  v_preferred text;
  v_calendar jsonb;
  v_due timestamptz;
  v_id uuid;
begin
  select store.settings -> 'day_parts', customer.preferred_time, store.settings -> 'calendar'
    into v_parts, v_preferred, v_calendar
  from crm.stores store
  join crm.customers customer on customer.store_id = store.id and customer.id = p_draft.customer_id
  where store.id = p_draft.store_id;
  v_due := crm.next_attempt_at(
    crm.earliest_retry(now(), p_hours, p_zone, v_calendar, p_task.expires_on),
    p_zone,
    v_parts,
    crm.attempted_day_parts(p_draft.store_id, p_draft.customer_id, p_zone, v_parts),
    v_preferred,
    v_calendar,
    p_task.expires_on
  );
  insert into crm.tasks (
    store_id, customer_id, assignee_id, kind, subject_form, subject_id, due_on, due_at, expires_on,
    attempts, opened_at
  )
  values (
    p_draft.store_id,
    p_draft.customer_id,
    crm.next_caller(p_draft, p_task.loan_id),
    'retry',
    coalesce(p_task.subject_form, 'customer'),
    coalesce(p_task.subject_id, p_draft.customer_id),
    (v_due at time zone p_zone)::date,
    v_due,
    p_task.expires_on,
    p_tries,
    p_draft.occurred_at
  )
  returning id into v_id;
  return v_id;
end $$;

-- The call that was agreed, at the hour the customer prefers (F-04).
create or replace function crm.create_next_contact_task(
  p_draft crm.conversation_draft, p_task crm.tasks, p_zone text
) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_id uuid;
begin
  insert into crm.tasks (
    store_id, customer_id, assignee_id, kind, subject_id, due_on, due_at, expires_on, opened_at
  )
  select
    p_draft.store_id,
    p_draft.customer_id,
    crm.next_caller(p_draft, p_task.loan_id),
    'next_contact',
    p_draft.customer_id,
    p_draft.next_contact_on,
    (
    select (p_draft.next_contact_on + part.start) at time zone p_zone
    from crm.day_parts(store.settings -> 'day_parts') part
    where part.key = customer.preferred_time
  ),
    p_task.expires_on,
    p_draft.occurred_at
  from crm.stores store
  join crm.customers customer on customer.store_id = store.id and customer.id = p_draft.customer_id
  where store.id = p_draft.store_id
  returning id into v_id;
  return v_id;
end $$;

-- What a decider should look at: a complaint, somebody who cannot be reached, a burst of outcomes
-- (First 1).
create or replace function crm.raise_conversation_alerts(
  p_draft crm.conversation_draft, p_outcome crm.outcomes, p_task uuid, p_is_last_try bool
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_outcome.effect = 'complaint' then
    perform crm.raise_alert(
      p_draft.store_id, 'complaint', p_draft.author_id, p_draft.customer_id, p_task
    );
  end if;
  if p_draft.method = 'call' and not p_draft.dial_credible then
    perform crm.detect_outcome_bursts(p_draft.store_id, p_draft.author_id, p_draft.occurred_at);
  end if;
  if p_is_last_try and p_outcome.retry_hours is not null and p_outcome.after_last = 'manager' then
    perform crm.raise_alert(
      p_draft.store_id, 'unreachable', p_draft.author_id, p_draft.customer_id, p_task
    );
  end if;
end $$;

-- The task that follows a conversation; null: the plan makes it, or nobody may call.
create or replace function crm.create_following_task(
  p_draft crm.conversation_draft, p_outcome crm.outcomes, p_task crm.tasks, p_tries int,
  p_zone text
) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_is_silent bool;
begin
  select crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at) into v_is_silent
  from crm.customers customer
  where customer.store_id = p_draft.store_id and customer.id = p_draft.customer_id;
  if v_is_silent then
    return null;
  elsif p_draft.next_contact_on is not null then
    return crm.create_next_contact_task(p_draft, p_task, p_zone);
  elsif not p_draft.reached
    and p_outcome.retry_hours is not null
    and p_tries < coalesce(p_outcome.retry_max, 3)
  then
    return crm.create_retry_task(p_draft, p_task, p_outcome.retry_hours, p_tries, p_zone);
  end if;
  return null;
end $$;

-- A lower level waits for the manager (F-44).
create or replace function crm.request_lower_level(
  p_draft crm.conversation_draft, p_payload jsonb, p_level text
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_draft.requested_level is not null then
    perform crm.request_approval(
      p_draft.store_id,
      p_payload,
      'level_down',
      p_draft.customer_id,
      null,
      null,
      jsonb_build_object('level', p_draft.requested_level, 'from', p_level)
    );
  end if;
end $$;

-- The day that was planned because none was said: the answer tells it. Null: a day was said.
create or replace function crm.unsaid_next_contact(p_draft crm.conversation_draft) returns date
  language plpgsql stable set search_path = '' as $$
begin
  if not p_draft.reached or p_draft.next_contact_on is not null then
    return null;
  end if;
  return (
    select k.next_contact_on
    from crm.customers k
    where k.store_id = p_draft.store_id and k.id = p_draft.customer_id
  );
end $$;

-- What became of the policy that the call was about (First 9).
create or replace function crm.apply_policy_outcome(
  p_draft crm.conversation_draft, p_task crm.tasks, p_effect text, p_payload jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_task.subject_form = 'policy' and p_effect in ('lost', 'won') then
    perform crm.apply_renewal_outcome(
      p_draft.store_id, p_task.subject_id, p_effect, p_draft.reason, null, p_payload
    );
  end if;
end $$;

create or replace function crm.log_conversation(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'log_conversation');
  v_customer crm.customers;
  v_outcome crm.outcomes;
  v_task crm.tasks;
  v_draft crm.conversation_draft;
  v_tries int;
  v_is_last_try bool;
  v_next_task uuid;
begin
  if crm.as_uuid(v_payload ->> 'id') is null then
    perform crm.reject('invalid', 'id');
  end if;
  select * into v_customer
  from crm.customers customer
  where customer.store_id = v_store
    and customer.id = crm.as_uuid(v_payload ->> 'customer_id')
    and customer.removed_at is null
  for update;
  if v_customer.id is null then
    perform crm.reject('not_found', 'customer_id');
  end if;
  v_draft := crm.check_conversation(p_op, v_caller, v_customer);
  v_task := crm.lock_answered_task(
    v_caller, v_customer.id, v_payload ->> 'task_id', v_draft.occurred_at
  );
  select * into v_outcome
  from crm.outcomes outcome
  where outcome.store_id = v_store and outcome.key = v_draft.outcome;
  if v_payload ->> 'dialled_at' is not null then
    v_draft.dialled_at := least(crm.as_instant(v_payload ->> 'dialled_at'), v_draft.occurred_at);
  end if;
  v_draft.dial_credible := crm.is_dial_credible(
    v_store, v_caller.user_id, v_draft.dialled_at, v_draft.occurred_at
  );
  v_tries := coalesce(v_task.attempts, 0) + 1;
  v_is_last_try := not v_outcome.reached
    and v_draft.next_contact_on is null
    and (v_outcome.retry_hours is null or v_tries >= coalesce(v_outcome.retry_max, 3));

  perform crm.insert_conversation(v_draft, p_op, v_task.id, v_customer.level);
  perform crm.apply_policy_outcome(v_draft, v_task, v_outcome.effect, v_payload);
  perform crm.request_lower_level(v_draft, v_payload, v_customer.level);
  perform crm.close_answered_tasks(v_draft, v_task);
  perform crm.update_contacted_customer(v_draft, v_outcome.effect, v_is_last_try, v_caller.today);
  perform crm.save_collected_facts(p_op, v_store, v_customer.id);
  perform crm.raise_conversation_alerts(v_draft, v_outcome, v_task.id, v_is_last_try);
  v_next_task := crm.create_following_task(v_draft, v_outcome, v_task, v_tries, v_caller.time_zone);
  return jsonb_strip_nulls(jsonb_build_object(
    'status', 'applied',
    'version', 1,
    'task_id', v_next_task,
    'next_contact_on', crm.unsaid_next_contact(v_draft)
  ));
end $$;

-- The task a person puts off or asks to be let off: open, and theirs unless their role acts for
-- others.
create or replace function crm.lock_own_task(p_caller crm.caller, p_task uuid) returns crm.tasks
  language plpgsql volatile set search_path = '' as $$
declare
  v_task crm.tasks;
begin
  select * into v_task
  from crm.tasks task
  where task.store_id = p_caller.store_id and task.id = p_task and task.removed_at is null
  for update;
  if v_task.id is null then
    perform crm.reject('not_found', 'task_id');
  end if;
  if v_task.assignee_id <> p_caller.user_id and p_caller.scope = 'own' then
    perform crm.reject('forbidden', 'task_id');
  end if;
  if v_task.status <> 'open' then
    perform crm.reject('task_closed', 'task_id');
  end if;
  return v_task;
end $$;

-- One request a day, and after two refusals the customer is called: a task sent back is not kept
-- waiting by asking again.
create or replace function crm.check_cancellations(p_caller crm.caller, p_task uuid) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if (
      select count(*)
      from crm.approvals approval
      where approval.store_id = p_caller.store_id
        and approval.task_id = p_task
        and approval.status = 'rejected'
        and approval.removed_at is null
    )
    >= 2
  then
    perform crm.reject('call_first', 'task_id');
  end if;
  if exists (
    select from crm.approvals approval
    where approval.store_id = p_caller.store_id
      and approval.task_id = p_task
      and approval.status in ('pending', 'rejected')
      and approval.removed_at is null
      and greatest(approval.created_at, approval.decided_at)
        >= p_caller.today::timestamp at time zone p_caller.time_zone
  ) then
    perform crm.reject('asked_today', 'task_id');
  end if;
end $$;

create or replace function crm.request_cancellation(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'request_cancellation');
  v_id uuid := crm.as_uuid(v_payload ->> 'id');
  v_task crm.tasks;
begin
  if v_id is null then
    perform crm.reject('invalid', 'id');
  end if;
  v_task := crm.lock_own_task(v_caller, crm.as_uuid(v_payload ->> 'task_id'));
  perform crm.check_cancellations(v_caller, v_task.id);
  if v_payload ->> 'reason' is null then
    perform crm.reject('required', 'reason');
  end if;  -- S-07
  if not exists (
    select from crm.reasons reason
    where reason.store_id = v_store
      and reason.key = v_payload ->> 'reason'
      and 'cancel' = any (reason.uses)
      and (
        not reason.retired
        or crm.form_at_version(v_store, p_op, 'customer', v_caller.role) is not null
      )
  ) then
    perform crm.reject('option', 'reason');
  end if;
  insert into crm.approvals (store_id, id, task_id, customer_id, requester_id, reason, notes)
  values (
    v_store,
    v_id,
    v_task.id,
    v_task.customer_id,
    v_caller.user_id,
    v_payload ->> 'reason',
    nullif(trim(left(v_payload ->> 'notes', 500)), '')
  )
  on conflict (store_id, id) do nothing;
  if not found then
    perform crm.reject('id_taken');
  end if;
  update crm.tasks
  set status = 'cancel_requested'
  where store_id = v_store and id = v_task.id;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- Nobody decides what they asked for, nor excuses a task of their own, whoever asked.
create or replace function crm.check_decision(
  p_caller crm.caller, p_approval crm.approvals, p_decision text, p_remark text
) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_approval.id is null then
    perform crm.reject('not_found', 'id');
  end if;
  if p_approval.requester_id = p_caller.user_id
    or exists (
      select from crm.tasks task
      where task.store_id = p_caller.store_id
        and task.id = p_approval.task_id
        and task.assignee_id = p_caller.user_id
    ) then
    perform crm.reject('own_request', 'id');
  end if;
  if p_approval.status <> 'pending' then
    return;  -- already decided: whoever comes second is told by whom
  end if;
  if coalesce(p_decision, '') not in ('approve', 'reject') then
    perform crm.reject('option', 'decision');
  end if;
  if p_decision = 'reject' and p_remark is null then
    perform crm.reject('required', 'remark');
  end if;
end $$;

-- What becomes of the task that a person wished to put off or be let off.
create or replace function crm.apply_task_decision(
  p_caller crm.caller, p_approval crm.approvals, p_decision text, p_remark text
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := p_approval.store_id;
  v_today date := crm.due_today(p_approval.store_id);
begin
  -- F-39: the day that was asked for, or today when it has passed meanwhile
  if p_decision = 'approve' and p_approval.kind = 'task_snooze' then
    update crm.tasks
    set
      status = 'open',
      due_on = case
        when (p_approval.asked ->> 'until')::date >= p_caller.today then
          (p_approval.asked ->> 'until')::date
        else v_today
      end,
      due_at = null,
      snoozes = snoozes + 1,
      remark = p_remark
    where store_id = v_store and id = p_approval.task_id;
  elsif p_decision = 'approve' then  -- S-08: excused, never counted as a call
    update crm.tasks
    set status = 'excused', closed_at = now(), remark = p_remark
    where store_id = v_store and id = p_approval.task_id;
    update crm.customers customer  -- the call is excused, the plan goes on
    set next_contact_on = crm.cadence_day(v_store, customer.level, p_caller.today)
    where customer.store_id = v_store
      and customer.id = p_approval.customer_id
      and customer.next_contact_on <= p_caller.today;
  else  -- S-09: open again, first in the queue, due today
    update crm.tasks
    set status = 'open', due_on = v_today, due_at = null, rank = 0, remark = p_remark
    where store_id = v_store and id = p_approval.task_id;
  end if;
  -- the customer may have changed hands since it was asked
  perform crm.reassign_abandoned_tasks(v_store, p_approval.task_id);
end $$;

create or replace function crm.decide_approval(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'decide_approval');
  v_decision text := v_payload ->> 'decision';
  v_remark text := nullif(trim(left(v_payload ->> 'remark', 500)), '');
  v_approval crm.approvals;
begin
  -- the second of two managers waits here
  select * into v_approval
  from crm.approvals approval
  where approval.store_id = v_store
    and approval.id = crm.as_uuid(v_payload ->> 'id')
    and approval.removed_at is null
  for update;
  perform crm.check_decision(v_caller, v_approval, v_decision, v_remark);
  if v_approval.status <> 'pending' then
    return jsonb_build_object(
      'status', 'rejected',
      'code', 'already_decided',
      'field', 'id',
      'decision', v_approval.status,
      'decided_by', v_approval.decided_by,
      'decided_at', v_approval.decided_at
    );
  end if;
  update crm.approvals
  set
    status = case v_decision when 'approve' then 'approved' else 'rejected' end,
    decided_by = v_caller.user_id,
    decided_at = now(),
    remark = v_remark
  where store_id = v_store and id = v_approval.id;
  if v_approval.kind in ('task_cancel', 'task_snooze') then
    perform crm.apply_task_decision(v_caller, v_approval, v_decision, v_remark);
  else
    perform crm.apply_decision(v_approval, v_decision, v_remark);
  end if;
  return jsonb_build_object('status', 'applied', 'version', v_approval.version + 1);
end $$;

-- The stage a deal may go to from where it stands.
create or replace function crm.next_stage(p_deal crm.deals, p_stage text) returns crm.stages
  language plpgsql stable set search_path = '' as $$
declare
  v_next crm.stages;
  v_moves text[];
begin
  select * into v_next
  from crm.stages stage
  where stage.store_id = p_deal.store_id
    and stage.pipeline = p_deal.pipeline
    and stage.key = p_stage
    and not stage.retired;
  if v_next.key is null then
    perform crm.reject('option', 'stage');
  end if;
  select stage.moves into v_moves
  from crm.stages stage
  where stage.store_id = p_deal.store_id
    and stage.pipeline = p_deal.pipeline
    and stage.key = p_deal.stage;
  if v_next.key <> p_deal.stage and v_next.key <> all (v_moves) then
    perform crm.reject('move_not_allowed', 'stage');
  end if;
  return v_next;
end $$;
comment on function crm.next_stage is 'Errors: option, move_not_allowed.';

-- S-86: the list of what is missing.
create or replace function crm.stage_errors(
  p_deal crm.deals, p_stage crm.stages, p_payload jsonb, p_checked text[]
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_values jsonb := to_jsonb(p_deal) || p_deal.custom;
  v_patch jsonb := coalesce(p_payload -> 'set', '{}');
  v_fields jsonb;
  v_writable text[];
  v_errors jsonb;
begin
  select form.fields into v_fields
  from crm.forms form
  where form.store_id = p_deal.store_id and form.form = 'deal';
  select access.writable into v_writable
  from crm.my_access('deal') access
  where access.store_id = p_deal.store_id;
  v_errors := crm.field_errors(
    p_deal.store_id, v_fields, v_patch, v_values, v_writable, '{}', false
  );
  select v_errors
    || coalesce(jsonb_agg(jsonb_build_object('field', field, 'code', 'required')), '[]')
    into v_errors
  from unnest(p_stage.required) field
  where coalesce(v_patch -> field, v_values -> field, 'null') in ('null', '""');
  select v_errors
    || coalesce(
      jsonb_agg(
        jsonb_build_object('field', 'checked.' || (item ->> 'key'), 'code', 'item_unchecked')
      ),
      '[]'
    ) into v_errors
  from jsonb_array_elements(p_stage.checklist) item
  where item ->> 'key' <> all (p_checked);
  if p_stage.type = 'lost'
    and not exists (
      select from crm.reasons reason
      where reason.store_id = p_deal.store_id
        and reason.key = p_payload ->> 'lost_reason'
        and 'lost' = any (reason.uses)
        and not reason.retired
    ) then
    v_errors := v_errors
      || jsonb_build_object(
        'field', 'lost_reason',
        'code', case when p_payload ->> 'lost_reason' is null then 'required' else 'option' end
      );
  end if;
  return v_errors;
end $$;

create or replace function crm.is_moved_since(p_deal crm.deals, p_version int) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  if p_version > p_deal.version then
    perform crm.reject('invalid', 'base_version');
  end if;
  return p_version is not null
    and exists (
      select from crm.events event
      where event.store_id = p_deal.store_id
        and event.customer_id = p_deal.customer_id
        and event.subject_id = p_deal.id
        and event.version > p_version
        and event.field = 'stage'
    );
end $$;
comment on function crm.is_moved_since is
  'Whether somebody moved a deal after the version the phone knew. Error: invalid.';

-- What was filled in on the way: the car that is handed over, and the fields.
create or replace function crm.save_moved_deal(p_op jsonb, p_deal crm.deals) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_patch jsonb := coalesce(v_payload -> 'set', '{}');
  v_version int := p_deal.version;
begin
  if v_payload ->> 'vehicle_id' is not null then
    update crm.deals deal
    set vehicle_id = crm.visible_reference(p_op, 'vehicles', 'vehicle_id', p_deal.customer_id)
    where deal.store_id = p_deal.store_id and deal.id = p_deal.id
    returning deal.version into v_version;
  end if;
  if v_patch <> '{}' then
    perform crm.save_record(
      'deals',
      'deal',
      jsonb_build_object(
        'payload', jsonb_build_object(
          'store_id', p_deal.store_id, 'id', p_deal.id, 'set', v_patch
        ),
        'base_version', v_version
      ),
      '{}'
    );
  end if;
end $$;

-- F-45: what was filled in is saved, the move waits.
create or replace function crm.request_lost(
  p_deal crm.deals, p_stage text, p_payload jsonb, p_checked text[]
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.request_approval(
    p_deal.store_id,
    p_payload,
    'lost',
    p_deal.customer_id,
    p_deal.id,
    p_payload ->> 'lost_reason',
    jsonb_build_object('stage', p_stage, 'checked', p_checked)
  );
  return jsonb_build_object(
    'status', 'applied',
    'version', (
      select deal.version
      from crm.deals deal
      where deal.store_id = p_deal.store_id and deal.id = p_deal.id
    ),
    'asked', 'lost'
  );
end $$;

create or replace function crm.put_in_stage(
  p_deal crm.deals, p_stage crm.stages, p_payload jsonb, p_checked text[]
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_version int;
begin
  update crm.deals deal
  set
    stage = p_stage.key,
    stage_at = now(),
    closed_at = case when p_stage.type = 'open' then null else now() end,
    lost_reason = case when p_stage.type = 'lost' then p_payload ->> 'lost_reason' end,
    checked = array(select distinct unnest(p_checked))
  where deal.store_id = p_deal.store_id and deal.id = p_deal.id
  returning deal.version into v_version;
  -- what a won or lost deal leaves behind (First 9)
  perform crm.after_deal_closed(p_deal.store_id, p_deal.id, p_payload);
  return v_version;
end $$;

create or replace function crm.move_deal(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'move_deal');
  v_deal crm.deals;
  v_stage crm.stages;
  v_row jsonb;
  v_checked text[];
  v_errors jsonb;
begin
  select * into v_deal
  from crm.deals deal
  where deal.store_id = v_store
    and deal.id = crm.as_uuid(v_payload ->> 'id')
    and deal.removed_at is null
  for update;
  if v_deal.id is null then
    perform crm.reject('not_found', 'id');
  end if;
  v_stage := crm.next_stage(v_deal, v_payload ->> 'stage');
  if v_stage.key = v_deal.stage then
    return jsonb_build_object('status', 'applied', 'version', v_deal.version);
  end if;
  v_checked := v_deal.checked
    || array(
      select jsonb_array_elements_text(
        case
          when jsonb_typeof(v_payload -> 'checked') = 'array' then v_payload -> 'checked'
          else '[]'
        end
      )
    );
  v_errors := crm.stage_errors(v_deal, v_stage, v_payload, v_checked);
  if v_errors <> '[]' then
    perform crm.reject('invalid', null, v_errors);
  end if;
  if crm.is_moved_since(v_deal, (p_op ->> 'base_version')::int) then
    select to_jsonb(shown) || shown.custom into v_row
    from api.deals shown
    where shown.store_id = v_store and shown.id = v_deal.id;
    return jsonb_build_object('status', 'conflict', 'row', v_row);
  end if;
  perform crm.save_moved_deal(p_op, v_deal);
  if v_stage.type = 'lost' and crm.requires_approval(v_store, 'lost', v_caller) then
    return crm.request_lost(v_deal, v_stage.key, v_payload, v_checked);
  end if;
  return jsonb_build_object(
    'status', 'applied',
    'version', crm.put_in_stage(v_deal, v_stage, v_payload, v_checked)
  );
end $$;

-- S-09: what the manager sent back is done today.
create or replace function crm.check_snooze(p_caller crm.caller, p_task crm.tasks, p_until date)
  returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_task.rank = 0 then
    perform crm.reject('due_today', 'task_id');
  end if;
  if p_until is null then
    perform crm.reject('date', 'until');
  end if;
  if p_until <= p_caller.today
    or p_until > p_caller.today + crm.most_days_put_off()
    or p_until > coalesce(p_task.expires_on, p_until)
  then
    perform crm.reject('range', 'until');
  end if;
end $$;

-- Once more than the store's limit: the manager decides, and until then the task waits as one that
-- cannot be done does.
create or replace function crm.request_snooze(
  p_caller crm.caller, p_task crm.tasks, p_until date, p_approval uuid, p_notes text
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_approval is null then
    perform crm.reject('snooze_limit', 'task_id');
  end if;
  insert into crm.approvals (store_id, id, kind, task_id, customer_id, requester_id, notes, asked)
  values (
    p_task.store_id,
    p_approval,
    'task_snooze',
    p_task.id,
    p_task.customer_id,
    p_caller.user_id,
    nullif(trim(left(p_notes, 500)), ''),
    jsonb_build_object('until', p_until)
  )
  on conflict (store_id, id) do nothing;
  if not found then
    perform crm.reject('id_taken');
  end if;
  update crm.tasks
  set status = 'cancel_requested'
  where store_id = p_task.store_id and id = p_task.id;
end $$;

create or replace function crm.snooze_task(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'snooze_task');
  v_until date := crm.as_date(v_payload -> 'until');
  v_approval uuid := crm.as_uuid(v_payload ->> 'approval_id');
  v_task crm.tasks := crm.lock_own_task(v_caller, crm.as_uuid(v_payload ->> 'task_id'));
  v_limit int;
begin
  perform crm.check_snooze(v_caller, v_task, v_until);
  select coalesce((store.settings ->> 'snooze_limit')::int, 3) into v_limit
  from crm.stores store
  where store.id = v_store;
  if v_task.snoozes >= v_limit then
    perform crm.request_snooze(v_caller, v_task, v_until, v_approval, v_payload ->> 'notes');
    return jsonb_build_object(
      'status', 'applied',
      'version', v_task.version + 1,
      'asked', 'task_snooze'
    );
  end if;
  update crm.tasks
  set due_on = v_until, due_at = null, snoozes = snoozes + 1
  where store_id = v_store and id = v_task.id;
  return jsonb_build_object('status', 'applied', 'version', v_task.version + 1);
end $$;

grant execute on function
  crm.claimed_time(text, text, timestamptz),
  crm.check_conversation_level(crm.conversation_draft, crm.caller, crm.customers, jsonb),
  crm.check_conversation_plan(crm.conversation_draft, crm.caller, jsonb),
  crm.conversation_outcome_errors(crm.conversation_draft, crm.outcomes, text, jsonb),
  crm.conversation_form_errors(crm.conversation_draft),
  crm.check_conversation(jsonb, crm.caller, crm.customers),
  crm.lock_answered_task(crm.caller, uuid, text, timestamptz),
  crm.insert_conversation(crm.conversation_draft, jsonb, uuid, text),
  crm.close_answered_tasks(crm.conversation_draft, crm.tasks),
  crm.update_contacted_customer(crm.conversation_draft, text, bool, date),
  crm.save_collected_facts(jsonb, uuid, uuid),
  crm.next_caller(crm.conversation_draft, uuid),
  crm.create_retry_task(crm.conversation_draft, crm.tasks, int, int, text),
  crm.create_next_contact_task(crm.conversation_draft, crm.tasks, text),
  crm.raise_conversation_alerts(crm.conversation_draft, crm.outcomes, uuid, bool),
  crm.create_following_task(crm.conversation_draft, crm.outcomes, crm.tasks, int, text),
  crm.request_lower_level(crm.conversation_draft, jsonb, text),
  crm.unsaid_next_contact(crm.conversation_draft),
  crm.apply_policy_outcome(crm.conversation_draft, crm.tasks, text, jsonb),
  crm.log_conversation(jsonb),
  crm.lock_own_task(crm.caller, uuid),
  crm.check_cancellations(crm.caller, uuid),
  crm.request_cancellation(jsonb),
  crm.check_decision(crm.caller, crm.approvals, text, text),
  crm.apply_task_decision(crm.caller, crm.approvals, text, text),
  crm.decide_approval(jsonb),
  crm.next_stage(crm.deals, text),
  crm.stage_errors(crm.deals, crm.stages, jsonb, text[]),
  crm.is_moved_since(crm.deals, int),
  crm.save_moved_deal(jsonb, crm.deals),
  crm.request_lost(crm.deals, text, jsonb, text[]),
  crm.put_in_stage(crm.deals, crm.stages, jsonb, text[]),
  crm.move_deal(jsonb),
  crm.check_snooze(crm.caller, crm.tasks, date),
  crm.request_snooze(crm.caller, crm.tasks, date, uuid, text),
  crm.snooze_task(jsonb)
to api_owner;
