-- Lent queues: a colleague makes somebody's calls while they are away. The customers stay where
-- they are. A lent task is assigned to the borrower, who has its customer on the phone for as long
-- (decision 0036), and carries the loan by which it goes back.

create policy select_reassigner on crm.queue_loans for select to api_owner
  using (
    store_id = any ((select crm.my_store_ids(null))::uuid[])
    and crm.has_permission(store_id, 'reassign')
  );
grant select on crm.queue_loans to api_owner;

-- What is made during a loan follows it: the lender's new tasks go to the borrower, and a task that
-- the borrower makes for the lender's customer is lent too, or the lender's if it is due later.
-- A task that changes hands for another reason is no longer lent. Definer: who writes a task need
-- not see the loans.
create or replace function crm.tg_tasks__loan() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_loan crm.queue_loans;
begin
  if tg_op = 'UPDATE' then
    new.loan_id := null;
    return new;
  end if;
  select loan.* into v_loan
  from crm.queue_loans loan
  where loan.store_id = new.store_id
    and loan.ended_at is null
    and loan.began_at is not null
    and (
      loan.lender_id = new.assignee_id
      or loan.borrower_id = new.assignee_id
        and exists (
          select from crm.customers customer
          where customer.store_id = new.store_id
            and customer.id = new.customer_id
            and loan.lender_id = case
              when new.subject_form = 'policy' then
                coalesce(customer.renewal_owner_id, customer.owner_id)
              else customer.owner_id
            end
        )
    )
  limit 1;
  if v_loan.id is null then
    return new;
  end if;
  if new.due_on <= v_loan.last_on then
    new.assignee_id := v_loan.borrower_id;
    new.loan_id := v_loan.id;
  else
    new.assignee_id := v_loan.lender_id;
  end if;
  return new;
end $$;

create or replace trigger tg_tasks__loan before insert on crm.tasks
  for each row when (new.status = 'open') execute function crm.tg_tasks__loan();

create or replace trigger tg_tasks__loan_over before update of assignee_id on crm.tasks
  for each row when (
  old.assignee_id <> new.assignee_id
  and new.loan_id is not null
  and old.loan_id is not distinct from new.loan_id
) execute function crm.tg_tasks__loan();

-- Belongs to the table owner, like every change of hands; trusts its callers.
create or replace function crm.return_lent_tasks(p_store uuid, p_loan uuid) returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_count int;
begin
  update crm.queue_loans
  set ended_at = now()
  where store_id = p_store and id = p_loan;
  update crm.tasks task
  set
    loan_id = null,
    -- the customer may have changed hands meanwhile, by a merge for example
    assignee_id = case
      when loan.lender_id in (customer.owner_id, customer.renewal_owner_id) then loan.lender_id
      when task.subject_form = 'policy' then
        coalesce(customer.renewal_owner_id, customer.owner_id, loan.lender_id)
      else coalesce(customer.owner_id, loan.lender_id)
    end
  from crm.queue_loans loan, crm.customers customer
  where task.store_id = p_store
    and task.loan_id = p_loan
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null
    and loan.store_id = p_store
    and loan.id = p_loan
    and customer.store_id = p_store
    and customer.id = task.customer_id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.return_lent_tasks is
  'Ends a loan: what is not done goes back to the lender. Answers the number of tasks.';

create or replace function crm.move_lent_tasks(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_returned int := 0;
  v_lent int;
  v_over uuid;
begin
  for v_over in
    select loan.id
    from crm.queue_loans loan
    where loan.store_id = p_store
      and loan.ended_at is null
      and (
        loan.last_on < p_day
        -- who left lends and borrows nothing: their customers went to somebody else
        or exists (
          select from crm.members member
          where member.store_id = p_store
            and member.user_id in (loan.lender_id, loan.borrower_id)
            and not member.active
        )
      )
    order by loan.id loop
    v_returned := v_returned + crm.return_lent_tasks(p_store, v_over);
  end loop;
  update crm.queue_loans
  set began_at = now()
  where store_id = p_store and ended_at is null and began_at is null and first_on <= p_day;
  update crm.tasks task
  set assignee_id = loan.borrower_id, loan_id = loan.id
  from crm.queue_loans loan
  where loan.store_id = p_store
    and loan.ended_at is null
    and loan.began_at is not null
    and task.store_id = p_store
    and task.assignee_id = loan.lender_id
    and task.status = 'open'
    and task.removed_at is null
    and task.due_on <= loan.last_on;
  get diagnostics v_lent = row_count;
  return jsonb_build_object('lent', v_lent, 'returned', v_returned);
end $$;
comment on function crm.move_lent_tasks is
  'Begins and ends the loans that are due on a store-local day, and hands over what came to the '
  'lender''s queue meanwhile. Answers {lent, returned}: numbers of tasks.';

create or replace function crm.require_loan(
  p_store uuid, p_lender uuid, p_borrower uuid, p_first_on date, p_last_on date, p_today date
) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_first_on is null or p_last_on is null or p_first_on < p_today
    or p_last_on not between p_first_on and p_first_on + 60
  then
    raise sqlstate 'PT422' using message = 'range', detail = 'last_on';
  end if;
  if not exists (
    select from crm.members member
    where member.store_id = p_store and member.user_id = p_lender and member.active
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'lender_id';
  end if;
  if p_borrower = p_lender
    or not exists (
      select
      from crm.members member
      join crm.roles role on role.store_id = member.store_id and role.key = member.role
      where member.store_id = p_store
        and member.user_id = p_borrower
        and member.active
        and 'log_conversation' = any (role.verbs)
    )
  then
    raise sqlstate 'PT422' using message = 'option', detail = 'borrower_id';
  end if;
  -- a queue that is lent on would have two ways back
  if exists (
    select from crm.queue_loans loan
    where loan.store_id = p_store
      and loan.ended_at is null
      and (
        loan.lender_id in (p_lender, p_borrower)
        or loan.borrower_id = p_lender
      )
  ) then
    raise sqlstate 'PT409' using message = 'already_lent', detail = 'lender_id';
  end if;
end $$;
comment on function crm.require_loan is
  'Raises: range (at most 60 days, from today), option (an active member; the borrower logs '
  'conversations), already_lent (one of the two is away, or borrows, already).';

create or replace function crm.insert_loan(p_loan crm.queue_loans) returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.queue_loans (
    store_id, id, lender_id, borrower_id, first_on, last_on, lent_by_id
  )
  values (
    p_loan.store_id, p_loan.id, p_loan.lender_id, p_loan.borrower_id, p_loan.first_on,
    p_loan.last_on, p_loan.lent_by_id
  );
end $$;

create or replace function crm.lend_queue(
  p_store uuid, p_lender uuid, p_borrower uuid, p_first_on date, p_last_on date
) returns uuid
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'reassign');
  v_loan crm.queue_loans;
begin
  -- two managers at once: the second one finds the first one's loan
  perform pg_advisory_xact_lock(hashtextextended('crm.lend_queue:' || p_store, 0));
  perform crm.require_loan(p_store, p_lender, p_borrower, p_first_on, p_last_on, v_caller.today);
  v_loan.store_id := p_store;
  v_loan.id := crm.new_id();
  v_loan.lender_id := p_lender;
  v_loan.borrower_id := p_borrower;
  v_loan.first_on := p_first_on;
  v_loan.last_on := p_last_on;
  v_loan.lent_by_id := v_caller.user_id;
  perform crm.insert_loan(v_loan);
  perform crm.record_audit_event(
    v_caller, 'queue_lent', p_lender,
    jsonb_build_object(
      'borrower_id', p_borrower,
      'first_on', p_first_on,
      'last_on', p_last_on
    )
  );
  perform crm.move_lent_tasks(p_store, v_caller.today);
  return v_loan.id;
end $$;
comment on function crm.lend_queue is
  'Lends a member''s queue to a colleague, both days included. For members who reassign. Answers '
  'the loan''s id. Raises what crm.require_loan raises.';

create or replace function crm.end_loan(p_store uuid, p_loan uuid) returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'reassign');
  v_lender uuid;
  v_count int;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.lend_queue:' || p_store, 0));
  select loan.lender_id into v_lender
  from crm.queue_loans loan
  where loan.store_id = p_store and loan.id = p_loan and loan.ended_at is null;
  if v_lender is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  v_count := crm.return_lent_tasks(p_store, p_loan);
  perform crm.record_audit_event(
    v_caller, 'queue_returned', v_lender, jsonb_build_object('tasks', v_count)
  );
  return v_count;
end $$;
comment on function crm.end_loan is
  'Ends a loan before its last day. Answers how many tasks went back. Raises not_found.';

alter function crm.lend_queue(uuid, uuid, uuid, date, date) owner to api_owner;
alter function crm.end_loan(uuid, uuid) owner to api_owner;

create or replace function api.lend_queue(
  store_id uuid, lender_id uuid, borrower_id uuid, first_on date, last_on date
) returns uuid
  language sql volatile security invoker set search_path = ''
  begin atomic
    select crm.lend_queue(store_id, lender_id, borrower_id, first_on, last_on);
  end;

create or replace function api.end_loan(store_id uuid, loan_id uuid) returns int
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.end_loan(store_id, loan_id); end;

grant execute on function
  crm.return_lent_tasks(uuid, uuid),
  crm.move_lent_tasks(uuid, date),
  crm.require_loan(uuid, uuid, uuid, date, date, date),
  crm.insert_loan(crm.queue_loans),
  crm.tg_tasks__loan()
to api_owner;
grant execute on function
  crm.lend_queue(uuid, uuid, uuid, date, date),
  crm.end_loan(uuid, uuid),
  api.lend_queue(uuid, uuid, uuid, date, date),
  api.end_loan(uuid, uuid)
to authenticated;

insert into crm.endpoints (name, function, skip_reason)
values
  ('lend_queue', 'lend_queue', 'answers an id'),
  ('end_loan', 'end_loan', 'answers a count');
