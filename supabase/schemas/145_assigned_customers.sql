-- Customers one works without owning them: whoever has an open task with a customer has the
-- customer on the phone while the task is open (escalations, the queue of a pool).

-- How many tasks with other people's customers a phone gets: the earliest. A pool may hold tens of
-- thousands.
create or replace function crm.most_assigned_tasks() returns int
  language plpgsql stable parallel safe set search_path = '' as $$
begin
  return coalesce(nullif(current_setting('crm.most_assigned_tasks', true), '')::int, 500);
end $$;
comment on function crm.most_assigned_tasks is
  'The limit of crm.last_assigned_place. Tests lower it by the setting of the same name.';

create or replace function crm.is_unfinished(p_status text, p_removed_at timestamptz) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_status in ('open', 'cancel_requested') and p_removed_at is null;
end $$;
comment on function crm.is_unfinished is
  'Whether a task still keeps its customer on the phone of who has to do it.';

-- A place in a member's queue: [rank, due_on, task id], in the order of the index. The functions
-- read as their caller: rows that the caller may not see are not among them.
create or replace function crm.is_queue_place(p_place jsonb) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return coalesce(p_place, 'null') = 'null'
    or jsonb_typeof(p_place) = 'array'
      and coalesce(p_place ->> 0, '') ~ '^\d$'
      and crm.as_date(p_place -> 1) is not null
      and crm.as_uuid(p_place ->> 2) is not null;
end $$;

create or replace function crm.last_assigned_place(p_store uuid, p_user uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_array(t.rank, t.due_on, t.id)
    from crm.tasks t
    join crm.customers k on k.store_id = t.store_id and k.id = t.customer_id
    where t.store_id = p_store
      and t.assignee_id = p_user
      and t.status in ('open', 'cancel_requested')
      and t.removed_at is null
      and k.removed_at is null
      and k.owner_id is distinct from p_user
      and k.renewal_owner_id is distinct from p_user
    order by t.rank, t.due_on, t.id
    offset crm.most_assigned_tasks() - 1
    limit 1
  );
end $$;
comment on function crm.last_assigned_place is
  'Where the part of the queue ends that a phone gets of tasks with other people''s customers; '
  'null when it gets all of them.';

create or replace function crm.assigned_customers(
  p_store uuid, p_user uuid, p_after jsonb, p_last jsonb
) returns uuid[]
  language plpgsql stable set search_path = '' as $$
declare
  v_none uuid := '00000000-0000-0000-0000-000000000000';
  v_any uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  v_customers uuid[];
begin
  -- in two steps: joined, the planner reads every customer of the pool under row rules
  v_customers := array(
    select distinct task.customer_id
    from crm.tasks task
    where task.store_id = p_store
      and task.assignee_id = p_user
      and task.status in ('open', 'cancel_requested')
      and task.removed_at is null
      and (task.rank, task.due_on, task.id) > (
        coalesce((p_after ->> 0)::smallint, -1::smallint),
        coalesce((p_after ->> 1)::date, '-infinity'),
        coalesce((p_after ->> 2)::uuid, v_none)
      )
      and (task.rank, task.due_on, task.id) <= (
        coalesce((p_last ->> 0)::smallint, 99::smallint),
        coalesce((p_last ->> 1)::date, 'infinity'),
        coalesce((p_last ->> 2)::uuid, v_any)
      )
  );
  return array(
    select customer.id
    from crm.customers customer
    where customer.store_id = p_store
      and customer.id = any (v_customers)
      and customer.removed_at is null
      and customer.owner_id is distinct from p_user
      and customer.renewal_owner_id is distinct from p_user
  );
end $$;
comment on function crm.assigned_customers is
  'Customers of others with whom the member has an unfinished task, after one place of the queue '
  'and up to another; null: from its begin, to its end.';

-- Nothing of the customer changes when a task begins or ends, so the phone must be told by name.
-- Definer: whoever writes the task need not see the customer. Statement by statement: a night makes
-- a hundred thousand tasks, nearly all for owners.
create or replace function crm.tg_tasks__assign() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.visibility_changes (store_id, user_id, form, subject_id)
  select distinct t.store_id, t.assignee_id, 'customer_gained', t.customer_id
  from after_rows t
  join crm.customers k
    on k.store_id = t.store_id
      and k.id = t.customer_id
      and k.owner_id is distinct from t.assignee_id
      and k.renewal_owner_id is distinct from t.assignee_id
  where crm.is_unfinished(t.status, t.removed_at)
  on conflict do nothing;
  return null;
end $$;

create or replace function crm.tg_tasks__reassign() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.visibility_changes (store_id, user_id, form, subject_id)
  select new.store_id, x.user_id, x.form, x.customer_id
  from (
    values
      (old.assignee_id, 'customer', old.customer_id, crm.is_unfinished(old.status, old.removed_at)),
      (
        new.assignee_id,
        'customer_gained',
        new.customer_id,
        crm.is_unfinished(new.status, new.removed_at)
      )
  ) x (user_id, form, customer_id, was_unfinished)
  join crm.customers customer
    on customer.store_id = new.store_id
      and customer.id = x.customer_id
      and customer.owner_id is distinct from x.user_id
      and customer.renewal_owner_id is distinct from x.user_id
  where x.was_unfinished
  on conflict do nothing;
  return null;
end $$;
comment on function crm.tg_tasks__reassign is
  'Notes both what may have left and what may have come; crm.pull_page decides by what holds then.';

-- An owner or a pool changes, and with it who may see the customer: the same for those who have a
-- task with the customer.
create or replace function crm.tg_customers__assigned() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.visibility_changes (store_id, user_id, form, subject_id)
  select distinct new.store_id, t.assignee_id, x.form, new.id
  from crm.tasks t
  cross join (values ('customer'), ('customer_gained')) x (form)
  where t.store_id = new.store_id
    and t.customer_id = new.id
    and crm.is_unfinished(t.status, t.removed_at)
    and t.assignee_id is distinct from new.owner_id
    and t.assignee_id is distinct from new.renewal_owner_id
  on conflict do nothing;
  return null;
end $$;

create or replace trigger tg_tasks__assign after insert on crm.tasks
  referencing new table as after_rows
  for each statement execute function crm.tg_tasks__assign();

create or replace trigger tg_tasks__reassign after update on crm.tasks
  for each row when (
  (old.assignee_id, old.customer_id, old.rank, old.due_on)
  is distinct from (new.assignee_id, new.customer_id, new.rank, new.due_on)
  or (old.status in ('open', 'cancel_requested') and old.removed_at is null)
  <> (new.status in ('open', 'cancel_requested') and new.removed_at is null)
) execute function crm.tg_tasks__reassign();

create or replace trigger tg_customers__assigned after update of owner_id, renewal_owner_id,
  pool on crm.customers for each row when (
  (old.owner_id, old.renewal_owner_id, old.pool)
  is distinct from (new.owner_id, new.renewal_owner_id, new.pool)
) execute function crm.tg_customers__assigned();

grant execute on function
  crm.most_assigned_tasks(),
  crm.is_unfinished(text, timestamptz),
  crm.is_queue_place(jsonb),
  crm.last_assigned_place(uuid, uuid),
  crm.assigned_customers(uuid, uuid, jsonb, jsonb),
  crm.tg_tasks__assign(),
  crm.tg_tasks__reassign(),
  crm.tg_customers__assigned()
to api_owner;
