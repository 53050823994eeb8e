-- History: append-only events from triggers, what a member lost sight of, and the log of applied operations.

create table crm.events (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  customer_id uuid not null,
  form text not null,
  subject_id uuid not null,
  kind text not null check (kind in ('created', 'changed')),
  field text,
  is_field bool not null default false,
  old jsonb, new jsonb,
  version int not null,
  actor_id uuid,
  op_id uuid,
  created_at timestamptz not null default now(),
  change_no bigint not null default crm.change_no(),
  primary key (store_id, id));
comment on table crm.events is 'What happened, append-only: one row per record made or value changed. actor_id null = the system. is_field: rights of the form apply when read.';
create index on crm.events (store_id, customer_id, id);
create index on crm.events (store_id, op_id) where op_id is not null;

create table crm.losses (
  store_id uuid not null references crm.stores on delete cascade,
  user_id uuid not null,
  form text not null check (form in ('customer', 'task', 'customer_gained')),
  subject_id uuid not null,
  created_at timestamptz not null default now(),
  change_no bigint not null default crm.change_no(),
  primary key (store_id, user_id, form, subject_id, change_no));
comment on table crm.losses is 'Records that left a member''s book by reassignment: his phone drops them at its next pull. customer_gained: one that entered it, whose older rows come too.';

create table crm.ops (
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
  primary key (store_id, op_id));
comment on table crm.ops is 'Applied operations: replaying one answers its first result. Holds status, codes and ids, never a field''s value. config_version: under which document the words were filled in.';

create function crm.was_member(p_store uuid) returns bool
  language plpgsql stable security definer set search_path = '' as $$
begin
  return exists (select from crm.members m where m.store_id = p_store and m.user_id = (select auth.uid()) and not m.active);
end $$;
comment on function crm.was_member is 'Whether the caller belonged to the store and was disabled.';

alter table crm.events enable row level security;
alter table crm.losses enable row level security;
alter table crm.ops enable row level security;
create policy insert_self on crm.events for insert to api_owner
  with check (actor_id = (select auth.uid()) and store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_self on crm.losses for select to api_owner using (user_id = (select auth.uid()));
create policy insert_member on crm.losses for insert to api_owner with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy select_self on crm.ops for select to api_owner using (user_id = (select auth.uid()));
create policy insert_self on crm.ops for insert to api_owner with check (
  case when user_id <> (select auth.uid()) then false when store_id = any ((select crm.my_store_ids(null))::uuid[]) then true else crm.was_member(store_id) end);   -- a disabled member's late ones are logged, then held
create policy update_self on crm.ops for update to api_owner using (user_id = (select auth.uid()));
grant select on crm.events, crm.losses, crm.ops to api_owner;
grant insert (store_id, customer_id, form, subject_id, kind, field, is_field, old, new, version, actor_id, op_id) on crm.events to api_owner;
grant insert (store_id, user_id, form, subject_id) on crm.losses to api_owner;
grant insert (op_id, store_id, user_id, device_id, seq, verb, config_version), update (result, undone_by) on crm.ops to api_owner;

-- Triggers shared by all records --------------------------------------------------------------------------------------------

create function crm.tg_record__stamp() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  new.change_no := crm.change_no();
  if tg_op = 'UPDATE' then new.version := old.version + 1; new.updated_at := now(); end if;
  return new;
end $$;

-- The guard, for every writer, importers and the operator too: no key this store never defined; masked copies follow.
create function crm.tg_record__custom() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare f crm.forms; record jsonb;
begin
  select x.formulas into f.formulas from crm.forms x where x.store_id = new.store_id and x.form = tg_argv[0];   -- not the whole row: its fields are unpacked only when needed
  if f.formulas is not null then
    record := (to_jsonb(new) - 'custom') || new.custom;
    select new.custom - array(select jsonb_object_keys(f.formulas)) || coalesce(jsonb_object_agg(k.key, to_jsonb(trim_scale(round(k.x::numeric, k.decimals)))) filter (where jsonb_typeof(k.x) = 'number'), '{}')
      into new.custom
    from (select key, crm.logic(value -> 'formula', record) as x, (value ->> 'decimals')::int as decimals from jsonb_each(f.formulas)) k;
  end if;
  if new.custom = '{}' and (tg_op = 'INSERT' or old.custom = '{}') then return new; end if;
  if tg_op = 'UPDATE' and new.custom = old.custom and new.custom_masked = old.custom_masked then return new; end if;
  select * into f from crm.forms x where x.store_id = new.store_id and x.form = tg_argv[0];
  if f.known is null or (new.custom - f.known) <> '{}' then raise sqlstate 'PT422' using message = 'unknown_key'; end if;
  f.fields := f.fields #> '{}';                       -- taken out of its storage once, not for every key
  select coalesce(jsonb_object_agg(k, crm.mask_text(new.custom ->> k, coalesce(f.fields -> k ->> 'mask', 'all'))), '{}') into new.custom_masked
    from unnest(f.maskable) k where new.custom ->> k is not null;
  return new;
end $$;

-- What is kept beside the records: values that must be unique, values that are searched by. Removed records give theirs back.
create function crm.tg_record__values() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare f crm.forms; taken text;
begin
  if tg_op = 'INSERT' and new.custom = '{}' then return null; end if;
  select x.uniques, x.searchables into f.uniques, f.searchables from crm.forms x
  where x.store_id = new.store_id and x.form = tg_argv[0] and (x.uniques is not null or x.searchables is not null);
  if not found then return null; end if;
  if tg_op = 'UPDATE' then
    delete from crm.unique_values u where u.store_id = new.store_id and u.form = tg_argv[0] and u.subject_id = new.id;
    delete from crm.searchable_values v where v.store_id = new.store_id and v.form = tg_argv[0] and v.subject_id = new.id;
  end if;
  if new.removed_at is not null then return null; end if;
  for taken in select k from unnest(f.uniques) k where coalesce(new.custom ->> k, '') <> '' order by k loop
    insert into crm.unique_values (store_id, form, key, value, subject_id)
    values (new.store_id, tg_argv[0], taken, lower(new.custom ->> taken), new.id) on conflict do nothing;
    if not found then perform crm.refuse('invalid', null, jsonb_build_array(jsonb_build_object('field', taken, 'code', 'taken'))); end if;
  end loop;
  if f.searchables is not null then
    insert into crm.searchable_values (store_id, form, key, subject_id, place, n, t)
    select new.store_id, tg_argv[0], v.key, new.id, v.place, v.n, v.t from crm.searchable_parts(new.custom, f.searchables) v;
  end if;
  return null;
end $$;
comment on function crm.tg_record__values is 'Refuses the second record with the same value in a unique field (taken) and keeps crm.searchable_values. Definer: nobody else writes these tables.';

-- A record made: once per statement, since a list of ten thousand or the nightly tasks would otherwise pay a trigger call for each.
create function crm.tg_record__born() returns trigger
  language plpgsql volatile set search_path = '' as $$
declare me uuid := (select auth.uid()); v_op uuid := nullif(current_setting('crm.op_id', true), '')::uuid;
begin
  if tg_argv[0] = 'customer' then
    insert into crm.events (store_id, customer_id, form, subject_id, kind, version, actor_id, op_id)
    select r.store_id, r.id, 'customer', r.id, 'created', r.version, me, v_op from after_rows r;
  else
    insert into crm.events (store_id, customer_id, form, subject_id, kind, version, actor_id, op_id)
    select r.store_id, r.customer_id, tg_argv[0], r.id, 'created', r.version, me, v_op from after_rows r;
  end if;
  return null;
end $$;

-- Arguments: the form, then the tracked columns that are no fields of the form (owner, stage, status …).
create function crm.tg_record__history() returns trigger
  language plpgsql volatile set search_path = '' as $$
declare
  o jsonb := to_jsonb(old); n jsonb := to_jsonb(new); me uuid := (select auth.uid());
  v_customer uuid := case when tg_argv[0] = 'customer' then new.id else (n ->> 'customer_id')::uuid end;
  v_op uuid := nullif(current_setting('crm.op_id', true), '')::uuid;
begin
  insert into crm.events (store_id, customer_id, form, subject_id, kind, field, is_field, old, new, version, actor_id, op_id)
  select new.store_id, v_customer, tg_argv[0], new.id, 'changed', k.key, k.is_field, k.before, k.after, new.version, me, v_op
  from (
    select b.key, true as is_field, o -> b.key as before, n -> b.key as after from crm.base_fields b where b.form = tg_argv[0]
    union all
    select a.key, false, o -> a.key, n -> a.key from unnest(tg_argv[1:]) a (key)
    union all
    select c.key, true, o -> 'custom' -> c.key, n -> 'custom' -> c.key
    from jsonb_object_keys(coalesce(o -> 'custom', '{}') || coalesce(n -> 'custom', '{}')) c (key)
    where o -> 'custom' is distinct from n -> 'custom'
  ) k where k.before is distinct from k.after;
  return null;
end $$;
comment on function crm.tg_record__history is 'One event per value changed (S-05, S-52); the operation that did it stands beside.';

grant execute on function crm.tg_record__stamp(), crm.tg_record__custom(), crm.tg_record__values(), crm.tg_record__born(), crm.tg_record__history() to api_owner;
grant execute on function crm.was_member(uuid) to api_owner;
