-- What a manager says about a conversation, to its author (S-54).

create table crm.comments (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  conversation_id uuid not null,
  notes text not null check (length(notes) between 1 and 500),
  author_id uuid not null,
  created_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, conversation_id) references crm.conversations on delete cascade
);
comment on table crm.comments is
  'What who leads the store says about a conversation, to its author, until they acknowledge it. '
  'Nobody else reads it.';
create index on crm.comments (store_id, conversation_id);
create index on crm.comments (store_id, created_at) where acknowledged_at is null;
alter table crm.comments enable row level security;
