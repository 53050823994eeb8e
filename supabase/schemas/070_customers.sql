-- Customers and the people who come along with them.

create or replace function crm.tg_customers__index() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if tg_op = 'INSERT' or new.name <> old.name then
    select p.full_text, p.initials into new.pinyin, new.initials from crm.pinyin_of(new.name) p;
  end if;
  if tg_op = 'UPDATE' and new.level <> old.level and new.level_at = old.level_at then
    new.level_at := now();
  end if;  -- undo puts the old clock back
  return new;
end $$;

-- Set by a dry run and by the demonstration's history, never by a caller: what is told has happened
-- when it says.
create or replace function crm.is_rehearsal() returns bool
  language plpgsql stable parallel safe set search_path = '' as $$
begin
  return coalesce(current_setting('crm.rehearsal', true), '') <> '';
end $$;
comment on function crm.is_rehearsal is
  'Whether history is told again: times are taken as said, tasks move as they did.';

-- The rules say for which day they run, so that a plan they make counts from that day, also in a
-- dry run of days that are over; null when no rule is running.
create or replace function crm.day_of_rules() returns date
  language plpgsql stable parallel safe set search_path = '' as $$
begin
  return nullif(current_setting('crm.day_of_rules', true), '')::date;
end $$;

-- A next-contact day, so that no customer is without a plan (S-53), whatever the writer left out:
-- the level's cadence from today, on a working day, also in a pool that somebody works. A customer
-- whose level changes is called no later than the new level demands. When silence ends, the plan
-- goes on, but not before today. Definer, like every trigger that reads the store's own lists:
-- asking for each row whose lists these are took a third of an import's time.
create or replace function crm.tg_customers__plan_contact() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_was_silent bool := tg_op = 'UPDATE'
    and crm.is_silent(old.do_not_call, old.consent_withdrawn_at);
  v_is_regraded bool := tg_op = 'UPDATE'
    and new.level <> old.level
    and new.next_contact_on is not distinct from old.next_contact_on;
begin
  if crm.is_silent(new.do_not_call, new.consent_withdrawn_at) then
    return new;
  end if;
  if new.next_contact_on is not null and not v_was_silent and not v_is_regraded then
    return new;
  end if;
  if crm.is_rehearsal() and tg_op = 'UPDATE' and crm.day_of_rules() is null then
    return new;  -- what people planned is told by the history
  end if;
  if new.owner_id is null and not crm.has_pool_callers(new.store_id, new.pool) then
    return new;
  end if;
  select case
    when new.next_contact_on is null then crm.cadence_day(store.id, new.level, d.today)
    when not v_was_silent then
      least(new.next_contact_on, crm.cadence_day(store.id, new.level, d.today))
    when new.next_contact_on < d.today then crm.due_day(store.settings -> 'calendar', d.today)
    else new.next_contact_on
  end into new.next_contact_on
  from crm.stores store
  cross join lateral (
    select coalesce(crm.day_of_rules(), (now() at time zone store.time_zone)::date) as today
  ) d
  where store.id = new.store_id;
  return new;
end $$;

create or replace function crm.cadence_days(p_store uuid, p_level text) returns int
  language plpgsql stable set search_path = '' as $$
begin
  return coalesce(
    (select l.cadence_days from crm.levels l where l.store_id = p_store and l.key = p_level),
    90
  );
end $$;
comment on function crm.cadence_days is
  'After how many days a customer of that level is called again. A level that names none keeps the'
  ' slowest cadence: every 90 days (S-62).';

create or replace function crm.cadence_day(p_store uuid, p_level text, p_today date) returns date
  language plpgsql stable set search_path = '' as $$
declare
  v_days int := crm.cadence_days(p_store, p_level);
begin
  return crm.due_day(
    crm.store_calendar(p_store),
    p_today + v_days,
    p_today + 1,
    p_today + greatest(v_days, crm.most_days_put_off())
  );
end $$;
comment on function crm.cadence_day is
  'The day on which a customer of that level is called again: a working day, no later than a plan '
  'may be made without a contact. As cadence_day of the apps.';

-- The members who call the customers of a pool: their role names the pool, logs conversations and
-- sees its own work only. Deciders see every pool and work none.
create or replace function crm.pool_callers(
  p_store uuid
) returns table (pool text, user_id uuid, ordinal int, total int)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      called_pool.key,
      member.user_id,
      (row_number() over (partition by called_pool.key order by member.user_id))::int,
      (count(*) over (partition by called_pool.key))::int
    from crm.pools called_pool
    join crm.roles role
      on role.store_id = called_pool.store_id
        and called_pool.key = any (role.pools)
        and role.scope in ('own', 'team')
        and 'log_conversation' = any (role.verbs)
    join crm.members member
      on member.store_id = role.store_id and member.role = role.key and member.active
    where called_pool.store_id = p_store and not called_pool.retired;
end $$;
comment on function crm.pool_callers is
  'Who calls the customers of each pool: place of total, so that each customer keeps one caller '
  '(crm.caller_place).';

create or replace function crm.caller_place(p_customer uuid, p_total int) returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return 1 + (hashtextextended(p_customer::text, 0) & 2147483647) % p_total;
end $$;

create or replace function crm.has_pool_callers(p_store uuid, p_pool text) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (select from crm.pool_callers(p_store) c where c.pool = p_pool);
end $$;

-- The last day to which a next contact may be planned, the same at every entry: with a contact 400
-- days (a year and its reminders); without one as far as a task may be put off. A level called more
-- rarely than that is not cut short.
create or replace function crm.last_next_contact_on(p_store uuid, p_level text, p_is_contact bool)
  returns date
  language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select (now() at time zone s.time_zone)::date + greatest(
      case when p_is_contact then 400 else crm.most_days_put_off() end,
      (select l.cadence_days from crm.levels l where l.store_id = s.id and l.key = p_level)
    )
    from crm.stores s
    where s.id = p_store
  );
end $$;
comment on function crm.last_next_contact_on is
  'The latest next contact day of a customer of that level. p_is_contact: planned by a '
  'conversation that reached the customer.';

create or replace function crm.most_days_put_off() returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return 30;
end $$;
comment on function crm.most_days_put_off is
  'How many days ahead a task may be put off at once, and a day planned without a contact.';

-- Who was told what, and when (First 8): of what people say in operations, not of what a list
-- brings.
create or replace function crm.tg_customers__collected_facts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_old jsonb;
  v_new jsonb;
  v_facts jsonb;
begin
  if coalesce(current_setting('crm.op_id', true), '') = ''
    and coalesce(
      current_setting('crm.origin', true),
      ''
    ) not in ('revert_import', 'merge', 'unmerge') then
    return new;
  end if;
  if tg_op = 'UPDATE'
    and (
      new.name, new.phone, new.wechat, new.gender, new.source, new.need, new.preferred_time,
      new.do_not_call, new.custom
    ) is not distinct from (
      old.name, old.phone, old.wechat, old.gender, old.source, old.need, old.preferred_time,
      old.do_not_call, old.custom
    ) then
    return new;
  end if;
  v_new := to_jsonb(new) || new.custom;
  v_old := case when tg_op = 'UPDATE' then to_jsonb(old) || old.custom else '{}' end;
  select jsonb_object_agg(
    k.key,
    jsonb_build_object('on', (now() at time zone store.time_zone)::date, 'by', member.name)
  ) into v_facts
  from (
    select base.key
    from crm.base_fields base
    where base.form = 'customer' and base.key not in ('level', 'next_contact_on')
    union
    select jsonb_object_keys(coalesce(v_old -> 'custom', '{}') || new.custom)
  ) k
  join crm.stores store on store.id = new.store_id
  join crm.members member
    on member.store_id = new.store_id and member.user_id = (select crm.current_user_id())
  where v_new -> k.key is distinct from v_old -> k.key
    and (tg_op = 'UPDATE' or jsonb_typeof(v_new -> k.key) <> 'null');
  new.facts := new.facts || coalesce(v_facts, '{}');
  return new;
end $$;

create or replace function crm.tg_customers__visibility() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.visibility_changes (store_id, user_id, form, subject_id)
  select new.store_id, u, 'customer', new.id
  from unnest(array[old.owner_id, old.renewal_owner_id]) u
  where u is not null
    and u is distinct from new.owner_id
    and u is distinct from new.renewal_owner_id
  union
  select new.store_id, u, 'customer_gained', new.id
  from unnest(array[new.owner_id, new.renewal_owner_id]) u
  where u is not null
    and u is distinct from old.owner_id
    and u is distinct from old.renewal_owner_id
  on conflict do nothing;
  return null;
end $$;

select crm.create_record_triggers(
  'customers',
  'customer',
  array[
    'owner_id', 'renewal_owner_id', 'pool', 'level_at', 'last_contact_at', 'complaint_at',
    'test_drive_asked_at', 'removed_at'
  ]
);
select crm.create_record_triggers('companions', 'companion', array['removed_at']);

create or replace trigger tg_customers__c_index before insert
  or update on crm.customers for each row execute function crm.tg_customers__index();

create or replace trigger tg_customers__d_plan before insert
  or update on crm.customers for each row execute function crm.tg_customers__plan_contact();

create or replace trigger tg_customers__e_facts before insert
  or update on crm.customers for each row execute function crm.tg_customers__collected_facts();

create or replace trigger tg_customers__visibility after update of owner_id,
  renewal_owner_id on crm.customers for each row execute function crm.tg_customers__visibility();

create policy select_member on crm.customers for select to api_owner
  using (
    case
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      when owner_id = (select crm.current_user_id())
        or renewal_owner_id = (select crm.current_user_id()) then
        store_id = any ((select crm.my_store_ids(null))::uuid[])
      when owner_id is not null
        and (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t) then true
      when owner_id is null
        and (store_id, pool) in (select p.store_id, p.pool from crm.my_pools() p) then true
      else (store_id, id) in (select l.store_id, l.customer_id from crm.my_lent_customers() l)
    end
  );
create policy insert_member on crm.customers for insert to api_owner
  with check (store_id = any ((select crm.my_store_ids(null))::uuid[]));
create policy update_member on crm.customers for update to api_owner
  using (
    case
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      when owner_id = (select crm.current_user_id())
        or renewal_owner_id = (select crm.current_user_id()) then
        store_id = any ((select crm.my_store_ids(null))::uuid[])
      when owner_id is not null
        and (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t) then true
      when owner_id is null
        and (store_id, pool) in (select p.store_id, p.pool from crm.my_pools() p) then true
      else (store_id, id) in (select l.store_id, l.customer_id from crm.my_lent_customers() l)
    end
  );

select crm.create_customer_child_policies('companions');

create policy select_member on crm.events for select to api_owner
  using (
    case
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      when store_id = any ((select crm.my_store_ids(null))::uuid[]) then
        exists (
          select from crm.customers c
          where c.store_id = events.store_id and c.id = events.customer_id
        )
      else false
    end
  );

grant execute on function
  crm.is_rehearsal(),
  crm.day_of_rules(),
  crm.last_next_contact_on(uuid, text, bool),
  crm.most_days_put_off(),
  crm.cadence_days(uuid, text),
  crm.cadence_day(uuid, text, date)
to api_owner;
grant select on crm.customers, crm.companions to api_owner;

-- owner and pool are not among the updates: handing over is its own verb
grant insert (
  store_id, id, owner_id, renewal_owner_id, pool, name, phone, wechat, gender, source, level,
  next_contact_on, agreed_contact_on, need, preferred_time, do_not_call, custom, created_by
),
  update (
    name, phone, wechat, gender, source, level, level_at, next_contact_on, agreed_contact_on,
    last_contact_at, need, preferred_time, do_not_call, complaint_at, test_drive_asked_at, custom,
    removed_at
  ) on
  crm.customers
to api_owner;
grant insert (store_id, id, customer_id, name, relation, influence, phone, custom),
  update (name, relation, influence, phone, custom, removed_at) on
  crm.companions
to api_owner;

-- As crm.create_masked_view writes them; by hand, because of facts.
create or replace view api.customers as
  select
    c.store_id,
    c.id,
    c.owner_id,
    c.renewal_owner_id,
    c.pool,
    c.last_contact_at,
    c.level_at,
    c.complaint_at,
    c.test_drive_asked_at,
    c.consent_withdrawn_at,
    c.created_at,
    c.updated_at,
    c.version,
    c.change_no,
    case when 'name' = any (a.readable) then c.name end as name,
    case
      when 'phone' = any (a.readable) then c.phone
      when 'phone' = any (a.masked) then c.phone_masked
    end as phone,
    case
      when 'wechat' = any (a.readable) then c.wechat
      when 'wechat' = any (a.masked) then c.wechat_masked
    end as wechat,
    case when 'gender' = any (a.readable) then c.gender end as gender,
    case when 'source' = any (a.readable) then c.source end as source,
    case when 'level' = any (a.readable) then c.level end as level,
    case when 'next_contact_on' = any (a.readable) then c.next_contact_on end as next_contact_on,
    case when 'need' = any (a.readable) then c.need end as need,
    case when 'preferred_time' = any (a.readable) then c.preferred_time end as preferred_time,
    case when 'do_not_call' = any (a.readable) then c.do_not_call end as do_not_call,
    case
      when c.facts = '{}' then c.facts
      else c.facts - array(select jsonb_object_keys(c.facts - coalesce(a.readable, '{}')))
    end as facts,
    (c.custom - array(select jsonb_object_keys(c.custom - coalesce(a.readable, '{}'))))
    || (
      c.custom_masked - array(select jsonb_object_keys(c.custom_masked - coalesce(a.masked, '{}')))
    ) as custom
  from crm.customers c
  join crm.my_access('customer') a on a.store_id = c.store_id
  where c.removed_at is null;

select crm.create_masked_view(
  'companions',
  'companion',
  array['store_id', 'id', 'customer_id', 'created_at', 'updated_at', 'version', 'change_no'],
  array['name', 'relation', 'influence', 'phone']
);

-- Old and new values under today's rights: hidden keys have no row, masked ones are masked.
create or replace view api.timeline as
  select
    event.store_id,
    event.id,
    event.customer_id,
    event.form,
    event.subject_id,
    event.kind,
    event.field,
    event.version,
    event.actor_id,
    event.created_at,
    case
      when not event.is_field or event.field = any (access.readable) then event.old
      else to_jsonb(
        crm.mask_text(event.old #>> '{}', coalesce(form.fields -> event.field ->> 'mask', 'all'))
      )
    end as old,
    case
      when not event.is_field or event.field = any (access.readable) then event.new
      else to_jsonb(
        crm.mask_text(event.new #>> '{}', coalesce(form.fields -> event.field ->> 'mask', 'all'))
      )
    end as new
  from crm.events event
  left join crm.my_access(null) access
    on access.store_id = event.store_id and access.form = event.form
  left join crm.forms form on form.store_id = event.store_id and form.form = event.form
  where not event.is_field
    or event.field = any (access.readable)
    or event.field = any (access.masked);

alter view api.customers owner to api_owner;
alter view api.timeline owner to api_owner;
grant select on api.customers, api.timeline to authenticated;
grant execute on function
  crm.tg_customers__index(),
  crm.tg_customers__plan_contact(),
  crm.tg_customers__collected_facts(),
  crm.tg_customers__visibility()
to api_owner;
