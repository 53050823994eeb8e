-- A person who asks to be forgotten: what they were goes, what the store did stays
-- (docs/decisions/0044).

alter table crm.customers add column erased_at timestamptz;
comment on column crm.customers.erased_at is
  'Since when nothing of this person is left here; the row stays for the store''s books. Equal to '
  'removed_at unless the record was removed before, and counts in no book.';

-- what a metric of a past day still counts
create index on crm.customers (store_id, created_at) where erased_at is not null;

-- a few thousand rows a store; the status is new, so no row breaks a constraint
alter table crm.tasks
  -- squawk-ignore ban-drop-constraint
  drop constraint tasks_status_check,
  -- squawk-ignore constraint-missing-not-valid
  add constraint tasks_status_check check (
    status in ('open', 'cancel_requested', 'suspended', 'excused', 'done', 'erased')
  ),
  -- squawk-ignore ban-drop-constraint
  drop constraint closed,
  -- squawk-ignore constraint-missing-not-valid
  add constraint closed check (
    (status in ('done', 'excused', 'erased')) = (closed_at is not null)
  );

alter table crm.audit_events
  -- squawk-ignore ban-drop-constraint
  drop constraint audit_events_kind_check,
  -- squawk-ignore constraint-missing-not-valid
  add constraint audit_events_kind_check check (
    kind in (
      'member_invited', 'invitation_revoked', 'member_joined', 'member_changed', 'member_disabled',
      'member_enabled', 'member_signed_out', 'group_role_granted', 'group_role_revoked', 'exported',
      'revealed', 'merged', 'unmerged', 'imported', 'import_reverted', 'view_as_started',
      'view_as_stopped', 'queue_lent', 'queue_returned', 'target_set', 'target_removed',
      'customer_erased'
    )
  );

create table crm.erasures (
  store_id uuid not null references crm.stores on delete cascade,
  customer_id uuid not null,
  reason text not null check (
    reason in ('asked', 'consent_withdrawn', 'purpose_ended', 'unlawful')
  ),
  author_id uuid not null,
  erased_at timestamptz not null default now(),
  filled_percent numeric,
  is_correct bool not null,
  had_phone bool not null,
  had_plan bool not null,
  primary key (store_id, customer_id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade
);
comment on table crm.erasures is
  'Who erased a person, when and why, one row for each of their records. filled_percent … '
  'had_plan: what metrics of past days had read from what is gone (crm.filled_percent, '
  'crm.is_phone_valid and crm.was_corrected, a number, crm.has_plan).';
alter table crm.erasures enable row level security;

create table crm.erased_records (
  store_id uuid not null,
  record_id uuid not null,
  customer_id uuid not null,
  primary key (store_id, record_id),
  foreign key (store_id, customer_id) references crm.erasures on delete cascade
);
comment on table crm.erased_records is
  'The ids of an erased person: of the customer, of everything that hung on them, and of the '
  'operations that wrote it. An operation that names one of them is refused, and not kept.';
create index on crm.erased_records (store_id, customer_id);
alter table crm.erased_records enable row level security;
