-- Care dates and ladders of escalation (S-62, S-70, S-97, F-51).

-- The day a care rule speaks of: the latest return of a date, every so many months, whose first reminder has come by p_day.
create function crm.care_day(p_date date, p_every int, p_times int, p_before int, p_day date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
declare n int; v date;
begin
  if p_date is null or p_date > p_day + p_before then return null; end if;
  n := ((date_part('year', age(p_day + p_before, p_date)) * 12 + date_part('month', age(p_day + p_before, p_date)))::int / p_every);
  if p_times is not null and n > p_times then return null; end if;
  v := (p_date + make_interval(months => n * p_every))::date;
  return case when n >= 1 and v > p_day + p_before - 31 then v end;   -- a reminder missed for a month is no care any more
end $$;

-- Minutes between two instants outside the quiet hours of every day.
create function crm.open_minutes(p_from timestamp, p_to timestamp, p_quiet_from time, p_quiet_to time) returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
declare opens numeric; closes numeric; a numeric; b numeric;
begin
  if p_quiet_from is null or p_quiet_to is null or p_quiet_from <= p_quiet_to then return extract(epoch from p_to - p_from) / 60; end if;
  opens := extract(epoch from p_quiet_to) / 60; closes := extract(epoch from p_quiet_from) / 60;
  a := floor(extract(epoch from p_from) / 86400) * (closes - opens) + least(greatest(extract(epoch from p_from::time) / 60 - opens, 0), closes - opens);
  b := floor(extract(epoch from p_to) / 86400) * (closes - opens) + least(greatest(extract(epoch from p_to::time) / 60 - opens, 0), closes - opens);
  return b - a;
end $$;
comment on function crm.open_minutes is 'Store-local instants; quiet hours span midnight (20:00 to 09:00), others count every minute.';

-- A member of a role with the fewest open tasks; of equals the one with the lowest id: the same answer whenever it is asked.
create function crm.boss_of(p_store uuid, p_role text) returns uuid
  language sql stable set search_path = '' as $$
  select m.user_id from crm.members m
  left join crm.tasks t on t.store_id = p_store and t.assignee_id = m.user_id and t.status = 'open' and t.removed_at is null and t.why = 'escalation'
  where m.store_id = p_store and m.role = p_role and m.active group by m.user_id order by count(t.id), m.user_id limit 1 $$;

-- One rung reached by customers: a reminder, a call for the boss, or the pool. Answers {remind, boss, pool: how many}.
create function crm.climb(p_store uuid, p_rule crm.rules, p_step int, p_day date, p_customers uuid[]) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare s jsonb := p_rule.options -> 'steps' -> (p_step - 1); n int := 0; k uuid;
begin
  if s ->> 'action' = 'remind' then
    insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, step, subject_id, due_on, rule_on, rank)
    select p_store, c.id, c.owner_id, 'escalation', p_rule.key, p_step, c.id, p_day, p_day, 1
    from crm.customers c where c.store_id = p_store and c.id = any (p_customers) and c.owner_id is not null
      and not exists (select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = c.id and t.step >= p_step and t.status in ('open', 'cancel_requested') and t.removed_at is null)
    on conflict do nothing;
    get diagnostics n = row_count;
  elsif s ->> 'action' = 'boss' then
    foreach k in array p_customers loop               -- one by one: each goes to whoever has the fewest then
      insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, step, subject_id, due_on, rule_on, rank)
      select p_store, k, b, 'escalation', p_rule.key, p_step, k, p_day, p_day, 1 from crm.boss_of(p_store, s ->> 'role') b
      where b is not null and not exists (select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = k and t.step = p_step and t.status in ('open', 'cancel_requested') and t.removed_at is null)
      on conflict do nothing;
      if found then n := n + 1; end if;
    end loop;
  elsif s ->> 'action' = 'pool' and exists (select from crm.pools x where x.store_id = p_store and x.key = s ->> 'pool' and not x.retired) then
    foreach k in array p_customers loop               -- the one way an owner changes: deals, plan and history come along
      if crm.hand_over(p_store, k, null, s ->> 'pool', null, 'ladder', null) is not null then n := n + 1; end if;
    end loop;
    update crm.tasks t set removed_at = now() where t.store_id = p_store and t.customer_id = any (p_customers) and t.rule = p_rule.key and t.status = 'open' and t.removed_at is null;
  end if;
  return jsonb_build_object(coalesce(s ->> 'action', ''), n);
end $$;

create function crm.sum_up(a jsonb, b jsonb) returns jsonb
  language sql immutable parallel safe set search_path = '' as $$
  select a || coalesce(jsonb_object_agg(key, coalesce((a ->> key)::int, 0) + value::int), '{}') from jsonb_each_text(b) $$;

-- Customers a rule speaks of, and the rung each has reached; the ladder starts anew with every contact.
create function crm.run_ladder(p_store uuid, p_rule crm.rules, p_day date, p_at timestamptz) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare zone text; q_from time := (p_rule.options ->> 'quiet_from')::time; q_to time := (p_rule.options ->> 'quiet_to')::time; rung int; ids uuid[]; done jsonb := '{}';
begin
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  update crm.tasks t set removed_at = now() from crm.customers k                 -- answered meanwhile: nobody is told any more
  where t.store_id = p_store and t.rule = p_rule.key and t.why = 'escalation' and t.status = 'open' and t.removed_at is null
    and k.store_id = p_store and k.id = t.customer_id and (k.last_contact_at at time zone zone)::date >= t.due_on;
  if p_rule.kind = 'first_response' and q_from > q_to and ((p_at at time zone zone)::time >= q_from or (p_at at time zone zone)::time < q_to) then return done; end if;
  for rung, ids in
    select x.rung, array_agg(x.id order by x.id) from (
      select k.id, (select max(n) from jsonb_array_elements(p_rule.options -> 'steps') with ordinality st (s, n)
        where (st.s ->> 'after')::int <= case p_rule.kind when 'first_response' then crm.open_minutes(k.created_at at time zone zone, p_at at time zone zone, q_from, q_to)
          else p_day - (coalesce(k.last_contact_at, k.created_at) at time zone zone)::date end) as rung
      from crm.customers k
      where k.store_id = p_store and k.removed_at is null and not k.do_not_call and k.consent_withdrawn_at is null and k.owner_id is not null
        and (p_rule.kind = 'no_contact' or k.last_contact_at is null and k.created_at > p_at - interval '30 days' and k.created_at <= p_at)
        and (not p_rule.options ? 'levels' or p_rule.options -> 'levels' = '[]' or p_rule.options -> 'levels' ? k.level)
        and (not p_rule.options ? 'sources' or p_rule.options -> 'sources' = '[]' or p_rule.options -> 'sources' ? k.source)
        and exists (select from crm.levels l where l.store_id = p_store and l.key = k.level and l.pool is null)) x
    where x.rung is not null group by x.rung order by x.rung
  loop
    -- a rung is climbed once between two contacts
    ids := array(select i from unnest(ids) i join crm.customers k on k.store_id = p_store and k.id = i where not exists (
      select from crm.tasks t where t.store_id = p_store and t.rule = p_rule.key and t.subject_id = i and t.step = rung
        and t.due_on > coalesce((k.last_contact_at at time zone zone)::date, '-infinity')) order by i);
    done := crm.sum_up(done, crm.climb(p_store, p_rule, rung, p_day, ids));
  end loop;
  return done;
end $$;

create function crm.run_care(p_store uuid, p_rule crm.rules, p_day date) returns int
  language plpgsql volatile set search_path = '' as $$
declare d jsonb := p_rule.options -> 'date'; f text := d ->> 'field'; days int := coalesce(p_rule.days[1], 0); source text; n int; zone text;
begin
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  select t.relation into source from crm.form_tables t where t.form = d ->> 'form';
  if source is null or f is null then return 0; end if;
  -- a field's value, never an expression of the document: base columns by name from the catalogue, all else by key
  execute format($q$
    insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, subject_form, subject_id, due_on, rule_on)
    select $1, k.id, coalesce(k.owner_id, k.renewal_owner_id), 'care', $2, case $3 when 'policy' then 'policy' when 'deal' then 'deal' else 'customer' end, r.id, c.care_on - $4, c.care_on - $4
    from crm.%I r join crm.customers k on k.store_id = $1 and k.id = %s
    cross join lateral (select crm.care_day(%s, $5, $6, $4, $7) as care_on) c
    where r.store_id = $1 and r.removed_at is null and k.removed_at is null and not k.do_not_call and k.consent_withdrawn_at is null and coalesce(k.owner_id, k.renewal_owner_id) is not null and c.care_on is not null
      and ($8 = '[]' or $8 ? k.level) and ($9 = '[]' or $9 ? k.source) %s
    on conflict do nothing $q$, source, case d ->> 'form' when 'customer' then 'r.id' else 'r.customer_id' end,
    case when d ->> 'form' = 'deal' and f = 'closed_at' then format('(r.closed_at at time zone %L)::date', zone)
      when exists (select from crm.base_fields b where b.form = d ->> 'form' and b.key = f and b.type = 'date') then format('r.%I', f)
      else format('crm.as_date(r.custom -> %L)', f) end,
    case when d ->> 'form' = 'deal' then 'and exists (select from crm.stages s where s.store_id = r.store_id and s.pipeline = r.pipeline and s.key = r.stage and s.type = ''won'')' else '' end)
    using p_store, p_rule.key, d ->> 'form', days, coalesce((d ->> 'every_months')::int, 12), (d ->> 'times')::int, p_day,
      coalesce(p_rule.options -> 'levels', '[]'), coalesce(p_rule.options -> 'sources', '[]');
  get diagnostics n = row_count;
  return n;
end $$;

create function crm.run_care_and_ladders(p_store uuid, p_day date, p_rule crm.rules) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  return case p_rule.kind when 'care' then jsonb_build_object('care', crm.run_care(p_store, p_rule, p_day))
    when 'no_contact' then crm.run_ladder(p_store, p_rule, p_day, now()) else '{}' end;
end $$;

-- First response counts in minutes: the scheduler calls this as often as it likes, at least every hour.
create function crm.run_responses(p_store uuid, p_at timestamptz) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare r crm.rules; done jsonb := '{}'; zone text;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0));
  select s.time_zone into zone from crm.stores s where s.id = p_store;
  for r in select * from crm.rules x where x.store_id = p_store and x.active and x.kind = 'first_response' order by x.position loop
    done := crm.sum_up(done, crm.run_ladder(p_store, r, (p_at at time zone zone)::date, p_at));
  end loop;
  return done;
end $$;
comment on function crm.run_responses is 'New customers nobody has spoken to: remind, tell the boss, give to a pool, in open minutes (S-97). Running it again adds nothing.';
