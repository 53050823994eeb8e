-- From hand to hand: claiming from a pool, reassigning, the card the new owner accepts, levels that
-- fall, and requests others decide.

select crm.create_record_triggers('transfers', 'transfer');
select crm.create_customer_child_policies('transfers', 'to_id');
grant select on crm.transfers to api_owner;
grant update (accepted_at) on crm.transfers to api_owner;

create or replace view api.transfers as
  select
    transfer.store_id,
    transfer.id,
    transfer.customer_id,
    transfer.kind,
    transfer.from_id,
    giver.name as from_name,
    transfer.from_pool,
    transfer.to_id,
    transfer.to_pool,
    transfer.by_id,
    actor.name as by_name,
    transfer.notes,
    transfer.contact_due_at,
    transfer.accepted_at,
    transfer.created_at,
    transfer.updated_at,
    transfer.version,
    transfer.change_no
  from crm.transfers transfer
  left join crm.members giver
    on giver.store_id = transfer.store_id and giver.user_id = transfer.from_id
  left join crm.members actor
    on actor.store_id = transfer.store_id and actor.user_id = transfer.by_id
  where transfer.removed_at is null;
alter view api.transfers owner to api_owner;
grant select on api.transfers to authenticated;

-- The one way an owner changes --------------------------------------------------------------------
--
-- Belongs to the table owner: owner and pool are writable by nobody else. Everything moves in this
-- transaction: open deals, open tasks, the plan; stage, links, level and its clock stay untouched
-- (default c). p_before: the customer as they were.

create or replace function crm.move_open_deals(p_before crm.customers, p_owner uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.deals d
  set owner_id = p_owner
  from crm.stages s
  where d.store_id = p_before.store_id
    and d.customer_id = p_before.id
    and d.owner_id is not distinct from p_before.owner_id
    and d.removed_at is null
    and s.store_id = d.store_id
    and s.pipeline = d.pipeline
    and s.key = d.stage
    and s.type = 'open';
end $$;

create or replace function crm.suspend_tasks_in_pool(p_before crm.customers) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set status = 'suspended', suspended_reason = 'pool'
  where task.store_id = p_before.store_id
    and task.customer_id = p_before.id
    and (
      task.assignee_id = p_before.owner_id
      or task.loan_id is not null  -- the owner's, lent to a colleague
      -- from pool to pool: the people of the old one do not see the new one's customers
      or task.assignee_id in (
        select caller.user_id
        from crm.pool_callers(p_before.store_id) caller
        where caller.pool = p_before.pool
      )
    )
    and task.status in ('open', 'suspended')
    and task.removed_at is null
    and (
      task.subject_form <> 'policy'
      or p_before.owner_id is distinct from p_before.renewal_owner_id
    );
end $$;
comment on function crm.suspend_tasks_in_pool is
  'What the owner had to do waits in the pool; what others have planned stays.';

create or replace function crm.move_tasks(p_before crm.customers, p_owner uuid, p_today date)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set assignee_id = p_owner
  where task.store_id = p_before.store_id
    and task.customer_id = p_before.id
    and task.assignee_id <> p_owner
    and task.assignee_id is distinct from p_before.renewal_owner_id
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null;
  perform crm.reopen_tasks(p_before.store_id, p_before.id, 'pool');
  if not crm.is_silent(p_before.do_not_call, p_before.consent_withdrawn_at)
    and not exists (
      select from crm.tasks task
      where task.store_id = p_before.store_id
        and task.customer_id = p_before.id
        and task.subject_form = 'customer'
        and task.assignee_id = p_owner
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
    )
    and (
      p_before.pool is not null
      or coalesce(p_before.next_contact_on, p_today) <= p_today
    )
  then
    -- S-24: a lead handed out gets its first call
    insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on)
    values (p_before.store_id, p_before.id, p_owner, 'first_contact', p_before.id, p_today);
  end if;
end $$;
comment on function crm.move_tasks is
  'All open work comes along, except the renewal specialist''s own.';

create or replace function crm.require_recipient(p_store uuid, p_owner uuid, p_pool text)
  returns void
  language plpgsql stable set search_path = '' as $$
begin
  if (p_owner is null) = (p_pool is null) then
    perform crm.reject('required', 'owner_id');
  end if;
  if p_owner is not null
    and not exists (
      select
      from crm.members member
      where member.store_id = p_store and member.user_id = p_owner and member.active
    )
  then
    perform crm.reject('option', 'owner_id');
  end if;
  if p_pool is not null
    and not exists (
      select
      from crm.pools pool
      where pool.store_id = p_store and pool.key = p_pool and not pool.retired
    )
  then
    perform crm.reject('option', 'pool');
  end if;
end $$;
comment on function crm.require_recipient is
  'An active member or a pool of the store, and not both. Rejects: required, option.';

create or replace function crm.transfer_customer(
  p_store uuid,
  p_customer uuid,
  p_owner uuid,
  p_pool text,
  p_by uuid,
  p_kind text,
  p_notes text,
  p_due timestamptz default null
) returns uuid
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_before crm.customers;
  v_today date := crm.due_today(p_store);
  v_id uuid := crm.new_id();
begin
  select * into v_before
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer and customer.removed_at is null
  for update;
  if v_before.id is null then
    perform crm.reject('not_found', 'customer_id');
  end if;
  perform crm.require_recipient(p_store, p_owner, p_pool);
  if v_before.owner_id is not distinct from p_owner and v_before.pool is not distinct from p_pool
  then
    return null;  -- they have it already
  end if;
  update crm.customers
  set
    owner_id = p_owner,
    pool = p_pool,
    next_contact_on = case
      when p_owner is null then null  -- crm.tg_customers__plan_contact: the pool's own cadence
      when crm.is_silent(do_not_call, consent_withdrawn_at) then next_contact_on
      when v_before.pool is not null then v_today
      else coalesce(next_contact_on, v_today)
    end
  where store_id = p_store and id = p_customer;
  perform crm.move_open_deals(v_before, p_owner);
  if p_owner is null then
    perform crm.suspend_tasks_in_pool(v_before);
  else
    perform crm.move_tasks(v_before, p_owner, v_today);
  end if;
  insert into crm.transfers (
    store_id, id, customer_id, kind, from_id, from_pool, to_id, to_pool, by_id, notes,
    contact_due_at, accepted_at
  )
  select
    p_store, v_id, p_customer, p_kind, v_before.owner_id, v_before.pool, p_owner, p_pool, p_by,
    nullif(trim(left(p_notes, 500)), ''),
    p_due,
    case when p_owner is null or p_owner is not distinct from p_by then now() end;
  return v_id;
end $$;
comment on function crm.transfer_customer is
  'Passes a customer on with all that hangs on them, and keeps a card for the new owner (First 3). '
  'Trusts its caller: claim, reassign, decisions, rules.';

-- Claiming (F-24) ---------------------------------------------------------------------------------

create or replace function crm.claims_today(p_caller crm.caller) returns int
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select count(*)
    from crm.transfers h
    where h.store_id = p_caller.store_id
      and h.to_id = p_caller.user_id
      and h.kind = 'claim'
      and h.created_at >= p_caller.today::timestamp at time zone p_caller.time_zone
  );
end $$;

create or replace function crm.require_claimable(
  p_caller crm.caller, p_customer crm.customers, p_pool crm.pools
) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if p_customer.id is null
    or crm.is_silent(p_customer.do_not_call, p_customer.consent_withdrawn_at)
  then
    perform crm.reject('not_found', 'customer_id');
  end if;
  if p_customer.owner_id is not null
    and exists (
      select from crm.transfers transfer
      where transfer.store_id = p_customer.store_id
        and transfer.customer_id = p_customer.id
        and transfer.kind = 'claim'
        and transfer.created_at > now() - interval '1 day'
    )
  then
    -- a colleague was quicker; of anyone else's customer nothing is said
    perform crm.reject('already_claimed', 'customer_id');
  end if;
  if p_customer.owner_id is not null or p_pool.claims_per_day = 0 or p_pool.retired then
    perform crm.reject('not_found', 'customer_id');
  end if;
  if crm.claims_today(p_caller) >= p_pool.claims_per_day then
    perform crm.reject('claim_limit', 'customer_id');
  end if;
  if exists (
    select from crm.transfers transfer
    where transfer.store_id = p_customer.store_id
      and transfer.customer_id = p_customer.id
      and transfer.from_id = p_caller.user_id
      and transfer.created_at > now() - make_interval(days => p_pool.ex_owner_days)
  ) then
    perform crm.reject('claim_cooldown', 'customer_id');
  end if;
end $$;
comment on function crm.require_claimable is
  'Rejects: not_found, already_claimed, claim_limit, claim_cooldown (an earlier owner must wait).';

-- On a day on which nobody works, a claim waits for the next working day.
create or replace function crm.contact_due_at(p_store uuid, p_hours int) returns timestamptz
  language plpgsql stable set search_path = '' as $$
declare
  v_at timestamptz := now() + make_interval(hours => p_hours);
begin
  return (
    select v_at
      + make_interval(days => crm.due_day(store.settings -> 'calendar', local.day) - local.day)
    from crm.stores store
    cross join lateral (select (v_at at time zone store.time_zone)::date as day) local
    where store.id = p_store
  );
end $$;

-- Belongs to the table owner: the pool's customers are invisible to those who may help themselves,
-- so that nobody reads a pool's numbers without claiming. Every limit is looked at under a lock of
-- the person, so that two claims at once count as two.
create or replace function crm.claim_from_pool(p_store uuid, p_customer uuid) returns uuid
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_customer crm.customers;
  v_pool crm.pools;
begin
  perform pg_advisory_xact_lock(
    hashtextextended('crm.claim_from_pool:' || p_store || v_caller.user_id, 0)
  );
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer and customer.removed_at is null
  for update;
  select * into v_pool
  from crm.pools pool
  where pool.store_id = p_store and pool.key = v_customer.pool;
  perform crm.require_claimable(v_caller, v_customer, v_pool);
  return crm.transfer_customer(
    p_store,
    p_customer,
    v_caller.user_id,
    null,
    v_caller.user_id,
    'claim',
    null,
    crm.contact_due_at(p_store, v_pool.contact_hours)
  );
end $$;

create or replace function crm.claim_customer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
begin
  perform crm.require_verb(v_store, 'claim_customer');
  return jsonb_build_object(
    'status', 'applied',
    'version', 1,
    'transfer_id', crm.claim_from_pool(v_store, crm.as_uuid(p_op #>> '{payload,customer_id}'))
  );
end $$;

-- What a pool holds. Who may claim sees names and needs, never a number; who hands out sees their
-- rows as always.

create or replace function crm.pools_for(p_caller crm.caller) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_may_claim bool := 'claim_customer' = any (p_caller.verbs);
  v_may_reassign bool := 'reassign' = any (p_caller.verbs);
  v_claims int := crm.claims_today(p_caller);
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'key', pool.key,
          'label', pool.label,
          'customers', n.customers,
          'contact_hours', pool.contact_hours,
          'left', case
            when v_may_claim
              and pool.claims_per_day > 0
            then greatest(pool.claims_per_day - v_claims, 0)
          end
        )
        order by pool.position
      ),
      '[]'
    )
    from crm.pools pool
    cross join lateral (
      select count(*)::int as customers
      from crm.customers customer
      where customer.store_id = p_caller.store_id
        and customer.pool = pool.key
        and customer.removed_at is null
        and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
    ) n
    where pool.store_id = p_caller.store_id
      and not pool.retired
      and (
        v_may_reassign and (p_caller.scope = 'store' or pool.key = any (p_caller.pools))
        or v_may_claim and pool.claims_per_day > 0
      )
  );
end $$;
comment on function crm.pools_for is
  'The pools somebody may claim or hand out from; left: claims they have left today.';

create or replace function crm.pool_customers(p_caller crm.caller, p_pool text, p_limit int)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_access crm.caller_access;
begin
  select * into v_access
  from crm.my_access('customer') access
  where access.store_id = p_caller.store_id;
  return (
    select coalesce(
      jsonb_agg(to_jsonb(q) order by q.rank desc, q.waiting_since, q.id),
      '[]'
    )
    from (
      select
        customer.id,
        level.rank,
        case when 'name' = any (v_access.readable) then customer.name end as name,
        case when 'level' = any (v_access.readable) then customer.level end as level,
        case when 'need' = any (v_access.readable) then customer.need end as need,
        case when 'source' = any (v_access.readable) then customer.source end as source,
        customer.last_contact_at,
        coalesce(
          (
            select max(transfer.created_at)
            from crm.transfers transfer
            where transfer.store_id = customer.store_id
              and transfer.customer_id = customer.id
              and transfer.to_pool = p_pool
          ),
          customer.created_at
        ) as waiting_since
      from crm.customers customer
      join crm.levels level on level.store_id = customer.store_id and level.key = customer.level
      -- a list of people to call
      where customer.store_id = p_caller.store_id
        and customer.pool = p_pool
        and customer.removed_at is null
        and not crm.is_silent(customer.do_not_call, customer.consent_withdrawn_at)
      order by level.rank desc, customer.created_at desc
      limit p_limit
    ) q
  );
end $$;

create or replace function crm.pool_list(p_store uuid, p_pool text, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_pools jsonb;
  v_pool text;
begin
  if v_caller.store_id is null or not v_caller.verbs && array['claim_customer', 'reassign'] then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  v_pools := crm.pools_for(v_caller);
  v_pool := coalesce(p_pool, v_pools -> 0 ->> 'key');
  if not v_pools @> jsonb_build_array(jsonb_build_object('key', v_pool)) then
    v_pool := null;
  end if;
  return jsonb_build_object(
    'today', v_caller.today,
    'pool', v_pool,
    'pools', v_pools,
    'customers', crm.pool_customers(
      v_caller, v_pool, least(greatest(coalesce(p_limit, 50), 1), 200)
    )
  );
end $$;
comment on function crm.pool_list is
  'Pools the caller may claim or hand out from, and the customers of one: level, need and how '
  'long they wait; never a phone number. Definer of the table owner: claimers see no pool''s '
  'rows.';

-- Reassigning (S-25…S-27, F-47, F-48) -------------------------------------------------------------

create or replace function crm.reassign(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'reassign');
  v_given_ids jsonb := case jsonb_typeof(v_payload -> 'customer_ids')
    when 'array' then v_payload -> 'customer_ids'
    else jsonb_build_array(v_payload -> 'customer_id')
  end;
  v_ids uuid[];
  v_customer uuid;
  v_moved jsonb := '[]';
  v_transfer uuid;
begin
  if v_payload ->> 'owner_id' is not null and crm.as_uuid(v_payload ->> 'owner_id') is null then
    perform crm.reject('option', 'owner_id');
  end if;
  -- in one order: two managers wait, none deadlocks
  v_ids := array(
    select customer.id
    from crm.customers customer
    where customer.store_id = v_store
      and customer.removed_at is null
      and customer.id in (select crm.as_uuid(item) from jsonb_array_elements_text(v_given_ids) item)
    order by customer.id
  );
  if cardinality(v_ids) = 0 or cardinality(v_ids) < jsonb_array_length(v_given_ids) then
    perform crm.reject('not_found', 'customer_ids');
  end if;
  if cardinality(v_ids) > 500 then
    perform crm.reject('range', 'customer_ids');
  end if;
  foreach v_customer in array v_ids loop
    v_transfer := crm.transfer_customer(
      v_store,
      v_customer,
      crm.as_uuid(v_payload ->> 'owner_id'),
      v_payload ->> 'pool',
      v_caller.user_id,
      'reassign',
      v_payload ->> 'notes'
    );
    if v_transfer is not null then
      v_moved := v_moved || to_jsonb(v_transfer);
    end if;
  end loop;
  return jsonb_build_object('status', 'applied', 'version', 1, 'moved', v_moved);
end $$;

create or replace function crm.acknowledge_transfer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  c crm.caller := crm.current_member(v_store);
  v_version int;
begin
  update crm.transfers h
  set accepted_at = coalesce(h.accepted_at, now())
  where h.store_id = v_store and h.id = crm.as_uuid(p_op #>> '{payload,id}') and h.to_id = c.user_id
  returning h.version into v_version;
  if v_version is null then
    perform crm.reject('not_found', 'id');
  end if;
  return jsonb_build_object('status', 'applied', 'version', v_version);
end $$;

-- Days at a level without a deal, one clock: it starts when the customer entered the level,
-- reassignment does not reset it (default c).
create or replace function crm.days_at_level(p_customer crm.customers, p_day date, p_zone text)
  returns int
  language sql immutable set search_path = '' as $$
  select p_day - (p_customer.level_at at time zone p_zone)::date
$$;

create or replace function crm.overdue_customers(p_caller crm.caller) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(overdue) order by overdue.days desc, overdue.id), '[]')
    from (
      select
        visible.id, visible.name, visible.level, visible.owner_id,
        owner.name as owner_name, owner.role as owner_role,
        crm.days_at_level(customer, p_caller.today, p_caller.time_zone) as days,
        level.demote_after_days, visible.need, visible.last_contact_at,
        (
          select to_jsonb(latest)
          from (
            select conversation.occurred_at, conversation.outcome, conversation.notes
            from api.conversations conversation
            where conversation.store_id = customer.store_id
              and conversation.customer_id = customer.id
            order by conversation.occurred_at desc
            limit 1
          ) latest
        ) as last
      from crm.customers customer
      join crm.levels level on level.store_id = customer.store_id and level.key = customer.level
      join api.customers visible
        on visible.store_id = customer.store_id and visible.id = customer.id
      join crm.members owner
        on owner.store_id = customer.store_id and owner.user_id = customer.owner_id
      where customer.store_id = p_caller.store_id
        and customer.removed_at is null
        and crm.days_at_level(customer, p_caller.today, p_caller.time_zone)
          > level.reassign_after_days
        and not exists (
          select from crm.deals deal
          join crm.stages stage
            on stage.store_id = deal.store_id
              and stage.pipeline = deal.pipeline
              and stage.key = deal.stage
          where deal.store_id = customer.store_id
            and deal.customer_id = customer.id
            and deal.removed_at is null
            and stage.type = 'won'
            and deal.closed_at >= customer.level_at
        )
        and not exists (
          select from crm.transfers transfer
          where transfer.store_id = customer.store_id
            and transfer.customer_id = customer.id
            and transfer.kind in ('reassign', 'request')
            and (transfer.created_at at time zone p_caller.time_zone)::date
              - (customer.level_at at time zone p_caller.time_zone)::date
              > level.reassign_after_days
        )
      order by days desc, customer.id
      limit 200
    ) overdue
  );
end $$;

create or replace function crm.reassign_list(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'reassign');
begin
  return jsonb_build_object(
    'today', v_caller.today,
    'member_id', v_caller.user_id,
    'customers', crm.overdue_customers(v_caller),
    'members', crm.new_owners(p_store)
  );
end $$;
comment on function crm.reassign_list is
  'Customers past their level''s days without a deal and not yet passed on for it (S-25, S-27), '
  'and who could take them.';

-- Who could be a new owner: members who log conversations, with deals won of those decided in half
-- a year, and how many they look after.
create or replace function crm.new_owners(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'reassign');
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'user_id', member.user_id,
          'name', member.name,
          'role', member.role,
          'won', n.won,
          'decided', n.decided,
          'customers', (
            select count(*)
            from crm.customers customer
            where customer.store_id = p_store
              and customer.owner_id = member.user_id
              and customer.removed_at is null
          ),
          'loan', (
            select jsonb_build_object(
              'id', loan.id,
              'borrower_id', loan.borrower_id,
              'first_on', loan.first_on,
              'last_on', loan.last_on
            )
            from crm.queue_loans loan
            where loan.store_id = p_store
              and loan.lender_id = member.user_id
              and loan.ended_at is null
          )
        )
        order by role.position, member.joined_at, member.user_id
      ),
      '[]'
    )
    from crm.members member
    join crm.roles role on role.store_id = member.store_id and role.key = member.role
    cross join lateral (
      select count(*) filter (where stage.type = 'won') as won, count(*) as decided
      from crm.deals deal
      join crm.stages stage
        on stage.store_id = deal.store_id
          and stage.pipeline = deal.pipeline
          and stage.key = deal.stage
          and stage.type in ('won', 'lost')
      where deal.store_id = p_store
        and deal.owner_id = member.user_id
        and deal.removed_at is null
        and deal.closed_at > now() - interval '180 days'
    ) n
    where member.store_id = p_store and member.active and 'log_conversation' = any (role.verbs)
  );
end $$;

-- Requests that others decide (F-44, F-45) --------------------------------------------------------

create or replace function crm.requires_approval(
  p_store uuid, p_kind text, p_caller crm.caller
) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return 'decide_approval' <> all (p_caller.verbs)
    and coalesce(
      (select s.settings -> ('approve_' || p_kind) = 'true' from crm.stores s where s.id = p_store),
      false
    );
end $$;
comment on function crm.requires_approval is
  'Whether the store wants such an act approved (settings approve_lost, approve_level_down) and '
  'the caller is none who approves.';

create or replace function crm.request_approval(
  p_store uuid, p_payload jsonb, p_kind text, p_customer uuid, p_deal uuid, p_reason text,
  p_asked jsonb
) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_id uuid := coalesce(crm.as_uuid(p_payload ->> 'approval_id'), crm.new_id());
begin
  insert into crm.approvals (
    store_id, id, kind, deal_id, customer_id, requester_id, reason, notes, asked
  )
  values (
    p_store,
    v_id,
    p_kind,
    p_deal,
    p_customer,
    (select crm.current_user_id()),
    p_reason,
    nullif(trim(left(p_payload ->> 'notes', 500)), ''),
    p_asked
  )
  on conflict do nothing;
  if not found and p_kind <> 'level_down' then  -- a level asked twice waits once
    perform crm.reject('already_requested');
  end if;
  return v_id;
end $$;

-- Someone stands before me whom a colleague looks after: ask for them by the number they gave.
-- Belongs to the table owner, since the row is invisible to the caller; it answers nothing about
-- it.
create or replace function crm.find_colleagues_customer(
  p_store uuid, p_phone text, p_plate text
) returns uuid
  language sql stable security definer set search_path = '' as $$
  select customer.id
  from crm.customers customer
  where customer.store_id = p_store
    and p_store = any (crm.my_store_ids(null))
    and customer.removed_at is null
    and customer.owner_id is distinct from (select crm.current_user_id())
    and (
      (customer.phone_tail = right(p_phone, 4) and customer.phone = p_phone)
      or customer.id in (
        select vehicle.customer_id
        from crm.vehicles vehicle
        where vehicle.store_id = p_store and vehicle.plate = p_plate and vehicle.removed_at is null
      )
    )
  order by coalesce(customer.last_contact_at, customer.created_at) desc
  limit 1
$$;

-- Definer of the table owner, since a row that must not be seen is joined to.
create or replace function crm.insert_transfer_request(
  p_store uuid, p_id uuid, p_customer uuid, p_owner uuid, p_notes text
) returns bool
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.approvals (store_id, id, kind, customer_id, requester_id, notes, asked)
  values (
    p_store,
    p_id,
    'reassign',
    p_customer,
    (select crm.current_user_id()),
    nullif(trim(left(p_notes, 500)), ''),
    jsonb_build_object('owner_id', p_owner)
  )
  on conflict do nothing;
  return found;
end $$;

create or replace function crm.request_transfer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_id uuid := crm.as_uuid(v_payload ->> 'id');
  v_other uuid;
  v_owner uuid := (select crm.current_user_id());
begin
  perform crm.require_verb(v_store, 'save_customer');
  if v_id is null then
    perform crm.reject('invalid', 'id');
  end if;
  if v_payload ->> 'customer_id' is null then
    v_other := crm.find_colleagues_customer(
      v_store,
      case when crm.can_write_field(v_store, 'customer', 'phone') then v_payload ->> 'phone' end,
      case
        when crm.can_write_field(v_store, 'vehicle', 'plate') then upper(v_payload ->> 'plate')
      end
    );
    if v_other is null then
      perform crm.reject('not_found', 'phone');
    end if;
  else  -- one's own sight of the customer is enough to propose an owner
    select customer.id into v_other
    from crm.customers customer
    where customer.store_id = v_store
      and customer.id = crm.as_uuid(v_payload ->> 'customer_id')
      and customer.removed_at is null;
    if v_other is null then
      perform crm.reject('not_found', 'customer_id');
    end if;
    select member.user_id into v_owner
    from crm.members member
    where member.store_id = v_store
      and member.user_id = crm.as_uuid(v_payload ->> 'owner_id')
      and member.active;
    if v_owner is null then
      perform crm.reject('option', 'owner_id');
    end if;
  end if;
  if not crm.insert_transfer_request(v_store, v_id, v_other, v_owner, v_payload ->> 'notes') then
    perform crm.reject('already_requested');
  end if;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.request_transfer is
  'A request that a decider judges; the words stay on the customer''s timeline. With a number or a '
  'plate: to take over a colleague''s customer, instead of a block (F-15). With customer_id and '
  'owner_id: to hand a customer one sees to a colleague, as from a pool back to sales.';

create or replace function crm.close_lost_deal(p_approval crm.approvals) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.deals deal
  set
    stage = p_approval.asked ->> 'stage',
    stage_at = now(),
    closed_at = now(),
    lost_reason = p_approval.reason,
    checked = array(
      select jsonb_array_elements_text(coalesce(p_approval.asked -> 'checked', '[]'))
    )
  from crm.stages stage
  where deal.store_id = p_approval.store_id
    and deal.id = p_approval.deal_id
    and deal.removed_at is null
    and stage.store_id = deal.store_id
    and stage.pipeline = deal.pipeline
    and stage.key = p_approval.asked ->> 'stage'
    and stage.type = 'lost'
    and not stage.retired;
  if not found then
    perform crm.reject('changed_since', 'id');
  end if;
  perform crm.after_deal_closed(p_approval.store_id, p_approval.deal_id, p_approval.asked);
end $$;

create or replace function crm.apply_approval(p_approval crm.approvals, p_decider uuid)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_approval.kind = 'lost' then
    perform crm.close_lost_deal(p_approval);
  elsif p_approval.kind = 'level_down' then
    update crm.customers customer
    set level = p_approval.asked ->> 'level'
    where customer.store_id = p_approval.store_id
      and customer.id = p_approval.customer_id
      and customer.level = p_approval.asked ->> 'from';
  else
    perform crm.transfer_customer(
      p_approval.store_id,
      p_approval.customer_id,
      coalesce(crm.as_uuid(p_approval.asked ->> 'owner_id'), p_approval.requester_id),
      null,
      p_decider,
      'request',
      p_approval.notes
    );
  end if;
end $$;

create or replace function crm.apply_decision(
  p_approval crm.approvals, p_decision text, p_remark text
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_approval.store_id);
begin
  if p_decision = 'approve' then
    perform crm.apply_approval(p_approval, v_caller.user_id);
  -- S-09: what is sent back is due today, with the remark; a request for another's customer only
  -- answers
  elsif p_approval.kind <> 'reassign' then
    insert into crm.tasks (
      store_id, customer_id, assignee_id, kind, subject_form, subject_id, due_on, rank, remark
    )
    values (
      p_approval.store_id,
      p_approval.customer_id,
      p_approval.requester_id,
      'manual',
      case p_approval.kind when 'lost' then 'deal' else 'customer' end,
      coalesce(p_approval.deal_id, p_approval.customer_id),
      crm.due_today(p_approval.store_id),
      0,
      p_remark
    );
  end if;
end $$;

-- The nightly part --------------------------------------------------------------------------------

create or replace function crm.return_claims(p_store uuid, p_now timestamptz) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_claim record;
  v_count int := 0;
begin
  for v_claim in
    select transfer.customer_id, transfer.from_pool
    from crm.transfers transfer
    join crm.customers customer
      on customer.store_id = transfer.store_id
        and customer.id = transfer.customer_id
        and customer.owner_id = transfer.to_id
        and customer.removed_at is null
    where transfer.store_id = p_store
      and transfer.kind = 'claim'
      and transfer.contact_due_at <= p_now
      and not exists (
        select from crm.conversations conversation
        where conversation.store_id = p_store
          and conversation.customer_id = transfer.customer_id
          and conversation.author_id = transfer.to_id
          and conversation.reached
          and conversation.removed_at is null
          and conversation.occurred_at >= transfer.created_at
      )
      and not exists (
        select from crm.transfers later
        where later.store_id = p_store
          and later.customer_id = transfer.customer_id
          and later.created_at > transfer.created_at
      )
    order by transfer.customer_id
  loop
    perform crm.transfer_customer(
      p_store, v_claim.customer_id, null, v_claim.from_pool, null, 'claim_returned', null
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function crm.return_claims is
  'F-24: a claim is followed by a contact or goes back where it came from.';

create or replace function crm.demote_levels(p_store uuid, p_day date, p_zone text) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_count int;
begin
  update crm.customers customer
  set level = level.demote_to
  from crm.levels level
  where customer.store_id = p_store
    and level.store_id = p_store
    and level.key = customer.level
    and level.demote_after_days is not null
    and customer.owner_id is not null
    and customer.removed_at is null
    and p_day - (customer.level_at at time zone p_zone)::date > level.demote_after_days
    and exists (
      select from crm.levels other_level
      where other_level.store_id = p_store and other_level.key = level.demote_to
    )
    and not exists (
      select from crm.deals deal
      join crm.stages stage
        on stage.store_id = deal.store_id
          and stage.pipeline = deal.pipeline
          and stage.key = deal.stage
      where deal.store_id = p_store
        and deal.customer_id = customer.id
        and deal.removed_at is null
        and stage.type = 'won'
        and deal.closed_at >= customer.level_at
    );
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.demote_levels is
  'S-26: the second failure; the same clock, a deal won meanwhile stops it.';

create or replace function crm.move_to_level_pools(p_store uuid) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_customer record;
  v_count int := 0;
begin
  for v_customer in
    select customer.id, level.pool
    from crm.customers customer
    join crm.levels level on level.store_id = customer.store_id and level.key = customer.level
    where customer.store_id = p_store
      and level.pool is not null
      and customer.owner_id is not null
      and customer.removed_at is null
    order by customer.id
  loop
    perform crm.transfer_customer(
      p_store, v_customer.id, null, v_customer.pool, null, 'level_pool', null
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function crm.move_to_level_pools is
  'S-20: a level that names a pool belongs there (潜在 → the market team).';

create or replace function crm.run_level_demotions(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_zone text := (select s.time_zone from crm.stores s where s.id = p_store);
  v_returned int;
  v_demoted int;
  v_moved int;
begin
  v_returned := crm.return_claims(
    p_store, greatest(now(), p_day::timestamp at time zone v_zone)
  );
  v_demoted := crm.demote_levels(p_store, p_day, v_zone);
  v_moved := crm.move_to_level_pools(p_store);
  return jsonb_build_object(
    'claims_returned', v_returned,
    'demoted', v_demoted,
    'moved_to_pool', v_moved
  );
end $$;
comment on function crm.run_level_demotions is
  'Claims that go back, levels that fall after their days (S-26), customers whose level belongs '
  'to a pool (S-20); each leaves an event and a transfer.';

alter function crm.pool_list(uuid, text, int) set plan_cache_mode = force_generic_plan;
alter function crm.reassign_list(uuid) owner to api_owner;
alter function crm.new_owners(uuid) owner to api_owner;

create or replace function api.pool_list(
  store_id uuid,
  pool text default null,
  page_size int default 50
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.pool_list(store_id, pool, page_size); end;

create or replace function api.reassign_list(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.reassign_list(store_id); end;

create or replace function api.new_owners(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.new_owners(store_id); end;

grant execute on function
  crm.new_id(),
  crm.require_recipient(uuid, uuid, text),
  crm.transfer_customer(uuid, uuid, uuid, text, uuid, text, text, timestamptz),
  crm.claim_from_pool(uuid, uuid),
  crm.claim_customer(jsonb),
  crm.reassign(jsonb),
  crm.acknowledge_transfer(jsonb),
  crm.days_at_level(crm.customers, date, text),
  crm.overdue_customers(crm.caller),
  crm.requires_approval(uuid, text, crm.caller),
  crm.request_approval(uuid, jsonb, text, uuid, uuid, text, jsonb),
  crm.find_colleagues_customer(uuid, text, text),
  crm.insert_transfer_request(uuid, uuid, uuid, uuid, text),
  crm.request_transfer(jsonb),
  crm.close_lost_deal(crm.approvals),
  crm.apply_approval(crm.approvals, uuid),
  crm.apply_decision(crm.approvals, text, text)
to api_owner;
grant execute on function
  crm.pool_list(uuid, text, int),
  crm.reassign_list(uuid),
  crm.new_owners(uuid),
  api.pool_list(uuid, text, int),
  api.reassign_list(uuid),
  api.new_owners(uuid)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
values
  ('pool_list', 'pool_list', 'pool_list({store}, {pool})', false),
  ('reassign_list', 'reassign_list', 'reassign_list({store})', true),
  ('new_owners', 'new_owners', 'new_owners({store})', false);
