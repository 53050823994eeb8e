-- The scheduler's work: what is done by night and by hour, what was missed, and whether it ran.

create policy select_nobody on crm.runs for select to api_owner
  using (false);

create or replace function crm.run_nightly(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  return crm.run_rules(p_store, p_day)
    || crm.move_lent_tasks(p_store, p_day)
    || jsonb_build_object(
      'purged_fields', crm.purge_fields(p_store, now()),
      'purged_files', crm.purge_attachments(p_store, now())
    );
end $$;
comment on function crm.run_nightly is
  'Everything a store needs once a day: the rules, the check that nobody is forgotten, and the end '
  'of what was removed long ago.';

-- What cannot wait for the night: new leads nobody answers (S-97), days that were planned for today
-- after the night, and what came into a queue that is lent.
create or replace function crm.run_hourly(p_store uuid, p_at timestamptz) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_today date;
  v_rule text;
  v_responses jsonb;
  v_cadence int;
begin
  v_responses := crm.run_first_response_rules(p_store, p_at);
  select (p_at at time zone store.time_zone)::date into v_today
  from crm.stores store
  where store.id = p_store;
  select rule.key into v_rule
  from crm.rules rule
  where rule.store_id = p_store and rule.kind = 'cadence' and rule.active
  order by rule.position
  limit 1;
  perform set_config('crm.night', 'on', true);
  v_cadence := crm.create_follow_ups(p_store, v_today, v_rule);
  perform set_config('crm.night', '', true);
  return jsonb_build_object('responses', v_responses, 'cadence', v_cadence)
    || crm.move_lent_tasks(p_store, v_today);
end $$;
comment on function crm.run_hourly is
  'First responses and follow-ups that are due; as often as the scheduler likes.';

-- One piece of work and its row. An error undoes that piece, is written down and does not keep
-- other nights or stores from running. Neither message nor detail is kept: they can hold a number.
create or replace function crm.record_run(
  p_store uuid, p_work text, p_due_at timestamptz, p_day date, p_at timestamptz
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_started timestamptz := clock_timestamp();
  v_result jsonb;
  v_error text;
  v_context text;
begin
  begin
    v_result := case p_work
      when 'nightly' then crm.run_nightly(p_store, p_day)
      else crm.run_hourly(p_store, p_at)
    end;
  exception
    when others then
      get stacked diagnostics v_context = pg_exception_context;
      v_error := sqlstate || ' ' || split_part(v_context, e'\n', 1);
  end;
  insert into crm.runs as run (store_id, work, due_at, started_at, finished_at, result, error)
  values (p_store, p_work, p_due_at, v_started, clock_timestamp(), v_result, v_error)
  on conflict (store_id, work, due_at) do update
  set
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    result = excluded.result,
    error = excluded.error;
  return jsonb_strip_nulls(
    jsonb_build_object(
      'store_id', p_store,
      'work', p_work,
      'day', p_day,
      'result', v_result,
      'error', v_error
    )
  );
end $$;

create or replace function crm.run_due(p_store uuid, p_at timestamptz default now()) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_zone text;
  v_today date;
  v_last date;
  v_day date;
  v_done jsonb := '[]';
begin
  -- another scheduler is at it: it does what is due
  if not pg_try_advisory_xact_lock(hashtextextended('crm.run_due:' || p_store, 0)) then
    return v_done;
  end if;
  select store.time_zone, (p_at at time zone store.time_zone)::date into v_zone, v_today
  from crm.stores store
  where store.id = p_store;
  select max((run.due_at at time zone v_zone)::date) into v_last
  from crm.runs run
  where run.store_id = p_store and run.work = 'nightly' and run.error is null;
  for v_day in
    select d::date
    from generate_series(
      greatest(coalesce(v_last + 1, v_today), v_today - 30), v_today, interval '1 day'
    ) d
    order by d loop
    v_done := v_done
      || crm.record_run(p_store, 'nightly', v_day::timestamp at time zone v_zone, v_day, p_at);
  end loop;
  v_done := v_done || crm.record_run(p_store, 'hourly', date_trunc('hour', p_at), v_today, p_at);
  delete
  from crm.runs run
  where run.store_id = p_store and run.due_at < p_at - interval '100 days';
  return v_done;
end $$;
comment on function crm.run_due is
  'Does what is due for a store: every night since the last one that went well, in order and at '
  'most a month back, then the hour. Call it every few minutes, from as many schedulers as you '
  'like.';

create or replace function crm.scheduler_health(
) returns table (
  store_id uuid, store_name text, last_night date, last_hour timestamptz, seconds numeric,
  without_next_step int, error text
)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      store.id,
      store.name,
      (n.due_at at time zone store.time_zone)::date,
      h.finished_at,
      round(extract(epoch from n.finished_at - n.started_at), 1),
      (n.result ->> 'without_next_step')::int,
      e.error
    from crm.stores store
    left join lateral (
      select run.*
      from crm.runs run
      where run.store_id = store.id and run.work = 'nightly' and run.error is null
      order by run.due_at desc
      limit 1
    ) n
      on true
    left join lateral (
      select run.*
      from crm.runs run
      where run.store_id = store.id and run.work = 'hourly' and run.error is null
      order by run.due_at desc
      limit 1
    ) h
      on true
    left join lateral (
      select x.error
      from (
        select distinct on (run.work) run.error, run.started_at
        from crm.runs run
        where run.store_id = store.id
        order by run.work, run.started_at desc
      ) x
      where x.error is not null
      order by x.started_at desc
      limit 1
    ) e
      on true
    order by store.id;
end $$;
comment on function crm.scheduler_health is
  'Per store: the last night that went well and how long it took, the last hour, customers without '
  'a next step after that night, and the error of the latest night or hour. For the operator.';

-- pg_cron runs the work where there is one, as on hosted Supabase; the embedded Postgres has none,
-- and the `forecourt` command runs it there. All stores are one transaction: a job cannot commit
-- between them under every setting of pg_cron.
create or replace function crm.schedule_runs() returns bool
  language plpgsql volatile set search_path = '' as $$
begin
  if to_regprocedure('cron.schedule(text, text, text)') is null then
    return false;
  end if;
  execute 'select cron.schedule($1, $2, $3)' using 'forecourt', '*/10 * * * *',
    'select crm.run_due(s.id) from crm.stores s order by s.id';
  return true;
exception
  when insufficient_privilege then
    raise warning 'pg_cron is there, but this role may not schedule: see docs/operators';
    return false;
end $$;
comment on function crm.schedule_runs is
  'Makes or renews the pg_cron job; false where there is none. Call it once after enabling '
  'pg_cron.';
do $$
begin
  perform crm.schedule_runs();
end $$;
