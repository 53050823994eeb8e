-- The columns that every record has, copied into each table below.
create temporary table record_columns (
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default 0,
  removed_at timestamptz
);

create table crm.customers (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,  -- UUIDv7 made by the client
  owner_id uuid,
  renewal_owner_id uuid,
  pool text,
  name text not null check (length(name) between 1 and 80),
  phone text check (phone ~ '^\+?[0-9]{5,15}$'),
  wechat text check (length(wechat) <= 80),
  gender text,
  source text not null,
  level text not null,
  level_at timestamptz not null default now(),
  next_contact_on date,
  agreed_contact_on date,
  last_contact_at timestamptz,
  need text check (length(need) <= 2000),
  preferred_time text,
  do_not_call bool not null default false,
  complaint_at timestamptz,
  test_drive_asked_at timestamptz,
  facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object'),
  consent_withdrawn_at timestamptz,
  phone_masked text generated always as (crm.mask_text(phone, 'phone')) stored,
  wechat_masked text generated always as (crm.mask_text(wechat, 'all')) stored,
  phone_tail text collate "C" generated always as (right(phone, 4)) stored,
  pinyin text collate "C",
  initials text collate "C",
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  created_by uuid default crm.current_user_id(),
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, owner_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (
    store_id,
    renewal_owner_id
  ) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, level) references crm.levels (store_id, key) on delete restrict,
  foreign key (store_id, pool) references crm.pools (store_id, key) on delete restrict,
  constraint owner_or_pool check ((owner_id is null) <> (pool is null))  -- S-22
) with (fillfactor = 85);
comment on table crm.customers is
  'A person or company, with an owner or in a named pool; renewal_owner_id is who renews its '
  'policies. agreed_contact_on: the day that a person named in the form; the plan is kept on that '
  'day though the store is closed. complaint_at, test_drive_asked_at: since when a complaint or a '
  'wish for a test drive is open. facts: per field, on which day who was told (First 8).';

-- One's own data is searched in these three without touching the rows: 400 customers lie on 400
-- pages, their entries on five.
create index on crm.customers (store_id, owner_id, next_contact_on) include (
  renewal_owner_id, pool, id, name, initials, pinyin, created_at, removed_at
);
create index on crm.customers (store_id, renewal_owner_id) include (
  owner_id, pool, id, name, initials, pinyin, created_at, removed_at
)
  where renewal_owner_id is not null;

-- pages; infix search index-only
create index on crm.customers (store_id, created_at desc, id) include (
  owner_id, renewal_owner_id, pool, name, phone
)
  where removed_at is null;
create index on crm.customers (store_id, phone_tail);
create index on crm.customers (store_id, pinyin);
create index on crm.customers (store_id, initials);

-- names with a second reading: few, and looked through one by one
create index on crm.customers (store_id) include (
    owner_id, renewal_owner_id, pool, id, pinyin, initials
  )
  where pinyin like '% %' and removed_at is null;
create index on crm.customers (store_id, wechat) where wechat is not null;
create index on crm.customers (store_id, next_contact_on) where next_contact_on is not null;
create index on crm.customers (store_id, pool) include (
  owner_id, renewal_owner_id, id, name, initials, pinyin, created_at, removed_at
)
  where pool is not null;
create index on crm.customers (store_id, level);

create table crm.companions (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  name text not null check (length(name) between 1 and 80),
  relation text,
  influence text,
  phone text check (phone ~ '^\+?[0-9]{5,15}$'),
  phone_masked text generated always as (crm.mask_text(phone, 'phone')) stored,
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade
);
comment on table crm.companions is
  'Someone who comes along (wife, father, friend), with relation and influence (S-15).';
create index on crm.companions (store_id, customer_id);

-- Rows: case, not or: with or the planner expects 5 % of the rows and leaves the ordered index.
alter table crm.customers enable row level security;
alter table crm.companions enable row level security;

create table crm.vehicles (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  plate text collate "C" check (length(plate) between 4 and 12),
  vin text check (length(vin) between 6 and 20),
  brand text check (length(brand) <= 80),
  series text check (length(series) <= 80),
  model_year int check (model_year between 1950 and 2100),
  plate_masked text generated always as (crm.mask_text(plate, 'plate')) stored,
  vin_masked text generated always as (crm.mask_text(vin, 'tail4')) stored,
  plate_reversed text collate "C" generated always as (reverse(plate)) stored,
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade
);
comment on table crm.vehicles is
  'A car a customer has: plate (capitals, no spaces), VIN, brand and series.';
create index on crm.vehicles (store_id, customer_id);
create index on crm.vehicles (store_id, plate);

-- an import asks for plate or VIN of every row
create index on crm.vehicles (store_id, vin) where vin is not null;

-- any tail of a plate is a prefix of its reverse
create index on crm.vehicles (store_id, plate_reversed);

create table crm.policies (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  vehicle_id uuid,
  insurer text check (length(insurer) <= 80),
  policy_number text check (length(policy_number) <= 80),
  kind text,
  premium_fen bigint check (premium_fen between 0 and 1e13),
  starts_on date,
  expires_on date not null,
  status text not null default 'active' check (status in ('active', 'renewed', 'lost', 'ended')),
  origin text not null default 'store' check (origin in ('store', 'elsewhere', 'delivery')),
  renews_id uuid,
  lost_reason text,
  policy_number_masked text generated always as (crm.mask_text(policy_number, 'tail4')) stored,
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, vehicle_id) references crm.vehicles on delete restrict,
  foreign key (store_id, renews_id) references crm.policies on delete restrict,
  foreign key (store_id, lost_reason) references crm.reasons (store_id, key) on delete restrict
);
comment on table crm.policies is
  'An insurance policy, premium in 分; expires_on is its last day in store-local days. origin '
  'elsewhere: a colleague of the trade holds it, known from the renewal we lost; renews_id: the '
  'year before.';
create index on crm.policies (store_id, customer_id);
create index on crm.policies (store_id, vehicle_id);
create index on crm.policies (store_id, expires_on) where status = 'active';

-- a year follows once
create unique index on crm.policies (store_id, renews_id)
  where renews_id is not null and removed_at is null;
create index on crm.policies (store_id, renews_id);

alter table crm.vehicles enable row level security;
alter table crm.policies enable row level security;

create table crm.deals (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  owner_id uuid,
  vehicle_id uuid,
  policy_id uuid,
  pipeline text not null,
  stage text not null,
  furthest_stage text not null,
  stage_at timestamptz not null default now(),
  title text check (length(title) <= 120),
  amount_fen bigint check (amount_fen between 0 and 1e13),
  expected_close_on date,
  lost_reason text,
  checked text[] not null default '{}',
  closed_at timestamptz,
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, owner_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, vehicle_id) references crm.vehicles on delete restrict,
  foreign key (store_id, policy_id) references crm.policies on delete restrict,
  foreign key (store_id, pipeline, stage) references crm.stages on delete restrict,
  foreign key (store_id, lost_reason) references crm.reasons (store_id, key) on delete restrict
) with (fillfactor = 85);
comment on table crm.deals is
  'A purchase intention or a renewal in a pipeline; amount in 分; checked = the stage checklist''s'
  ' ticked items; furthest_stage = how far it came before it was lost or went back.';
create index on crm.deals (store_id, customer_id);
create index on crm.deals (store_id, owner_id, pipeline, stage);
create index on crm.deals (store_id, pipeline, stage, stage_at);
create index on crm.deals (store_id, vehicle_id) where vehicle_id is not null;
create index on crm.deals (store_id, policy_id) where policy_id is not null;

create table crm.funnel_counts (
  store_id uuid not null references crm.stores on delete cascade,
  pipeline text not null,
  stage text not null,
  owner_id uuid not null,  -- the nil uuid stands for deals of pooled customers
  deals int not null,
  amount_fen bigint not null,
  furthest_deals int not null default 0,
  primary key (store_id, pipeline, stage, owner_id)
);
comment on table crm.funnel_counts is
  'Deals and 分 per stage and owner, and the deals that came no further than it; kept by trigger '
  'and proved equal to the scan by a test.';

alter table crm.deals enable row level security;
alter table crm.funnel_counts enable row level security;

create table crm.queue_loans (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,
  lender_id uuid not null,
  borrower_id uuid not null,
  first_on date not null,
  last_on date not null,
  lent_by_id uuid not null,
  created_at timestamptz not null default now(),
  began_at timestamptz,
  ended_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, lender_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, borrower_id) references crm.members (store_id, user_id) on delete restrict,
  constraint not_to_oneself check (lender_id <> borrower_id),
  constraint days check (last_on between first_on and first_on + 60)
);
comment on table crm.queue_loans is
  'A member''s calls that a colleague makes from first_on to last_on (store-local days). began_at: '
  'the tasks were handed over; ended_at: they went back, by the night after last_on or earlier.';

-- one loan at a time, so that a task has one way back
create unique index on crm.queue_loans (store_id, lender_id) where ended_at is null;
create index on crm.queue_loans (store_id, borrower_id) where ended_at is null;
alter table crm.queue_loans enable row level security;

create table crm.tasks (
  store_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id uuid not null,
  assignee_id uuid not null,
  kind text not null check (
    kind in (
      'cadence', 'policy_window', 'next_contact', 'retry', 'first_contact', 'manual', 'care',
      'escalation'
    )
  ),
  rule text,
  rule_on date,  -- the day the rule meant: due_on may be put off, and must not free its place
  step smallint not null default 0,
  subject_form text not null default 'customer' check (
    subject_form in ('customer', 'policy', 'deal')
  ),
  subject_id uuid not null,
  due_on date not null,
  due_at timestamptz,
  expires_on date,
  rank smallint not null default 5 check (rank between 0 and 9),
  status text not null default 'open' check (
    status in ('open', 'cancel_requested', 'suspended', 'excused', 'done')
  ),
  suspended_reason text check (suspended_reason in ('silence', 'pool')),
  attempts int not null default 0,
  snoozes int not null default 0,
  remark text check (length(remark) <= 500),
  conversation_id uuid,
  closed_at timestamptz,
  opened_at timestamptz not null default now(),
  loan_id uuid,  -- by which it is with its assignee
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, loan_id) references crm.queue_loans on delete restrict,
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, assignee_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, rule) references crm.rules (store_id, key) on delete restrict,
  -- S-04: no other way to be done
  constraint done_by_conversation check ((status = 'done') = (conversation_id is not null)),
  constraint ruled check ((rule is null) = (rule_on is null)),
  constraint suspended check ((status = 'suspended') = (suspended_reason is not null)),
  constraint closed check ((status in ('done', 'excused')) = (closed_at is not null))
) with (fillfactor = 80);
comment on table crm.tasks is
  'Call tasks. done only by a conversation (S-04), excused only by an approval (S-08); see '
  'crm.tg_tasks__life. rank 0 = the manager sent it back (S-09). suspended: the customer must not'
  ' be called (silence), or is in a pool; it opens again afterwards. opened_at: conversations '
  'before it do not count; of a task that a conversation left behind, the time of that '
  'conversation.';

-- Running the rules twice adds nothing (S-03). A removed task does not hold its place: its rule
-- would be silent for ever.
create unique index on crm.tasks (store_id, rule, subject_id, rule_on, step)
  where rule is not null and removed_at is null;

-- the queue; its counts from the index alone
create index on crm.tasks (store_id, assignee_id, rank, due_on, id) include (status, customer_id)
  where status in ('open', 'cancel_requested') and removed_at is null;
create index on crm.tasks (store_id, assignee_id, change_no);
create index on crm.tasks (store_id, assignee_id, closed_at) where closed_at is not null;
create index on crm.tasks (store_id, customer_id);
create index on crm.tasks (store_id, loan_id) where loan_id is not null;
create index on crm.tasks (store_id, assignee_id) where status = 'suspended' and removed_at is null;
create index on crm.tasks (store_id, subject_id)
  where status in ('open', 'cancel_requested') and removed_at is null;

create table crm.approvals (
  store_id uuid not null,
  id uuid not null,
  kind text not null default 'task_cancel' check (
    kind in ('task_cancel', 'task_snooze', 'lost', 'reassign', 'level_down')
  ),
  task_id uuid,
  deal_id uuid,
  customer_id uuid not null,
  requester_id uuid not null,
  reason text,
  asked jsonb not null default '{}' check (jsonb_typeof(asked) = 'object'),
  notes text check (length(notes) <= 500),
  status text not null default 'pending' check (
    status in ('pending', 'approved', 'rejected', 'withdrawn')
  ),
  decided_by uuid,
  decided_at timestamptz,
  remark text check (length(remark) <= 500),
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, task_id) references crm.tasks on delete cascade,
  foreign key (store_id, deal_id) references crm.deals on delete cascade,
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, reason) references crm.reasons (store_id, key) on delete restrict,
  constraint decided_by_another check (decided_by <> requester_id),
  constraint decided check ((status in ('approved', 'rejected')) = (decided_by is not null)),
  constraint about check (
    case kind
      when 'task_cancel' then task_id is not null and reason is not null
      when 'task_snooze' then task_id is not null and asked ? 'until'
      when 'lost' then deal_id is not null and reason is not null
      else true
    end
  )
);
comment on table crm.approvals is
  'A request that someone else decides: cannot do this task (S-07…S-09), put it off once more '
  'than the limit (F-39), lose this deal, take over this customer, lower this level (F-44, F-45).'
  ' asked: what is to be done.';
create unique index on crm.approvals (store_id, task_id)
  where status = 'pending' and removed_at is null;
create unique index on crm.approvals (
  store_id, customer_id, kind, requester_id, deal_id
) nulls not distinct
  where status = 'pending' and removed_at is null and task_id is null;
create index on crm.approvals (store_id, task_id);
create index on crm.approvals (store_id, deal_id) where deal_id is not null;
create index on crm.approvals (store_id, customer_id);
create index on crm.approvals (store_id, created_at) where status = 'pending';
create index on crm.approvals (store_id, requester_id, change_no);

alter table crm.tasks enable row level security;
alter table crm.approvals enable row level security;

-- S-04
create table crm.conversations (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  author_id uuid not null,
  task_id uuid,
  deal_id uuid,
  method text not null check (
    method in ('call', 'visit', 'wechat', 'sms', 'test_drive', 'quote', 'order', 'delivery')
  ),
  outcome text not null,
  reached bool not null,
  notes text check (length(notes) <= 4000),
  level_before text,
  level_after text not null,
  next_contact_on date,
  occurred_at timestamptz not null,
  dialled_at timestamptz,
  dial_credible bool not null default false,
  away_seconds int check (away_seconds between 0 and 86400),
  reason text,
  companions uuid[] not null default '{}' check (cardinality(companions) <= 20),
  influences jsonb not null default '{}',
  burst bool not null default false,
  custom jsonb not null default '{}' check (
    jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768
  ),
  custom_masked jsonb not null default '{}',
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, outcome) references crm.outcomes (store_id, key) on delete restrict,
  foreign key (store_id, reason) references crm.reasons (store_id, key) on delete restrict,
  foreign key (store_id, level_after) references crm.levels (store_id, key) on delete restrict,
  constraint reached_has_notes check (not reached or length(trim(notes)) > 0)
);
comment on table crm.conversations is
  'A conversation with a customer. dialled_at and away_seconds are evidence of an attempt, never '
  'proof of'
  ' a call; dial_credible: nothing the server knows speaks against them; created_at is the '
  'server''s time of arrival. reason: why it ended a deal or renewal (F-37); companions present, '
  'with the influence each had that day (S-15); burst: one of many in a few minutes without a '
  'dial press (First 1).';
create index on crm.conversations (store_id, customer_id, occurred_at desc);
create index on crm.conversations (store_id, author_id, occurred_at desc);
create index on crm.conversations (store_id, reason) where reason is not null;

alter table crm.conversations enable row level security;

create type crm.conversation_draft as (
  store_id uuid,
  id uuid,
  customer_id uuid,
  author_id uuid,
  method text,
  outcome text,
  reached bool,
  notes text,
  reason text,
  level text,
  requested_level text,
  next_contact_on date,
  occurred_at timestamptz,
  dialled_at timestamptz,
  dial_credible bool,
  answers jsonb,
  promises jsonb,
  companions uuid[],
  form_then jsonb,
  errors jsonb
);
comment on type crm.conversation_draft is
  'A conversation while it is checked. requested_level: a lower level that waits for approval; '
  'form_then: the form the phone filled in, when it is older; errors: by field.';

create table crm.lookups (
  store_id uuid not null references crm.stores on delete cascade,
  user_id uuid not null,
  day date not null,
  minute timestamptz not null,
  in_minute int not null check (in_minute > 0),
  in_day int not null check (in_day > 0),
  primary key (store_id, user_id)
);
comment on table crm.lookups is
  'How often a member asked for duplicates in this minute and on this day (UTC); one row each.';
alter table crm.lookups enable row level security;

create table crm.attachments (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,  -- made by the phone: a piece sent twice is one piece
  customer_id uuid not null,
  form text not null check (
    form in ('customer', 'companion', 'vehicle', 'policy', 'deal', 'conversation')
  ),
  record_id uuid not null,
  kind text not null check (kind in ('voice', 'photo', 'file')),
  mime text not null,
  bytes int not null check (bytes between 1 and 20971520),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  received int not null default 0 check (received between 0 and bytes),
  author_id uuid not null,
  -- when the customer said yes to a recording; the author asked them
  consented_at timestamptz check (isfinite(consented_at)),
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  constraint recorded_with_consent check (kind <> 'voice' or consented_at is not null),
  -- Nothing a browser would run or render as a page: no HTML, no SVG, no XML, no archive
  -- (docs/decisions/0008).
  constraint known_type check (
    case kind
      when 'voice' then
        mime in (
          'audio/wav', 'audio/mp4', 'audio/aac', 'audio/ogg', 'audio/mpeg', 'audio/webm',
          'audio/3gpp'
        )
      when 'photo' then
        mime in ('image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/heic', 'image/heif')
      else mime in (
        'application/pdf', 'image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/heic',
        'image/heif', 'audio/wav', 'audio/mp4', 'audio/aac', 'audio/ogg', 'audio/mpeg',
        'audio/webm', 'audio/3gpp', 'video/mp4', 'video/quicktime', 'video/webm', 'video/3gpp'
      )
    end
  )
);
comment on table crm.attachments is
  'A voice memo, photo or file of a record; complete when received = bytes. Rights are those of '
  'its record. In Postgres on purpose: docs/decisions/0008.';
create index on crm.attachments (store_id, customer_id);
create index on crm.attachments (store_id, record_id);
create index on crm.attachments (store_id, author_id, created_at) include (bytes);
create index on crm.attachments (store_id, updated_at) where received < bytes;

create table crm.attachment_chunks (
  store_id uuid not null,
  attachment_id uuid not null,
  at int not null check (at >= 0),
  data bytea not null check (length(data) between 1 and 262144),
  primary key (store_id, attachment_id, at),
  foreign key (store_id, attachment_id) references crm.attachments on delete cascade
);
comment on table crm.attachment_chunks is
  'The bytes of an attachment, piece by piece; at = the place of its first byte.';

-- sound and pictures are compressed already
alter table crm.attachment_chunks alter column data set storage external;

alter table crm.attachments enable row level security;
alter table crm.attachment_chunks enable row level security;

create table crm.promises (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  author_id uuid not null,
  conversation_id uuid not null,
  notes text not null check (length(trim(notes)) between 1 and 200),
  due_on date not null,
  status text not null default 'open' check (status in ('open', 'kept', 'dropped')),
  ended_at timestamptz,
  ended_by uuid,
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, conversation_id) references crm.conversations on delete cascade,
  constraint ended check ((status = 'open') = (ended_at is null))
);
comment on table crm.promises is
  'What a customer was promised, by a day; it stays in the brief until it is kept or dropped '
  '(reserve 15).';
create index on crm.promises (store_id, customer_id, due_on)
  where status = 'open' and removed_at is null;
create index on crm.promises (store_id, conversation_id);

-- what arrived in the last minutes
create index on crm.conversations (store_id, author_id, created_at);

create table crm.alerts (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  kind text not null check (kind in ('burst', 'unreachable', 'complaint', 'duplicate')),
  member_id uuid not null,
  customer_id uuid,
  task_id uuid,
  times int not null default 1 check (times > 0),
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  seen_by uuid,
  seen_at timestamptz,
  op_id uuid,
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, member_id) references crm.members (store_id, user_id) on delete cascade,
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, task_id) references crm.tasks on delete cascade
);
comment on table crm.alerts is
  'What a decider should look at, one line each: a burst of outcomes without a dial press (First '
  '1), somebody who cannot be reached, a complaint, a customer entered whose number a '
  'colleague''s customer has. No approval hangs on it.';
create index on crm.alerts (store_id, last_at) where seen_at is null and removed_at is null;
create index on crm.alerts (store_id, member_id, kind, last_at);
create index on crm.alerts (store_id, customer_id) where customer_id is not null;
create index on crm.alerts (store_id, task_id) where task_id is not null;
create index on crm.alerts (store_id, op_id) where op_id is not null;

alter table crm.promises enable row level security;
alter table crm.alerts enable row level security;

create table crm.transfers (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  kind text not null check (
    kind in (
      'claim', 'reassign', 'request', 'claim_returned', 'level_pool', 'member_left', 'escalation'
    )
  ),
  from_id uuid,
  from_pool text,
  to_id uuid,
  to_pool text,
  by_id uuid,
  notes text check (length(notes) <= 500),
  contact_due_at timestamptz,
  accepted_at timestamptz,
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, to_id) references crm.members (store_id, user_id) on delete restrict,
  constraint to_someone_or_a_pool check ((to_id is null) <> (to_pool is null))
);
comment on table crm.transfers is
  'A customer passed on, with everything that hangs on them (First 3). by_id null = the rules. '
  'contact_due_at: a claim without a contact by then goes back.';
create index on crm.transfers (store_id, customer_id, created_at desc);
create index on crm.transfers (store_id, to_id, created_at) where to_id is not null;
create index on crm.transfers (store_id, contact_due_at) where contact_due_at is not null;

alter table crm.transfers enable row level security;

create table crm.relationships (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  other_id uuid not null,
  relation text not null check (length(relation) between 1 and 40),
  created_by uuid default crm.current_user_id(),
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, other_id) references crm.customers on delete cascade,
  check (customer_id <> other_id)
);
comment on table crm.relationships is
  'Family and household: other_id is to customer_id what relation says (an option of the '
  'companions'' relation). One row each way (S-64).';
create unique index on crm.relationships (store_id, customer_id, other_id) where removed_at is null;
create index on crm.relationships (store_id, other_id);

create table crm.consents (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  purpose text not null check (length(purpose) between 1 and 40),
  channel text not null check (channel in ('any', 'call', 'wechat', 'sms', 'visit')),
  granted bool not null,
  source text check (length(source) <= 200),
  stated_at timestamptz not null default now(),
  noted_by uuid not null,
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade
);
comment on table crm.consents is
  'What a customer allowed or took back: purpose, channel, how they said it and when. Appended, '
  'never changed; the last word of a purpose and channel counts (S-67, S-76).';
create index on crm.consents (store_id, customer_id, stated_at desc);

create table crm.visits (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  received_by uuid not null,
  owner_id uuid,
  anonymous bool not null default false,
  party int not null default 1 check (party between 1 and 99),
  notes text check (length(notes) <= 2000),
  arrived_at timestamptz not null,
  recorded_at timestamptz not null,
  like record_columns including defaults,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade
);
comment on table crm.visits is
  'Someone came in: when, who wrote it down and how long after (S-18), for which advisor (S-13). '
  'anonymous: they left nothing to find them by; the customer behind is the same row when they do '
  '(F-12).';
create index on crm.visits (store_id, customer_id, arrived_at desc);
create index on crm.visits (store_id, arrived_at);

-- a temporary one
-- squawk-ignore ban-drop-table
drop table record_columns;
