-- The rows of the metrics that reports show beside those of the meeting sheet (S-12, S-17, S-18,
-- S-28, S-29, S-103); as in 360_metrics.sql, of the days from p_from to p_to.

create or replace function crm.store_zone(p_store uuid) returns text
  language plpgsql stable set search_path = '' as $$
begin
  return (select s.time_zone from crm.stores s where s.id = p_store);
end $$;

create or replace function crm.option_label(p_store uuid, p_form text, p_field text, p_key text)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select item -> 'label'
    from crm.forms form
    cross join lateral jsonb_array_elements(form.fields #> array[p_field, 'options']) item
    where form.store_id = p_store and form.form = p_form and item ->> 'key' = p_key
    limit 1
  );
end $$;

-- Where customers come from, and what becomes of their deals --------------------------------------

create or replace function crm.sources_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      r.member_id, k.source, r.record_id, r.customer_id, r.occurred_at, null::date, null::numeric,
      crm.option_label(p_store, 'customer', 'source', k.source)
    from crm.new_customers_on(p_store, p_from, p_to) r
    join crm.customers k on k.store_id = p_store and k.id = r.customer_id;
end $$;

create or replace function crm.deals_lost_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      (x.deal).owner_id, coalesce((x.deal).lost_reason, ''), (x.deal).id, (x.deal).customer_id,
      (x.deal).closed_at, null::date, null::numeric, reason.label
    from crm.deals_closed_between(p_store, p_from, p_to) x
    left join crm.reasons reason on reason.store_id = p_store and reason.key = (x.deal).lost_reason
    where (x.stage).type = 'lost';
end $$;

create or replace function crm.win_rates_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      (x.deal).owner_id, k.source, (x.deal).id, k.id, (x.deal).closed_at, null::date,
      ((x.stage).type = 'won')::int::numeric,
      crm.option_label(p_store, 'customer', 'source', k.source)
    from crm.deals_closed_between(p_store, p_from, p_to) x
    join crm.customers k on k.store_id = p_store and k.id = (x.deal).customer_id;
end $$;

-- Calls and tasks ---------------------------------------------------------------------------------

create or replace function crm.calls_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_zone text := crm.store_zone(p_store);
begin
  return query
    select
      v.author_id, to_char(v.occurred_at at time zone v_zone, 'HH24'), v.id, v.customer_id,
      v.occurred_at, null::date, null::numeric, o.label
    from crm.conversations_on(p_store, p_from, p_to) v
    left join crm.outcomes o on o.store_id = p_store and o.key = v.outcome
    where v.method = 'call';
end $$;

create or replace function crm.call_results_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      v.author_id, '', v.id, v.customer_id, v.occurred_at, null::date, v.reached::int::numeric,
      o.label
    from crm.conversations_on(p_store, p_from, p_to) v
    left join crm.outcomes o on o.store_id = p_store and o.key = v.outcome
    where v.method = 'call';
end $$;

-- Only a day that is over can have been missed.
create or replace function crm.missed_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_zone text := crm.store_zone(p_store);
  v_today date := (now() at time zone v_zone)::date;
begin
  return query
    select
      t.assignee_id, '', t.id, t.customer_id, null::timestamptz, t.due_on, null::numeric, r.label
    from crm.tasks_live_on(p_store, p_from + 1) t
    left join crm.rules r on r.store_id = p_store and r.key = t.rule
    left join crm.conversations v on v.store_id = t.store_id and v.id = t.conversation_id
    where t.due_on between p_from and p_to
      and t.due_on < v_today
      and (t.opened_at at time zone v_zone)::date <= t.due_on
      and (
        t.closed_at is null
        or (coalesce(v.occurred_at, t.closed_at) at time zone v_zone)::date > t.due_on
      );
end $$;

create or replace function crm.excused_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_from timestamptz := crm.day_start(p_store, p_from);
  v_to timestamptz := crm.day_start(p_store, p_to + 1);
begin
  return query
    select
      t.assignee_id, '', t.id, t.customer_id, t.closed_at, null::date, null::numeric, r.label
    from crm.tasks t
    join crm.customers k
      on k.store_id = t.store_id
        and k.id = t.customer_id
        and (k.removed_at is null or k.removed_at = k.erased_at)
    left join crm.rules r on r.store_id = p_store and r.key = t.rule
    where t.store_id = p_store
      and t.assignee_id = any ((select crm.member_ids(p_store))::uuid[])
      and t.status = 'excused'
      and t.closed_at >= v_from
      and t.closed_at < v_to
      and t.removed_at is null;
end $$;

create or replace function crm.late_entries_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_zone text := crm.store_zone(p_store);
begin
  return query
    select
      v.author_id, '', v.id, v.customer_id, v.occurred_at, null::date, null::numeric, o.label
    from crm.conversations_on(p_store, p_from, p_to) v
    left join crm.outcomes o on o.store_id = p_store and o.key = v.outcome
    where (v.created_at at time zone v_zone)::date > (v.occurred_at at time zone v_zone)::date;
end $$;

-- Receptions --------------------------------------------------------------------------------------

create or replace function crm.received_on(p_store uuid, p_from date, p_to date)
  returns table (visit crm.visits, customer crm.customers)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select v, k
    from crm.visits_on(p_store, p_from, p_to) r
    join crm.visits v on v.store_id = p_store and v.id = r.record_id
    join crm.customers k on k.store_id = p_store and k.id = r.customer_id;
end $$;
comment on function crm.received_on is
  'The visits that crm.visits_on counts, with their customers.';

create or replace function crm.record_times_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      (x.visit).received_by, '', (x.visit).id, (x.customer).id, (x.visit).arrived_at, null::date,
      round(extract(epoch from (x.visit).recorded_at - (x.visit).arrived_at)), null::jsonb
    from crm.received_on(p_store, p_from, p_to) x;
end $$;

create or replace function crm.captures_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      coalesce((x.visit).owner_id, (x.visit).received_by), '', (x.visit).id, (x.customer).id,
      (x.visit).arrived_at, null::date,
      (
        not (x.visit).anonymous or coalesce(erasure.had_phone, (x.customer).phone is not null)
      )::int::numeric,
      null::jsonb
    from crm.received_on(p_store, p_from, p_to) x
    left join crm.erasures erasure
      on erasure.store_id = p_store and erasure.customer_id = (x.customer).id;
end $$;

create or replace function crm.visits_without_plan_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      coalesce((x.visit).owner_id, (x.visit).received_by), '', (x.visit).id, (x.customer).id,
      (x.visit).arrived_at, null::date, null::numeric, null::jsonb
    from crm.received_on(p_store, p_from, p_to) x
    where crm.is_without_plan(x.customer, (x.visit).arrived_at);
end $$;

-- The quality of forms (S-17) ---------------------------------------------------------------------

create or replace function crm.entered_customers(p_store uuid, p_from date, p_to date)
  returns setof crm.customers
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select k.*
    from crm.new_customers_on(p_store, p_from, p_to) r
    join crm.customers k on k.store_id = p_store and k.id = r.customer_id
    where not exists (
      select from crm.events e
      where e.store_id = p_store
        and e.customer_id = k.id
        and e.subject_id = k.id
        and e.kind = 'created'
        and e.origin is not null
    );
end $$;
comment on function crm.entered_customers is
  'Customers a person typed, not an import: their forms are judged.';

create or replace function crm.filled_percent(p_fields jsonb, p_record jsonb) returns numeric
  language plpgsql immutable set search_path = '' as $$
begin
  return (
    select round(
      100.0 * count(*) filter (
        where coalesce(p_record -> f.key, 'null') not in ('null', '""', '[]')
      ) / nullif(count(*), 0)
    )
    from jsonb_each(p_fields) f
    where f.key <> all (array['level', 'next_contact_on'])
      and f.value ->> 'type' <> all (array['bool', 'formula', 'file'])
      and (
        not f.value ? 'show'
        or crm.is_true(crm.evaluate_condition(f.value -> 'show', p_record))
      )
  );
end $$;
comment on function crm.filled_percent is
  'How many per cent of the fields that apply to a record are filled. Left out: what a new record '
  'has by itself, and ticks, for which "no" is an answer.';

create or replace function crm.completeness_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
declare
  v_fields jsonb := (
    select f.fields from crm.forms f where f.store_id = p_store and f.form = 'customer'
  );
begin
  return query
    select
      coalesce(k.created_by, k.owner_id), '', k.id, k.id, k.created_at, null::date,
      case
        when k.erased_at is null then crm.filled_percent(v_fields, to_jsonb(k) || k.custom)
        else erasure.filled_percent
      end,
      null::jsonb
    from crm.entered_customers(p_store, p_from, p_to) k
    left join crm.erasures erasure
      on erasure.store_id = p_store and erasure.customer_id = k.id;
end $$;

create or replace function crm.is_phone_valid(p_phone text) returns bool
  language sql immutable parallel safe set search_path = '' as $$
  select p_phone ~ '^((\+?86)?1[3-9][0-9]{9}|0[0-9]{8,11}|\+(?!86)[1-9][0-9]{6,13})$'
$$;
comment on function crm.is_phone_valid is
  'A mobile number of the mainland, a number with its area code, or one of another country.';

create or replace function crm.was_corrected(p_customer crm.customers) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select
    from (
      select distinct on (e.field) e.field, e.old
      from crm.events e
      where e.store_id = p_customer.store_id
        and e.customer_id = p_customer.id
        and e.subject_id = p_customer.id
        and e.form = 'customer'
        and e.kind = 'changed'
        and e.field in ('name', 'phone', 'source')
      order by e.field, e.id
    ) first
    where coalesce(first.old, 'null') not in ('null', '""')
      and first.old is distinct from to_jsonb(p_customer) -> first.field
  );
end $$;
comment on function crm.was_corrected is
  'Whether name, phone or source is another one than was entered first. Filling in what was empty '
  'corrects nothing, nor does a change that was taken back.';

create or replace function crm.correctness_on(p_store uuid, p_from date, p_to date)
  returns setof crm.metric_row
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select
      coalesce(k.created_by, k.owner_id), '', k.id, k.id, k.created_at, null::date,
      (
        case
          when k.erased_at is null then
            coalesce(crm.is_phone_valid(k.phone), true) and not crm.was_corrected(k)
          else erasure.is_correct
        end
      )::int::numeric,
      null::jsonb
    from crm.entered_customers(p_store, p_from, p_to) k
    left join crm.erasures erasure
      on erasure.store_id = p_store and erasure.customer_id = k.id;
end $$;
