-- Tasks (something to do by a day, for someone, because of a rule or a person) and approvals.

create table crm.tasks (
  store_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id uuid not null,
  assignee_id uuid not null,
  why text not null check (why in ('cadence', 'policy_window', 'next_contact', 'retry', 'first_contact', 'manual', 'care', 'escalation')),
  rule text,
  rule_on date,                                        -- the day the rule meant: due_on may be put off, and must not free its place
  step smallint not null default 0,
  subject_form text not null default 'customer' check (subject_form in ('customer', 'policy', 'deal')),
  subject_id uuid not null,
  due_on date not null,
  due_at timestamptz,
  expires_on date,
  rank smallint not null default 5 check (rank between 0 and 9),
  status text not null default 'open' check (status in ('open', 'cancel_requested', 'excused', 'done')),
  tries int not null default 0,
  snoozes int not null default 0,
  remark text check (length(remark) <= 500),
  conversation_id uuid,
  closed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, assignee_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, rule) references crm.rules (store_id, key) on delete restrict,
  constraint done_by_conversation check ((status = 'done') = (conversation_id is not null)),   -- S-04: no other way to be done
  constraint ruled check ((rule is null) = (rule_on is null)),
  constraint closed check ((status in ('done', 'excused')) = (closed_at is not null))
) with (fillfactor = 80);
comment on table crm.tasks is 'Call tasks. done only by a conversation (S-04), excused only by an approval (S-08). rank 0 = the manager sent it back (S-09).';
create unique index on crm.tasks (store_id, rule, subject_id, rule_on, step) where rule is not null;     -- running the rules twice adds nothing (S-03)
create index on crm.tasks (store_id, assignee_id, rank, due_on, id) include (status, customer_id) where status in ('open', 'cancel_requested') and removed_at is null;   -- the queue; its counts from the index alone
create index on crm.tasks (store_id, assignee_id, change_no);
create index on crm.tasks (store_id, assignee_id, closed_at) where closed_at is not null;
create index on crm.tasks (store_id, customer_id);
create index on crm.tasks (store_id, subject_id) where status in ('open', 'cancel_requested') and removed_at is null;

create table crm.approvals (
  store_id uuid not null,
  id uuid not null,
  kind text not null default 'task_cancel' check (kind in ('task_cancel', 'task_snooze', 'lost', 'reassign', 'level_down')),
  task_id uuid,
  deal_id uuid,
  customer_id uuid not null,
  requester_id uuid not null,
  reason text,
  asked jsonb not null default '{}' check (jsonb_typeof(asked) = 'object'),
  words text check (length(words) <= 500),
  status text not null default 'pending' check (status in ('pending', 'approved', 'rejected', 'withdrawn')),
  decided_by uuid,
  decided_at timestamptz,
  remark text check (length(remark) <= 500),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, task_id) references crm.tasks on delete cascade,
  foreign key (store_id, deal_id) references crm.deals on delete cascade,
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, reason) references crm.reasons (store_id, key) on delete restrict,
  constraint decided_by_another check (decided_by <> requester_id),
  constraint decided check ((status in ('approved', 'rejected')) = (decided_by is not null)),
  constraint about check (case kind when 'task_cancel' then task_id is not null and reason is not null when 'task_snooze' then task_id is not null and asked ? 'until' when 'lost' then deal_id is not null and reason is not null else true end));
comment on table crm.approvals is 'A request that someone else decides: cannot do this task (S-07…S-09), put it off once more than the limit (F-39), lose this deal, take over this customer, lower this level (F-44, F-45). asked: what is to be done.';
create unique index on crm.approvals (store_id, task_id) where status = 'pending' and removed_at is null;
create unique index on crm.approvals (store_id, customer_id, kind, requester_id, deal_id) nulls not distinct where status = 'pending' and removed_at is null and task_id is null;
create index on crm.approvals (store_id, task_id);
create index on crm.approvals (store_id, deal_id) where deal_id is not null;
create index on crm.approvals (store_id, customer_id);
create index on crm.approvals (store_id, created_at) where status = 'pending';
create index on crm.approvals (store_id, requester_id, change_no);

create function crm.tg_tasks__losses() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.losses (store_id, user_id, form, subject_id) values (new.store_id, old.assignee_id, 'task', new.id) on conflict do nothing;
  return null;
end $$;
create trigger tg_tasks__a_stamp before insert or update on crm.tasks for each row execute function crm.tg_record__stamp();
create trigger tg_tasks__losses after update of assignee_id on crm.tasks for each row when (old.assignee_id <> new.assignee_id)
  execute function crm.tg_tasks__losses();
create trigger tg_tasks__born after insert on crm.tasks referencing new table as after_rows for each statement execute function crm.tg_record__born('task');
create trigger tg_tasks__history after update on crm.tasks for each row
  execute function crm.tg_record__history('task', 'status', 'due_on', 'due_at', 'rank', 'assignee_id', 'remark', 'tries', 'snoozes', 'conversation_id', 'closed_at', 'removed_at');
create trigger tg_approvals__a_stamp before insert or update on crm.approvals for each row execute function crm.tg_record__stamp();
create trigger tg_approvals__born after insert on crm.approvals referencing new table as after_rows for each statement execute function crm.tg_record__born('approval');
create trigger tg_approvals__history after update on crm.approvals for each row
  execute function crm.tg_record__history('approval', 'status', 'decided_by', 'decided_at', 'remark', 'removed_at');

alter table crm.tasks enable row level security;
alter table crm.approvals enable row level security;
select crm.rows_follow_customer('tasks', 'assignee_id');
select crm.rows_follow_customer('approvals', 'requester_id');
grant select on crm.tasks, crm.approvals to api_owner;
grant insert (store_id, id, customer_id, assignee_id, why, rule, subject_form, subject_id, due_on, due_at, expires_on, rank, tries, remark),
  update (due_on, due_at, rank, status, tries, snoozes, remark, conversation_id, closed_at, removed_at) on crm.tasks to api_owner;
grant insert (store_id, id, kind, task_id, deal_id, customer_id, requester_id, reason, words, asked), update (status, decided_by, decided_at, remark, removed_at) on crm.approvals to api_owner;

create view api.tasks as
select t.store_id, t.id, t.customer_id, t.assignee_id, t.why, t.rule, t.subject_form, t.subject_id, t.due_on, t.due_at, t.expires_on, t.rank, t.status,
  t.tries, t.snoozes, t.remark, t.conversation_id, t.closed_at, t.created_at, t.updated_at, t.version, t.change_no
from crm.tasks t where t.removed_at is null;
create view api.approvals as
select a.store_id, a.id, a.kind, a.task_id, a.deal_id, a.customer_id, a.requester_id, a.reason, a.words, a.asked, a.status, a.decided_by, a.decided_at, a.remark,
  a.created_at, a.updated_at, a.version, a.change_no
from crm.approvals a where a.removed_at is null;
alter view api.tasks owner to api_owner;
alter view api.approvals owner to api_owner;
grant select on api.tasks, api.approvals to authenticated;
