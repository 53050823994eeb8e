-- Reports of a day, a week or a month over the catalogue of metrics, beside the period before, and
-- a metric's last twelve periods (S-28, S-29, S-112; docs/decisions/0038).

-- Weeks begin on Monday. A period that is not over ends today, and so long is taken of the one
-- before: on the third of a month, three days are compared with three.
create or replace function crm.report_period(
  p_kind text, p_day date, p_today date, out first date, out last date, out before_first date,
  out before_last date
)
  language plpgsql immutable set search_path = '' as $$
declare
  v_length interval := format('1 %s', p_kind)::interval;
  v_end date;
begin
  first := date_trunc(p_kind, p_day)::date;
  v_end := (first + v_length)::date - 1;
  last := least(v_end, p_today);
  before_first := (first - v_length)::date;
  before_last := case
    when last = v_end then first - 1
    else least(before_first + (last - first), first - 1)
  end;
end $$;
comment on function crm.report_period is
  'First and last day of a day''s period (day, week, month), and of what it is compared with.';

create or replace function crm.require_reportable(p_caller crm.caller, p_kind text, p_day date)
  returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if p_kind is null
    or p_kind <> all (array['day', 'week', 'month'])
    or p_day not between '2000-01-01' and p_caller.today
  then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
end $$;

create or replace function crm.counted_for(p_caller crm.caller) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_caller.scope in ('store', 'group') then null
    else
      array(
        select m.user_id
        from crm.members m
        where m.store_id = p_caller.store_id and crm.is_counted_for(p_caller, m.user_id)
      )
  end;
end $$;
comment on function crm.counted_for is
  'Whose numbers the caller sees; null: everybody''s and nobody''s. Asked once, not for every row.';

create or replace function crm.period_numbers(
  p_caller crm.caller, p_first date, p_last date
) returns table (
  metric text, member_id uuid, dimension text, label jsonb, value numeric, out_of bigint
)
  language plpgsql stable set search_path = '' as $$
declare
  v_members uuid[] := crm.counted_for(p_caller);
begin
  return query
    select
      m.key,
      r.member_id,
      r.dimension,
      case when grouping(r.dimension) = 0 then (array_agg(r.label))[1] end,
      crm.number_of(m.unit, array_agg(r.amount)),
      crm.number_out_of(m.unit, count(*))
    from crm.my_metrics(p_caller.store_id) m
    cross join lateral crm.metric_facts(p_caller.store_id, p_first, p_last, m.key) r
    where v_members is null or r.member_id = any (v_members)
    group by
      grouping sets (
        (m.key, m.unit, r.member_id),
        (m.key, m.unit, r.dimension),
        (m.key, m.unit)
      )
    having grouping(r.dimension) = 1 or r.dimension <> '';
end $$;
comment on function crm.period_numbers is
  'The numbers of a period that the caller is shown: of each member; of all of them together '
  '(member_id null), whole and by dimension.';

create or replace function crm.report_numbers(
  p_caller crm.caller, p_first date, p_last date, p_before_first date, p_before_last date
) returns table (
  metric text, member_id uuid, dimension text, label jsonb, value numeric, out_of bigint,
  before numeric, before_out_of bigint
)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      n.metric,
      n.member_id,
      n.dimension,
      coalesce(
        (array_agg(n.label) filter (where n.is_now))[1],
        (array_agg(n.label) filter (where not n.is_now))[1]
      ),
      coalesce(sum(n.value) filter (where n.is_now), 0),
      (sum(n.out_of) filter (where n.is_now))::bigint,
      coalesce(sum(n.value) filter (where not n.is_now), 0),
      (sum(n.out_of) filter (where not n.is_now))::bigint
    from (
      select true as is_now, x.*
      from crm.period_numbers(p_caller, p_first, p_last) x
      union all
      select false, x.*
      from crm.period_numbers(p_caller, p_before_first, p_before_last) x
    ) n
    group by n.metric, n.member_id, n.dimension;
end $$;
comment on function crm.report_numbers is
  'As crm.period_numbers, beside the numbers of the period before; one row for each number.';

create or replace function crm.report(p_store uuid, p_kind text, p_day date) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_day date := coalesce(p_day, c.today);
  v record;
  v_numbers jsonb;
begin
  perform crm.require_reportable(c, p_kind, v_day);
  select * into v
  from crm.report_period(p_kind, v_day, c.today);
  select coalesce(jsonb_agg(to_jsonb(n) order by n.metric, n.member_id, n.dimension), '[]')
    into v_numbers
  from crm.report_numbers(c, v.first, v.last, v.before_first, v.before_last) n;
  return jsonb_build_object(
    'kind', p_kind,
    'today', c.today,
    'scope', c.scope,
    'first', v.first,
    'last', v.last,
    'before_first', v.before_first,
    'before_last', v.before_last,
    'metrics', (
      select coalesce(
        jsonb_agg(to_jsonb(m) - array['rows_function', 'form', 'field'] order by m.position), '[]'
      )
      from crm.my_metrics(p_store) m
    ),
    'members', crm.counted_members(c, v_numbers),
    'numbers', v_numbers,
    'targets', (
      select coalesce(jsonb_agg(to_jsonb(t) order by t.metric, t.member_id), '[]')
      from crm.shown_targets(c, v.last) t
      where p_kind = 'month'
    )
  );
end $$;
comment on function crm.report is
  'Every metric of the day, week or month of p_day (by default today), by member and for all whose '
  'numbers the caller sees, beside the period before; of a month also the targets. before_…: what '
  'it is compared with. Errors: forbidden, invalid (another kind; a day to come or nobody means).';

create or replace function crm.metric_trend(
  p_store uuid, p_metric text, p_kind text, p_day date, p_member uuid
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_day date := coalesce(p_day, c.today);
  v_members uuid[] := crm.counted_for(c);
  m crm.metrics;
begin
  perform crm.require_reportable(c, p_kind, v_day);
  m := crm.require_metric(p_store, p_metric);
  return jsonb_build_object(
    'metric', to_jsonb(m) - array['rows_function', 'form', 'field'],
    'periods', (
      select jsonb_agg(
        jsonb_build_object(
          'first', p.first, 'last', p.last, 'value', n.value, 'out_of', n.out_of
        )
        order by p.first
      )
      from generate_series(0, 11) ago
      cross join lateral crm.report_period(
        p_kind, (v_day - ago * format('1 %s', p_kind)::interval)::date, c.today
      ) p
      cross join lateral (
        select
          coalesce(crm.number_of(m.unit, array_agg(r.amount)), 0) as value,
          crm.number_out_of(m.unit, count(*)) as out_of
        from crm.metric_facts(p_store, p.first, p.last, m.key) r
        where (v_members is null or r.member_id = any (v_members))
          and (p_member is null or r.member_id = p_member)
      ) n
    )
  );
end $$;
comment on function crm.metric_trend is
  'A metric in the period of p_day and the eleven before it, oldest first. p_member null: of all '
  'whose numbers the caller sees. Errors: forbidden, not_found, invalid (as crm.report).';

create or replace function api.report(
  store_id uuid, kind text, day date default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.report(store_id, kind, day); end;

create or replace function api.metric_trend(
  store_id uuid, metric text, kind text, day date default null, member_id uuid default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.metric_trend(store_id, metric, kind, day, member_id); end;

grant execute on function
  crm.report(uuid, text, date),
  crm.metric_trend(uuid, text, text, date, uuid),
  api.report(uuid, text, date),
  api.metric_trend(uuid, text, text, date, uuid)
to api_owner;
grant execute on function
  crm.report(uuid, text, date),
  crm.metric_trend(uuid, text, text, date, uuid),
  api.report(uuid, text, date),
  api.metric_trend(uuid, text, text, date, uuid)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
values
  ('report', 'report', 'report({store}, ''month'')', true),
  ('metric_trend', 'metric_trend', 'metric_trend({store}, ''contacts'', ''week'')', true);
