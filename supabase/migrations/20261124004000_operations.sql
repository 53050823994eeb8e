create table crm.events (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  customer_id uuid not null,
  form text not null,
  subject_id uuid not null,
  kind text not null check (kind in ('created', 'changed')),
  field text,
  is_field bool not null default false,
  old jsonb,
  new jsonb,
  version int not null,
  actor_id uuid,
  op_id uuid,
  origin text check (origin in ('import', 'revert_import', 'merge', 'unmerge')),
  origin_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, id),
  constraint origin_has_an_id check ((origin is null) = (origin_id is null)),
  constraint an_operation_or_an_origin check (op_id is null or origin is null)
);
comment on table crm.events is
  'What happened, append-only: one row per record made or value changed. actor_id null = the '
  'system. is_field: rights of the form apply when read.';
comment on column crm.events.op_id is
  'The operation of a phone that did it. A client chooses this id, so it proves nothing about '
  'imports and merges.';
comment on column crm.events.origin is
  'Which work of the panel did it; origin_id is the import or merge. Only the server writes it '
  '(docs/decisions/0026).';
create index on crm.events (store_id, customer_id, id);
create index on crm.events (store_id, op_id) where op_id is not null;
create index on crm.events (store_id, origin_id, origin) where origin_id is not null;

create table crm.visibility_changes (
  store_id uuid not null references crm.stores on delete cascade,
  user_id uuid not null,
  form text not null check (form in ('customer', 'task', 'customer_gained')),
  subject_id uuid not null,
  created_at timestamptz not null default now(),
  change_no bigint not null default 0,
  primary key (store_id, user_id, form, subject_id, change_no)
);
comment on table crm.visibility_changes is
  'Records that left a member''s data by reassignment: their phone drops them at its next pull. '
  'customer_gained: one that entered it, whose older rows come too.';

create table crm.operations (
  store_id uuid not null references crm.stores on delete cascade,
  op_id uuid not null,
  user_id uuid not null,
  device_id uuid not null,
  seq bigint not null,
  verb text not null,
  result jsonb,
  applied_at timestamptz not null default now(),
  undone_by uuid,
  config_version int,
  primary key (store_id, op_id)
);
comment on table crm.operations is
  'Applied operations: replaying one answers its first result. Holds status, codes and ids, never'
  ' a field''s value. config_version: under which document the words were filled in.';

alter table crm.events enable row level security;
alter table crm.visibility_changes enable row level security;
alter table crm.operations enable row level security;

create table crm.imports (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,  -- UUIDv7 made by the client: a batch sent twice belongs to the same import
  kind text not null check (kind in ('customers', 'policies', 'deals')),
  file_name text not null check (length(file_name) between 1 and 200),
  options jsonb not null default '{}',
  author_id uuid not null,
  created int not null default 0,
  updated int not null default 0,
  unchanged int not null default 0,
  refused int not null default 0,
  reverted_at timestamptz,
  reverted_by uuid,
  kept int not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, id)
);
comment on table crm.imports is
  'One imported file: who, when, how many rows were new, changed, the same or refused.';

create table crm.import_keys (
  store_id uuid not null references crm.stores on delete cascade,
  kind text not null,
  system text not null default '' check (length(system) <= 40),
  form text not null,
  key text not null check (length(key) between 1 and 200),
  record_id uuid not null,
  import_id uuid not null,
  made bool not null,
  primary key (store_id, kind, system, form, key)
);
comment on table crm.import_keys is
  'Which record a row of a list became, and whether that import made it: importing again finds '
  'the same one, and a revert will know what to take back. system: where the number comes from, '
  'since another system counts from 1 too.';

-- not by store: without statistics the planner would prefer it for look-ups by key
create index on crm.import_keys (import_id);
create index on crm.policies (store_id, policy_number) where policy_number is not null;

create table crm.import_mappings (
  store_id uuid not null references crm.stores on delete cascade,
  kind text not null,
  name text not null check (length(name) between 1 and 80),
  mapping jsonb not null check (
    jsonb_typeof(mapping) = 'object' and pg_column_size(mapping) < 65536
  ),
  author_id uuid not null,
  updated_at timestamptz not null default now(),
  primary key (store_id, kind, name)
);
comment on table crm.import_mappings is
  'Saved mappings of columns to fields, by kind of list and name.';

alter table crm.imports enable row level security;
alter table crm.import_keys enable row level security;
alter table crm.import_mappings enable row level security;

-- A prepared row: {row, key, customer: {…}, vehicle: {…}, policy: {…}, deal: {…, pipeline, stage,
-- owner_id, stage_on}, deal_key, assignment: {owner_id, renewal_owner_id, pool}}.
create type crm.import_row as (
  n int, row_no jsonb, key text, customer jsonb, vehicle jsonb, policy jsonb, deal jsonb,
  assignment jsonb, vehicle_key text, policy_key text, deal_key text, customer_id uuid,
  vehicle_id uuid, policy_id uuid, deal_id uuid, knows_customer bool, knows_vehicle bool,
  knows_policy bool, knows_deal bool, is_ours bool, errors jsonb, leader int
);

-- What all rows of a batch are taken with. `overwrite`: fields of the store's own judgement that
-- the list may change; `rights`: the importer's.
create type crm.import_job as (
  store_id uuid, user_id uuid, time_zone text, import_id uuid, is_preview bool, kind text,
  system text, owner_id uuid, renewal_owner_id uuid, pool text, duplicates text, match text[],
  overwrite text[], defaults jsonb, rights crm.caller_access[], reads_people bool
);

create table crm.endpoints (
  name text primary key,
  function text not null,
  call text,
  by_value bool not null default false,
  on_demand bool not null default false,
  skip_reason text,
  check ((call is null) <> (skip_reason is null))
);
comment on table crm.endpoints is
  'How the access check asks a function of api: call with {store}, {customer}, {member}, {pool}, '
  '{id} '
  'filled in; by_value: once with each value it must not find ({value}, {json}, of the field '
  '{key}). on_demand: it reads a whole store through views that are asked, or tells no values; '
  'publishing does not wait for it. skip_reason: what it cannot tell. A function not here is '
  'red.';
alter table crm.endpoints enable row level security;

create type crm.canary_field as (n int, form text, key text, type text, base bool);

create type crm.access_check_query as (endpoint text, form text, by_value bool, asked text);

-- Publishing asks for the access check of what is new: a role that was proved with these rights
-- under the code that runs now is not asked again.
create table crm.access_checks (
  store_id uuid not null,
  role text not null,
  fingerprint text not null,
  checked_at timestamptz not null default now(),
  primary key (store_id, role),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete cascade
);
comment on table crm.access_checks is
  'What was proved of a role: its scope, pools and verbs, the fields it is shown, and the code of'
  ' every view, function and policy, as one fingerprint.';
alter table crm.access_checks enable row level security;

create table crm.quarantined_operations (
  store_id uuid not null references crm.stores on delete cascade,
  op_id uuid not null,
  user_id uuid not null,
  customer_id uuid,
  reason text not null check (reason in ('disabled', 'transferred')),
  operation jsonb not null check (pg_column_size(operation) < 131072),
  operation_bytes int not null generated always as (octet_length(operation::text)) stored,
  made_at timestamptz,
  received_at timestamptz not null default now(),
  decided_by uuid,
  decided_at timestamptz,
  decision text check (decision in ('applied', 'dismissed')),
  primary key (store_id, op_id)
);
comment on table crm.quarantined_operations is
  'What a disabled member''s phone still sent, or someone about a customer handed to a colleague '
  'meanwhile: a manager applies or dismisses it. The words stay either way.';
create index on crm.quarantined_operations (store_id, received_at) where decided_at is null;

-- the limits of a day
create index on crm.quarantined_operations (store_id, user_id, received_at) include (
  operation_bytes
);

alter table crm.quarantined_operations enable row level security;

create table crm.replaced_records (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  kind text not null check (kind in ('stage', 'furthest_stage', 'level', 'pool', 'reason')),
  relation text not null,
  subject_id uuid not null,
  was text not null,
  became text not null,
  moved_at timestamptz not null default now(),
  primary key (store_id, id)
);
comment on table crm.replaced_records is
  'Records that publishing moved with a removed stage (pipeline.stage), level, pool or reason, and '
  'deals whose furthest stage it changed: restoring brings back what nobody changed since.';
create index on crm.replaced_records (store_id, kind, was);
alter table crm.replaced_records enable row level security;

create table crm.config_key_columns (
  kind text not null,
  relation text not null,
  field text not null,
  strands bool not null,
  primary key (relation, field)
);
comment on table crm.config_key_columns is
  'Every column that holds a level, pool or reason: what moves with it. strands: a record may not'
  ' be left with one that is gone.';
insert into crm.config_key_columns
values
  ('reason', 'deals', 'lost_reason', false),
  ('reason', 'approvals', 'reason', false),
  ('level', 'customers', 'level', true),
  ('pool', 'customers', 'pool', true);
alter table crm.config_key_columns enable row level security;

-- What the panel did beyond records and configuration, for the audit: people, exports, reveals,
-- merges, reverts.
create table crm.audit_events (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  kind text not null check (
    kind in (
      'member_invited', 'invitation_revoked', 'member_joined', 'member_changed', 'member_disabled',
      'member_enabled', 'member_signed_out', 'group_role_granted', 'group_role_revoked', 'exported',
      'revealed', 'merged', 'unmerged', 'imported', 'import_reverted', 'view_as_started',
      'view_as_stopped', 'queue_lent', 'queue_returned', 'target_set', 'target_removed'
    )
  ),
  actor_id uuid,  -- null: the operator
  subject_id uuid,
  detail jsonb not null default '{}' check (
    jsonb_typeof(detail) = 'object' and pg_column_size(detail) < 8192
  ),
  created_at timestamptz not null default now(),
  primary key (store_id, id)
);
comment on table crm.audit_events is
  'Append-only: who did what in the panel. detail holds names of fields and counts, never a '
  'field''s value.';
alter table crm.audit_events enable row level security;

create table crm.merges (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  winner_id uuid not null,
  loser_id uuid not null,
  moved jsonb not null,
  old_phone text collate "C",
  author_id uuid not null,
  created_at timestamptz not null default now(),
  undone_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, winner_id) references crm.customers on delete cascade,
  foreign key (store_id, loser_id) references crm.customers on delete cascade
);
comment on table crm.merges is
  'Two customers that became one, and which records went over: {table: [ids]}. old_phone: the '
  'number the winner does not show any more; they are still found by it. Undone, everything is '
  'where it was.';
create index on crm.merges (store_id, winner_id);
create index on crm.merges (store_id, loser_id);
create index on crm.merges (store_id, right(old_phone, 4)) where old_phone is not null;
alter table crm.merges enable row level security;

create table crm.exports (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  form text not null,
  columns text[] not null,
  reason text not null check (length(trim(reason)) between 1 and 300),
  author_id uuid not null,
  rows int not null default 0,
  file_name text check (length(file_name) <= 200),
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (store_id, id)
);
comment on table crm.exports is
  'The log of exports: who took which columns of how many rows, why, and the fingerprint of the '
  'file. Counted by the server as rows are handed out.';

create table crm.export_layouts (
  store_id uuid not null references crm.stores on delete cascade,
  form text not null,
  name text not null check (length(name) between 1 and 80),
  columns jsonb not null check (
    jsonb_typeof(columns) = 'array' and pg_column_size(columns) < 16384
  ),
  author_id uuid not null,
  updated_at timestamptz not null default now(),
  primary key (store_id, form, name)
);
comment on table crm.export_layouts is
  'Saved column layouts, [{key, heading}] in order: a maker''s format is one of them.';
alter table crm.exports enable row level security;
alter table crm.export_layouts enable row level security;

create table crm.view_as_sessions (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  author_id uuid not null,
  member_id uuid not null,
  began_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '15 minutes',
  ended_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, member_id) references crm.members (store_id, user_id) on delete cascade,
  check (author_id <> member_id and expires_at <= began_at + interval '1 hour')
);
comment on table crm.view_as_sessions is 'Who looked at the store''s app as whom, and until when.';
create index on crm.view_as_sessions (store_id, member_id);
alter table crm.view_as_sessions enable row level security;

create table crm.runs (
  store_id uuid not null references crm.stores on delete cascade,
  work text not null check (work in ('nightly', 'hourly')),
  due_at timestamptz not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  result jsonb,
  error text,
  primary key (store_id, work, due_at),
  constraint answered check ((result is null) <> (error is null))
);
comment on table crm.runs is
  'What the scheduler did: one row per store and night, and per store and hour (its last run '
  'stands). due_at: the beginning of the store''s day or of the hour. error: SQLSTATE and place, '
  'never a value.';
alter table crm.runs enable row level security;
