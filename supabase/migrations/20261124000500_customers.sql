-- Customers and the people who come along with them.

create table crm.customers (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,                                   -- UUIDv7 made by the client
  owner_id uuid,
  renewal_owner_id uuid,
  pool text,
  name text not null check (length(name) between 1 and 80),
  phone text check (phone ~ '^\+?[0-9]{5,15}$'),
  wechat text check (length(wechat) <= 80),
  gender text, source text not null,
  level text not null,
  level_at timestamptz not null default now(),
  next_contact_on date,
  last_contact_at timestamptz,
  need text check (length(need) <= 2000),
  preferred_time text,
  do_not_call bool not null default false,
  complaint_at timestamptz,
  facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object'),
  consent_withdrawn_at timestamptz,
  phone_masked text generated always as (crm.mask_text(phone, 'phone')) stored,
  wechat_masked text generated always as (crm.mask_text(wechat, 'all')) stored,
  phone_tail text collate "C" generated always as (right(phone, 4)) stored,
  pinyin text collate "C", initials text collate "C",
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_by uuid default auth.uid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, owner_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, renewal_owner_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, level) references crm.levels (store_id, key) on delete restrict,
  foreign key (store_id, pool) references crm.pools (store_id, key) on delete restrict,
  constraint owner_or_pool check ((owner_id is null) <> (pool is null))    -- S-22
) with (fillfactor = 85);
comment on table crm.customers is 'A person or company, with an owner or in a named pool; renewal_owner_id is who renews its policies. complaint_at: since when a complaint is open. facts: per field, on which day who was told (First 8).';
-- One's own book is searched in these three without touching the rows: 400 customers lie on 400 pages, their entries on five.
create index on crm.customers (store_id, owner_id, next_contact_on) include (renewal_owner_id, pool, id, name, initials, pinyin, created_at, removed_at);
create index on crm.customers (store_id, renewal_owner_id) include (owner_id, pool, id, name, initials, pinyin, created_at, removed_at) where renewal_owner_id is not null;
create index on crm.customers (store_id, created_at desc, id) include (owner_id, renewal_owner_id, pool, name, phone) where removed_at is null;  -- pages; infix search index-only
create index on crm.customers (store_id, phone_tail);
create index on crm.customers (store_id, pinyin);
create index on crm.customers (store_id, initials);
create index on crm.customers (store_id, next_contact_on) where next_contact_on is not null;
create index on crm.customers (store_id, pool) include (owner_id, renewal_owner_id, id, name, initials, pinyin, created_at, removed_at) where pool is not null;
create index on crm.customers (store_id, level);

create table crm.companions (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  name text not null check (length(name) between 1 and 80),
  relation text, influence text,
  phone text check (phone ~ '^\+?[0-9]{5,15}$'),
  phone_masked text generated always as (crm.mask_text(phone, 'phone')) stored,
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade);
comment on table crm.companions is 'Someone who comes along (wife, father, friend), with relation and influence (S-15).';
create index on crm.companions (store_id, customer_id);

create function crm.tg_customers__index() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if tg_op = 'INSERT' or new.name <> old.name then
    select p.full_text, p.initials into new.pinyin, new.initials from crm.pinyin_of(new.name) p;
  end if;
  if tg_op = 'UPDATE' and new.level <> old.level and new.level_at = old.level_at then new.level_at := now(); end if;   -- undo puts the old clock back
  return new;
end $$;

-- A first next-contact day, so that no open customer is without a plan (S-53); the level's cadence from today. Definer, like every
-- trigger that reads the store's own lists: asking for each row whose lists these are took a third of an import's time.
create function crm.tg_customers__plan() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  if new.next_contact_on is null and new.owner_id is not null and not new.do_not_call then
    select (now() at time zone s.time_zone)::date + l.cadence_days into new.next_contact_on
    from crm.stores s join crm.levels l on l.store_id = s.id and l.key = new.level where s.id = new.store_id;
  end if;
  return new;
end $$;

-- Who was told what, and when (First 8): of what people say in operations, not of what a list brings.
create function crm.tg_customers__facts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare o jsonb; n jsonb; told jsonb;
begin
  if coalesce(current_setting('crm.op_id', true), '') = '' or current_setting('crm.is_list', true) = 'on' then return new; end if;
  if tg_op = 'UPDATE' and (new.name, new.phone, new.wechat, new.gender, new.source, new.need, new.preferred_time, new.do_not_call, new.custom)
    is not distinct from (old.name, old.phone, old.wechat, old.gender, old.source, old.need, old.preferred_time, old.do_not_call, old.custom) then return new; end if;
  n := to_jsonb(new) || new.custom; o := case when tg_op = 'UPDATE' then to_jsonb(old) || old.custom else '{}' end;
  select jsonb_object_agg(k.key, jsonb_build_object('on', (now() at time zone s.time_zone)::date, 'by', m.name)) into told
  from (select b.key from crm.base_fields b where b.form = 'customer' and b.key not in ('level', 'next_contact_on')
        union select jsonb_object_keys(coalesce(o -> 'custom', '{}') || new.custom)) k
  join crm.stores s on s.id = new.store_id
  join crm.members m on m.store_id = new.store_id and m.user_id = (select auth.uid())
  where n -> k.key is distinct from o -> k.key and (tg_op = 'UPDATE' or jsonb_typeof(n -> k.key) <> 'null');
  new.facts := new.facts || coalesce(told, '{}');
  return new;
end $$;

create function crm.tg_customers__losses() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.losses (store_id, user_id, form, subject_id)
  select new.store_id, u, 'customer', new.id from unnest(array[old.owner_id, old.renewal_owner_id]) u
  where u is not null and u is distinct from new.owner_id and u is distinct from new.renewal_owner_id
  union select new.store_id, u, 'customer_gained', new.id from unnest(array[new.owner_id, new.renewal_owner_id]) u
  where u is not null and u is distinct from old.owner_id and u is distinct from old.renewal_owner_id
  on conflict do nothing;
  return null;
end $$;

create trigger tg_customers__a_stamp before insert or update on crm.customers for each row execute function crm.tg_record__stamp();
create trigger tg_customers__b_custom before insert or update on crm.customers for each row execute function crm.tg_record__custom('customer');
create trigger tg_customers__c_index before insert or update on crm.customers for each row execute function crm.tg_customers__index();
create trigger tg_customers__d_plan before insert on crm.customers for each row execute function crm.tg_customers__plan();
create trigger tg_customers__e_facts before insert or update on crm.customers for each row execute function crm.tg_customers__facts();
create trigger tg_customers__losses after update of owner_id, renewal_owner_id on crm.customers for each row execute function crm.tg_customers__losses();
create trigger tg_customers__born after insert on crm.customers referencing new table as after_rows for each statement execute function crm.tg_record__born('customer');
create trigger tg_customers__values after insert or update of custom, removed_at on crm.customers for each row execute function crm.tg_record__values('customer');
create trigger tg_customers__history after update on crm.customers for each row
  execute function crm.tg_record__history('customer', 'owner_id', 'renewal_owner_id', 'pool', 'level_at', 'last_contact_at', 'complaint_at', 'removed_at');
create trigger tg_companions__a_stamp before insert or update on crm.companions for each row execute function crm.tg_record__stamp();
create trigger tg_companions__b_custom before insert or update on crm.companions for each row execute function crm.tg_record__custom('companion');
create trigger tg_companions__born after insert on crm.companions referencing new table as after_rows for each statement execute function crm.tg_record__born('companion');
create trigger tg_companions__values after insert or update of custom, removed_at on crm.companions for each row execute function crm.tg_record__values('companion');
create trigger tg_companions__history after update on crm.companions for each row execute function crm.tg_record__history('companion', 'removed_at');

-- Rows: case, not or: with or the planner expects 5 % of the rows and leaves the ordered index (fields.md 2.3).
alter table crm.customers enable row level security;
alter table crm.companions enable row level security;
create policy select_member on crm.customers for select to api_owner using (
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when owner_id = (select auth.uid()) or renewal_owner_id = (select auth.uid()) then store_id = any ((select crm.my_store_ids(null))::uuid[])
    when owner_id is not null then (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t)
    else (store_id, pool) in (select p.store_id, p.pool from crm.my_pools() p) end);
create policy insert_member on crm.customers for insert to api_owner with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_member on crm.customers for update to api_owner using (
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when owner_id = (select auth.uid()) or renewal_owner_id = (select auth.uid()) then store_id = any ((select crm.my_store_ids(null))::uuid[])
    when owner_id is not null then (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t)
    else (store_id, pool) in (select p.store_id, p.pool from crm.my_pools() p) end);

-- Rows that hang on a customer are seen by whoever sees the customer. p_extra names further columns that make it his own.
create function crm.rows_follow_customer(p_table text, p_own_column text default null) returns void
  language plpgsql volatile set search_path = '' as $$
declare condition text := format($c$
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when store_id = any ((select crm.my_store_ids(null))::uuid[]) then %2$s
      exists (select from crm.customers c where c.store_id = %1$I.store_id and c.id = %1$I.customer_id)
    else false end $c$, p_table, case when p_own_column is null then '' else format('%I = (select auth.uid()) or ', p_own_column) end);
begin
  execute format('create policy select_member on crm.%I for select to api_owner using (%s)', p_table, condition);
  execute format('create policy insert_member on crm.%I for insert to api_owner with check (%s)', p_table, condition);
  execute format('create policy update_member on crm.%I for update to api_owner using (%s)', p_table, condition);
end $$;
comment on function crm.rows_follow_customer is 'For migrations: the row policies of a table whose rows hang on a customer.';
select crm.rows_follow_customer('companions');

create policy select_member on crm.events for select to api_owner using (
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when store_id = any ((select crm.my_store_ids(null))::uuid[]) then
      exists (select from crm.customers c where c.store_id = events.store_id and c.id = events.customer_id)
    else false end);

grant select on crm.customers, crm.companions to api_owner;
grant insert (store_id, id, owner_id, renewal_owner_id, pool, name, phone, wechat, gender, source, level, next_contact_on, need, preferred_time, do_not_call, custom, created_by),
  update (name, phone, wechat, gender, source, level, level_at, next_contact_on, last_contact_at, need, preferred_time, do_not_call, complaint_at, custom, removed_at)
  on crm.customers to api_owner;                      -- owner and pool are not among the updates: handing over is its own verb
grant insert (store_id, id, customer_id, name, relation, influence, phone, custom), update (name, relation, influence, phone, custom, removed_at)
  on crm.companions to api_owner;

-- Masked views: the strip takes away what is left after taking away what may be read. No security_barrier (fields.md).
create view api.customers as
select c.store_id, c.id, c.owner_id, c.renewal_owner_id, c.pool, c.last_contact_at, c.level_at, c.complaint_at, c.consent_withdrawn_at, c.created_at, c.updated_at, c.version, c.change_no,
  case when 'name' = any (a.readable) then c.name end as name,
  case when 'phone' = any (a.readable) then c.phone when 'phone' = any (a.masked) then c.phone_masked end as phone,
  case when 'wechat' = any (a.readable) then c.wechat when 'wechat' = any (a.masked) then c.wechat_masked end as wechat,
  case when 'gender' = any (a.readable) then c.gender end as gender,
  case when 'source' = any (a.readable) then c.source end as source,
  case when 'level' = any (a.readable) then c.level end as level,
  case when 'next_contact_on' = any (a.readable) then c.next_contact_on end as next_contact_on,
  case when 'need' = any (a.readable) then c.need end as need,
  case when 'preferred_time' = any (a.readable) then c.preferred_time end as preferred_time,
  case when 'do_not_call' = any (a.readable) then c.do_not_call end as do_not_call,
  case when c.facts = '{}' then c.facts else c.facts - array(select jsonb_object_keys(c.facts - coalesce(a.readable, '{}'))) end as facts,
  (c.custom - array(select jsonb_object_keys(c.custom - coalesce(a.readable, '{}'))))
    || (c.custom_masked - array(select jsonb_object_keys(c.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.customers c join crm.my_access('customer') a on a.store_id = c.store_id
where c.removed_at is null;

create view api.companions as
select c.store_id, c.id, c.customer_id, c.created_at, c.updated_at, c.version, c.change_no,
  case when 'name' = any (a.readable) then c.name end as name,
  case when 'relation' = any (a.readable) then c.relation end as relation,
  case when 'influence' = any (a.readable) then c.influence end as influence,
  case when 'phone' = any (a.readable) then c.phone when 'phone' = any (a.masked) then c.phone_masked end as phone,
  (c.custom - array(select jsonb_object_keys(c.custom - coalesce(a.readable, '{}'))))
    || (c.custom_masked - array(select jsonb_object_keys(c.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.companions c join crm.my_access('companion') a on a.store_id = c.store_id
where c.removed_at is null;

-- Old and new values under today's rights: hidden keys have no row, masked ones are masked.
create view api.timeline as
select e.store_id, e.id, e.customer_id, e.form, e.subject_id, e.kind, e.field, e.version, e.actor_id, e.created_at,
  case when not e.is_field or e.field = any (a.readable) then e.old
    else to_jsonb(crm.mask_text(e.old #>> '{}', coalesce(f.fields -> e.field ->> 'mask', 'all'))) end as old,
  case when not e.is_field or e.field = any (a.readable) then e.new
    else to_jsonb(crm.mask_text(e.new #>> '{}', coalesce(f.fields -> e.field ->> 'mask', 'all'))) end as new
from crm.events e
left join crm.my_access(null) a on a.store_id = e.store_id and a.form = e.form
left join crm.forms f on f.store_id = e.store_id and f.form = e.form
where not e.is_field or e.field = any (a.readable) or e.field = any (a.masked);

alter view api.customers owner to api_owner;
alter view api.companions owner to api_owner;
alter view api.timeline owner to api_owner;
grant select on api.customers, api.companions, api.timeline to authenticated;
grant execute on function crm.tg_customers__index(), crm.tg_customers__plan(), crm.tg_customers__facts(), crm.tg_customers__losses() to api_owner;
