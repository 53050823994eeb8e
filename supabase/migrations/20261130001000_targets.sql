-- The targets of a store and of its members, by metric and month (S-31).

create table crm.targets (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  metric text not null references crm.metrics (key) on delete restrict,
  member_id uuid,
  month date not null check (extract(day from month) = 1),
  value bigint not null check (value between 1 and 10000000000000),
  author_id uuid not null,
  updated_at timestamptz not null default now(),
  primary key (store_id, id),
  unique nulls not distinct (store_id, month, metric, member_id),
  foreign key (store_id, member_id) references crm.members (store_id, user_id) on delete cascade
);
comment on table crm.targets is
  'What a metric is to reach in a month. member_id null: the whole store; month: its first day; '
  'value: so many, of money 分, of a share percent. Who set it before is in the audit.';
create index on crm.targets (metric);
create index on crm.targets (store_id, member_id);
alter table crm.targets enable row level security;
