-- Renewal rates of a month: by window before the end, insurer, person and reason, each number with
-- its policies (F-42; docs/decisions/0038).
--
-- As with metrics, who asks decides whose numbers are shown, never what is counted.

-- One row per policy that ends in the month and was not followed by a later year of the same car.
-- decided and contacted: how many days before the end; after it they are negative.
create or replace function crm.renewal_facts(p_store uuid, p_month date)
  returns table (
    policy_id uuid, customer_id uuid, member_id uuid, expires_on date, insurer text, status text,
    reason text, decided int, contacted int[]
  )
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_zone text := (select store.time_zone from crm.stores store where store.id = p_store);
  v_first date := date_trunc('month', p_month)::date;
begin
  return query
    select
      policy.id,
      policy.customer_id,
      coalesce(
        customer.renewal_owner_id, customer.owner_id, '00000000-0000-0000-0000-000000000000'
      ),
      policy.expires_on,
      policy.insurer,
      policy.status,
      policy.lost_reason,
      case
        when policy.status <> 'active' then
          policy.expires_on - coalesce((change.at at time zone v_zone)::date, policy.expires_on)
      end,
      array(
        select distinct
          policy.expires_on - (conversation.occurred_at at time zone v_zone)::date
        from crm.conversations conversation
        where conversation.store_id = p_store
          and conversation.customer_id = policy.customer_id
          and conversation.reached
          and conversation.removed_at is null
          and (conversation.occurred_at at time zone v_zone)::date
            between policy.expires_on - 90 and policy.expires_on
      )
    from crm.policies policy
    join crm.customers customer
      on customer.store_id = p_store
        and customer.id = policy.customer_id
        and (customer.removed_at is null or customer.removed_at = customer.erased_at)
    left join lateral (
      select max(event.created_at) as at
      from crm.events event
      where event.store_id = p_store
        and event.customer_id = policy.customer_id
        and event.subject_id = policy.id
        and event.form = 'policy'
        and event.field = 'status'
    ) change on true
    where policy.store_id = p_store
      and policy.removed_at is null
      and policy.status <> 'ended'
      and policy.expires_on >= v_first
      and policy.expires_on < (v_first + interval '1 month')::date;
end $$;
comment on function crm.renewal_facts is
  'Every policy that a month''s renewal rates count, whoever asks; what a caller may see of them '
  'is chosen by the functions that call it.';

-- A window counts the policies that nobody had decided before it began.
create or replace function crm.renewals_counted(p_store uuid, p_month date, p_today date)
  returns table (
    by text, key text, policy_id uuid, customer_id uuid, member_id uuid, expires_on date,
    insurer text, status text, reason text, contacted bool, renewed bool, lost bool
  )
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      part.by, part.key, fact.policy_id, fact.customer_id, fact.member_id, fact.expires_on,
      fact.insurer, fact.status, fact.reason,
      exists (
        select from unnest(fact.contacted) day
        where day between part.last_day and part.first_day
      ),
      fact.status = 'renewed'
        and coalesce(fact.decided, 0) between part.last_day and part.first_day,
      fact.status = 'lost'
        and coalesce(fact.decided, 0) between part.last_day and part.first_day
    from crm.renewal_facts(p_store, p_month) fact
    cross join lateral (
      values
        ('all', '', 9999, -9999, 9999),
        ('window', '90', 9999, 61, 90),
        ('window', '60', 60, 31, 60),
        ('window', '30', 30, -9999, 30),
        ('insurer', coalesce(fact.insurer, ''), 9999, -9999, 9999),
        ('member', fact.member_id::text, 9999, -9999, 9999),
        (
          'reason',
          case fact.status when 'lost' then coalesce(fact.reason, '') end,
          9999, -9999, 9999
        )
    ) part (by, key, first_day, last_day, begins)
    where part.key is not null
      and coalesce(fact.decided, -9999) <= part.first_day
      and fact.expires_on - p_today <= part.begins;
end $$;
comment on function crm.renewals_counted is
  'The policies of a month under each heading. by window: key 90, 60 or 30, the days before the '
  'end from which it counts; contacted, renewed and lost are of that window. by all: of the ninety '
  'days before the end.';

-- What is counted for the caller: nothing where the end of a policy is hidden from them, nothing by
-- insurer where that is.
create or replace function crm.shown_renewals(p_caller crm.caller, p_month date)
  returns table (
    by text, key text, policy_id uuid, customer_id uuid, member_id uuid, expires_on date,
    insurer text, status text, reason text, contacted bool, renewed bool, lost bool
  )
  language plpgsql stable set search_path = '' as $$
declare
  v_readable text[] := (
    select access.readable
    from crm.my_access('policy') access
    where access.store_id = p_caller.store_id
  );
begin
  return query
    select
      counted.by, counted.key, counted.policy_id, counted.customer_id, counted.member_id,
      counted.expires_on,
      case when 'insurer' = any (v_readable) then counted.insurer end,
      counted.status, counted.reason, counted.contacted, counted.renewed, counted.lost
    from crm.renewals_counted(p_caller.store_id, p_month, p_caller.today) counted
    where 'expires_on' = any (v_readable)
      and (counted.by <> 'insurer' or 'insurer' = any (v_readable))
      and crm.is_counted_for(p_caller, counted.member_id);
end $$;

create or replace function crm.renewal_rates(p_store uuid, p_month date) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_month date := date_trunc('month', coalesce(p_month, v_caller.today))::date;
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if not isfinite(v_month) then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  return jsonb_build_object(
    'month', v_month,
    'today', v_caller.today,
    'scope', v_caller.scope,
    'numbers', (
      select coalesce(jsonb_agg(to_jsonb(number) order by number.by, number.key), '[]')
      from (
        select
          shown.by,
          shown.key,
          count(*) as due,
          count(*) filter (where shown.contacted) as contacted,
          count(*) filter (where shown.renewed) as renewed,
          count(*) filter (where shown.lost) as lost
        from crm.shown_renewals(v_caller, v_month) shown
        group by shown.by, shown.key
      ) number
    )
  );
end $$;
comment on function crm.renewal_rates is
  'Policies that end in a month: due, contacted, renewed, lost, in all and by window, insurer, '
  'member and reason: everybody''s for who sees the whole store, else one''s team''s or one''s own '
  '(F-42). Errors: forbidden, invalid (no real month).';

create or replace function crm.renewal_rate_rows(
  p_store uuid, p_month date, p_by text, p_key text, p_number text
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if not isfinite(p_month) then
    raise sqlstate 'PT422' using message = 'invalid';
  end if;
  return (
    with facts as (
      select shown.*
      from crm.shown_renewals(v_caller, coalesce(p_month, v_caller.today)) shown
      where shown.by = p_by
        and shown.key = p_key
        and case p_number
          when 'due' then true
          when 'contacted' then shown.contacted
          when 'renewed' then shown.renewed
          when 'lost' then shown.lost
          else false
        end
    ), seen as (
      select
        fact.policy_id, fact.customer_id, customer.name as customer_name, fact.member_id,
        fact.expires_on, fact.insurer, fact.status, fact.reason
      from facts fact
      join api.customers customer
        on customer.store_id = p_store and customer.id = fact.customer_id
    )
    select jsonb_build_object(
      'total', (select count(*) from facts),
      'unseen', (select count(*) from facts) - (select count(*) from seen),
      'rows', (
        select coalesce(jsonb_agg(to_jsonb(listed) order by listed.expires_on, listed.policy_id),
          '[]')
        from (
          select seen.*
          from seen
          order by seen.expires_on, seen.policy_id
          limit 200
        ) listed
      )
    )
  );
end $$;
comment on function crm.renewal_rate_rows is
  'The policies behind a number of crm.renewal_rates, at most 200, with their customers as the '
  'caller sees them. p_number: due, contacted, renewed or lost; total, unseen: as in '
  'crm.metric_rows. Errors: forbidden, invalid (no real month).';

alter function crm.renewal_rates(uuid, date) owner to api_owner;
alter function crm.renewal_rate_rows(uuid, date, text, text, text) owner to api_owner;

create or replace function api.renewal_rates(store_id uuid, month date default null) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.renewal_rates(store_id, month); end;

create or replace function api.renewal_rate_rows(
  store_id uuid, month date, by text, key text, number text
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.renewal_rate_rows(store_id, month, by, key, number); end;

grant execute on function
  crm.renewal_facts(uuid, date),
  crm.renewals_counted(uuid, date, date),
  crm.shown_renewals(crm.caller, date),
  api.renewal_rates(uuid, date),
  api.renewal_rate_rows(uuid, date, text, text, text)
to api_owner;
grant execute on function
  crm.renewal_rates(uuid, date),
  crm.renewal_rate_rows(uuid, date, text, text, text),
  api.renewal_rates(uuid, date),
  api.renewal_rate_rows(uuid, date, text, text, text)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
values
  ('renewal_rates', 'renewal_rates', 'renewal_rates({store})', true),
  (
    'renewal_rate_rows',
    'renewal_rate_rows',
    'renewal_rate_rows({store}, null, ''all'', '''', ''due'')',
    true
  );
