-- Tasks (something to do by a day, for someone, because of a rule or a person) and approvals.

create or replace function crm.tg_tasks__visibility() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.visibility_changes (store_id, user_id, form, subject_id)
  values (new.store_id, old.assignee_id, 'task', new.id)
  on conflict do nothing;
  return null;
end $$;

-- Who must not be called: asked by the triggers of tasks and customers and by every list of people
-- to call.
create or replace function crm.is_silent(p_do_not_call bool, p_consent_withdrawn_at timestamptz)
  returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_do_not_call or p_consent_withdrawn_at is not null;
end $$;
comment on function crm.is_silent is
  'Whether a customer asked not to be called, or took back the consent that calls need.';

-- Whether a status may follow the one before, and what it needs to. For the trigger below, which
-- reads what the writer may not see.
create or replace function crm.may_task_become(
  p_old crm.tasks, p_new crm.tasks, p_customer crm.customers
) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return case p_new.status
    when 'done' then
      p_old.status in ('open', 'cancel_requested', 'suspended')
        and exists (
          select from crm.conversations conversation
          where conversation.store_id = p_new.store_id
            and conversation.id = p_new.conversation_id
            and conversation.customer_id = p_new.customer_id
            and conversation.removed_at is null
            and crm.counts_for(conversation.occurred_at, p_new.opened_at)
        )
    when 'excused' then
      p_old.status = 'cancel_requested'
        and exists (
          select from crm.approvals approval
          where approval.store_id = p_new.store_id
            and approval.task_id = p_new.id
            and approval.kind = 'task_cancel'
            and approval.status = 'approved'
            and approval.decided_by <> approval.requester_id
            and approval.removed_at is null
        )
    when 'cancel_requested' then
      p_old.status = 'open' and crm.has_pending_approval(p_new)
    when 'open' then
      p_old.status = 'suspended'
        or p_old.status = 'cancel_requested' and not crm.has_pending_approval(p_new)
    when 'erased' then
      p_old.status in ('open', 'cancel_requested')
        and exists (
          select from crm.customers customer
          where customer.store_id = p_new.store_id
            and customer.id = p_new.customer_id
            and customer.erased_at is not null
        )
    when 'suspended' then
      p_old.status in ('open', 'cancel_requested')
        and (
          p_customer.owner_id is null
          or crm.is_silent(p_customer.do_not_call, p_customer.consent_withdrawn_at)
        )
    else false
  end;
end $$;

create or replace function crm.has_pending_approval(p_task crm.tasks) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.approvals approval
    where approval.store_id = p_task.store_id
      and approval.task_id = p_task.id
      and approval.status = 'pending'
      and approval.removed_at is null
  );
end $$;

-- The life of a task, in one place, whatever verb, import, merge or night writes it:
-- open → done                  a conversation with this customer, held since the task was opened
-- open → cancel_requested      a request that waits for a decision
-- cancel_requested → excused   that request, approved by another person than who asked
-- cancel_requested → open      refused, or taken back by who asked
-- open → suspended → open      while the customer must not be called, or is in a pool
-- open, cancel_requested → erased   the customer is erased: there is nobody left to call
-- any → removed                only together with its customer. Undo, a reverted import and an
-- undone merge put back what one operation wrote; they say so in crm.taking_back. The operator
-- repairing data by hand (no person in the token, no night running) and a rehearsal of the rules
-- are not held to this. Definer, like every trigger that reads what the writer may not see.
create or replace function crm.tg_tasks__life() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_customer crm.customers;
  v_is_silent bool;
  v_is_taking_back bool := coalesce(current_setting('crm.taking_back', true), '') <> '';
  v_is_free bool := crm.is_rehearsal()
    or (select crm.current_user_id()) is null
      and coalesce(current_setting('crm.night', true), '') = '';
begin
  if new.removed_at is null and new.status in ('open', 'suspended') then
    select
      customer.owner_id,
      customer.do_not_call,
      customer.consent_withdrawn_at
      into v_customer.owner_id,
      v_customer.do_not_call,
      v_customer.consent_withdrawn_at
    from crm.customers customer
    where customer.store_id = new.store_id and customer.id = new.customer_id;
    v_is_silent := crm.is_silent(v_customer.do_not_call, v_customer.consent_withdrawn_at);
    if v_is_silent then
      new.status := 'suspended';
    end if;
  end if;
  new.suspended_reason := case
    when new.status = 'suspended' then
      coalesce(new.suspended_reason, case when v_is_silent then 'silence' else 'pool' end)
  end;
  if tg_op = 'INSERT' or v_is_free or v_is_taking_back then
    return new;
  end if;

  if new.removed_at is not null
    and old.removed_at is null
    and not exists (
      select from crm.customers customer
      where customer.store_id = new.store_id
        and customer.id = new.customer_id
        and customer.removed_at is not null
    ) then
    perform crm.reject('task_stays');
  end if;
  if new.status <> old.status and not crm.may_task_become(old, new, v_customer) then
    perform crm.reject('task_stays');
  end if;
  return new;
end $$;
comment on function crm.tg_tasks__life is
  'The table of a task''s transitions. Refuses every other one with task_stays.';

-- Ten minutes: the clocks of phones are corrected, but not to the second.
create or replace function crm.counts_for(p_occurred_at timestamptz, p_opened_at timestamptz)
  returns bool
  language plpgsql stable parallel safe set search_path = '' as $$
begin
  return p_occurred_at >= p_opened_at - interval '10 minutes' or crm.is_rehearsal();
end $$;
comment on function crm.counts_for is
  'Whether a conversation is recent enough to answer a task opened at p_opened_at.';

create or replace trigger tg_tasks__a_life before insert
  or update on crm.tasks for each row execute function crm.tg_tasks__life();

create or replace trigger tg_tasks__a_stamp before insert
  or update on crm.tasks for each row execute function crm.tg_record__stamp();

create or replace trigger tg_tasks__visibility after update of assignee_id on crm.tasks
  for each row when (
  old.assignee_id <> new.assignee_id
) execute function crm.tg_tasks__visibility();

create or replace trigger tg_tasks__created after insert on crm.tasks
  referencing new table as after_rows
  for each
  statement execute function crm.tg_record__created('task');

create or replace trigger tg_tasks__history after update on crm.tasks
  for each row execute function crm.tg_record__history(
  'task', 'status', 'due_on', 'due_at', 'rank', 'assignee_id', 'remark', 'attempts', 'snoozes',
  'conversation_id', 'closed_at', 'removed_at'
);

create or replace trigger tg_approvals__a_stamp before insert
  or update on crm.approvals for each row execute function crm.tg_record__stamp();

create or replace trigger tg_approvals__created after insert on crm.approvals
  referencing new table as after_rows
  for each statement execute function crm.tg_record__created('approval');

create or replace trigger tg_approvals__history after update on crm.approvals
  for each row execute function crm.tg_record__history(
  'approval', 'status', 'decided_by', 'decided_at', 'remark', 'removed_at'
);
select crm.create_customer_child_policies('tasks', 'assignee_id');
select crm.create_customer_child_policies('approvals', 'requester_id');
grant select on crm.tasks, crm.approvals to api_owner;
grant insert (
  store_id, id, customer_id, assignee_id, kind, rule, subject_form, subject_id, due_on, due_at,
  expires_on, rank, attempts, remark, opened_at
),
  update (
  due_on, due_at, rank, status, attempts, snoozes, remark, conversation_id, closed_at, removed_at,
  suspended_reason
) on
  crm.tasks
to api_owner;
grant execute on function
  crm.is_silent(bool, timestamptz),
  crm.counts_for(timestamptz, timestamptz),
  crm.tg_tasks__life()
to api_owner;
grant insert (
  store_id, id, kind, task_id, deal_id, customer_id, requester_id, reason, notes, asked
),
  update (status, decided_by, decided_at, remark, removed_at) on
  crm.approvals
to api_owner;

create or replace view api.tasks as
  select
    t.store_id, t.id, t.customer_id, t.assignee_id, t.kind, t.rule, t.subject_form, t.subject_id,
    t.due_on, t.due_at, t.expires_on, t.rank, t.status, t.attempts, t.snoozes, t.remark,
    t.conversation_id, t.closed_at, t.created_at, t.updated_at, t.version, t.change_no
  from crm.tasks t
  where t.removed_at is null;

create or replace view api.approvals as
  select
    a.store_id, a.id, a.kind, a.task_id, a.deal_id, a.customer_id, a.requester_id, a.reason,
    a.notes, a.asked, a.status, a.decided_by, a.decided_at, a.remark, a.created_at, a.updated_at,
    a.version, a.change_no
  from crm.approvals a
  where a.removed_at is null;
alter view api.tasks owner to api_owner;
alter view api.approvals owner to api_owner;
grant select on api.tasks, api.approvals to authenticated;
