-- What a meeting wrote down: its notes, and who is to do what by when (S-23).

alter table crm.meeting_sheets add column notes text;
comment on column crm.meeting_sheets.notes is
  'The notes of the day when the sheet was frozen; null: none had been written.';

create table crm.meeting_notes (
  store_id uuid not null references crm.stores on delete cascade,
  covers_on date not null,
  notes text not null check (length(notes) <= 4000),
  author_id uuid not null,
  revision int not null default 1,
  updated_at timestamptz not null default now(),
  primary key (store_id, covers_on)
);
comment on table crm.meeting_notes is
  'The notes of a store-local day''s meeting, one text. author_id: who wrote it last; revision: '
  'one more with each save, so that nobody overwrites what they have not read.';
alter table crm.meeting_notes enable row level security;

create table crm.meeting_todos (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  covers_on date not null,
  assignee_id uuid not null,
  due_on date not null,
  notes text check (length(notes) between 1 and 500),
  task_id uuid,
  author_id uuid not null,
  created_at timestamptz not null default now(),
  done_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, assignee_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, task_id) references crm.tasks on delete cascade,
  -- of a customer's to-do, the task says what, and whether it is done
  constraint notes_or_task check ((notes is null) = (task_id is not null)),
  constraint done_without_task check (done_at is null or task_id is null)
);
comment on table crm.meeting_todos is
  'What a meeting gave somebody to do by a day. About a customer it is a call task (task_id) '
  'whose remark holds the words and which only a conversation clears; else its person ticks it '
  'off. '
  'covers_on: the day of the meeting; assignee_id: as the meeting said, the task may be with '
  'somebody else by now.';
create index on crm.meeting_todos (store_id, covers_on);
create index on crm.meeting_todos (store_id, assignee_id);
create index on crm.meeting_todos (store_id, task_id) where task_id is not null;
alter table crm.meeting_todos enable row level security;
