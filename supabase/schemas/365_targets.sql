-- Targets: what a metric of the store, or of one member, is to reach in a month, and how far it is
-- (S-31, F-60). The numbers are the catalogue's (360_metrics.sql); what is to be reached is broken
-- down by the store's working days.

create policy select_nobody on crm.targets for select to api_owner
  using (false);

create or replace function crm.target_metrics(p_store uuid) returns setof crm.metrics
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select m.* from crm.my_metrics(p_store) m where m.direction = 'up';
end $$;
comment on function crm.target_metrics is
  'The metrics a target can be set for, of those the caller sees: of which more is better.';

create or replace function crm.expected_by_now(p_target bigint, p_passed int, p_days int)
  returns bigint
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when p_days = 0 then 0 else (2 * p_target * p_passed + p_days) / (2 * p_days) end;
end $$;
comment on function crm.expected_by_now is
  'The part of a month''s target that falls to the working days passed, rounded half up.';

create or replace function crm.shown_targets(
  p_caller crm.caller, p_day date
) returns table (
  metric text, member_id uuid, target bigint, expected bigint, value numeric, out_of numeric
)
  language plpgsql stable set search_path = '' as $$
declare
  v_month date := date_trunc('month', p_day);
  v_last date := v_month + interval '1 month - 1 day';
  v_calendar jsonb := crm.store_calendar(p_caller.store_id);
  v_days int := crm.working_days_between(v_calendar, v_month, v_last);
  v_passed int := crm.working_days_between(v_calendar, v_month, p_day);
begin
  return query
    with shown as (
      select
        t.metric, t.member_id, t.value as target,
        m.grain = 'day' and m.unit in ('count', 'money') as adds_up
      from crm.targets t
      join crm.target_metrics(p_caller.store_id) m on m.key = t.metric
      where t.store_id = p_caller.store_id
        and t.month = v_month
        and (t.member_id is null or crm.is_counted_for(p_caller, t.member_id))
    ),
      numbers as (
      select n.metric, n.member_id, n.value, n.out_of
      from crm.metric_numbers(
        p_caller.store_id, v_month, p_day, array(select s.metric from shown s)
      ) n
    )
    select
      s.metric,
      s.member_id,
      s.target,
      case
        when s.adds_up then crm.expected_by_now(s.target, v_passed, v_days) else s.target
      end,
      case
        when s.member_id is not null or p_caller.scope in ('store', 'group') then
          coalesce(x.value, 0)
      end,
      case
        when s.member_id is not null or p_caller.scope in ('store', 'group') then x.out_of
      end
    from shown s
    cross join lateral (
      select sum(n.value) as value, sum(n.out_of) as out_of
      from numbers n
      where n.metric = s.metric and (s.member_id is null or n.member_id = s.member_id)
    ) x;
end $$;
comment on function crm.shown_targets is
  'The targets of the month of p_day that the caller is shown, with what is reached and what is '
  'expected when p_day ends. value, out_of: null of the store''s for who does not see its numbers. '
  'What is said of the end of a day or of thirty days, and a share, is expected whole all month.';

create or replace function crm.target_progress(p_store uuid, p_day date) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_day date := coalesce(p_day, c.today);
  v_month date;
  v_last date;
  v_calendar jsonb := crm.store_calendar(p_store);
  v_targets jsonb;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if v_day > c.today or not isfinite(v_day) then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  v_month := date_trunc('month', v_day);
  v_last := v_month + interval '1 month - 1 day';
  select coalesce(jsonb_agg(to_jsonb(t) order by t.metric, t.member_id), '[]') into v_targets
  from crm.shown_targets(c, v_day) t;
  return jsonb_build_object(
    'day', v_day,
    'month', v_month,
    'working_days', crm.working_days_between(v_calendar, v_month, v_last),
    'working_days_passed', crm.working_days_between(v_calendar, v_month, v_day),
    'may_set', crm.leads_meeting(c) and v_month = date_trunc('month', c.today),
    'metrics', (
      select coalesce(
        jsonb_agg(to_jsonb(m) - array['rows_function', 'form', 'field'] order by m.position), '[]'
      )
      from crm.target_metrics(p_store) m
    ),
    'members', crm.counted_members(c, v_targets),
    'targets', v_targets
  );
end $$;
comment on function crm.target_progress is
  'The targets of a day''s month as they stand when the day ends: the store''s, and those of the '
  'members whose numbers the caller sees. Errors: forbidden, invalid (a day to come).';

create or replace function crm.require_target(
  p_caller crm.caller, p_metric text, p_value bigint, p_month date, p_member uuid
) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_this date := date_trunc('month', p_caller.today);
  v_unit text;
begin
  select m.unit into v_unit
  from crm.target_metrics(p_caller.store_id) m
  where m.key = p_metric;
  if v_unit is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if extract(day from p_month) <> 1 or p_month not between v_this and v_this + interval '1 year'
  then
    raise sqlstate 'PT422' using message = 'range', detail = 'month';
  end if;
  if p_value not between 1 and 10000000000000
    or v_unit in ('share', 'percent') and p_value > 100
  then
    raise sqlstate 'PT422' using message = 'range', detail = 'value';
  end if;
  if p_value is not null
    and p_member is not null
    and not exists (
      select from crm.members m
      where m.store_id = p_caller.store_id and m.user_id = p_member and m.active
    )
  then
    raise sqlstate 'PT422' using message = 'option', detail = 'member_id';
  end if;
end $$;

create or replace function crm.set_target(
  p_store uuid, p_metric text, p_value bigint, p_month date, p_member uuid
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'decide_approval');
  v_month date := coalesce(p_month, date_trunc('month', c.today));
begin
  if not crm.leads_meeting(c) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  perform crm.require_target(c, p_metric, p_value, v_month, p_member);
  if p_value is null then
    delete
    from crm.targets t
    where t.store_id = p_store
      and t.metric = p_metric
      and t.month = v_month
      and t.member_id is not distinct from p_member;
  else
    insert into crm.targets as t (store_id, id, metric, member_id, month, value, author_id)
    values (p_store, crm.new_id(), p_metric, p_member, v_month, p_value, c.user_id)
    on conflict (store_id, month, metric, member_id) do update
    set value = excluded.value, author_id = excluded.author_id, updated_at = now()
    where t.value <> excluded.value;
  end if;
  if found then
    perform crm.record_audit_event(
      c,
      case when p_value is null then 'target_removed' else 'target_set' end,
      p_member,
      jsonb_build_object('metric', p_metric, 'month', v_month)
    );
  end if;
  return jsonb_build_object('value', p_value);
end $$;
comment on function crm.set_target is
  'Sets, replaces or (p_value null) removes the target of a metric for a month, by default this '
  'one, and for a member or (p_member null) the whole store. p_value: so many, of money 分, of a '
  'share percent. Errors: forbidden, not_found (no such metric, or one that is hidden or takes no '
  'target), range (value; month: this one to a year ahead, by its first day), option (no active '
  'member).';

create or replace function api.target_progress(store_id uuid, day date default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.target_progress(store_id, day); end;

create or replace function api.set_target(
  store_id uuid,
  metric text,
  value bigint,
  month date default null,
  member_id uuid default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.set_target(store_id, metric, value, month, member_id); end;

grant execute on function
  crm.target_progress(uuid, date),
  crm.set_target(uuid, text, bigint, date, uuid),
  api.target_progress(uuid, date),
  api.set_target(uuid, text, bigint, date, uuid)
to authenticated;
grant execute on function
  crm.target_progress(uuid, date),
  api.target_progress(uuid, date)
to api_owner;

insert into crm.endpoints (name, function, call, on_demand)
values ('target_progress', 'target_progress', 'target_progress({store})', true);
insert into crm.endpoints (name, function, skip_reason)
values ('set_target', 'set_target', 'answers what it was given');
