-- The nightly rules: tasks by cadence and by policy window, and the hand-over of levels that belong
-- to a pool.

-- The hour of a day at which a customer wants to be called (S-76); null: any.
create or replace function crm.preferred_at(p_store uuid, p_preferred text, p_day date)
  returns timestamptz
  language plpgsql stable set search_path = '' as $$
begin
  if p_preferred is null then
    return null;
  end if;
  return (
    select (p_day + q.start) at time zone s.time_zone
    from crm.stores s
    cross join lateral crm.day_parts(s.settings -> 'day_parts') q
    where s.id = p_store and q.key = p_preferred
  );
end $$;

create or replace function crm.follow_up_day(
  p_calendar jsonb, p_planned date, p_agreed date, p_today date
) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when p_agreed = p_planned then p_planned
    else crm.due_day(p_calendar, p_planned, p_planned, p_today + crm.most_days_put_off())
  end;
end $$;
comment on function crm.follow_up_day is
  'The day on which a planned contact is due: a working day, unless a person agreed the day.';

-- The calls whose planned day has come: to the owner, or to the people of the pool. A customer for
-- whom a task is open waits for that. rule_on is the planned day; when the task of that day has
-- ended and no later day was planned, the customer is due again today. A planned day on which the
-- store is closed moves, unless a person agreed it with the customer. p_rule null: no cadence rule
-- is active, and a planned day is kept all the same.
create or replace function crm.create_follow_ups(p_store uuid, p_day date, p_rule text) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_calendar jsonb := crm.store_calendar(p_store);
  v_count int;
begin
  insert into crm.tasks (
    store_id, customer_id, assignee_id, kind, rule, subject_id, due_on, due_at, rule_on
  )
  select
    p_store,
    customer.id,
    coalesce(customer.owner_id, caller.user_id),
    case when customer.last_contact_at is null then 'first_contact' else 'cadence' end,
    p_rule,
    customer.id,
    due.day,
    crm.preferred_at(p_store, customer.preferred_time, greatest(due.day, p_day)),
    case
    when p_rule is null then null
    when exists (
      select from crm.tasks task
      where task.store_id = p_store
        and task.rule = p_rule
        and task.subject_id = customer.id
        and task.rule_on = customer.next_contact_on
        and task.step = 0
        and task.removed_at is null
    ) then
      p_day
    else customer.next_contact_on
  end
  from crm.customers customer
  left join crm.pool_callers(p_store) caller
    on customer.owner_id is null
      and caller.pool = customer.pool
      and caller.ordinal = crm.caller_place(customer.id, caller.total)
  cross join lateral (
    select crm.follow_up_day(
      v_calendar, customer.next_contact_on, customer.agreed_contact_on, p_day
    ) as day
  ) due
  where customer.store_id = p_store
    and customer.next_contact_on <= p_day
    and coalesce(customer.owner_id, caller.user_id) is not null
    and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
    and customer.removed_at is null
    and not exists (
      select from crm.tasks task
      where task.store_id = p_store
        and task.subject_id = customer.id
        and task.kind <> 'escalation'
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
    )
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.create_follow_ups is
  'Tasks for customers whose next contact has come; a second run adds none.';

create or replace function crm.reached_window(
  p_days int[], p_expires date, p_day date, p_calendar jsonb, p_horizon date,
  out days int, out due_on date
)
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  select min(item) into days
  from unnest(p_days) item
  where p_expires - item <= p_day
    or p_expires - item <= p_horizon
      and crm.due_day(p_calendar, p_expires - item, null, p_expires) <= p_day;
  due_on := crm.due_day(p_calendar, p_expires - days, null, p_expires);
end $$;
comment on function crm.reached_window is
  'The window before a policy ends that was reached last, and the day on which its call is due. '
  'p_horizon: the last of the closed days that follow p_day.';

-- The window reached last; a window passed while an earlier call is still open makes no second one.
-- A window on a closed day moves to the next working day; when the policy ends before that, the
-- call is made on the last working day before the store closes.
create or replace function crm.create_policy_window_tasks(
  p_store uuid,
  p_day date,
  p_rule crm.rules
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_first int := (select max(item) from unnest(p_rule.days) item);
  v_calendar jsonb := crm.store_calendar(p_store);
  v_horizon date := crm.closed_until(v_calendar, p_day);
  v_count int;
begin
  insert into crm.tasks (
    store_id, customer_id, assignee_id, kind, rule, subject_form, subject_id, due_on, due_at,
    rule_on, expires_on
  )
  select
    p_store,
    policy.customer_id,
    coalesce(customer.renewal_owner_id, customer.owner_id),
    'policy_window',
    p_rule.key,
    'policy',
    policy.id,
    w.due_on,
    crm.preferred_at(p_store, customer.preferred_time, greatest(w.due_on, p_day)),
    policy.expires_on - w.days,
    policy.expires_on
  from crm.policies policy
  join crm.customers customer
    on customer.store_id = p_store
      and customer.id = policy.customer_id
      and customer.removed_at is null
      and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
  cross join lateral crm.reached_window(
    p_rule.days, policy.expires_on, p_day, v_calendar, v_horizon
  ) w
  where policy.store_id = p_store
    and policy.status = 'active'
    and policy.removed_at is null
    and w.days is not null
    and policy.expires_on >= p_day
    and policy.expires_on <= v_horizon + v_first
    and coalesce(customer.renewal_owner_id, customer.owner_id) is not null
    and not exists (
      select from crm.tasks task
      where task.store_id = p_store
        and task.subject_id = policy.id
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
    )
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

create or replace function crm.run_rules(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_cadence int := 0;
  v_windows int := 0;
  v_levels jsonb;
  v_renewals jsonb;
  v_more jsonb := '{}';
  v_repaired jsonb;
  v_rule crm.rules;
begin
  perform set_config('crm.night', 'on', true);  -- the table of transitions holds for the rules too
  perform set_config('crm.day_of_rules', p_day::text, true);
  -- two schedulers at once: one after the other
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0));

  -- claims that go back, levels that fall, levels that belong to a pool (F-24, S-20, S-26)
  v_levels := crm.run_level_demotions(p_store, p_day);
  -- a policy nobody renewed is remembered for next year (F-35); each has somebody who can renew it
  v_renewals := crm.run_renewals(p_store, p_day);

  for v_rule in
    select *
    from crm.rules rule
    where rule.store_id = p_store and rule.active
    order by rule.position loop
    if v_rule.kind = 'cadence' then
      v_cadence := v_cadence + crm.create_follow_ups(p_store, p_day, v_rule.key);
    elsif v_rule.kind = 'policy_window' then
      v_windows := v_windows + crm.create_policy_window_tasks(p_store, p_day, v_rule);
    else
      v_more := crm.merge_counts(v_more, crm.run_care_and_escalation(p_store, p_day, v_rule));
    end if;
  end loop;
  v_repaired := crm.repair_next_steps(p_store, p_day);
  perform set_config('crm.night', '', true);
  perform set_config('crm.day_of_rules', '', true);
  return jsonb_build_object(
      'store_id', p_store,
      'day', p_day,
      'cadence', v_cadence,
      'policy_window', v_windows
    )
    || v_levels
    || v_renewals
    || v_more
    || v_repaired;
end $$;
comment on function crm.run_rules is
  'Makes the tasks the rules imply for a store-local day; running it twice adds none (S-03). For '
  'the scheduler only.';
