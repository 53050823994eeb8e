-- Metrics are rows: a function per metric yields the records that a number of a day counts, and
-- every number is taken from them (S-23, S-110; docs/decisions/0038).
--
-- A number is the same for whoever may see it: who asks decides which members and which metrics
-- are shown, never what is counted. What is removed now (undone, merged, a reverted import) did not
-- happen. What an erased person did, did: removed_at is their erased_at (docs/decisions/0044).

create policy select_all on crm.metrics for select to api_owner
  using (key is not null);
grant select on crm.metrics to api_owner;
create policy select_nobody on crm.meeting_sheets for select to api_owner
  using (false);

create or replace function crm.day_start(p_store uuid, p_day date) returns timestamptz
  language plpgsql stable set search_path = '' as $$
begin
  return (select p_day::timestamp at time zone s.time_zone from crm.stores s where s.id = p_store);
end $$;
comment on function crm.day_start is
  'When a store-local day begins. Kept in variables below: a filter would ask it row by row.';

-- The members' own: "any" of them reads each one's part of an index that begins with the member.
create or replace function crm.member_ids(p_store uuid) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(select m.user_id from crm.members m where m.store_id = p_store);
end $$;

-- What metrics are made of ------------------------------------------------------------------------

create or replace function crm.conversations_on(p_store uuid, p_from date, p_to date)
  returns setof crm.conversations
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_from);
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select v.*
    from crm.conversations v
    join crm.customers k
      on k.store_id = v.store_id
        and k.id = v.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    where v.store_id = p_store
      and v.author_id = any ((select crm.member_ids(p_store))::uuid[])
      and v.occurred_at >= v_from
      and v.occurred_at < v_to
      and v.removed_at is null;
end $$;
comment on function crm.conversations_on is
  'Conversations held on the days from p_from to p_to, also those that arrived later.';

-- A conversation clears a task when it was held, not when a phone sent it.
create or replace function crm.tasks_live_on(p_store uuid, p_day date) returns setof crm.tasks
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_day);
begin
  return query
    select t.*
    from crm.tasks t
    join crm.customers k
      on k.store_id = t.store_id and k.id = t.customer_id and k.removed_at is null
    where t.store_id = p_store
      and t.status in ('open', 'cancel_requested')
      and t.removed_at is null
    union all
    select t.*
    from crm.tasks t
    join crm.customers k
      on k.store_id = t.store_id
        and k.id = t.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    left join crm.conversations v on v.store_id = t.store_id and v.id = t.conversation_id
    where t.store_id = p_store
      and t.assignee_id = any ((select crm.member_ids(p_store))::uuid[])
      and t.closed_at >= v_from
      and coalesce(v.occurred_at, t.closed_at) >= v_from
      and (t.removed_at is null or t.status = 'erased');
end $$;
comment on function crm.tasks_live_on is
  'Tasks that were not cleared before a day; suspended ones are left out.';

create or replace function crm.customers_on(
  p_store uuid, p_day date
) returns table (customer_id uuid, owner_id uuid, level text)
  language plpgsql stable set search_path = '' as $$
declare
  v_to timestamptz := crm.day_start(p_store, p_day + 1);
begin
  return query
    with changed as (
      select distinct on (e.subject_id, e.field) e.subject_id, e.field, e.old #>> '{}' as value
      from crm.events e
      where e.store_id = p_store
        and e.form = 'customer'
        and e.field in ('level', 'owner_id')
        and e.created_at >= v_to
      order by e.subject_id, e.field, e.id
    )
    select
      k.id,
      case when o.subject_id is null then k.owner_id else o.value::uuid end,
      coalesce(l.value, k.level)
    from crm.customers k
    left join changed o on o.subject_id = k.id and o.field = 'owner_id'
    left join changed l on l.subject_id = k.id and l.field = 'level'
    where k.store_id = p_store
      and k.created_at < v_to
      and (k.removed_at is null or k.removed_at = k.erased_at);
end $$;
comment on function crm.customers_on is
  'Customers with the level and the owner they had when a day ended: what is now, taken back by '
  'the history of what came later.';

-- The rows of each metric -------------------------------------------------------------------------

-- Of the days from p_from to p_to. What a metric says about the end of a day, or of the thirty days
-- up to it, is said of p_to.

create or replace function crm.visits_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_from);
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select
      coalesce(v.owner_id, v.received_by), '', v.id, v.customer_id, v.arrived_at, null::date,
      null::numeric, null::jsonb
    from crm.visits v
    join crm.customers k
      on k.store_id = v.store_id
        and k.id = v.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    where v.store_id = p_store
      and v.arrived_at >= v_from
      and v.arrived_at < v_to
      and v.removed_at is null;
end $$;

create or replace function crm.new_customers_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_from);
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select
      k.owner_id, '', k.id, k.id, k.created_at, null::date, null::numeric, null::jsonb
    from crm.customers k
    where k.store_id = p_store
      and k.created_at >= v_from
      and k.created_at < v_to
      and (k.removed_at is null or k.removed_at = k.erased_at);
end $$;

create or replace function crm.contacts_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      v.author_id, '', v.id, v.customer_id, v.occurred_at, null::date, null::numeric, o.label
    from crm.conversations_on(p_store, p_from, p_to) v
    left join crm.outcomes o on o.store_id = p_store and o.key = v.outcome
    where v.reached;
end $$;

create or replace function crm.follow_ups_due_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select
      t.assignee_id, '', t.id, t.customer_id, null::timestamptz, t.due_on, null::numeric, r.label
    from crm.tasks_live_on(p_store, p_from) t
    left join crm.rules r on r.store_id = p_store and r.key = t.rule
    where t.due_on <= p_to and t.opened_at < v_to;
end $$;

create or replace function crm.follow_ups_done_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      v.author_id, '', t.id, t.customer_id, v.occurred_at, null::date, null::numeric, o.label
    from crm.conversations_on(p_store, p_from, p_to) v
    join crm.tasks t
      on t.store_id = p_store and t.conversation_id = v.id and t.removed_at is null
    join crm.customers k
      on k.store_id = t.store_id
        and k.id = t.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    left join crm.outcomes o on o.store_id = p_store and o.key = v.outcome;
end $$;

create or replace function crm.upgrades_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      v.author_id, '', v.id, v.customer_id, v.occurred_at, null::date, null::numeric, a.label
    from crm.conversations_on(p_store, p_from, p_to) v
    join crm.levels b on b.store_id = p_store and b.key = v.level_before
    join crm.levels a on a.store_id = p_store and a.key = v.level_after
    where a.rank > b.rank;
end $$;

create or replace function crm.prospects_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      c.owner_id, c.level, c.customer_id, c.customer_id, null::timestamptz, null::date,
      null::numeric, l.label
    from crm.customers_on(p_store, p_to) c
    join crm.levels l on l.store_id = p_store and l.key = c.level
    where l.pool is null;
end $$;

create or replace function crm.potential_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      c.owner_id, '', c.customer_id, c.customer_id, null::timestamptz, null::date, null::numeric,
      l.label
    from crm.customers_on(p_store, p_to) c
    join crm.levels l on l.store_id = p_store and l.key = c.level
    where l.pool is not null;
end $$;

create or replace function crm.deals_closed_between(p_store uuid, p_from date, p_to date)
  returns table (deal crm.deals, stage crm.stages)
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_from);
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select d, s
    from crm.deals d
    join crm.customers k
      on k.store_id = d.store_id
        and k.id = d.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    join crm.stages s
      on s.store_id = d.store_id
        and s.pipeline = d.pipeline
        and s.key = d.stage
        and s.type <> 'open'
    where d.store_id = p_store
      and d.closed_at >= v_from
      and d.closed_at < v_to
      and d.removed_at is null;
end $$;
comment on function crm.deals_closed_between is
  'Deals won or lost on the days from p_from to p_to.';

create or replace function crm.deals_won_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      (x.deal).owner_id, '', (x.deal).id, (x.deal).customer_id, (x.deal).closed_at, null::date,
      (x.deal).amount_fen::numeric, (x.stage).label
    from crm.deals_closed_between(p_store, p_from, p_to) x
    where (x.stage).type = 'won';
end $$;

create or replace function crm.decided_deals_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      (x.deal).owner_id, '', (x.deal).id, (x.deal).customer_id, (x.deal).closed_at, null::date,
      ((x.stage).type = 'won')::int::numeric, (x.stage).label
    from crm.deals_closed_between(p_store, p_to - 29, p_to) x;
end $$;

-- Tomorrow's tasks are made in the night: before it, a plan without a task counts as the task it
-- becomes (crm.create_follow_ups).
create or replace function crm.next_day_tasks_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
  v_calendar jsonb := crm.store_calendar(p_store);
begin
  return query
    select
      t.assignee_id, '', t.id, t.customer_id, null::timestamptz, t.due_on, null::numeric, r.label
    from crm.tasks_live_on(p_store, p_to + 1) t
    left join crm.rules r on r.store_id = p_store and r.key = t.rule
    where t.due_on = p_to + 1
    union all
    select
      coalesce(k.owner_id, c.user_id), '', k.id, k.id, null, k.next_contact_on, null, null
    from crm.customers k
    left join crm.pool_callers(p_store) c
      on k.owner_id is null and c.pool = k.pool and c.ordinal = crm.caller_place(k.id, c.total)
    where k.store_id = p_store
      and k.next_contact_on = p_to + 1
      and (k.agreed_contact_on = p_to + 1 or crm.due_day(v_calendar, p_to + 1) = p_to + 1)
      and now() < v_to
      and coalesce(k.owner_id, c.user_id) is not null
      and not crm.is_silent(k.do_not_call, k.consent_withdrawn_at)
      and k.removed_at is null
      and not exists (
        select from crm.tasks t
        where t.store_id = p_store
          and t.subject_id = k.id
          and t.kind <> 'escalation'
          and t.status in ('open', 'cancel_requested')
          and t.removed_at is null
      );
end $$;

-- Numbers over the rows ---------------------------------------------------------------------------

create or replace function crm.metric_facts(
  p_store uuid, p_from date, p_to date, p_metric text
) returns setof crm.metric_row
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_function text := (select m.rows_function from crm.metrics m where m.key = p_metric);
begin
  return query execute format(
    $q$
    select
      coalesce(r.member_id, '00000000-0000-0000-0000-000000000000'),
      r.dimension, r.record_id, r.customer_id, r.occurred_at, r.due_on, r.amount, r.label
    from crm.%I($1, $2, $3) r
    $q$,
    v_function
  ) using p_store, p_from, p_to;
end $$;
comment on function crm.metric_facts is
  'Every row of a metric on the days from p_from to p_to, whoever asks; what a caller may see of '
  'them is chosen by the functions that call it.';

create or replace function crm.number_of(p_unit text, p_amounts numeric[]) returns numeric
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when p_unit = 'count' then cardinality(p_amounts)
    when p_unit = 'seconds' then
      (select percentile_disc(0.5) within group (order by amount) from unnest(p_amounts) amount)
    else (select coalesce(sum(amount), 0) from unnest(p_amounts) amount)
  end;
end $$;
comment on function crm.number_of is
  'What a metric of that unit makes of its rows'' amounts; of a share and of percent, the sum.';

create or replace function crm.number_out_of(p_unit text, p_rows bigint) returns bigint
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when p_unit in ('share', 'percent', 'seconds') then p_rows end;
end $$;
comment on function crm.number_out_of is
  'Of how many rows a share or a mean is taken; null where the number stands for itself.';

create or replace function crm.metric_numbers(
  p_store uuid, p_from date, p_to date, p_metrics text[] default null
) returns table (metric text, member_id uuid, dimension text, value numeric, out_of bigint)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      m.key,
      r.member_id,
      r.dimension,
      crm.number_of(m.unit, array_agg(r.amount)),
      crm.number_out_of(m.unit, count(*))
    from crm.metrics m
    cross join lateral crm.metric_facts(p_store, p_from, p_to, m.key) r
    where case when p_metrics is null then m.on_sheet else m.key = any (p_metrics) end
    group by m.key, m.unit, r.member_id, r.dimension;
end $$;
comment on function crm.metric_numbers is
  'The numbers of a store on the days from p_from to p_to, by member and dimension. p_metrics: '
  'which; null: those of the meeting sheet. out_of: of a share, how many rows there are; value: '
  'how many of them count.';

create or replace function crm.my_metrics(p_store uuid) returns setof crm.metrics
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select m.*
    from crm.metrics m
    where m.form is null
      or exists (
        select from crm.my_access(m.form) a
        where a.store_id = p_store and m.field = any (a.readable)
      );
end $$;
comment on function crm.my_metrics is
  'The metrics that rest on no field hidden from the caller or shown to them masked.';

create or replace function crm.is_counted_for(p_caller crm.caller, p_member uuid) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_caller.scope in ('store', 'group') then true
    when p_member = p_caller.user_id then true
    when p_caller.scope = 'team' then
      exists (
        select from crm.my_team() t where t.store_id = p_caller.store_id and t.user_id = p_member
      )
    else false
  end;
end $$;
comment on function crm.is_counted_for is
  'Whose numbers the caller sees: everybody''s, those of their team, or their own.';

-- The meeting sheet -------------------------------------------------------------------------------

create or replace function crm.shown_numbers(
  p_caller crm.caller, p_day date
) returns table (
  metric text, member_id uuid, dimension text, value numeric, out_of bigint, frozen numeric,
  frozen_out_of bigint
)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    with live as (
      select n.* from crm.metric_numbers(p_caller.store_id, p_day, p_day) n
    ),
      kept as (
      select n.*
      from crm.meeting_sheets s
      cross join lateral jsonb_to_recordset(s.numbers)
        as n (metric text, member_id uuid, dimension text, value numeric, out_of bigint)
      where s.store_id = p_caller.store_id and s.covers_on = p_day
    )
    select
      x.metric,
      x.member_id,
      x.dimension,
      coalesce(x.value, 0),
      case when m.unit = 'share' then coalesce(x.out_of, 0) end,
      coalesce(x.frozen, 0),
      case when m.unit = 'share' then coalesce(x.frozen_out_of, 0) end
    from (
      select
        coalesce(l.metric, f.metric) as metric,
        coalesce(l.member_id, f.member_id) as member_id,
        coalesce(l.dimension, f.dimension) as dimension,
        l.value,
        l.out_of,
        f.value as frozen,
        f.out_of as frozen_out_of
      from live l
      full join kept f
        on f.metric = l.metric and f.member_id = l.member_id and f.dimension = l.dimension
    ) x
    join crm.my_metrics(p_caller.store_id) m on m.key = x.metric
    where crm.is_counted_for(p_caller, x.member_id);
end $$;
comment on function crm.shown_numbers is
  'What the caller is shown of a day, as it is counted now and as it was frozen (0 when it was '
  'not).';

create or replace function crm.counted_members(p_caller crm.caller, p_numbers jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object('id', m.user_id, 'name', m.name, 'role', m.role) order by m.name
      ),
      '[]'
    )
    from crm.members m
    join crm.roles r on r.store_id = m.store_id and r.key = m.role
    where m.store_id = p_caller.store_id
      and crm.is_counted_for(p_caller, m.user_id)
      and (
        m.active and r.scope in ('own', 'team') and 'log_conversation' = any (r.verbs)
        or p_numbers @? format('$[*] ? (@.member_id == "%s")', m.user_id)::jsonpath
      )
  );
end $$;
comment on function crm.counted_members is
  'Whose numbers the caller is shown: who works their own customers now, and whom p_numbers name '
  'by their member_id.';

create or replace function crm.meeting_sheet(p_store uuid, p_day date) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  v_day date := coalesce(p_day, c.today);
  s crm.meeting_sheets;
  v_numbers jsonb;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if v_day > c.today then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  select * into s
  from crm.meeting_sheets x
  where x.store_id = p_store and x.covers_on = v_day;
  select coalesce(jsonb_agg(to_jsonb(n) order by n.metric, n.member_id, n.dimension), '[]')
    into v_numbers
  from crm.shown_numbers(c, v_day) n;
  return jsonb_build_object(
    'day', v_day,
    'today', c.today,
    'scope', c.scope,
    'may_freeze', s.store_id is null and crm.leads_meeting(c),
    'frozen_at', s.frozen_at,
    'frozen_by', (
      select m.name
      from crm.members m
      where m.store_id = p_store and m.user_id = s.frozen_by
    ),
    'metrics', (
      select coalesce(
        jsonb_agg(to_jsonb(m) - array['rows_function', 'form', 'field'] order by m.position), '[]'
      )
      from crm.my_metrics(p_store) m
      where m.on_sheet
    ),
    'members', crm.counted_members(c, v_numbers),
    'numbers', v_numbers
  );
end $$;
comment on function crm.meeting_sheet is
  'The numbers of a day by member, with the definition of each: everybody''s for who sees the '
  'whole store, else one''s team''s or one''s own (S-23). Errors: forbidden, invalid (a day to '
  'come).';

create or replace function crm.leads_meeting(p_caller crm.caller) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return coalesce(p_caller.scope = 'store' and 'decide_approval' = any (p_caller.verbs), false);
end $$;
comment on function crm.leads_meeting is
  'Who freezes a store''s sheet and sets its targets: who sees the whole store and decides.';

create or replace function crm.freeze_meeting_sheet(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'decide_approval');
  v_day date := coalesce(p_day, c.today);
begin
  if not crm.leads_meeting(c) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if v_day > c.today then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  insert into crm.meeting_sheets (store_id, covers_on, frozen_by, numbers, notes)
  select
    p_store,
    v_day,
    c.user_id,
    coalesce(jsonb_agg(to_jsonb(n)), '[]'),
    (select x.notes from crm.meeting_notes x where x.store_id = p_store and x.covers_on = v_day)
  from crm.metric_numbers(p_store, v_day, v_day) n
  on conflict do nothing;
  return jsonb_build_object(
    'frozen_at', (
      select s.frozen_at
      from crm.meeting_sheets s
      where s.store_id = p_store and s.covers_on = v_day
    )
  );
end $$;
comment on function crm.freeze_meeting_sheet is
  'Keeps the numbers and the notes of a day as the meeting saw them; a second time changes '
  'nothing. Errors: '
  'forbidden, invalid (a day to come).';

create or replace function crm.tg_meeting_sheets__keep() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  raise sqlstate 'PT409' using message = 'id_taken';
end $$;
comment on function crm.tg_meeting_sheets__keep is
  'No code changes a frozen sheet, whoever owns it.';
create or replace trigger tg_meeting_sheets__keep before update on crm.meeting_sheets
  for each row execute function crm.tg_meeting_sheets__keep();

-- The rows of a number ----------------------------------------------------------------------------

create or replace function crm.require_metric(p_store uuid, p_metric text) returns crm.metrics
  language plpgsql stable set search_path = '' as $$
declare
  m crm.metrics;
begin
  select * into m
  from crm.my_metrics(p_store) x
  where x.key = p_metric;
  if m.key is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return m;
end $$;

create or replace function crm.metric_rows(
  p_store uuid, p_metric text, p_from date, p_to date, p_member uuid, p_dimension text
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
  m crm.metrics;
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  m := crm.require_metric(p_store, p_metric);
  p_to := coalesce(p_to, c.today);
  p_from := coalesce(p_from, p_to);
  if p_to > c.today or p_from not between p_to - 30 and p_to then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  return (
    with facts as (
      select r.*
      from crm.metric_facts(p_store, p_from, p_to, p_metric) r
      where crm.is_counted_for(c, r.member_id)
        and (p_member is null or r.member_id = p_member)
        and (p_dimension is null or r.dimension = p_dimension)
    ),
      seen as (
      select f.record_id, f.customer_id, k.name as customer_name, f.member_id, f.occurred_at,
        f.due_on, f.label,
        case m.unit when 'money' then f.amount end as amount_fen,
        case when m.unit in ('percent', 'seconds') then f.amount end as amount
      from facts f
      join api.customers k on k.store_id = p_store and k.id = f.customer_id
    )
    select jsonb_build_object(
      'metric', to_jsonb(m) - array['rows_function', 'form', 'field'],
      'sql', (
        select trim(p.prosrc)
        from pg_catalog.pg_proc p
        where p.pronamespace = 'crm'::regnamespace and p.proname = m.rows_function
      ),
      'total', (select count(*) from facts),
      'unseen', (select count(*) from facts) - (select count(*) from seen),
      'rows', (
        select coalesce(
          jsonb_agg(to_jsonb(x) order by x.occurred_at, x.due_on, x.customer_name, x.record_id),
          '[]'
        )
        from (
          select * from seen
          order by occurred_at, due_on, customer_name, record_id
          limit 200
        ) x
      )
    )
  );
end $$;
comment on function crm.metric_rows is
  'The records that a number counts on the days from p_from to p_to, at most 200, each with its '
  'customer as the caller sees them, and the SQL that finds them. total: how many; unseen: how '
  'many of them belong to customers the caller does not see (any more). p_to null: today; p_from '
  'null: of p_to alone; p_member null: all whose numbers the caller sees; the nil uuid: nobody''s. '
  'Errors: forbidden, not_found (no such metric, or one that is hidden), invalid (a day to come, '
  'more than 31 days).';

alter function crm.metric_rows(uuid, text, date, date, uuid, text) owner to api_owner;

create or replace function api.meeting_sheet(store_id uuid, day date default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.meeting_sheet(store_id, day); end;

create or replace function api.freeze_meeting_sheet(store_id uuid, day date default null)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.freeze_meeting_sheet(store_id, day); end;

create or replace function api.metric_rows(
  store_id uuid,
  metric text,
  day date default null,
  member_id uuid default null,
  dimension text default null,
  since date default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.metric_rows(store_id, metric, since, day, member_id, dimension); end;

grant execute on function
  crm.metric_facts(uuid, date, date, text),
  crm.my_metrics(uuid),
  crm.require_metric(uuid, text),
  crm.is_counted_for(crm.caller, uuid),
  crm.meeting_sheet(uuid, date),
  api.meeting_sheet(uuid, date),
  api.metric_rows(uuid, text, date, uuid, text, date)
to api_owner;
grant execute on function
  crm.meeting_sheet(uuid, date),
  crm.freeze_meeting_sheet(uuid, date),
  crm.metric_rows(uuid, text, date, date, uuid, text),
  api.meeting_sheet(uuid, date),
  api.freeze_meeting_sheet(uuid, date),
  api.metric_rows(uuid, text, date, uuid, text, date)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
select 'rows of ' || m.key, 'metric_rows', format('metric_rows({store}, %L)', m.key), true
from crm.metrics m
union all
select 'meeting_sheet', 'meeting_sheet', 'meeting_sheet({store})', false;
insert into crm.endpoints (name, function, skip_reason)
values ('freeze_meeting_sheet', 'freeze_meeting_sheet', 'answers a time');
