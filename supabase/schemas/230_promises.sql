-- Promises to customers, when to try again, and what a manager should look at: what a logged
-- conversation leaves behind.

create or replace trigger tg_promises__a_stamp before insert
  or update on crm.promises for each row execute function crm.tg_record__stamp();

create or replace trigger tg_promises__created after insert on crm.promises
  referencing new table as after_rows
  for each statement execute function crm.tg_record__created('promise');

create or replace trigger tg_promises__history after update on crm.promises
  for each row execute function crm.tg_record__history(
  'promise', 'status', 'ended_at', 'ended_by', 'removed_at'
);

-- When to try again -------------------------------------------------------------------------------
-- --------------------------------

create or replace function crm.day_parts(
  p_parts jsonb
) returns table (key text, start time, "end" time, n bigint)
  language sql immutable set search_path = '' as $$
  select x ->> 'key', (x ->> 'start')::time, (x ->> 'end')::time, n
  from jsonb_array_elements(
    case
    when jsonb_array_length(coalesce(p_parts, '[]')) > 0 then p_parts
    else '[
      {"key": "morning", "start": "09:00", "end": "12:00"},
      {"key": "noon", "start": "12:00", "end": "14:00"},
      {"key": "afternoon", "start": "14:00", "end": "18:00"},
      {"key": "evening", "start": "18:00", "end": "20:00"}
    ]'::jsonb
  end
  ) with ordinality as t (x, n)
$$;
comment on function crm.day_parts is
  'The parts of a day in which people are called, as the store cuts it; else ours.';

create or replace function crm.earliest_retry(
  p_now timestamptz, p_hours int, p_zone text, p_calendar jsonb, p_last date
) returns timestamptz
  language plpgsql stable set search_path = '' as $$
declare
  v_at timestamptz := p_now + make_interval(hours => p_hours);
  v_day date := (v_at at time zone p_zone)::date;
  v_due date := crm.due_day(p_calendar, v_day, (p_now at time zone p_zone)::date, p_last);
begin
  return case when v_due < v_day then p_now else v_at end;
end $$;
comment on function crm.earliest_retry is
  'From when on somebody is tried again: after so many hours, or at once when no working day is '
  'left then until p_last. As earliest_retry of the apps.';

create or replace function crm.attempt_days(p_calendar jsonb, p_from date, p_last date)
  returns setof date
  language plpgsql immutable set search_path = '' as $$
begin
  return query
    select p_from + number
    from generate_series(0, 67) number  -- 60 days closed, as crm.next_working_day
    where crm.is_working_day(p_calendar, p_from + number)
      and p_from + number <= coalesce(p_last, p_from + number)
    order by number
    limit 8;
end $$;
comment on function crm.attempt_days is
  'The next eight working days, at most p_last.';

create or replace function crm.next_attempt_at(
  p_from timestamptz,
  p_zone text,
  p_parts jsonb,
  p_tried text[],
  p_preferred text,
  p_calendar jsonb default null,
  p_last date default null
) returns timestamptz
  language sql stable set search_path = '' as $$
  with working_days as (
    select day
    from crm.attempt_days(p_calendar, (p_from at time zone p_zone)::date, p_last) day
    -- eight days of which today may be over
    where p_from < (
      select max((day + part."end") at time zone p_zone)
      from crm.day_parts(p_parts) part
    )
  ),
  days as (
    select day
    from working_days
    union all
    select (p_from at time zone p_zone)::date + number
    from generate_series(0, 7) number
    where not exists (select from working_days)
  ),
  open_parts as (
    select
      part.key,
      greatest((d.day + part.start) at time zone p_zone, p_from) as at,
      (d.day + part."end") at time zone p_zone as until
    from crm.day_parts(p_parts) part
    cross join days d
  )
  select open_parts.at
  from open_parts
  where open_parts.at < open_parts.until
  order by
    -- the hour they like, unless it was tried
    not (open_parts.key is not distinct from p_preferred and not open_parts.key = any (p_tried)),
    open_parts.key = any (p_tried),
    open_parts.at
  limit 1
$$;
comment on function crm.next_attempt_at is
  'The first moment from p_from on in a part of the day that was not tried yet, the one the '
  'customer prefers before all; when all were tried, the first of any (F-31). On a working day up '
  'to p_last; where there is none, on any day.';

create or replace function crm.attempted_day_parts(
  p_store uuid, p_customer uuid, p_zone text, p_parts jsonb
) returns text[]
  language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct part.key), '{}')
  from crm.conversations conversation
  join crm.day_parts(p_parts) part
    on (conversation.occurred_at at time zone p_zone)::time >= part.start
      and (conversation.occurred_at at time zone p_zone)::time < part."end"
  where conversation.store_id = p_store
    and conversation.customer_id = p_customer
    and not conversation.reached
    and conversation.method = 'call'
    and conversation.removed_at is null
    and conversation.occurred_at > greatest(
      now() - interval '14 days',
      (
      select max(other_conversation.occurred_at)
      from crm.conversations other_conversation
      where other_conversation.store_id = p_store
        and other_conversation.customer_id = p_customer
        and other_conversation.reached
        and other_conversation.removed_at is null
    )
    )
$$;
comment on function crm.attempted_day_parts is
  'In which parts of the day this customer was called in vain, since they were last reached and '
  'within two weeks.';

-- Flags -------------------------------------------------------------------------------------------
-- -------------------------------- Written by the table owner: nobody may raise or hide a flag by
-- themselves. One open line per kind, member and customer.

create or replace function crm.raise_alert(
  p_store uuid, p_kind text, p_member uuid, p_customer uuid, p_task uuid
) returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  if p_store <> all (crm.my_store_ids(null)) then
    perform crm.reject('forbidden');
  end if;
  update crm.alerts alert
  set times = alert.times + 1, last_at = now()
  where alert.store_id = p_store
    and alert.kind = p_kind
    and alert.member_id = p_member
    and alert.customer_id is not distinct from p_customer
    and alert.seen_at is null
    and alert.removed_at is null;
  if not found then
    insert into crm.alerts (store_id, kind, member_id, customer_id, task_id, op_id)
    values (
      p_store,
      p_kind,
      p_member,
      p_customer,
      p_task,
      nullif(current_setting('crm.op_id', true), '')::uuid
    );
  end if;
end $$;

-- A dial press is the phone's claim. What speaks against it: several presses within seconds, or the
-- same phone's owner having reached the server between the call and its arrival, since a phone
-- sends what waits as soon as it can. Ten minutes, because a long queue is sent in several
-- messages.
create or replace function crm.is_dial_credible(
  p_store uuid, p_author uuid, p_dialled_at timestamptz, p_occurred_at timestamptz
) returns bool
  language plpgsql stable security definer set search_path = '' as $$
begin
  return p_dialled_at is not null
    and p_dialled_at <= p_occurred_at
    and p_dialled_at > p_occurred_at - interval '1 day'
    and not exists (
      select from crm.conversations conversation
      where conversation.store_id = p_store
        and conversation.author_id = p_author
        and conversation.removed_at is null
        and conversation.occurred_at between p_occurred_at
          - interval '1 day' and p_occurred_at
          + interval '1 day'
        and conversation.dialled_at > p_dialled_at - interval '15 seconds'
        and conversation.dialled_at < p_dialled_at + interval '15 seconds'
    )
    and not exists (
      select from crm.operations operation
      where operation.store_id = p_store
        and operation.user_id = p_author
        and operation.applied_at > p_occurred_at + interval '2 minutes'
        and operation.applied_at < now() - interval '10 minutes'
    );
end $$;
comment on function crm.is_dial_credible is
  'Whether nothing known to the server speaks against a dial press.';

-- Outcomes of calls without a credible dial press around an instant: by the times the phone claims,
-- or by the times they reached us, whichever are more.
create or replace function crm.burst_calls(
  p_store uuid, p_author uuid, p_at timestamptz, p_span interval
) returns uuid[]
  language plpgsql stable set search_path = '' as $$
declare
  v_claimed uuid[];
  v_arrived uuid[];
begin
  v_claimed := array(
    select conversation.id
    from crm.conversations conversation
    where conversation.store_id = p_store
      and conversation.author_id = p_author
      and conversation.method = 'call'
      and not conversation.dial_credible
      and conversation.removed_at is null
      and conversation.occurred_at between p_at - p_span and p_at + p_span
    limit 1000
  );
  v_arrived := array(
    select conversation.id
    from crm.conversations conversation
    where conversation.store_id = p_store
      and conversation.author_id = p_author
      and conversation.method = 'call'
      and not conversation.dial_credible
      and conversation.removed_at is null
      and conversation.created_at >= now() - p_span
    limit 1000
  );
  return case
    when cardinality(v_arrived) > cardinality(v_claimed) then v_arrived
    else v_claimed
  end;
end $$;

create or replace function crm.detect_outcome_bursts(p_store uuid, p_author uuid, p_at timestamptz)
  returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_limit int;
  v_span interval;
  v_ids uuid[];
begin
  if p_author is distinct from (select crm.current_user_id()) then
    perform crm.reject('forbidden');
  end if;
  select
    coalesce((store.settings #>> '{burst,times}')::int, 10),
    make_interval(secs => coalesce((store.settings #>> '{burst,seconds}')::int, 300))
    into v_limit, v_span
  from crm.stores store
  where store.id = p_store;
  v_ids := crm.burst_calls(p_store, p_author, p_at, v_span);
  if cardinality(v_ids) < v_limit then
    return;
  end if;
  -- also those before the threshold
  update crm.conversations conversation
  set burst = true
  where conversation.store_id = p_store
    and conversation.id = any (v_ids)
    and not conversation.burst;
  update crm.alerts alert
  set
    times = greatest(alert.times, cardinality(v_ids)),
    last_at = greatest(alert.last_at, p_at)
  where alert.store_id = p_store
    and alert.kind = 'burst'
    and alert.member_id = p_author
    and alert.seen_at is null
    and alert.removed_at is null;
  if not found then
    insert into crm.alerts (store_id, kind, member_id, times, first_at, last_at)
    values (p_store, 'burst', p_author, cardinality(v_ids), p_at, p_at);
  end if;
end $$;
comment on function crm.detect_outcome_bursts is
  'Many outcomes of calls in a few minutes without one credible dial press, by the times the '
  'phone claims or by their arrival: each is marked, the manager gets one line (First 1). '
  'burst.times and burst.seconds are the store''s.';

-- Two advisors with one customer are a store's worst quarrel: nothing is blocked, the manager hears
-- of it. Definer: the colleague's customer is invisible to whoever enters them again.
create or replace function crm.raise_duplicate_alert(p_store uuid, p_customer uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  if exists (
    select from crm.customers entered
    join crm.customers other
      on other.store_id = entered.store_id
        and other.phone_tail = entered.phone_tail
        and other.phone = entered.phone
        and other.id <> entered.id
        and other.owner_id is distinct from entered.owner_id
    where entered.store_id = p_store
      and entered.id = p_customer
      and other.owner_id is not null
      and other.removed_at is null
  ) then
    perform crm.raise_alert(p_store, 'duplicate', crm.current_user_id(), p_customer, null);
  end if;
end $$;
comment on function crm.raise_duplicate_alert is
  'A customer whose number was entered, when a customer of a colleague has the same.';

create or replace function crm.withdraw_alerts(p_store uuid, p_op uuid) returns void
  language sql volatile security definer set search_path = '' as $$
  update crm.alerts f
  set removed_at = now()
  where f.store_id = p_store
    and f.op_id = p_op
    and f.member_id = (select crm.current_user_id())
    and f.seen_at is null
    and f.removed_at is null
$$;
comment on function crm.withdraw_alerts is
  'What an operation that its author takes back has raised; what a manager has seen stays.';

-- Rows and verbs ----------------------------------------------------------------------------------
-- --------------------------------

select crm.create_customer_child_policies('promises', 'author_id');
create policy select_decider on crm.alerts for select to api_owner
  using (store_id = any ((select crm.my_store_ids('store'))::uuid[]));
create policy update_decider on crm.alerts for update to api_owner
  using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.promises, crm.alerts to api_owner;
grant insert (store_id, id, customer_id, author_id, conversation_id, notes, due_on),
  update (status, ended_at, ended_by, removed_at) on
  crm.promises
to api_owner;
grant update (seen_by, seen_at, removed_at) on crm.alerts to api_owner;

create or replace view api.promises as
  -- said in a conversation: under the conversation's right
  select
    p.store_id,
    p.id,
    p.customer_id,
    p.author_id,
    p.conversation_id,
    p.due_on,
    p.status,
    p.ended_at,
    p.created_at,
    p.updated_at,
    p.version,
    p.change_no,
    case when 'notes' = any (a.readable) then p.notes end as notes
  from crm.promises p
  left join crm.my_access('conversation') a on a.store_id = p.store_id
  where p.removed_at is null;

create or replace view api.alerts as
  select
    alert.store_id,
    alert.id,
    alert.kind,
    alert.member_id,
    member.name as member_name,
    alert.customer_id,
    customer.name,
    alert.task_id,
    alert.times,
    alert.first_at,
    alert.last_at,
    alert.seen_by,
    alert.seen_at
  from crm.alerts alert
  join crm.members member on member.store_id = alert.store_id and member.user_id = alert.member_id
  left join api.customers customer
    on customer.store_id = alert.store_id and customer.id = alert.customer_id
  where alert.removed_at is null and crm.has_permission(alert.store_id, 'decide_approval');
alter view api.promises owner to api_owner;
alter view api.alerts owner to api_owner;
grant select on api.promises, api.alerts to authenticated;

create or replace function crm.promise_errors(
  p_promises jsonb, p_today date, p_last date, p_reached bool
) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  if p_promises = '[]' then
    return '[]';
  end if;
  if jsonb_array_length(p_promises) > 10 or not coalesce(p_reached, false) then
    return '[{"field": "promises", "code": "range"}]';
  end if;
  return (
    select coalesce(
      jsonb_agg(distinct jsonb_build_object('field', 'promises', 'code', x.code)),
      '[]'
    )
    from (
      select case
        when crm.as_uuid(item ->> 'id') is null
          or length(trim(coalesce(item ->> 'notes', ''))) not between 1 and 200 then
          'required'
        when crm.as_date(item -> 'due_on') is null then 'date'
        when crm.as_date(item -> 'due_on') not between p_today and p_last then 'range'
      end as code
      from jsonb_array_elements(p_promises) item
    ) x
    where x.code is not null
  );
end $$;

create or replace function crm.close_promise(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'log_conversation');
  v_promise crm.promises;
begin
  select * into v_promise
  from crm.promises promise
  where promise.store_id = v_store
    and promise.id = crm.as_uuid(v_payload ->> 'id')
    and promise.removed_at is null
  for update;
  if v_promise.id is null
    or not exists (
      select
      from crm.customers customer
      where customer.store_id = v_store and customer.id = v_promise.customer_id
    ) then
    perform crm.reject('not_found', 'id');
  end if;
  if coalesce(v_payload ->> 'status', '') not in ('kept', 'dropped') then
    perform crm.reject('option', 'status');
  end if;
  if v_promise.status <> 'open' then
    perform crm.reject('task_closed', 'id');
  end if;
  update crm.promises
  set status = v_payload ->> 'status', ended_at = now(), ended_by = v_caller.user_id
  where store_id = v_store and id = v_promise.id;
  return jsonb_build_object('status', 'applied', 'version', v_promise.version + 1);
end $$;
comment on function crm.close_promise is
  'A promise was kept, or dropped because nobody wants it any more; whoever may log conversations'
  ' with the customer.';

create or replace function crm.acknowledge_alert(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'decide_approval');
  v_alert crm.alerts;
begin
  select * into v_alert
  from crm.alerts alert
  where alert.store_id = v_store
    and alert.id = crm.as_uuid(v_payload ->> 'id')
    and alert.removed_at is null
  for update;
  if v_alert.id is null then
    perform crm.reject('not_found', 'id');
  end if;
  if v_alert.member_id = v_caller.user_id then
    perform crm.reject('own_request', 'id');
  end if;  -- nobody waves through what is about themselves
  update crm.alerts
  set seen_by = v_caller.user_id, seen_at = now()
  where store_id = v_store and id = v_alert.id and seen_at is null;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

grant execute on function
  crm.day_parts(jsonb),
  crm.earliest_retry(timestamptz, int, text, jsonb, date),
  crm.attempt_days(jsonb, date, date),
  crm.next_attempt_at(timestamptz, text, jsonb, text[], text, jsonb, date),
  crm.attempted_day_parts(uuid, uuid, text, jsonb),
  crm.raise_alert(uuid, text, uuid, uuid, uuid),
  crm.raise_duplicate_alert(uuid, uuid),
  crm.is_dial_credible(uuid, uuid, timestamptz, timestamptz),
  crm.detect_outcome_bursts(uuid, uuid, timestamptz),
  crm.withdraw_alerts(uuid, uuid),
  crm.promise_errors(jsonb, date, date, bool),
  crm.close_promise(jsonb),
  crm.acknowledge_alert(jsonb)
to api_owner;
