-- A store's configuration is one versioned document; here is what it is materialised into: fields, rights, lists, rules.

create table crm.config_versions (
  store_id uuid not null references crm.stores on delete cascade,
  version int not null check (version > 0),
  document jsonb not null check (jsonb_typeof(document) = 'object' and pg_column_size(document) < 1048576),
  author_id uuid,
  note text not null default '' check (length(note) <= 500),
  published_at timestamptz not null default now(),
  primary key (store_id, version));
comment on table crm.config_versions is 'Every published version of a store''s document, never changed afterwards.';

-- Fields and rights -------------------------------------------------------------------------------------------------------

create table crm.base_fields (
  form text not null,
  key text not null,
  type text not null,
  mask text,
  required bool not null default false,
  primary key (form, key));
comment on table crm.base_fields is 'The columns of each form that a document must place and give rights for; type and mask are fixed, labels are the store''s.';
insert into crm.base_fields (form, key, type, mask, required) values
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
  ('conversation', 'words', 'long_text', null, false);

create table crm.fields (
  store_id uuid not null references crm.stores on delete cascade,
  form text not null,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  is_base bool not null default false,
  type text not null check (type in ('text', 'long_text', 'phone', 'plate', 'vin', 'number', 'money', 'bool', 'date', 'time', 'select', 'multi', 'level', 'person', 'file', 'formula')),
  required bool not null default false,
  pattern text check (length(pattern) <= 200),
  min numeric, max numeric, max_length int,
  options jsonb,
  mask text check (mask in ('phone', 'plate', 'tail4', 'all')),
  is_searchable bool not null default false,
  is_unique bool not null default false,
  logic jsonb not null default '{}' check (jsonb_typeof(logic) = 'object'),
  retired bool not null default false,
  retired_at timestamptz,
  purged_at timestamptz,
  position int not null default 0,
  primary key (store_id, form, key));
comment on table crm.fields is 'Every field a store ever defined. Retired, never deleted (a new one under an old key would bring old values under new rights). logic: show, require, options, formula, decimals, methods.';

create table crm.field_rights (
  store_id uuid not null,
  role text not null,
  form text not null,
  key text not null,
  access text not null check (access in ('hidden', 'masked', 'read', 'write')),
  primary key (store_id, role, form, key),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete cascade,
  foreign key (store_id, form, key) references crm.fields on delete cascade);
comment on table crm.field_rights is 'What a role may do with a field. No row = hidden: a new field starts closed.';
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
  primary key (store_id, form));
comment on table crm.forms is 'Compiled fields of a form: definitions by key, keys ever defined, maskable keys, formulas, unique and searchable keys (null when none), whether a condition looks at the record. Read once per statement.';

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
  check (required <@ writable and writable <@ readable and not masked && readable));
comment on table crm.access is 'Compiled rights, one row per role and form. required: also what is required only under a condition (crm.is_required).';

create table crm.unique_values (
  store_id uuid not null,
  form text not null,
  key text not null,
  value text not null,
  subject_id uuid not null,
  primary key (store_id, form, key, value),
  foreign key (store_id, form, key) references crm.fields on delete cascade);
comment on table crm.unique_values is 'The values of fields that must be unique in a store: the key refuses the second of two at once.';
create index on crm.unique_values (store_id, form, subject_id);

create table crm.searchable_values (
  store_id uuid not null,
  form text not null,
  key text not null,
  subject_id uuid not null,
  place smallint not null default 1,
  n float8,
  t text collate "C",
  primary key (store_id, form, subject_id, key, place),
  foreign key (store_id, form, key) references crm.fields on delete cascade,
  check ((n is null) <> (t is null)));
comment on table crm.searchable_values is 'The values of fields a store marked searchable, as numbers or as texts (days as 2026-11-24, a row a chosen option): found and sorted from an index, without DDL. Only leakproof types.';
create index on crm.searchable_values (store_id, form, key, n, subject_id) where n is not null;
create index on crm.searchable_values (store_id, form, key, t, subject_id) where t is not null;

create table crm.form_tables (form text primary key, relation text not null unique);
comment on table crm.form_tables is 'The table that holds the records of a form.';
insert into crm.form_tables values ('customer', 'customers'), ('companion', 'companions'), ('vehicle', 'vehicles'), ('policy', 'policies'),
  ('deal', 'deals'), ('conversation', 'conversations');

create function crm.tg_fields__keep() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and (new.store_id, new.form, new.key, new.is_base) is not distinct from (old.store_id, old.form, old.key, old.is_base)
    and (new.type = old.type or not new.is_base) then return new; end if;   -- apply_config changes a type after every value was converted
  if tg_op = 'DELETE' and not exists (select from crm.stores s where s.id = old.store_id) then return old; end if;   -- the whole store goes
  raise sqlstate 'PT409' using message = 'field_type_fixed', detail = old.form || '.' || old.key;
end $$;
create trigger tg_fields__keep before update or delete on crm.fields for each row execute function crm.tg_fields__keep();

create function crm.compile_access(p_store uuid, p_form text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.forms (store_id, form, fields, known, maskable, searchables, formulas, uniques, conditional)
  select p_store, p_form,
    coalesce(jsonb_object_agg(f.key, jsonb_strip_nulls(jsonb_build_object('type', f.type, 'label', f.label, 'base', nullif(f.is_base, false),
      'required', nullif(f.required, false), 'pattern', f.pattern, 'min', f.min, 'max', f.max, 'length', f.max_length,
      'options', f.options, 'mask', f.mask, 'searchable', nullif(f.is_searchable, false), 'unique', nullif(f.is_unique, false), 'position', f.position)) || f.logic) filter (where not f.retired), '{}'),
    array_agg(f.key), coalesce(array_agg(f.key) filter (where f.mask is not null and not f.is_base), '{}'),
    array_agg(f.key order by f.key) filter (where f.is_searchable and not f.retired),
    jsonb_object_agg(f.key, f.logic) filter (where f.type = 'formula' and not f.retired),
    array_agg(f.key) filter (where f.is_unique and not f.retired),
    bool_or(f.logic <> '{}' and not f.retired)
  from crm.fields f where f.store_id = p_store and f.form = p_form having count(*) > 0
  on conflict (store_id, form) do update
    set fields = excluded.fields, known = excluded.known, maskable = excluded.maskable, searchables = excluded.searchables,
      formulas = excluded.formulas, uniques = excluded.uniques, conditional = excluded.conditional;
  delete from crm.access a where a.store_id = p_store and a.form = p_form;
  insert into crm.access (store_id, role, form, readable, masked, writable, required)   -- no right = hidden; retired = hidden for all
  select p_store, r.key, p_form,
    coalesce(array_agg(f.key order by f.is_base desc, f.position) filter (where g.access in ('read', 'write')), '{}'),
    coalesce(array_agg(f.key) filter (where g.access = 'masked' and f.mask is not null), '{}'),
    coalesce(array_agg(f.key) filter (where g.access = 'write' and f.type <> 'formula'), '{}'),
    coalesce(array_agg(f.key) filter (where g.access = 'write' and (f.required or f.logic ?| array['require', 'methods'])), '{}')   -- required of those who may write it
  from crm.roles r
  left join crm.fields f on f.store_id = r.store_id and f.form = p_form and not f.retired
  left join crm.field_rights g on g.store_id = r.store_id and g.role = r.key and g.form = p_form and g.key = f.key
  where r.store_id = p_store group by r.key;
end $$;

alter function crm.compile_access(uuid, text) set plan_cache_mode = force_custom_plan;   -- a plan kept from when the store had no field joins two hundred of them by hand

create type crm.caller_access as (
  store_id uuid, user_id uuid, form text, readable text[], masked text[], writable text[], required text[]);
create function crm.my_access(p_form text) returns setof crm.caller_access
  language plpgsql stable security definer rows 2 set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
  if p_form is null then                                -- every form, for the timeline
    return query select p.store_id, p.user_id, a.form, a.readable, a.masked, a.writable, a.required
      from crm.places p join crm.access a on a.store_id = p.store_id and a.role = p.role
      where p.user_id = (select auth.uid());
  else
    return query select p.store_id, p.user_id, a.form, a.readable, a.masked, a.writable, a.required
      from crm.places p join crm.access a on a.store_id = p.store_id and a.role = p.role and a.form = p_form
      where p.user_id = (select auth.uid());
  end if;
end $$;
comment on function crm.my_access is 'The caller''s field rights on a form (null: on all), one row per store and form.';

create function crm.may_write(p_store uuid, p_form text, p_key text) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (select from crm.my_access(p_form) a where a.store_id = p_store and p_key = any (a.writable));
end $$;
comment on function crm.may_write is 'Whether the caller may write a field. Comparing with a value is asking whether it is there: who sees a number masked may not.';

-- Lists that rules and verbs look at ---------------------------------------------------------------------------------------

create table crm.pools (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  claims_per_day int not null default 0 check (claims_per_day between 0 and 1000),
  ex_owner_days int not null default 30 check (ex_owner_days between 0 and 3650),
  contact_hours int not null default 24 check (contact_hours between 1 and 720),
  position int not null default 0, retired bool not null default false,
  primary key (store_id, key));
comment on table crm.pools is 'Named pools of customers without an owner, e.g. the market team''s (S-22, S-26). claims_per_day 0 = nobody helps himself; the ex-owner waits ex_owner_days; a claim without a contact in contact_hours goes back (F-24).';

create table crm.pipelines (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null, position int not null default 0, retired bool not null default false,
  primary key (store_id, key));
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
  foreign key (store_id, pipeline) references crm.pipelines on delete cascade);
comment on table crm.stages is 'Stages of a pipeline. Logic looks at type; moves null = to any stage; required and checklist are asked on entering (S-86).';

create table crm.levels (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null, definition jsonb not null default '{}',
  rank int not null,
  cadence_days int check (cadence_days between 1 and 365),
  reassign_after_days int check (reassign_after_days between 1 and 3650),
  demote_after_days int check (demote_after_days between 1 and 3650),
  demote_to text check (demote_to <> key),
  pool text,
  position int not null default 0, retired bool not null default false,
  primary key (store_id, key),
  foreign key (store_id, pool) references crm.pools on delete restrict);
comment on table crm.levels is 'Purchase-intent levels (S-19): cadence in days (S-20), pool a customer of this level belongs to; a higher rank is nearer to buying. Days at the level without a deal: after reassign_after_days it is on the manager''s list (S-25, S-27), after demote_after_days it falls to demote_to (S-26).';

create table crm.outcomes (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  methods text[] not null,
  reached bool not null,
  needs_words bool not null,
  retry_hours int check (retry_hours between 1 and 720),
  retry_max int check (retry_max between 1 and 20),
  after_last text check (after_last in ('manager', 'message')),
  effect text check (effect in ('complaint', 'do_not_call', 'lost', 'won')),
  roles text[] not null default '{}',
  position int not null default 0, retired bool not null default false,
  primary key (store_id, key));
comment on table crm.outcomes is 'What can come of a conversation. reached = counts as a contact (default e); retry_hours until the next try of a task, retry_max tries, then after_last; effect: what the customer becomes by it; roles: whose outcome it is, {} = everybody''s.';

create table crm.reasons (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  uses text[] not null,
  parent text,
  returns bool not null default true,
  position int not null default 0, retired bool not null default false,
  primary key (store_id, key),
  check (uses <@ array['cancel', 'lost', 'contact']));
comment on table crm.reasons is 'Why a task cannot be done, a deal was lost, or a customer got in touch (S-78, S-81). returns: a renewal lost for it comes back before the next expiry (F-35); not when the car was sold.';

create table crm.rules (
  store_id uuid not null references crm.stores on delete cascade,
  key text not null check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  kind text not null check (kind in ('cadence', 'policy_window', 'care', 'first_response', 'no_contact')),
  days int[] not null default '{}',
  options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
  active bool not null default true,
  position int not null default 0,
  primary key (store_id, key));
comment on table crm.rules is 'Rules that make tasks (S-03): cadence by level, windows before a policy expires, care dates, ladders of escalation. options: levels, sources, date, steps, quiet hours.';

do $$ declare t text; begin
  foreach t in array array['config_versions', 'fields', 'field_rights', 'forms', 'access', 'unique_values', 'searchable_values', 'pools', 'pipelines', 'stages', 'levels', 'outcomes', 'reasons', 'rules'] loop
    execute format('alter table crm.%I enable row level security', t);
    execute format('create policy select_member on crm.%I for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]))', t);
    execute format('grant select on crm.%I to api_owner', t);
  end loop;
end $$;
alter table crm.base_fields enable row level security;
create policy select_all on crm.base_fields for select to api_owner using (form is not null);
grant select on crm.base_fields to api_owner;
alter table crm.form_tables enable row level security;
create policy select_all on crm.form_tables for select to api_owner using (form is not null);
grant select on crm.form_tables to api_owner;

grant execute on function crm.my_access(text) to authenticated, api_owner;
grant execute on function crm.may_write(uuid, text, text) to api_owner;
