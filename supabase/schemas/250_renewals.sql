-- The renewal engine's memory (First 9): a year follows a year, a lost one comes back, a delivered
-- car begins one, an orphan is claimed.

-- The year after: ours again, or one we lost and know who holds it. Null when it is written
-- already.
create or replace function crm.create_next_policy(
  p_policy crm.policies,
  p_id uuid,
  p_origin text,
  p_insurer text,
  p_premium bigint,
  p_expires date
) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_id uuid := coalesce(p_id, crm.new_id());
begin
  insert into crm.policies (
    store_id, id, customer_id, vehicle_id, insurer, kind, premium_fen, starts_on, expires_on,
    origin, renews_id
  )
  values (
    p_policy.store_id,
    v_id,
    p_policy.customer_id,
    p_policy.vehicle_id,
    p_insurer,
    p_policy.kind,
    p_premium,
    case
      when p_expires is null then p_policy.expires_on
      else (p_expires - interval '1 year')::date
    end
    + 1,
    coalesce(p_expires, (p_policy.expires_on + interval '1 year')::date),
    p_origin,
    p_policy.id
  )
  on conflict do nothing;
  return case when found then v_id end;
end $$;

-- Calls about this policy that are still open are answered by a conversation with the customer
-- since; without one they stay: what became of a policy is no reason not to have called.
create or replace function crm.close_policy(p_policy crm.policies, p_status text, p_reason text)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.policies x
  set status = p_status, lost_reason = p_reason
  where x.store_id = p_policy.store_id and x.id = p_policy.id;
  update crm.tasks t
  set status = 'done', closed_at = now(), conversation_id = crm.answering_conversation(t)
  where t.store_id = p_policy.store_id
    and t.subject_id = p_policy.id
    and t.status = 'open'
    and t.removed_at is null
    and crm.answering_conversation(t) is not null;
end $$;

create or replace function crm.answering_conversation(p_task crm.tasks) returns uuid
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select v.id
    from crm.conversations v
    where v.store_id = p_task.store_id
      and v.customer_id = p_task.customer_id
      and v.reached
      and v.removed_at is null
      and crm.counts_for(v.occurred_at, p_task.opened_at)
    order by v.occurred_at desc
    limit 1
  );
end $$;
comment on function crm.answering_conversation is
  'The latest conversation that reached the customer since the task was opened; null: none.';

create or replace function crm.policy_lost_reason(p_store uuid, p_key text) returns crm.reasons
  language plpgsql stable set search_path = '' as $$
declare
  v_reason crm.reasons;
begin
  if p_key is null then
    perform crm.reject('required', 'reason');
  end if;
  select * into v_reason
  from crm.reasons reason
  where reason.store_id = p_store
    and reason.key = p_key
    and 'lost' = any (reason.uses)
    and not reason.retired;
  if v_reason.key is null then
    perform crm.reject('option', 'reason');
  end if;
  return v_reason;
end $$;
comment on function crm.policy_lost_reason is 'Errors: required, option.';

-- What the customer told of the policy they have now. Answers when that one expires.
create or replace function crm.check_next_policy(p_policy crm.policies, p_payload jsonb)
  returns date
  language plpgsql stable set search_path = '' as $$
declare
  v_expires_on date;
begin
  if p_payload ->> 'price_fen' is not null
    and (
      jsonb_typeof(p_payload -> 'price_fen') <> 'number'
      or p_payload ->> 'price_fen' !~ '^\d{1,12}$'
    )
  then
    perform crm.reject('type', 'price_fen');
  end if;
  if length(p_payload ->> 'insurer') > 80 then
    perform crm.reject('length', 'insurer');
  end if;
  if p_payload ->> 'expires_on' is not null then
    v_expires_on := crm.as_date(p_payload -> 'expires_on');
    if v_expires_on is null then
      perform crm.reject('date', 'expires_on');
    end if;
    if v_expires_on <= p_policy.expires_on or v_expires_on > p_policy.expires_on + 1100 then
      perform crm.reject('range', 'expires_on');
    end if;
  end if;
  return v_expires_on;
end $$;

create or replace function crm.mark_policy_lost(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_policy crm.policies;
  v_reason crm.reasons;
  v_expires_on date;
  v_next uuid;
begin
  perform crm.require_verb(v_store, 'save_policy');
  select * into v_policy
  from crm.policies policy
  where policy.store_id = v_store
    and policy.id = crm.as_uuid(v_payload ->> 'id')
    and policy.removed_at is null
  for update;
  if v_policy.id is null then
    perform crm.reject('not_found', 'id');
  end if;
  if v_policy.status <> 'active' then
    perform crm.reject('policy_closed', 'id');
  end if;
  v_reason := crm.policy_lost_reason(v_store, v_payload ->> 'reason');
  v_expires_on := crm.check_next_policy(v_policy, v_payload);
  perform crm.close_policy(v_policy, 'lost', v_reason.key);
  if v_reason.returns then
    v_next := crm.create_next_policy(
      v_policy,
      crm.as_uuid(v_payload ->> 'next_id'),
      'elsewhere',
      nullif(trim(v_payload ->> 'insurer'), ''),
      (v_payload ->> 'price_fen')::bigint,
      v_expires_on
    );
  end if;
  return jsonb_strip_nulls(
    jsonb_build_object(
      'status', 'applied', 'version', v_policy.version + 1, 'next_id', v_next
    )
  );
end $$;
comment on function crm.mark_policy_lost is
  'A renewal lost: reason, who has it now and at what price; it comes back by itself before the '
  'next expiry, unless the reason says it never will (F-35, F-37).';

create or replace function crm.renew_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_policy crm.policies;
  saved jsonb;
begin
  perform crm.require_verb(v_store, 'save_policy');
  select * into v_policy
  from crm.policies policy
  where policy.store_id = v_store
    and policy.id = crm.as_uuid(v_payload ->> 'policy_id')
    and policy.removed_at is null
  for update;
  if v_policy.id is null then
    perform crm.reject('not_found', 'policy_id');
  end if;
  if v_policy.status <> 'active' then
    perform crm.reject('policy_closed', 'policy_id');
  end if;
  saved := crm.save_record(
    'policies',
    'policy',
    p_op - 'base_version',
    jsonb_build_object(
      'customer_id',
      v_policy.customer_id,
      'vehicle_id',
      v_policy.vehicle_id,
      'renews_id',
      v_policy.id
    )
  );
  perform crm.close_policy(v_policy, 'renewed', null);
  return saved;
end $$;
comment on function crm.renew_policy is
  'The next year of a policy, written into the same form; the old one is renewed.';

-- A conversation or a deal said what becomes of this year: won writes the next, lost remembers who
-- has it at what price (payload insurer, price_fen).
create or replace function crm.apply_renewal_outcome(
  p_store uuid, p_policy uuid, p_effect text, p_reason text, p_premium bigint, p_payload jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_policy crm.policies;
begin
  select * into v_policy
  from crm.policies policy
  where policy.store_id = p_store
    and policy.id = p_policy
    and policy.removed_at is null
    and policy.status = 'active'
  for update;
  if v_policy.id is null then
    return;
  end if;
  if p_effect = 'won' then
    perform crm.close_policy(v_policy, 'renewed', null),
      crm.create_next_policy(v_policy, null, 'store', v_policy.insurer, p_premium, null);
  else
    perform crm.close_policy(v_policy, 'lost', p_reason);
    if (
      select reason.returns
      from crm.reasons reason
      where reason.store_id = p_store and reason.key = p_reason
    ) then
      perform crm.create_next_policy(
        v_policy,
        null,
        'elsewhere',
        nullif(trim(left(p_payload ->> 'insurer', 80)), ''),
        case
        when p_payload ->> 'price_fen' ~ '^\d{1,12}$' then (p_payload ->> 'price_fen')::bigint
      end,
        null
      );
    end if;
  end if;
end $$;

-- Who renews (F-43): members whose role may claim policies and call. A customer whose owner may
-- write no policy gets one of them by rule, always the same; an owner who may renews themselves.
create or replace function crm.choose_renewal_owner(p_store uuid, p_customer uuid) returns uuid
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select x.user_id
    from (
      select
        m.user_id,
        row_number() over (order by m.user_id) as ordinal,
        count(*) over () as total
      from crm.members m
      join crm.roles r
        on r.store_id = m.store_id
          and r.key = m.role
          and r.verbs @> array['claim_policy', 'log_conversation']
      where m.store_id = p_store and m.active
    ) x
    where x.ordinal = crm.caller_place(p_customer, x.total::int)
  );
end $$;

create or replace function crm.can_renew(p_store uuid, p_user uuid) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from crm.members m
    join crm.roles r on r.store_id = m.store_id and r.key = m.role
    where m.store_id = p_store
      and m.user_id = p_user
      and m.active
      and 'save_policy' = any (r.verbs)
  );
end $$;
comment on function crm.can_renew is 'Whether a member works here and may write policies.';

-- Definer: the seller who delivers does not name the specialist.
create or replace function crm.assign_renewal_owner(p_store uuid, p_customer uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  update crm.customers k
  set renewal_owner_id = n.user_id
  from (select crm.choose_renewal_owner(p_store, p_customer) as user_id) n
  where k.store_id = p_store
    and k.id = p_customer
    and n.user_id is not null
    and not crm.can_renew(p_store, k.renewal_owner_id)
    and not crm.can_renew(p_store, k.owner_id);
end $$;

-- The night before the windows: customers of an owner who may not renew, and who have nobody else.
-- A policy in a pool stays on the list of orphans.
create or replace function crm.assign_renewal_owners(p_store uuid, p_day date) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_count int;
begin
  with
    renewing as (
    select member.user_id
    from crm.members member
    where member.store_id = p_store and crm.can_renew(p_store, member.user_id)
  )
  update crm.customers customer
  set renewal_owner_id = crm.choose_renewal_owner(p_store, customer.id)
  where customer.store_id = p_store
    and customer.removed_at is null
    and customer.owner_id is not null
    and not exists (
      select from renewing
      where renewing.user_id in (customer.owner_id, customer.renewal_owner_id)
    )
    and crm.choose_renewal_owner(p_store, customer.id) is not null
    and exists (
      select from crm.policies policy
      where policy.store_id = p_store
        and policy.customer_id = customer.id
        and policy.status = 'active'
        and policy.removed_at is null
        and policy.expires_on between p_day and p_day + (
          select coalesce(max(d), 90)
          from crm.rules rule, unnest(rule.days) d
          where rule.store_id = p_store and rule.active and rule.kind = 'policy_window'
        )
    );
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- What a closed deal leaves behind: a renewal's next year, or a delivered car's first policy
-- (F-43).
create or replace function crm.after_deal_closed(p_store uuid, p_deal uuid, p_payload jsonb)
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_deal crm.deals;
  v_type text;
  v_today date;
begin
  select * into v_deal
  from crm.deals deal
  where deal.store_id = p_store and deal.id = p_deal;
  select stage.type into v_type
  from crm.stages stage
  where stage.store_id = p_store and stage.pipeline = v_deal.pipeline and stage.key = v_deal.stage;
  if v_type = 'open' then
    return;
  end if;
  if v_deal.policy_id is not null then
    perform crm.apply_renewal_outcome(
      p_store, v_deal.policy_id, v_type, v_deal.lost_reason, v_deal.amount_fen, p_payload
    );
  elsif v_type = 'won' and v_deal.vehicle_id is not null then
    select (now() at time zone store.time_zone)::date into v_today
    from crm.stores store
    where store.id = p_store;
    if not exists (
      select from crm.policies policy
      where policy.store_id = p_store
        and policy.vehicle_id = v_deal.vehicle_id
        and policy.expires_on >= v_today
        and policy.removed_at is null
    ) then
      insert into crm.policies (
        store_id, id, customer_id, vehicle_id, starts_on, expires_on, origin
      )
      values (
        p_store,
        crm.new_id(),
        v_deal.customer_id,
        v_deal.vehicle_id,
        v_today,
        (v_today + interval '1 year')::date - 1,
        'delivery'
      );
    end if;
    perform crm.assign_renewal_owner(p_store, v_deal.customer_id);
  end if;
end $$;

-- The nightly part: nobody said what became of it thirty days after its end. It is not forgotten
-- (S-78): a later year of the same car ends it, else it counts as lost and comes back next year.
create or replace function crm.run_renewals(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_policy crm.policies;
  ended int := 0;
  remembered int := 0;
begin
  for v_policy in
    select *
    from crm.policies policy
    where policy.store_id = p_store
      and policy.status = 'active'
      and policy.removed_at is null
      and policy.expires_on < p_day - 30
    order by policy.id loop
    if exists (
      select from crm.policies later
      where later.store_id = p_store
        and later.customer_id = v_policy.customer_id
        and later.vehicle_id is not distinct from v_policy.vehicle_id
        and later.expires_on > v_policy.expires_on
        and later.removed_at is null
    ) then
      perform crm.close_policy(v_policy, 'ended', null);
      ended := ended + 1;
    else
      perform crm.close_policy(v_policy, 'lost', null),
        crm.create_next_policy(
        v_policy,
        null,
        'elsewhere',
        null,
        -- a list may be years old: the anniversary that is still to come, so that a second run
        -- finds nothing more
        null,
        (
        select min(d.day)
        from generate_series(1, 80) k
        cross join lateral (select (v_policy.expires_on + make_interval(years => k))::date as day) d
        where d.day >= p_day - 30
      )
      );
      remembered := remembered + 1;
    end if;
  end loop;
  return jsonb_build_object(
    'policies_ended', ended,
    'policies_remembered', remembered,
    'renewal_owners_assigned', crm.assign_renewal_owners(p_store, p_day)
  );
end $$;
comment on function crm.run_renewals is
  'Policies thirty days past their end without an answer: ended by a later year, else lost and '
  'remembered.';

-- Orphans (F-34): policies that nobody renews
-- -----------------------------------------------------------------------------------

create or replace function crm.unassigned_policies(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_access crm.caller_access;
  v_customer_access crm.caller_access;
  v_vehicle_access crm.caller_access;
begin
  if v_caller.store_id is null or not v_caller.verbs && array['claim_policy', 'reassign'] then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select * into v_access
  from crm.my_access('policy') access
  where access.store_id = p_store;
  select * into v_customer_access
  from crm.my_access('customer') access
  where access.store_id = p_store;
  select * into v_vehicle_access
  from crm.my_access('vehicle') access
  where access.store_id = p_store;
  return jsonb_build_object(
    'today', v_caller.today,
    'policies', (
      select coalesce(
        jsonb_agg(to_jsonb(unassigned) order by unassigned.sort_on, unassigned.id), '[]'
      )
      from (
        select
          policy.id,
          policy.customer_id,
          policy.expires_on as sort_on,
          case when 'expires_on' = any (v_access.readable) then policy.expires_on end as expires_on,
          case when 'insurer' = any (v_access.readable) then policy.insurer end as insurer,
          case when 'premium_fen' = any (v_access.readable) then policy.premium_fen end
            as premium_fen,
          case when 'name' = any (v_customer_access.readable) then customer.name end as name,
          case
          when 'plate' = any (v_vehicle_access.readable) then vehicle.plate
          when 'plate' = any (v_vehicle_access.masked) then vehicle.plate_masked
        end as plate
        from crm.policies policy
        join crm.customers customer
          on customer.store_id = policy.store_id
            and customer.id = policy.customer_id
            and customer.removed_at is null
            and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
        left join crm.vehicles vehicle
          on vehicle.store_id = policy.store_id and vehicle.id = policy.vehicle_id
        where policy.store_id = p_store
          and policy.status = 'active'
          and policy.removed_at is null
          and policy.expires_on >= v_caller.today - 30
          and not crm.can_renew(p_store, customer.renewal_owner_id)
          and not crm.can_renew(p_store, customer.owner_id)
        order by policy.expires_on, policy.id
        limit 200
      ) unassigned
    )
  );
end $$;
comment on function crm.unassigned_policies is
  'Active policies whose customer has neither a renewal specialist nor an owner who works here and '
  'may write policies. Definer of the table owner: who claims sees no pool''s rows; it answers no '
  'number.';

create or replace function crm.assume_renewal(p_store uuid, p_customer uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_customer crm.customers;
  v_who uuid := (select crm.current_user_id());
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer and customer.removed_at is null
  for update;
  if v_customer.id is null
    or not exists (
      select from crm.policies policy
      where policy.store_id = p_store
        and policy.customer_id = p_customer
        and policy.status = 'active'
        and policy.removed_at is null
    ) then
    perform crm.reject('not_found', 'customer_id');
  end if;
  if crm.can_renew(p_store, v_customer.renewal_owner_id)
    or crm.can_renew(p_store, v_customer.owner_id)
  then
    perform crm.reject('not_found', 'customer_id');  -- a colleague's, or a colleague was quicker
  end if;
  update crm.customers
  set renewal_owner_id = v_who
  where store_id = p_store and id = p_customer;
end $$;

create or replace function crm.claim_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
begin
  perform crm.require_verb(v_store, 'claim_policy');
  perform crm.assume_renewal(v_store, crm.as_uuid(p_op #>> '{payload,customer_id}'));
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- Naming or moving who renews (F-43): a decider's act, like handing a customer over. The calls
-- about policies that are still open go along; without a new one they stay where they are.
create or replace function crm.set_renewal_owner(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_user uuid := crm.as_uuid(v_payload ->> 'user_id');
  v_given jsonb := case jsonb_typeof(v_payload -> 'customer_ids')
    when 'array' then v_payload -> 'customer_ids'
    else jsonb_build_array(v_payload -> 'customer_id')
  end;
  v_customers uuid[];
begin
  perform crm.require_verb(v_store, 'reassign');
  if v_payload ->> 'user_id' is not null
    and (v_user is null or not crm.can_renew(v_store, v_user))
  then
    perform crm.reject('option', 'user_id');
  end if;
  v_customers := array(
    select customer.id
    from crm.customers customer
    where customer.store_id = v_store
      and customer.removed_at is null
      and customer.id in (select crm.as_uuid(item) from jsonb_array_elements_text(v_given) item)
    order by customer.id
    for update
  );
  if cardinality(v_customers) = 0 or cardinality(v_customers) < jsonb_array_length(v_given) then
    perform crm.reject('not_found', 'customer_ids');
  end if;
  if cardinality(v_customers) > 500 then
    perform crm.reject('range', 'customer_ids');
  end if;
  update crm.customers customer
  set renewal_owner_id = v_user
  where customer.store_id = v_store
    and customer.id = any (v_customers)
    and customer.renewal_owner_id is distinct from v_user;
  update crm.tasks task
  set assignee_id = v_user
  where v_user is not null
    and task.store_id = v_store
    and task.customer_id = any (v_customers)
    and task.subject_form = 'policy'
    and task.assignee_id <> v_user
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.set_renewal_owner is
  'Names who renews the policies of customers, or nobody. Errors: option (no member who may write '
  'policies), not_found, range.';

-- Two contacts before expiry (F-33, F-42): what is planned for the next ninety days, and what was
-- kept for those that ended.
create or replace function crm.renewals_by_member(p_store uuid, p_today date, p_zone text)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(counted) order by counted.name), '[]')
    from (
      select
        member.user_id,
        member.name,
        count(*) filter (where term.is_coming) as coming,
        count(*) filter (where term.is_coming and contact.days >= 2) as coming_twice,
        count(*) filter (
          where term.is_coming and contact.days + reminder.windows < 2
        ) as coming_at_risk,
        count(*) filter (where term.is_ended) as ended,
        count(*) filter (where term.is_ended and contact.days >= 2) as ended_twice,
        count(*) filter (where policy.status = 'renewed') as renewed,
        count(*) filter (where policy.status = 'lost') as lost
      from crm.policies policy
      join crm.customers customer
        on customer.store_id = policy.store_id and customer.id = policy.customer_id
      join crm.members member
        on member.store_id = policy.store_id
          and member.user_id = coalesce(customer.renewal_owner_id, customer.owner_id)
      cross join lateral (
        select
          policy.status = 'active' and policy.expires_on >= p_today as is_coming,
          policy.expires_on < p_today or policy.status <> 'active' as is_ended
      ) term
      cross join lateral (
        select
          count(distinct (conversation.occurred_at at time zone p_zone)::date) as days
        from crm.conversations conversation
        where conversation.store_id = p_store
          and conversation.customer_id = policy.customer_id
          and conversation.reached
          and conversation.removed_at is null
          and (conversation.occurred_at at time zone p_zone)::date
            between policy.expires_on - 90 and policy.expires_on
      ) contact
      cross join lateral (
        select count(distinct before) as windows
        from crm.rules rule, unnest(rule.days) before
        where rule.store_id = p_store
          and rule.active
          and rule.kind = 'policy_window'
          and policy.expires_on - before >= p_today
      ) reminder
      where policy.store_id = p_store
        and policy.removed_at is null
        and policy.expires_on between p_today - 90 and p_today + 90
      group by member.user_id, member.name
    ) counted
  );
end $$;

create or replace function crm.renewal_report(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return jsonb_build_object(
    'today', v_caller.today,
    'members', crm.renewals_by_member(p_store, v_caller.today, v_caller.time_zone)
  );
end $$;
comment on function crm.renewal_report is
  'Per person who renews: policies ending within ninety days either way, contacted twice, at risk'
  ' of fewer than two contacts, renewed, lost. Rows as the caller sees them.';

alter function crm.renewal_report(uuid) owner to api_owner;

create or replace function api.unassigned_policies(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.unassigned_policies(store_id); end;

create or replace function api.renewal_report(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.renewal_report(store_id); end;

grant execute on function
  crm.create_next_policy(crm.policies, uuid, text, text, bigint, date),
  crm.answering_conversation(crm.tasks),
  crm.close_policy(crm.policies, text, text),
  crm.policy_lost_reason(uuid, text),
  crm.check_next_policy(crm.policies, jsonb),
  crm.mark_policy_lost(jsonb),
  crm.renewals_by_member(uuid, date, text),
  crm.renew_policy(jsonb),
  crm.apply_renewal_outcome(uuid, uuid, text, text, bigint, jsonb),
  crm.assign_renewal_owner(uuid, uuid),
  crm.after_deal_closed(uuid, uuid, jsonb),
  crm.assume_renewal(uuid, uuid),
  crm.claim_policy(jsonb),
  crm.can_renew(uuid, uuid),
  crm.set_renewal_owner(jsonb)
to api_owner;
grant execute on function
  crm.unassigned_policies(uuid),
  crm.renewal_report(uuid),
  api.unassigned_policies(uuid),
  api.renewal_report(uuid)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
values
  ('unassigned_policies', 'unassigned_policies', 'unassigned_policies({store})', false),
  ('renewal_report', 'renewal_report', 'renewal_report({store})', true);
