-- Notes and to-dos of the daily meeting (S-23). A to-do about a customer is a task of the kind
-- manual and lives as every task does; one without a customer is no task and counts in no metric.

create policy select_nobody on crm.meeting_notes for select to api_owner
  using (false);
create policy select_nobody on crm.meeting_todos for select to api_owner
  using (false);

create or replace function crm.is_meeting_open(p_caller crm.caller, p_day date) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return crm.leads_meeting(p_caller) and p_day between p_caller.today - 31 and p_caller.today;
end $$;
comment on function crm.is_meeting_open is
  'Whether the caller may write on the sheet of a day: who leads the meeting, for 31 days.';

create or replace function crm.require_meeting(p_store uuid, p_day date) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'decide_approval');
begin
  if not crm.leads_meeting(c) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if not crm.is_meeting_open(c, coalesce(p_day, c.today)) then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  return c;
end $$;

-- Reading -----------------------------------------------------------------------------------------

create or replace function crm.todos_of(p_caller crm.caller, p_day date) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    with last_meeting as (
      select max(d.covers_on) as day
      from crm.meeting_todos d
      where d.store_id = p_caller.store_id and d.covers_on < p_day
    ),
      found as (
      select
        d.id,
        d.covers_on as day,
        coalesce(d.notes, t.remark) as notes,
        coalesce(t.assignee_id, d.assignee_id) as assignee_id,
        d.due_on,
        d.created_at,
        t.id is not null as is_task,
        t.customer_id,
        case
          when t.id is null then d.done_at is not null
          else t.status in ('done', 'excused') or t.removed_at is not null
        end as is_done
      from crm.meeting_todos d
      left join crm.tasks t on t.store_id = d.store_id and t.id = d.task_id
      where d.store_id = p_caller.store_id and d.covers_on <= p_day
    ),
      shown as (
      select f.*, m.name as assignee, k.name as customer_name
      from found f
      join crm.members m on m.store_id = p_caller.store_id and m.user_id = f.assignee_id
      left join api.customers k on k.store_id = p_caller.store_id and k.id = f.customer_id
      where (f.day = p_day or not f.is_done or f.day = (select l.day from last_meeting l))
        and (p_caller.scope in ('store', 'group') or f.assignee_id = p_caller.user_id)
      order by f.day desc, f.created_at, f.id
      limit 200
    )
    select coalesce(jsonb_agg(to_jsonb(s) order by s.day desc, s.created_at, s.id), '[]')
    from shown s
  );
end $$;
comment on function crm.todos_of is
  'To-dos of a day''s meeting and of the one before, and what is still open of earlier ones, at '
  'most 200: everybody''s for who sees the whole store, else one''s own. A customer is named as '
  'the caller sees them.';

create or replace function crm.meeting_notes(p_store uuid, p_day date) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_day date := coalesce(p_day, c.today);
  v_sees_all bool := coalesce(c.scope in ('store', 'group'), false);
  n crm.meeting_notes;
  s crm.meeting_sheets;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if v_day > c.today then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  select * into n
  from crm.meeting_notes x
  where x.store_id = p_store and x.covers_on = v_day and v_sees_all;
  select * into s
  from crm.meeting_sheets x
  where x.store_id = p_store and x.covers_on = v_day and v_sees_all;
  return jsonb_build_object(
    'day', v_day,
    'may_write', crm.is_meeting_open(c, v_day),
    'notes', coalesce(n.notes, ''),
    'revision', coalesce(n.revision, 0),
    'written_at', n.updated_at,
    'written_by', (
      select m.name from crm.members m where m.store_id = p_store and m.user_id = n.author_id
    ),
    'frozen_notes', case when s.store_id is not null then coalesce(s.notes, '') end,
    'todos', crm.todos_of(c, v_day)
  );
end $$;
comment on function crm.meeting_notes is
  'The notes of a day''s meeting, for who sees the whole store, and the to-dos as todos_of shows '
  'them. frozen_notes: as the frozen sheet keeps them, null when it is not frozen. Errors: '
  'forbidden, invalid (a day to come).';

create or replace function crm.my_todos(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_today timestamptz;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  v_today := crm.day_start(p_store, c.today);
  return (
    select coalesce(jsonb_agg(to_jsonb(x) order by x.due_on, x.id), '[]')
    from (
      select
        d.id, d.covers_on as day, d.notes, d.due_on, d.assignee_id, m.name as assignee,
        d.done_at is not null as is_done
      from crm.meeting_todos d
      join crm.members m on m.store_id = d.store_id and m.user_id = d.assignee_id
      where d.store_id = p_store
        and d.assignee_id = c.user_id
        and d.task_id is null
        and coalesce(d.done_at >= v_today, true)
      order by d.due_on, d.id
      limit 100
    ) x
  );
end $$;
comment on function crm.my_todos is
  'The caller''s to-dos without a customer that are open, or were ticked off today, at most 100. '
  'Those about a customer are tasks of their queue. Error: forbidden.';

-- Writing -----------------------------------------------------------------------------------------

create or replace function crm.save_meeting_notes(
  p_store uuid, p_notes text, p_revision int, p_day date
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_meeting(p_store, p_day);
  v_notes text := coalesce(p_notes, '');
  v_revision int;
begin
  if length(v_notes) > 4000 then
    raise sqlstate 'PT422' using message = 'length', detail = 'notes';
  end if;
  -- the same text again: the answer to the first save was lost
  insert into crm.meeting_notes as n (store_id, covers_on, notes, author_id)
  values (p_store, coalesce(p_day, c.today), v_notes, c.user_id)
  on conflict (store_id, covers_on) do update
  set
    notes = excluded.notes,
    author_id = excluded.author_id,
    revision = n.revision + 1,
    updated_at = now()
  where n.revision = p_revision or n.notes = excluded.notes
  returning n.revision into v_revision;
  if v_revision is null then
    raise sqlstate 'PT409' using message = 'conflict';
  end if;
  return jsonb_build_object('revision', v_revision);
end $$;
comment on function crm.save_meeting_notes is
  'Keeps the notes of a day, by default today''s. p_revision: which the writer has read; 0: none. '
  'What a frozen sheet keeps stays. Errors: forbidden, invalid (a day to come, or more than 31 '
  'days ago), length, conflict (somebody saved another text meanwhile).';

create or replace function crm.require_todo(
  p_caller crm.caller, p_notes text, p_member uuid, p_due date
) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_notes = '' then
    raise sqlstate 'PT422' using message = 'required', detail = 'notes';
  end if;
  if length(p_notes) > 500 then
    raise sqlstate 'PT422' using message = 'length', detail = 'notes';
  end if;
  if p_due not between p_caller.today and p_caller.today + crm.most_days_put_off() then
    raise sqlstate 'PT422' using message = 'range', detail = 'due_on';
  end if;
  if not exists (
    select from crm.members m
    where m.store_id = p_caller.store_id and m.user_id = p_member and m.active
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'member_id';
  end if;
end $$;

-- Whoever cannot see the customer, or may log no conversation, could never clear the task.
create or replace function crm.require_todo_customer(
  p_caller crm.caller, p_customer uuid, p_member uuid
) returns crm.customers
  language plpgsql stable set search_path = '' as $$
declare
  k crm.customers;
begin
  select * into k
  from crm.customers x
  where x.store_id = p_caller.store_id and x.id = p_customer and x.removed_at is null;
  if k.id is null or not crm.sees_customer(k, p_caller.user_id) then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if crm.is_silent(k.do_not_call, k.consent_withdrawn_at) then
    raise sqlstate 'PT422' using message = 'option', detail = 'customer_id';
  end if;
  if not crm.sees_customer(k, p_member)
    or not exists (
      select from crm.members m
      join crm.roles r on r.store_id = m.store_id and r.key = m.role
      where m.store_id = p_caller.store_id
        and m.user_id = p_member
        and 'log_conversation' = any (r.verbs)
    )
  then
    raise sqlstate 'PT422' using message = 'option', detail = 'member_id';
  end if;
  return k;
end $$;

-- An open task holds the place of the planned call (crm.create_follow_ups). So it is due no later
-- than that call would be: a to-do never puts one off.
create or replace function crm.insert_todo_task(
  p_caller crm.caller, p_id uuid, p_notes text, p_member uuid, p_due date, p_customer uuid
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  k crm.customers := crm.require_todo_customer(p_caller, p_customer, p_member);
begin
  insert into crm.tasks (
    store_id, id, customer_id, assignee_id, kind, subject_id, due_on, remark
  )
  values (
    p_caller.store_id,
    p_id,
    k.id,
    p_member,
    'manual',
    k.id,
    case
      when k.next_contact_on is null then p_due
      else least(p_due, greatest(k.next_contact_on, p_caller.today))
    end,
    p_notes
  )
  on conflict do nothing;
  if not found then
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
end $$;

create or replace function crm.add_meeting_todo(
  p_store uuid,
  p_id uuid,
  p_notes text,
  p_member uuid,
  p_due date,
  p_customer uuid,
  p_day date
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_meeting(p_store, p_day);
  v_notes text := trim(coalesce(p_notes, ''));
  v_due date := coalesce(
    p_due, crm.due_day(crm.store_calendar(p_store), c.today + 1)
  );
  v_is_same bool;
begin
  if p_id is null then
    raise sqlstate 'PT422' using message = 'required', detail = 'id';
  end if;
  select d.author_id = c.user_id and d.assignee_id = p_member and coalesce(d.notes = v_notes, true)
    into v_is_same
  from crm.meeting_todos d
  where d.store_id = p_store and d.id = p_id;
  if v_is_same then  -- sent again, because the first answer was lost
    return jsonb_build_object('id', p_id);
  elsif found then
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
  perform crm.require_todo(c, v_notes, p_member, v_due);
  if p_customer is not null then
    perform crm.insert_todo_task(c, p_id, v_notes, p_member, v_due, p_customer);
  end if;
  insert into crm.meeting_todos (
    store_id, id, covers_on, assignee_id, due_on, notes, task_id, author_id
  )
  values (
    p_store,
    p_id,
    coalesce(p_day, c.today),
    p_member,
    v_due,
    case when p_customer is null then v_notes end,
    case when p_customer is not null then p_id end,
    c.user_id
  )
  on conflict do nothing;
  return jsonb_build_object('id', p_id);
end $$;
comment on function crm.add_meeting_todo is
  'Gives a member something to do, by default by the next working day; about a customer it becomes '
  'a task with these words. p_id: made by the app; the same again changes nothing. Errors: '
  'forbidden, invalid (a day that is not written any more), required, length, range (a day beyond '
  'what a task may be put off), option (member_id: not active, does not see the customer or may '
  'not log; customer_id: must not be called), not_found, id_taken.';

create or replace function crm.tick_meeting_todo(p_store uuid, p_id uuid, p_done bool)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  d crm.meeting_todos;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select * into d
  from crm.meeting_todos x
  where x.store_id = p_store
    and x.id = p_id
    and (x.assignee_id = c.user_id or crm.leads_meeting(c));
  if d.id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if d.task_id is not null then
    raise sqlstate 'PT409' using message = 'task_stays';
  end if;
  update crm.meeting_todos x
  set done_at = case when coalesce(p_done, true) then coalesce(x.done_at, now()) end
  where x.store_id = p_store and x.id = p_id;
  return jsonb_build_object('done', coalesce(p_done, true));
end $$;
comment on function crm.tick_meeting_todo is
  'Ticks off a to-do without a customer, or takes that back: its own person, or who leads the '
  'meeting. Errors: forbidden, not_found, task_stays (it is about a customer).';

create or replace function api.meeting_notes(store_id uuid, day date default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.meeting_notes(store_id, day); end;

create or replace function api.my_todos(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.my_todos(store_id); end;

create or replace function api.save_meeting_notes(
  store_id uuid, notes text, revision int, day date default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.save_meeting_notes(store_id, notes, revision, day); end;

create or replace function api.add_meeting_todo(
  store_id uuid,
  id uuid,
  notes text,
  member_id uuid,
  due_on date default null,
  customer_id uuid default null,
  day date default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic
    select crm.add_meeting_todo(store_id, id, notes, member_id, due_on, customer_id, day);
  end;

create or replace function api.tick_meeting_todo(store_id uuid, id uuid, done bool default true)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.tick_meeting_todo(store_id, id, done); end;

grant execute on function
  crm.meeting_notes(uuid, date),
  crm.my_todos(uuid),
  crm.save_meeting_notes(uuid, text, int, date),
  crm.add_meeting_todo(uuid, uuid, text, uuid, date, uuid, date),
  crm.tick_meeting_todo(uuid, uuid, bool),
  api.meeting_notes(uuid, date),
  api.my_todos(uuid),
  api.save_meeting_notes(uuid, text, int, date),
  api.add_meeting_todo(uuid, uuid, text, uuid, date, uuid, date),
  api.tick_meeting_todo(uuid, uuid, bool)
to authenticated;
grant execute on function
  crm.meeting_notes(uuid, date),
  crm.my_todos(uuid),
  api.meeting_notes(uuid, date),
  api.my_todos(uuid)
to api_owner;

insert into crm.endpoints (name, function, call, on_demand)
values
  ('meeting_notes', 'meeting_notes', 'meeting_notes({store})', true),
  ('my_todos', 'my_todos', 'my_todos({store})', true);
insert into crm.endpoints (name, function, skip_reason)
values
  ('save_meeting_notes', 'save_meeting_notes', 'answers a number'),
  ('add_meeting_todo', 'add_meeting_todo', 'answers what it was given'),
  ('tick_meeting_todo', 'tick_meeting_todo', 'answers what it was given');
