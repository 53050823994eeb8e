create table crm.groups (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 80)
);
comment on table crm.groups is 'A dealer group: several stores of one company.';

create table crm.stores (
  id uuid primary key default gen_random_uuid(),
  group_id uuid not null references crm.groups on delete restrict,
  name text not null check (length(name) between 1 and 80),
  time_zone text not null default 'Asia/Shanghai',
  config_version int not null default 0,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
);
comment on table crm.stores is
  'A store (one shop). settings and config_version are written by publishing only.';
create index on crm.stores (group_id);

create table crm.roles (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  scope text not null check (scope in ('own', 'team', 'store', 'group')),
  verbs text[] not null default '{}',
  screens text[] not null default '{}',
  pools text[] not null default '{}',
  position int not null default 0,
  retired bool not null default false,
  primary key (store_id, key)
);
comment on table crm.roles is
  'What the store''s roles see and may do, materialised from its configuration. One role per '
  'member: rights are never a union.';

create table crm.members (
  store_id uuid not null references crm.stores on delete cascade,
  -- auth.users; no foreign key, since a person may leave auth while the history stays
  user_id uuid not null,
  role text not null,
  name text not null check (length(name) between 1 and 40),
  team text,
  active bool not null default true,
  disabled_at timestamptz,
  joined_at timestamptz not null default now(),
  primary key (store_id, user_id),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete restrict
);
comment on table crm.members is
  'A person in a store, with one role there; the same person may be a member of several stores.';
create index on crm.members (user_id);
create index on crm.members (store_id, role);

create table crm.group_members (
  group_id uuid not null references crm.groups on delete cascade,
  user_id uuid not null,
  role text not null check (role ~ '^[a-z][a-z0-9_]{0,40}$'),
  name text not null check (length(name) between 1 and 40),
  is_admin bool not null default false,
  granted_by uuid,  -- null: the operator
  granted_at timestamptz not null default now(),
  primary key (group_id, user_id)
);
comment on table crm.group_members is
  'People who work for a whole group, with the key of their role in each store''s document. '
  'Written by the operator and by group administrators (is_admin), never by a store.';
create index on crm.group_members (user_id);

create table crm.invitations (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  code_hash bytea not null unique,
  name text not null check (length(name) between 1 and 40),
  contact text not null check (length(contact) between 3 and 120),
  role text not null,
  invited_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_by uuid,
  accepted_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete restrict
);
comment on table crm.invitations is
  'A place kept for a new member. Only the hash of the code is stored. invited_by: null is the '
  'operator, who creates a store before it has a member.';
create index on crm.invitations (store_id, role);

create type crm.caller as (
  store_id uuid,
  user_id uuid,
  role text,
  scope text,
  verbs text[],
  pools text[],
  today date,
  time_zone text,
  is_member bool
);

alter table crm.groups enable row level security;
alter table crm.stores enable row level security;
alter table crm.roles enable row level security;
alter table crm.members enable row level security;
alter table crm.group_members enable row level security;
alter table crm.invitations enable row level security;

-- Supabase Auth asks before it creates a user (config.toml, auth.hook.before_user_created;
-- docs/decisions/0021). In a schema of its own, since the role that asks needs usage on it and must
-- have none on crm.
create schema auth_hooks;
comment on schema auth_hooks is 'Functions that Supabase Auth calls; exposed to nobody else.';
