create table crm.config_versions (
  store_id uuid not null references crm.stores on delete cascade,
  version int not null check (version > 0),
  document jsonb not null check (
    jsonb_typeof(document) = 'object' and pg_column_size(document) < 1048576
  ),
  author_id uuid,
  note text not null default '' check (length(note) <= 500),
  published_at timestamptz not null default now(),
  primary key (store_id, version)
);
comment on table crm.config_versions is
  'Every published version of a store''s document, never changed afterwards.';

create table crm.base_fields (
  form text not null,
  key text not null,
  type text not null,
  mask text,
  required bool not null default false,
  min numeric,
  max numeric,
  max_length int,
  always_readable bool not null default false,
  primary key (form, key)
);
comment on table crm.base_fields is
  'The columns of each form that a document must place and give rights for; type and mask are '
  'fixed, labels are the store''s. min, max, max_length: what the column holds; a document may '
  'ask for less. always_readable: hidden from no role.';
insert into crm.base_fields (form, key, type, mask, required)
values
  ('customer', 'name', 'text', null, true),
  ('customer', 'phone', 'phone', 'phone', false),
  ('customer', 'wechat', 'text', 'all', false),
  ('customer', 'gender', 'select', null, false),
  ('customer', 'source', 'select', null, true),
  ('customer', 'level', 'level', null, true),
  ('customer', 'next_contact_on', 'date', null, false),
  ('customer', 'need', 'long_text', null, false),
  ('customer', 'preferred_time', 'select', null, false),
  ('customer', 'do_not_call', 'bool', null, false),
  ('companion', 'name', 'text', null, true),
  ('companion', 'relation', 'select', null, false),
  ('companion', 'influence', 'select', null, false),
  ('companion', 'phone', 'phone', 'phone', false),
  ('vehicle', 'plate', 'plate', 'plate', false),
  ('vehicle', 'vin', 'vin', 'tail4', false),
  ('vehicle', 'brand', 'text', null, false),
  ('vehicle', 'series', 'text', null, false),
  ('vehicle', 'model_year', 'number', null, false),
  ('policy', 'insurer', 'text', null, false),
  ('policy', 'policy_number', 'text', 'tail4', false),
  ('policy', 'kind', 'select', null, false),
  ('policy', 'premium_fen', 'money', null, false),
  ('policy', 'starts_on', 'date', null, false),
  ('policy', 'expires_on', 'date', null, true),
  ('deal', 'title', 'text', null, false),
  ('deal', 'amount_fen', 'money', null, false),
  ('deal', 'expected_close_on', 'date', null, false),
  ('conversation', 'notes', 'long_text', null, false);
update crm.base_fields
set max_length = case when key = 'title' then 120 when type = 'text' then 80 else 2000 end
where type in ('text', 'long_text');
update crm.base_fields
set min = 0, max = 1e13
where type = 'money';
update crm.base_fields
set min = 1950, max = 2100
where key = 'model_year';
-- Whoever sees a customer may call them. Hidden, the wish would not be kept, and the suspended
-- tasks would tell it all the same.
update crm.base_fields
set always_readable = true
where form = 'customer' and key = 'do_not_call';

create table crm.fields (
  store_id uuid not null references crm.stores on delete cascade,
  form text not null,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  is_base bool not null default false,
  type text not null check (
    type in (
      'text', 'long_text', 'phone', 'plate', 'vin', 'number', 'money', 'bool', 'date', 'time',
      'select', 'multi', 'level', 'person', 'file', 'formula'
    )
  ),
  required bool not null default false,
  pattern text check (length(pattern) <= 200),
  min numeric,
  max numeric,
  max_length int,
  options jsonb,
  mask text check (mask in ('phone', 'plate', 'tail4', 'all')),
  is_searchable bool not null default false,
  is_unique bool not null default false,
  logic jsonb not null default '{}' check (jsonb_typeof(logic) = 'object'),
  retired bool not null default false,
  retired_at timestamptz,
  purged_at timestamptz,
  position int not null default 0,
  primary key (store_id, form, key)
);
comment on table crm.fields is
  'Every field a store ever defined. Retired, never deleted (a new one under an old key would '
  'bring old values under new rights). logic: show, require, options, formula, decimals, methods.';

create table crm.field_rights (
  store_id uuid not null,
  role text not null,
  form text not null,
  key text not null,
  access text not null check (access in ('hidden', 'masked', 'read', 'write')),
  primary key (store_id, role, form, key),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete cascade,
  foreign key (store_id, form, key) references crm.fields on delete cascade
);
comment on table crm.field_rights is
  'What a role may do with a field. No row = hidden: a new field starts closed.';
create index on crm.field_rights (store_id, form, key);

create table crm.forms (
  store_id uuid not null references crm.stores on delete cascade,
  form text not null,
  fields jsonb not null,
  known text[] not null,
  maskable text[] not null,
  searchables text[],
  formulas jsonb,
  uniques text[],
  conditional bool not null,
  primary key (store_id, form)
);
comment on table crm.forms is
  'Compiled fields of a form: definitions by key, keys ever defined, maskable keys, formulas, '
  'unique and searchable keys (null when none), whether a condition looks at the record. Read '
  'once per statement.';

create table crm.access (
  store_id uuid not null,
  role text not null,
  form text not null,
  readable text[] not null,
  masked text[] not null,
  writable text[] not null,
  required text[] not null,
  primary key (store_id, role, form),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete cascade,
  check (required <@ writable and writable <@ readable and not masked && readable)
);
comment on table crm.access is
  'Compiled rights, one row per role and form. required: also what is required only under a '
  'condition (crm.is_required).';

create table crm.unique_values (
  store_id uuid not null,
  form text not null,
  key text not null,
  value text not null,
  subject_id uuid not null,
  primary key (store_id, form, key, value),
  foreign key (store_id, form, key) references crm.fields on delete cascade
);
comment on table crm.unique_values is
  'The values of fields that must be unique in a store: the key refuses the second of two at once.';
create index on crm.unique_values (store_id, form, subject_id);

create table crm.searchable_values (
  store_id uuid not null,
  form text not null,
  key text not null,
  subject_id uuid not null,
  ordinal smallint not null default 1,
  n float8,
  t text collate "C",
  primary key (store_id, form, subject_id, key, ordinal),
  foreign key (store_id, form, key) references crm.fields on delete cascade,
  check ((n is null) <> (t is null))
);
comment on table crm.searchable_values is
  'The values of fields a store marked searchable, as numbers or as texts (days as 2026-11-24, a '
  'row a chosen option): found and sorted from an index, without DDL. Only leakproof types.';
create index on crm.searchable_values (store_id, form, key, n, subject_id) where n is not null;
create index on crm.searchable_values (store_id, form, key, t, subject_id) where t is not null;

create table crm.form_tables (
  form text primary key,
  relation text not null unique
);
comment on table crm.form_tables is 'The table that holds the records of a form.';
insert into crm.form_tables
values
  ('customer', 'customers'),
  ('companion', 'companions'),
  ('vehicle', 'vehicles'),
  ('policy', 'policies'),
  ('deal', 'deals'),
  ('conversation', 'conversations');

create type crm.caller_access as (
  store_id uuid,
  user_id uuid,
  form text,
  readable text[],
  masked text[],
  writable text[],
  required text[]
);

create table crm.pools (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  claims_per_day int not null default 0 check (claims_per_day between 0 and 1000),
  ex_owner_days int not null default 30 check (ex_owner_days between 0 and 3650),
  contact_hours int not null default 24 check (contact_hours between 1 and 720),
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key)
);
comment on table crm.pools is
  'Named pools of customers without an owner, e.g. the market team''s (S-22, S-26). '
  'claims_per_day 0 = nobody helps themselves; the ex-owner waits ex_owner_days; a claim without a '
  'contact in contact_hours goes back (F-24).';

create table crm.pipelines (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key)
);
comment on table crm.pipelines is 'A way a deal goes: new car, used car, renewal.';

create table crm.stages (
  store_id uuid not null,
  pipeline text not null,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  type text not null check (type in ('open', 'won', 'lost')),
  color text not null default 'blue',
  moves text[],
  required text[] not null default '{}',
  checklist jsonb not null default '[]',
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, pipeline, key),
  foreign key (store_id, pipeline) references crm.pipelines on delete cascade
);
comment on table crm.stages is
  'Stages of a pipeline. Logic looks at type; moves null = to any stage; required and checklist '
  'are asked on entering (S-86).';

create table crm.levels (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  definition jsonb not null default '{}',
  rank int not null,
  cadence_days int check (cadence_days between 1 and 365),
  reassign_after_days int check (reassign_after_days between 1 and 3650),
  demote_after_days int check (demote_after_days between 1 and 3650),
  demote_to text check (demote_to <> key),
  pool text,
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key),
  foreign key (store_id, pool) references crm.pools on delete restrict
);
comment on table crm.levels is
  'Purchase-intent levels (S-19): cadence in days (S-20), pool a customer of this level belongs '
  'to; a higher rank is nearer to buying. Days at the level without a deal: after '
  'reassign_after_days it is on the manager''s list (S-25, S-27), after demote_after_days it '
  'falls to demote_to (S-26).';

create table crm.outcomes (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  methods text[] not null,
  reached bool not null,
  notes_required bool not null,
  retry_hours int check (retry_hours between 1 and 720),
  retry_max int check (retry_max between 1 and 20),
  after_last text check (after_last in ('manager', 'message')),
  effect text check (effect in ('complaint', 'do_not_call', 'lost', 'test_drive', 'won')),
  roles text[] not null default '{}',
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key)
);
comment on table crm.outcomes is
  'What can come of a conversation. reached = counts as a contact (default e); retry_hours until '
  'the next try of a task, retry_max tries, then after_last; effect: what the customer becomes by'
  ' it; roles: whose outcome it is, {} = everybody''s.';

create table crm.reasons (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  uses text[] not null,
  parent text,
  returns bool not null default true,
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key),
  check (uses <@ array['cancel', 'lost', 'contact'])
);
comment on table crm.reasons is
  'Why a task cannot be done, a deal was lost, or a customer got in touch (S-78, S-81). returns: '
  'a renewal lost for it comes back before the next expiry (F-35); not when the car was sold.';

create table crm.retired_choices (
  store_id uuid not null references crm.stores on delete cascade,
  list text not null,
  key text not null,
  label jsonb not null,
  primary key (store_id, list, key)
);
comment on table crm.retired_choices is
  'Choices that an earlier document had and the current one has not, so that records and history '
  'that hold them still have a name. list: "levels", "stages.new_car", "customer.source".';

create table crm.rules (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  kind text not null check (
    kind in ('cadence', 'policy_window', 'care', 'first_response', 'no_contact')
  ),
  days int[] not null default '{}',
  options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
  active bool not null default true,
  position int not null default 0,
  primary key (store_id, key)
);
comment on table crm.rules is
  'Rules that make tasks (S-03): cadence by level, windows before a policy expires, care dates, '
  'ladders of escalation. options: levels, sources, date, steps, quiet hours.';
alter table crm.base_fields enable row level security;
alter table crm.form_tables enable row level security;

create table crm.config_drafts (
  store_id uuid not null references crm.stores on delete cascade,
  author_id uuid not null,
  document jsonb not null check (
    jsonb_typeof(document) = 'object' and pg_column_size(document) < 1048576
  ),
  base_version int not null,
  saved_at timestamptz not null default now(),
  primary key (store_id, author_id)
);
comment on table crm.config_drafts is
  'What an admin is working on, one per store and person; publishing or discarding ends it.';
alter table crm.config_drafts enable row level security;
