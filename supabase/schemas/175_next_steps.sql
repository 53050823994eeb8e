-- Nobody is forgotten (S-78): every customer who may be called has a next step. What that is, who
-- has none, and the nightly repair.

create or replace function crm.watched_pools(p_store uuid) returns table (pool text)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select pool.key
    from crm.pools pool
    join crm.roles role on role.store_id = pool.store_id
    join crm.members member
      on member.store_id = role.store_id and member.role = role.key and member.active
    where pool.store_id = p_store
      and not pool.retired
      and (
        pool.key = any (role.pools)
        or pool.claims_per_day > 0 and 'claim_customer' = any (role.verbs)
      )
    group by pool.key;
end $$;
comment on function crm.watched_pools is
  'Pools whose customers somebody who works here sees or may claim.';

-- The rule of crm.customers' policies, asked about a colleague. What is lent is seen by the task.
-- Definer: of a colleague's role the caller may know nothing.
create or replace function crm.sees_customer(p_customer crm.customers, p_user uuid) returns bool
  language plpgsql stable security definer cost 1000 set search_path = ''
  set plan_cache_mode = force_generic_plan as $$
begin
  return exists (
    select from crm.memberships member
    where member.store_id = p_customer.store_id
      and member.user_id = p_user
      and case
        when member.scope in ('store', 'group') then true
        when p_user in (p_customer.owner_id, p_customer.renewal_owner_id) then true
        when p_customer.owner_id is null then p_customer.pool = any (member.pools)
        else member.scope = 'team'
          and exists (
            select from crm.members owner
            where owner.store_id = p_customer.store_id
              and owner.user_id = p_customer.owner_id
              and owner.team = member.team
          )
      end
  );
end $$;
comment on function crm.sees_customer is
  'Whether an active member of the store sees a customer, loans aside.';

-- Tasks nobody does: their member has left, or does not see the customer. Whoever asked to be let
-- off keeps the task until the decision, and what is lent is seen by the loan. p_task: only this
-- one.
create or replace function crm.abandoned_tasks(p_store uuid, p_task uuid) returns setof uuid
  language plpgsql stable rows 10 set search_path = '' as $$
begin
  return query
    select task.id
    from crm.tasks task
    join crm.customers customer
      on customer.store_id = p_store and customer.id = task.customer_id
    left join crm.members member
      on member.store_id = p_store and member.user_id = task.assignee_id and member.active
    where task.store_id = p_store
      and (p_task is null or task.id = p_task)
      and task.status in ('open', 'cancel_requested', 'suspended')
      and task.removed_at is null
      and (
        member.user_id is null
        or task.status = 'open'
          and task.loan_id is null
          and task.assignee_id is distinct from customer.owner_id
          and task.assignee_id is distinct from customer.renewal_owner_id
          and not crm.sees_customer(customer, task.assignee_id)
      );
end $$;

-- The one definition. A next step is a task of somebody who sees the customer, an approval
-- that waits, or a day planned no farther ahead than a conversation may plan it, with somebody to
-- keep it. A pool nobody calls from is a next step too, as long as somebody sees its customers or
-- may claim them. Whoever must not be called has none and needs none.
-- No nested loop: Postgres knows nothing yet of the tasks this night has made, and read all of them
-- for each customer (8,000 took 4 s).
create or replace function crm.customers_without_next_step(
  p_store uuid,
  p_day date
) returns table (customer_id uuid, reason text)
  language plpgsql stable set search_path = '' set enable_nestloop = off as $$
begin
  return query
    with called as (
      select caller.pool from crm.pool_callers(p_store) caller group by caller.pool
    )
    select
      customer.id,
      case
        when owner.user_id is null and watched.pool is null then 'nobody'
        when customer.next_contact_on is null then 'no_plan'
        when customer.next_contact_on < p_day then 'overdue'
        else 'too_far'
      end
    from crm.customers customer
    join crm.levels level on level.store_id = p_store and level.key = customer.level
    left join crm.members owner
      on owner.store_id = p_store and owner.user_id = customer.owner_id and owner.active
    left join crm.watched_pools(p_store) watched on watched.pool = customer.pool
    left join called on called.pool = customer.pool
    where customer.store_id = p_store
      and customer.removed_at is null
      and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
      and not (
        coalesce(
          customer.next_contact_on between p_day and p_day + greatest(400, level.cadence_days),
          false
        )
        and (owner.user_id is not null or called.pool is not null)
      )
      and not (watched.pool is not null and called.pool is null)
      and not exists (
        select from crm.tasks task
        join crm.members assignee
          on assignee.store_id = p_store
            and assignee.user_id = task.assignee_id
            and assignee.active
        where task.store_id = p_store
          and task.customer_id = customer.id
          and task.status in ('open', 'cancel_requested')
          and task.removed_at is null
          and (
            task.assignee_id in (customer.owner_id, customer.renewal_owner_id)
            or task.loan_id is not null
            or crm.sees_customer(customer, task.assignee_id)
          )
      )
      and not exists (
        select from crm.approvals approval
        where approval.store_id = p_store
          and approval.customer_id = customer.id
          and approval.status = 'pending'
          and approval.removed_at is null
      );
end $$;
comment on function crm.customers_without_next_step is
  'Customers nobody would ever call again, as of a store-local day, and why: nobody (no owner or '
  'pool with people), no_plan, overdue (planned, and no task was made), too_far.';

-- Such tasks go to whoever looks after the customer. In a pool from which nobody calls they wait
-- for whoever takes the customer. Belongs to the table owner, like every change of hands.
create or replace function crm.reassign_abandoned_tasks(p_store uuid, p_task uuid default null)
  returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_moved int;
  v_waiting int;
begin
  update crm.tasks task
  set assignee_id = n.user_id
  from crm.abandoned_tasks(p_store, p_task) abandoned_id, crm.customers customer
  cross join lateral (
    select member.user_id
    from crm.members member
    left join crm.pool_callers(p_store) caller
      on caller.user_id = member.user_id and caller.pool = customer.pool
    where member.store_id = p_store
      and member.active
      and (
        member.user_id in (customer.owner_id, customer.renewal_owner_id)
        or caller.ordinal = crm.caller_place(customer.id, caller.total)
      )
    order by member.user_id = customer.owner_id desc nulls last, caller.ordinal nulls last
    limit 1
  ) n
  where task.store_id = p_store
    and task.id = abandoned_id
    and customer.store_id = p_store
    and customer.id = task.customer_id;
  get diagnostics v_moved = row_count;
  update crm.tasks task
  set status = 'suspended', suspended_reason = 'pool'
  from crm.abandoned_tasks(p_store, p_task) abandoned_id, crm.customers customer
  where task.store_id = p_store
    and task.id = abandoned_id
    and task.status = 'open'
    and customer.store_id = p_store
    and customer.id = task.customer_id
    and customer.owner_id is null;
  get diagnostics v_waiting = row_count;
  return v_moved + v_waiting;
end $$;
comment on function crm.reassign_abandoned_tasks is
  'Answers how many tasks changed hands or wait in a pool.';

-- A customer of whom nobody takes care goes to a decider as a task, one by one to whoever has the
-- fewest.
create or replace function crm.create_unattended_tasks(p_store uuid, p_day date) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_count int := 0;
  v_customer uuid;
  v_due_on date := crm.due_day(crm.store_calendar(p_store), p_day);
begin
  for v_customer in
    select forgotten.customer_id
    from crm.customers_without_next_step(p_store, p_day) forgotten
    where forgotten.reason = 'nobody'
    order by forgotten.customer_id loop
    insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on)
    select p_store, v_customer, member.user_id, 'manual', v_customer, v_due_on
    from crm.members member
    join crm.roles role
      on role.store_id = member.store_id
        and role.key = member.role
        and role.verbs @> array['reassign', 'log_conversation']
    left join crm.tasks task
      on task.store_id = p_store
        and task.assignee_id = member.user_id
        and task.status = 'open'
        and task.removed_at is null
    where member.store_id = p_store and member.active
    group by member.user_id
    order by count(task.id), member.user_id
    limit 1;
    v_count := v_count + found::int;
  end loop;
  return v_count;
end $$;

-- The nightly check, after the rules. Plans that are missing or lie too far ahead are made again;
-- of many at once, as after an upgrade, each gets a day of its own within the cadence.
create or replace function crm.repair_next_steps(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_tasks int;
  v_plans int;
  v_left int;
  v_calendar jsonb := crm.store_calendar(p_store);
begin
  v_tasks := crm.reassign_abandoned_tasks(p_store);
  update crm.customers customer
  set next_contact_on = crm.due_day(
    v_calendar,
    p_day + crm.caller_place(customer.id, crm.cadence_days(p_store, customer.level)),
    p_day + 1,
    p_day + greatest(crm.cadence_days(p_store, customer.level), crm.most_days_put_off())
  )
  from crm.customers_without_next_step(p_store, p_day) forgotten
  where customer.store_id = p_store
    and customer.id = forgotten.customer_id
    and forgotten.reason in ('no_plan', 'too_far');
  get diagnostics v_plans = row_count;
  v_tasks := v_tasks
    + crm.create_follow_ups(p_store, p_day, null)
    + crm.create_unattended_tasks(p_store, p_day);
  select count(*) into v_left
  from crm.customers_without_next_step(p_store, p_day);
  return jsonb_build_object(
    'tasks_repaired', v_tasks,
    'plans_repaired', v_plans,
    'without_next_step', v_left
  );
end $$;
comment on function crm.repair_next_steps is
  'Gives a next step to every customer who has none; answers how many tasks and plans that took, '
  'and how many customers still have none because nobody works here who could call them.';

-- Runs are the operator's; of theirs a member learns the day.
create or replace function crm.last_night(p_store uuid) returns date
  language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select max((run.due_at at time zone store.time_zone)::date)
    from crm.runs run
    join crm.stores store on store.id = run.store_id
    where run.store_id = p_store and run.work = 'nightly' and run.error is null
  );
end $$;
comment on function crm.last_night is
  'The store-local day of the last nightly run that went well; null before the first.';

-- What the manager sees of it, at any time of the day.
create or replace function crm.next_step_report(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'decide_approval');
begin
  return (
    select jsonb_build_object(
      'today', v_caller.today,
      'last_night', crm.last_night(p_store),
      'without_next_step', count(*),
      'customers', coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id',
            customer.id,
            'name',
            customer.name,
            'owner_id',
            customer.owner_id,
            'reason',
            x.reason
          )
          order by x.reason, customer.id
        ) filter (where customer.id is not null and x.ordinal <= 200),
        '[]'
      )
    )
    from (
      select
        forgotten.customer_id,
        forgotten.reason,
        row_number() over (order by forgotten.reason, forgotten.customer_id) as ordinal
      from crm.customers_without_next_step(p_store, v_caller.today) forgotten
    ) x
    join api.customers customer on customer.store_id = p_store and customer.id = x.customer_id
  );
end $$;
comment on function crm.next_step_report is
  'How many customers have no next step, which of them the caller sees (at most 200) and why, and '
  'the day of the last nightly run. '
  'Error: forbidden.';

alter function crm.next_step_report(uuid) owner to api_owner;

create or replace function api.next_step_report(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.next_step_report(store_id); end;

grant execute on function
  crm.pool_callers(uuid),
  crm.watched_pools(uuid),
  crm.sees_customer(crm.customers, uuid),
  crm.last_night(uuid),
  crm.reassign_abandoned_tasks(uuid, uuid),
  crm.customers_without_next_step(uuid, date)
to api_owner;
grant execute on function
  crm.next_step_report(uuid),
  api.next_step_report(uuid)
to authenticated;
insert into crm.endpoints (name, function, call)
values ('next_step_report', 'next_step_report', 'next_step_report({store})');
