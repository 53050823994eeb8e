-- Care dates and ladders of escalation (S-62, S-70, S-97, F-51).

-- The day a care rule speaks of: the latest return of a date, every so many months, whose first
-- reminder has come by p_day.
create or replace function crm.next_care_date(
  p_date date, p_every int, p_times int, p_before int, p_day date
) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_last date := p_day + p_before;
  v_months int;
  v_number int;
  v_care_on date;
begin
  if p_date is null or p_date > v_last then
    return null;
  end if;
  -- calendar months, not age(): of 31 August the half year is over on 28 February
  v_months := (date_part('year', v_last) - date_part('year', p_date)) * 12
    + date_part('month', v_last) - date_part('month', p_date);
  v_number := v_months / p_every;
  v_care_on := (p_date + make_interval(months => v_number * p_every))::date;
  if v_care_on > v_last then
    v_number := v_number - 1;
    v_care_on := (p_date + make_interval(months => v_number * p_every))::date;
  end if;
  -- a reminder missed for a month is no care any more
  return case
    when v_number >= 1 and v_number <= coalesce(p_times, v_number) and v_care_on > v_last - 31 then
      v_care_on
  end;
end $$;

-- All working minutes up to an instant, as if every day were worked.
create or replace function crm.minutes_until(p_at timestamp, p_opens numeric, p_closes numeric)
  returns numeric
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return floor(extract(epoch from p_at) / 86400) * (p_closes - p_opens)
    + least(
      greatest(extract(epoch from p_at::time) / 60 - p_opens, 0), p_closes - p_opens
    );
end $$;

-- Minutes between two instants outside the quiet hours of every day and outside closed days.
create or replace function crm.working_minutes(
  p_from timestamp, p_to timestamp, p_quiet_from time, p_quiet_to time, p_closed_days date[]
) returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_opens numeric := 0;
  v_closes numeric := 1440;
  v_minutes numeric;
  v_closed date;
begin
  if p_quiet_from > p_quiet_to then
    v_opens := extract(epoch from p_quiet_to) / 60;
    v_closes := extract(epoch from p_quiet_from) / 60;
  end if;
  v_minutes := crm.minutes_until(p_to, v_opens, v_closes)
    - crm.minutes_until(p_from, v_opens, v_closes);
  foreach v_closed in array p_closed_days loop
    if v_closed between p_from::date and p_to::date then
      v_minutes := v_minutes
        - crm.minutes_until(least(p_to, v_closed + 1), v_opens, v_closes)
        + crm.minutes_until(greatest(p_from, v_closed), v_opens, v_closes);
    end if;
  end loop;
  return v_minutes;
end $$;
comment on function crm.working_minutes is
  'Store-local instants; quiet hours span midnight (20:00 to 09:00), others count every minute of '
  'the days that are not closed.';

-- A member of a role with the fewest open tasks; of equals the one with the lowest id: the same
-- answer whenever it is asked.
create or replace function crm.escalation_recipient(p_store uuid, p_role text) returns uuid
  language sql stable set search_path = '' as $$
  select m.user_id
  from crm.members m
  left join crm.tasks t
    on t.store_id = p_store
      and t.assignee_id = m.user_id
      and t.status = 'open'
      and t.removed_at is null
      and t.kind = 'escalation'
  where m.store_id = p_store and m.role = p_role and m.active
  group by m.user_id
  order by count(t.id), m.user_id
  limit 1
$$;

create or replace function crm.remind_of_customers(
  p_store uuid, p_rule text, p_step int, p_day date, p_customers uuid[]
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_count int;
begin
  insert into crm.tasks (
    store_id, customer_id, assignee_id, kind, rule, step, subject_id, due_on, rule_on, rank
  )
  select
    p_store,
    customer.id,
    coalesce(customer.owner_id, caller.user_id),
    'escalation',
    p_rule,
    p_step,
    customer.id,
    p_day,
    p_day,
    1
  from crm.customers customer
  left join crm.pool_callers(p_store) caller
    on customer.owner_id is null
      and caller.pool = customer.pool
      and caller.ordinal = crm.caller_place(customer.id, caller.total)
  where customer.store_id = p_store
    and customer.id = any (p_customers)
    and coalesce(customer.owner_id, caller.user_id) is not null
    and not exists (
      select from crm.tasks task
      where task.store_id = p_store
        and task.rule = p_rule
        and task.subject_id = customer.id
        and task.step >= p_step
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
    )
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.remind_of_customers is
  'A reminder for whoever looks after each customer; answers how many.';

-- One by one: each goes to whoever has the fewest then.
create or replace function crm.escalate_to_role(
  p_store uuid, p_rule text, p_step int, p_day date, p_customers uuid[], p_role text
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_customer uuid;
  v_count int := 0;
begin
  foreach v_customer in array p_customers loop
    insert into crm.tasks (
      store_id, customer_id, assignee_id, kind, rule, step, subject_id, due_on, rule_on, rank
    )
    select
      p_store, v_customer, recipient, 'escalation', p_rule, p_step, v_customer, p_day, p_day, 1
    from crm.escalation_recipient(p_store, p_role) recipient
    where recipient is not null
      and not exists (
        select from crm.tasks task
        where task.store_id = p_store
          and task.rule = p_rule
          and task.subject_id = v_customer
          and task.step = p_step
          and task.status in ('open', 'cancel_requested')
          and task.removed_at is null
      )
    on conflict do nothing;
    if found then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end $$;

-- By the one way an owner changes: deals, plan and history come along.
create or replace function crm.escalate_to_pool(
  p_store uuid, p_rule text, p_customers uuid[], p_pool text
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_customer uuid;
  v_moved uuid[] := '{}';
begin
  if not exists (
    select from crm.pools pool
    where pool.store_id = p_store and pool.key = p_pool and not pool.retired
  ) then
    return 0;
  end if;
  foreach v_customer in array p_customers loop
    if crm.transfer_customer(
      p_store, v_customer, null, p_pool, null, 'escalation', null
    ) is not null then
      v_moved := v_moved || v_customer;
    end if;
  end loop;
  update crm.tasks task
  set status = 'suspended', suspended_reason = 'pool'
  where task.store_id = p_store
    and task.customer_id = any (v_moved)
    and task.rule = p_rule
    and task.status = 'open'
    and task.removed_at is null;
  return cardinality(v_moved);
end $$;

-- One step that customers reached: a reminder, a call for the manager, or the pool. Answers
-- {remind, manager, pool: how many}.
create or replace function crm.escalate(
  p_store uuid,
  p_rule crm.rules,
  p_step int,
  p_day date,
  p_customers uuid[]
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_step jsonb := p_rule.options -> 'steps' -> (p_step - 1);
  v_action text := coalesce(v_step ->> 'action', '');
begin
  return jsonb_build_object(
    v_action,
    case v_action
      when 'remind' then
        crm.remind_of_customers(p_store, p_rule.key, p_step, p_day, p_customers)
      when 'manager' then
        crm.escalate_to_role(
          p_store, p_rule.key, p_step, p_day, p_customers, v_step ->> 'role'
        )
      when 'pool' then
        crm.escalate_to_pool(p_store, p_rule.key, p_customers, v_step ->> 'pool')
      else 0
    end
  );
end $$;

create or replace function crm.merge_counts(a jsonb, b jsonb) returns jsonb
  language sql immutable parallel safe set search_path = '' as $$
  select a || coalesce(jsonb_object_agg(key, coalesce((a ->> key)::int, 0) + value::int), '{}')
  from jsonb_each_text(b)
$$;

-- Answered meanwhile by that conversation.
create or replace function crm.close_answered_escalations(p_store uuid, p_rule text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set status = 'done', closed_at = now(), conversation_id = crm.answering_conversation(task)
  where task.store_id = p_store
    and task.rule = p_rule
    and task.kind = 'escalation'
    and task.status = 'open'
    and task.removed_at is null
    and crm.answering_conversation(task) is not null;
end $$;

-- Minutes and days of a closed store do not count.
create or replace function crm.waited(
  p_rule crm.rules,
  p_customer crm.customers,
  p_day date,
  p_at timestamptz,
  p_zone text,
  p_closed_days date[]
) returns int
  language plpgsql stable set search_path = '' as $$
begin
  return case p_rule.kind
    when 'first_response' then
      crm.working_minutes(
        p_customer.created_at at time zone p_zone,
        p_at at time zone p_zone,
        (p_rule.options ->> 'quiet_from')::time,
        (p_rule.options ->> 'quiet_to')::time,
        p_closed_days
      )
    else
      crm.working_days_since(
        (coalesce(p_customer.last_contact_at, p_customer.created_at) at time zone p_zone)::date,
        p_day,
        p_closed_days
      )
  end;
end $$;
comment on function crm.waited is
  'Open minutes since a customer came (first_response), else working days since the last contact.';

-- Customers a rule speaks of, and the step each has reached. A lead that came into a pool waits as
-- one that was given to somebody does.
create or replace function crm.escalation_steps(
  p_store uuid, p_rule crm.rules, p_day date, p_at timestamptz, p_zone text
) returns table (step int, customers uuid[])
  language plpgsql stable set search_path = '' as $$
declare
  v_levels jsonb := coalesce(p_rule.options -> 'levels', '[]');
  v_sources jsonb := coalesce(p_rule.options -> 'sources', '[]');
  v_calendar jsonb := crm.store_calendar(p_store);
  v_closed_days date[] := case p_rule.kind
    when 'first_response' then crm.closed_days_between(v_calendar, p_day - 31, p_day + 1)
    else crm.closed_days_of_year(v_calendar, p_day)
  end;
begin
  return query
    select reached.step, array_agg(reached.id order by reached.id)
    from (
      select
        customer.id,
        (
          select max(listed.number)::int
          from jsonb_array_elements(p_rule.options -> 'steps') with ordinality
            listed (step, number)
          where (listed.step ->> 'after')::int <= waiting.waited
        ) as step
      from crm.customers customer
      cross join lateral (
        select crm.waited(p_rule, customer, p_day, p_at, p_zone, v_closed_days) as waited
      ) waiting
      where customer.store_id = p_store
        and customer.removed_at is null
        and not customer.do_not_call
        and customer.consent_withdrawn_at is null
        and (customer.owner_id is not null or p_rule.kind = 'first_response')
        and (
          p_rule.kind = 'no_contact'
          or customer.last_contact_at is null
            and customer.created_at > p_at - interval '30 days'
            and customer.created_at <= p_at
        )
        and (v_levels = '[]' or v_levels ? customer.level)
        and (v_sources = '[]' or v_sources ? customer.source)
        and exists (
          select from crm.levels level
          where level.store_id = p_store
            and level.key = customer.level
            and (level.pool is null or customer.owner_id is null and level.pool = customer.pool)
        )
    ) reached
    where reached.step is not null
    group by reached.step
    order by reached.step;
end $$;

-- A step is taken once between two contacts.
create or replace function crm.customers_before_step(
  p_store uuid, p_rule text, p_step int, p_customers uuid[], p_zone text
) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select customer.id
    from unnest(p_customers) listed (id)
    join crm.customers customer on customer.store_id = p_store and customer.id = listed.id
    where not exists (
      select from crm.tasks task
      where task.store_id = p_store
        and task.rule = p_rule
        and task.subject_id = customer.id
        and task.step = p_step
        and task.due_on
          > coalesce((customer.last_contact_at at time zone p_zone)::date, '-infinity')
    )
    order by customer.id
  );
end $$;

-- The escalation starts again with every contact. Nothing is escalated on a closed day: what was
-- reached meanwhile is, on the next working day.
create or replace function crm.run_escalation_rule(
  p_store uuid,
  p_rule crm.rules,
  p_day date,
  p_at timestamptz
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_zone text := (select store.time_zone from crm.stores store where store.id = p_store);
  v_quiet_from time := (p_rule.options ->> 'quiet_from')::time;
  v_quiet_to time := (p_rule.options ->> 'quiet_to')::time;
  v_time time := (p_at at time zone v_zone)::time;
  v_reached record;
  v_counts jsonb := '{}';
begin
  perform crm.close_answered_escalations(p_store, p_rule.key);
  if p_rule.kind = 'first_response'
    and v_quiet_from > v_quiet_to
    and (v_time >= v_quiet_from or v_time < v_quiet_to)
  then
    return v_counts;
  end if;
  if crm.due_day(crm.store_calendar(p_store), p_day) > p_day then
    return v_counts;
  end if;
  for v_reached in
    select step, customers
    from crm.escalation_steps(p_store, p_rule, p_day, p_at, v_zone)
  loop
    v_counts := crm.merge_counts(
      v_counts,
      crm.escalate(
        p_store,
        p_rule,
        v_reached.step,
        p_day,
        crm.customers_before_step(
          p_store, p_rule.key, v_reached.step, v_reached.customers, v_zone
        )
      )
    );
  end loop;
  return v_counts;
end $$;

-- Where the date of a care rule stands in a record, as SQL.
create or replace function crm.care_date_expression(p_form text, p_field text, p_zone text)
  returns text
  language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_form = 'deal' and p_field = 'closed_at' then
      format('(subject.closed_at at time zone %L)::date', p_zone)
    when exists (
      select from crm.base_fields field
      where field.form = p_form and field.key = p_field and field.type = 'date'
    ) then
      format('subject.%I', p_field)
    else format('crm.as_date(subject.custom -> %L)', p_field)
  end;
end $$;

create or replace function crm.care_day(p_calendar jsonb, p_day date, p_expires date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return crm.due_day(
    p_calendar, p_day, null, case when p_day <= p_expires then p_expires end
  );
end $$;

-- A field's value, never an expression of the document: base columns by name from the catalogue,
-- all else by key.
create or replace function crm.care_statement(
  p_form text, p_relation text, p_field text, p_zone text
) returns text
  language plpgsql stable set search_path = '' as $$
begin
  return format(
    $q$
    insert into crm.tasks (
      store_id, customer_id, assignee_id, kind, rule, subject_form, subject_id, due_on, due_at,
      rule_on
    )
    select
      $1,
      customer.id,
      coalesce(customer.owner_id, customer.renewal_owner_id),
      'care',
      $2,
      case when $3 in ('policy', 'deal') then $3 else 'customer' end,
      subject.id,
      due.day,
      crm.preferred_at($1, customer.preferred_time, greatest(due.day, $7)),
      care.care_on - $4
    from crm.%I subject
    join crm.customers customer on customer.store_id = $1 and customer.id = %s
    cross join lateral (
      select distinct crm.next_care_date(%s, $5, $6, $4, day) as care_on
      from unnest(%s) day
    ) care
    cross join lateral (select crm.care_day($10, care.care_on - $4, %s) as day) due
    where subject.store_id = $1
      and subject.removed_at is null
      and customer.removed_at is null
      and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
      and coalesce(customer.owner_id, customer.renewal_owner_id) is not null
      and least(care.care_on - $4, due.day) <= $7
      and ($8 = '[]' or $8 ? customer.level)
      and ($9 = '[]' or $9 ? customer.source)
      %s
    on conflict do nothing
    $q$,
    p_relation,
    case p_form when 'customer' then 'subject.id' else 'subject.customer_id' end,
    crm.care_date_expression(p_form, p_field, p_zone),
    -- never after the policy: what would be is looked for before the store closes
    case p_form when 'policy' then '$11' else 'array[$7]' end,
    case p_form when 'policy' then 'subject.expires_on' else 'null' end,
    case p_form
      when 'deal' then
        $q$and exists (
          select from crm.stages stage
          where stage.store_id = subject.store_id
            and stage.pipeline = subject.pipeline
            and stage.key = subject.stage
            and stage.type = 'won'
        )$q$
      else ''
    end
  );
end $$;

create or replace function crm.run_care_rule(p_store uuid, p_rule crm.rules, p_day date) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_date jsonb := p_rule.options -> 'date';
  v_form text := v_date ->> 'form';
  v_field text := v_date ->> 'field';
  v_relation text := (
    select listed.relation from crm.form_tables listed where listed.form = v_form
  );
  v_zone text := (select store.time_zone from crm.stores store where store.id = p_store);
  v_calendar jsonb := crm.store_calendar(p_store);
  v_count int;
begin
  if v_relation is null or v_field is null then
    return 0;
  end if;
  execute crm.care_statement(v_form, v_relation, v_field, v_zone) using
    p_store,
    p_rule.key,
    v_form,
    coalesce(p_rule.days[1], 0),
    coalesce((v_date ->> 'every_months')::int, 12),
    (v_date ->> 'times')::int,
    p_day,
    coalesce(p_rule.options -> 'levels', '[]'),
    coalesce(p_rule.options -> 'sources', '[]'),
    v_calendar,
    array(
      select p_day + number
      from generate_series(0, crm.closed_until(v_calendar, p_day) - p_day) number
    );
  get diagnostics v_count = row_count;
  return v_count;
end $$;

create or replace function crm.run_care_and_escalation(p_store uuid, p_day date, p_rule crm.rules)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  return case p_rule.kind
    when 'care' then jsonb_build_object('care', crm.run_care_rule(p_store, p_rule, p_day))
    when 'no_contact' then crm.run_escalation_rule(p_store, p_rule, p_day, now())
    else '{}'
  end;
end $$;

-- First response counts in minutes: the scheduler calls this as often as it likes, at least every
-- hour.
create or replace function crm.run_first_response_rules(p_store uuid, p_at timestamptz)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_rule crm.rules;
  done jsonb := '{}';
  zone text;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0));
  select store.time_zone into zone
  from crm.stores store
  where store.id = p_store;
  perform set_config('crm.day_of_rules', (p_at at time zone zone)::date::text, true);
  for v_rule in
    select *
    from crm.rules rule
    where rule.store_id = p_store and rule.active and rule.kind = 'first_response'
    order by rule.position loop
    done := crm.merge_counts(
      done,
      crm.run_escalation_rule(p_store, v_rule, (p_at at time zone zone)::date, p_at)
    );
  end loop;
  perform set_config('crm.day_of_rules', '', true);
  return done;
end $$;
comment on function crm.run_first_response_rules is
  'New customers nobody has spoken to: remind, tell the manager, give to a pool, in open minutes '
  '(S-97). Running it again adds nothing.';
