-- The days on which a store works: its weekdays, single closed days, and make-up days that are
-- worked although their weekday is off. A store without a calendar works every day.

create or replace function crm.store_calendar(p_store uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (select store.settings -> 'calendar' from crm.stores store where store.id = p_store);
end $$;
comment on function crm.store_calendar is
  'The calendar of a store''s document {weekdays, closed_days, makeup_days}; null: every day.';

create or replace function crm.is_working_day(p_calendar jsonb, p_day date) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_day text;
begin
  if p_calendar is null then
    return true;
  end if;
  v_day := to_jsonb(p_day) #>> '{}';
  return coalesce(p_calendar -> 'makeup_days' ? v_day, false)
    or coalesce(p_calendar -> 'weekdays' @> to_jsonb(extract(isodow from p_day)::int), true)
    and not coalesce(p_calendar -> 'closed_days' ? v_day, false);
end $$;
comment on function crm.is_working_day is
  'Whether a store-local day is worked. As is_working_day of the apps.';

-- Sixty days: the longest closure that is looked across. A calendar that is closed for ever ends
-- the search, too.
create or replace function crm.next_working_day(p_calendar jsonb, p_day date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  for v_days in 0..60 loop
    if crm.is_working_day(p_calendar, p_day + v_days) then
      return p_day + v_days;
    end if;
  end loop;
  return null;
end $$;
comment on function crm.next_working_day is
  'The first working day from p_day on, within sixty days; null: there is none.';

create or replace function crm.last_working_day(p_calendar jsonb, p_day date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  for v_days in 0..60 loop
    if crm.is_working_day(p_calendar, p_day - v_days) then
      return p_day - v_days;
    end if;
  end loop;
  return null;
end $$;
comment on function crm.last_working_day is
  'The last working day up to p_day, within sixty days; null: there is none.';

create or replace function crm.due_day(
  p_calendar jsonb, p_day date, p_first date default null, p_last date default null
) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_next date;
  v_before date;
begin
  if p_calendar is null or p_day is null or crm.is_working_day(p_calendar, p_day) then
    return p_day;
  end if;
  v_next := crm.next_working_day(p_calendar, p_day);
  if v_next <= coalesce(p_last, v_next) then
    return v_next;
  end if;
  v_before := crm.last_working_day(p_calendar, p_day);
  return case when v_before >= coalesce(p_first, v_before) then v_before else p_day end;
end $$;
comment on function crm.due_day is
  'The day on which what was planned for p_day is due: the next working day, at most p_last; else '
  'the last one before, at least p_first; else p_day itself.';

create or replace function crm.due_today(p_store uuid) returns date
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select crm.due_day(
      store.settings -> 'calendar', (now() at time zone store.time_zone)::date
    )
    from crm.stores store
    where store.id = p_store
  );
end $$;
comment on function crm.due_today is
  'The day on which what is to be done today is due: today, or the next working day.';

create or replace function crm.closed_until(p_calendar jsonb, p_day date) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when p_calendar is null then p_day
    else coalesce(crm.next_working_day(p_calendar, p_day + 1) - 1, p_day)
  end;
end $$;
comment on function crm.closed_until is
  'The last of the closed days that follow a day; the day itself when the next one is worked.';

create or replace function crm.closed_days_between(p_calendar jsonb, p_from date, p_to date)
  returns date[]
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  if p_calendar is null then
    return '{}';
  end if;
  return array(
    select p_from + number
    from generate_series(0, p_to - p_from) number
    where not crm.is_working_day(p_calendar, p_from + number)
  );
end $$;

-- A year: what is late for longer is late by more than any store weighs.
create or replace function crm.closed_days_of_year(p_calendar jsonb, p_day date) returns date[]
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  if crm.next_working_day(p_calendar, p_day) is null
    and crm.last_working_day(p_calendar, p_day) is null
  then
    return '{}';
  end if;
  return crm.closed_days_between(p_calendar, p_day - 366, p_day);
end $$;
comment on function crm.closed_days_of_year is
  'The closed days of the year up to a day, in order; none for a store that is closed for ever.';

create or replace function crm.working_days_since(p_day date, p_today date, p_closed_days date[])
  returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_today - p_day - cardinality(p_closed_days) + width_bucket(p_day, p_closed_days);
end $$;
comment on function crm.working_days_since is
  'How many working days have begun after a day, today among them. p_closed_days: '
  'crm.closed_days_of_year of today. As working_days_since of the apps.';

create or replace function crm.working_days_between(p_calendar jsonb, p_from date, p_to date)
  returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return p_to - p_from + 1 - cardinality(crm.closed_days_between(p_calendar, p_from, p_to));
end $$;
comment on function crm.working_days_between is
  'How many days from p_from to p_to, both included, are worked.';

-- What the schema of a document cannot say.
create or replace function crm.calendar_problem(p_calendar jsonb) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_part text;
  v_problem text;
begin
  foreach v_part in array array['closed_days', 'makeup_days'] loop
    if (select count(*) from jsonb_object_keys(coalesce(p_calendar -> v_part, '{}'))) > 400 then
      return v_part;
    end if;
    select v_part || '.' || left(day, 80) into v_problem
    from jsonb_object_keys(coalesce(p_calendar -> v_part, '{}')) day
    where not crm.is_date(day) or v_part = 'makeup_days' and p_calendar -> 'closed_days' ? day
    order by day
    limit 1;
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end $$;
comment on function crm.calendar_problem is
  'The first entry of a calendar that is no day, or is closed and a make-up day at once; a list of '
  'more than 400 days; null for none.';

grant execute on function
  crm.store_calendar(uuid),
  crm.is_working_day(jsonb, date),
  crm.next_working_day(jsonb, date),
  crm.last_working_day(jsonb, date),
  crm.due_day(jsonb, date, date, date),
  crm.due_today(uuid),
  crm.closed_until(jsonb, date),
  crm.closed_days_between(jsonb, date, date),
  crm.closed_days_of_year(jsonb, date),
  crm.working_days_since(date, date, date[])
to api_owner;
