-- One function per screen: one round trip, JSON, the caller's rights, cost that follows the rows
-- shown.

-- What puts a task where it stands (F-38): the store's own points, added up. shared/domain/tasks.py
-- says the same on the phone.
create or replace function crm.queue_points(
  p_queue jsonb, p_today date, p_sent_back bool, p_days_late int, p_expires date,
  p_value_fen bigint, p_open text[], p_promised date
) returns bigint
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_days int := coalesce((p_queue ->> 'expiry_days')::int, 90);
begin
  -- plpgsql: as an SQL function it was not inlined, and a queue of a thousand spent half its time
  -- starting it. greatest and least pass over null.
  return case when p_sent_back then coalesce((p_queue ->> 'sent_back')::bigint, 1000) else 0 end
    + case
      when 'complaint' = any (p_open) then coalesce((p_queue ->> 'complaint')::bigint, 900)
      else 0
    end
    + case
      when 'test_drive' = any (p_open) then coalesce((p_queue ->> 'test_drive')::bigint, 850)
      else 0
    end
    + case when p_promised <= p_today then coalesce((p_queue ->> 'promise')::bigint, 400) else 0 end
    + case
      when p_expires is null then 0
      else coalesce((p_queue ->> 'expiry')::bigint, 200)
        * greatest(v_days - greatest(p_expires - p_today, 0), 0) / v_days
    end
    + case
      when p_value_fen is null then 0
      else least(
        coalesce((p_queue ->> 'value')::bigint, 20) * p_value_fen / 1000000,
        coalesce((p_queue ->> 'value_cap')::bigint, 100)
      )
    end
    + least(
      coalesce((p_queue ->> 'overdue')::bigint, 10) * greatest(p_days_late, 0),
      coalesce((p_queue ->> 'overdue_cap')::bigint, 100)
    );
end $$;
comment on function crm.queue_points is
  'Sent back + complaint + test drive + promise due + expiry (falling to 0 at expiry_days) + value '
  'a 万元 + days overdue, each as the store weighs it. p_days_late: working days since the task was '
  'due. p_open: what is open with the customer (complaint, test_drive).';

create or replace function crm.open_wishes(p_complaint timestamptz, p_test_drive timestamptz)
  returns text[]
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return array[
    case when p_complaint is not null then 'complaint' end,
    case when p_test_drive is not null then 'test_drive' end
  ];
end $$;

-- rows: with 50 and more the planner read every customer of the store, not each by its key, and a
-- queue took 8 to 11 ms instead of 4.
create or replace function crm.due_tasks(p_caller crm.caller, p_member uuid)
  returns setof crm.tasks
  language plpgsql stable rows 10 set search_path = '' as $$
begin
  return query
    select open.*
    from crm.tasks open
    where open.store_id = p_caller.store_id
      and open.assignee_id = p_member
      and open.status = 'open'
      and open.removed_at is null
      and open.due_on <= p_caller.today
      and (open.due_at is null or open.due_at <= now() or open.due_on < p_caller.today)
    order by open.rank, open.due_on, open.id
    limit 1000;
end $$;
comment on function crm.due_tasks is
  'What a member has to do today; the oldest thousand: more are no queue of a day.';

-- Reads of each due task only what it is weighed by: a queue shows fifty of a thousand.
create or replace function crm.weighed_tasks(
  p_caller crm.caller, p_member uuid, p_weights jsonb
) returns table (
  task_id uuid, customer_id uuid, due_on date, due_at timestamptz, value_fen bigint,
  promised_on date, points bigint
)
  language plpgsql stable rows 10 set search_path = '' as $$
declare
  v_calendar jsonb := crm.store_calendar(p_caller.store_id);
  v_closed date[] := crm.closed_days_of_year(v_calendar, p_caller.today);
begin
  return query
    select
      task.id, task.customer_id, task.due_on, task.due_at, policy.value_fen, promise.promised_on,
      crm.queue_points(
        p_weights, p_caller.today, task.rank = 0,
        crm.working_days_since(task.due_on, p_caller.today, v_closed), task.expires_on,
        policy.value_fen, wish.open, promise.promised_on
      )
    from crm.due_tasks(p_caller, p_member) task
    left join lateral (
      -- through the caller's own views: an order may not tell a premium they may not see
      select insured.premium_fen as value_fen
      from api.policies insured
      where task.subject_form = 'policy'
        and insured.store_id = p_caller.store_id
        and insured.id = task.subject_id
    ) policy
      on true
    left join lateral (
      -- the condition of an index that holds nobody else
      select crm.open_wishes(asking.complaint_at, asking.test_drive_asked_at) as open
      from crm.customers asking
      where asking.store_id = p_caller.store_id
        and asking.id = task.customer_id
        and (asking.complaint_at is not null or asking.test_drive_asked_at is not null)
    ) wish
      on true
    left join lateral (
      select min(owed.due_on) as promised_on
      from crm.promises owed
      where owed.store_id = p_caller.store_id
        and owed.customer_id = task.customer_id
        and owed.status = 'open'
        and owed.removed_at is null
    ) promise
      on true;
end $$;
comment on function crm.weighed_tasks is
  'What a member has to do today, each task with its points (crm.queue_points), unordered.';

create or replace function crm.queue_of(
  p_caller crm.caller, p_member uuid, p_weights jsonb, p_limit int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_agg(
      to_jsonb(queued)
      order by queued.points desc, queued.due_on, queued.due_at nulls first, queued.id
    )
    from (
      select
        task.id, task.customer_id, task.kind, task.rule, task.subject_form, task.subject_id,
        task.due_on, task.due_at, task.expires_on, task.rank, task.status, task.attempts,
        task.snoozes, task.remark, task.version,
        customer.name, customer.phone, customer.level, customer.do_not_call, customer.need,
        customer.last_contact_at, customer.complaint_at, customer.test_drive_asked_at,
        weighed.value_fen, weighed.promised_on, weighed.points
      from (
        -- ordered here, so that the joins end with the last task shown
        select *
        from crm.weighed_tasks(p_caller, p_member, p_weights) w
        order by w.points desc, w.due_on, w.due_at nulls first, w.task_id
      ) weighed
      join crm.tasks task
        on task.store_id = p_caller.store_id and task.id = weighed.task_id
      join api.customers customer
        on customer.store_id = p_caller.store_id and customer.id = weighed.customer_id
      order by weighed.points desc, weighed.due_on, weighed.due_at nulls first, weighed.task_id
      limit least(greatest(coalesce(p_limit, 50), 1), 200)
    ) queued
  );
end $$;

-- Two counts a pass: every pass under row rules asks again who the caller is.
create or replace function crm.queue_counts(
  p_caller crm.caller, p_member uuid, p_is_closed bool
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_counts record;
  v_closed record;
begin
  select
    count(*) filter (where task.status = 'open') as open,
    count(*) filter (where task.status = 'cancel_requested') as pending,
    count(*) filter (
      where task.status = 'open'
        and task.rank = 0
        and (task.due_on < p_caller.today or p_is_closed)
    ) as missed into v_counts
  from crm.tasks task
  where task.store_id = p_caller.store_id
    and task.assignee_id = p_member
    and task.status in ('open', 'cancel_requested')
    and task.removed_at is null
    and task.due_on <= p_caller.today;
  select
    count(*) filter (where task.status = 'done') as done,
    count(*) filter (where task.status = 'excused') as excused into v_closed
  from crm.tasks task
  where task.store_id = p_caller.store_id
    and task.assignee_id = p_member
    and task.closed_at >= p_caller.today::timestamp at time zone p_caller.time_zone
    and task.removed_at is null;
  return jsonb_build_object(
    'open', v_counts.open,
    'pending', v_counts.pending,
    'missed', v_counts.missed,
    'done', v_closed.done,
    'excused', v_closed.excused
  );
end $$;

-- A manager watches anyone's queue (S-06); row rules decide what they get.
create or replace function crm.today(p_store uuid, p_member uuid, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_member uuid := coalesce(p_member, v_caller.user_id);
  v_settings jsonb;
  v_is_closed bool;
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select store.settings into v_settings
  from crm.stores store
  where store.id = p_store;
  v_is_closed := (now() at time zone v_caller.time_zone)::time > coalesce(
    (v_settings ->> 'cut_off')::time,
    '20:00'
  );
  return jsonb_build_object(
      'today', v_caller.today,
      'member_id', v_member,
      'tasks', coalesce(
        crm.queue_of(v_caller, v_member, v_settings -> 'queue', p_limit), '[]'
      )
    )
    || crm.queue_counts(v_caller, v_member, v_is_closed);
end $$;
comment on function crm.today is
  'A member''s queue of today in the store''s order (crm.queue_points), and how many are open, '
  'pending, missed (sent back and not done by the cut-off), done and excused (S-03, S-09, F-30, '
  'F-38).';

create or replace function crm.customer_people(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'companions', (
      select coalesce(jsonb_agg(to_jsonb(companion) order by companion.created_at), '[]')
      from api.companions companion
      where companion.store_id = p_store and companion.customer_id = p_customer
    ),
    'transfers', (
      select coalesce(jsonb_agg(to_jsonb(transfer) order by transfer.created_at desc), '[]')
      from api.transfers transfer
      where transfer.store_id = p_store and transfer.customer_id = p_customer
    ),
    'relationships', (
      select coalesce(jsonb_agg(to_jsonb(related) order by related.created_at), '[]')
      from api.relationships related
      where related.store_id = p_store and related.customer_id = p_customer
    ),
    'consents', (
      select coalesce(jsonb_agg(to_jsonb(consent) order by consent.created_at desc), '[]')
      from api.consents consent
      where consent.store_id = p_store and consent.customer_id = p_customer
    ),
    'visits', (
      select coalesce(jsonb_agg(to_jsonb(visit) order by visit.arrived_at desc), '[]')
      from api.visits visit
      where visit.store_id = p_store and visit.customer_id = p_customer
    )
  );
end $$;

create or replace function crm.customer_business(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'vehicles', (
      select coalesce(jsonb_agg(to_jsonb(vehicle) order by vehicle.created_at desc), '[]')
      from api.vehicles vehicle
      where vehicle.store_id = p_store and vehicle.customer_id = p_customer
    ),
    'policies', (
      select coalesce(jsonb_agg(to_jsonb(policy) order by policy.expires_on desc), '[]')
      from api.policies policy
      where policy.store_id = p_store and policy.customer_id = p_customer
    ),
    'deals', (
      select coalesce(jsonb_agg(to_jsonb(deal) order by deal.created_at desc), '[]')
      from api.deals deal
      where deal.store_id = p_store and deal.customer_id = p_customer
    ),
    'attachments', (
      select coalesce(jsonb_agg(to_jsonb(attachment) order by attachment.created_at), '[]')
      from api.attachments attachment
      where attachment.store_id = p_store and attachment.customer_id = p_customer
    )
  );
end $$;

create or replace function crm.customer_work(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'tasks', (
      select coalesce(jsonb_agg(to_jsonb(task) order by task.due_on), '[]')
      from api.tasks task
      where task.store_id = p_store
        and task.customer_id = p_customer
        and task.status in ('open', 'cancel_requested')
    ),
    'promises', (
      select coalesce(jsonb_agg(to_jsonb(promise) order by promise.due_on), '[]')
      from api.promises promise
      where promise.store_id = p_store
        and promise.customer_id = p_customer
        and promise.status = 'open'
    ),
    'conversations', (
      select coalesce(jsonb_agg(to_jsonb(latest) order by latest.occurred_at desc), '[]')
      from (
        select conversation.*, author.name as author_name
        from api.conversations conversation
        left join crm.members author
          on author.store_id = conversation.store_id and author.user_id = conversation.author_id
        where conversation.store_id = p_store and conversation.customer_id = p_customer
        order by conversation.occurred_at desc
        limit 30
      ) latest
    )
  );
end $$;

create or replace function crm.customer_brief(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_customer jsonb;
begin
  select to_jsonb(customer) into v_customer
  from api.customers customer
  where customer.store_id = p_store and customer.id = p_customer;
  if v_customer is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return jsonb_build_object(
      'today', v_caller.today,
      'customer', v_customer,
      'owner_name', (
        select member.name
        from crm.members member
        where member.store_id = p_store
          and member.user_id = (v_customer ->> 'owner_id')::uuid
      )
    )
    || crm.customer_people(p_store, p_customer)
    || crm.customer_business(p_store, p_customer)
    || crm.customer_work(p_store, p_customer);
end $$;
comment on function crm.customer_brief is 'Everything the card shows, in one call (S-38, S-89).';

-- Searching by words ------------------------------------------------------------------------------
--
-- Finding by phone (all digits in any spelling, a tail of four, or how it begins), plate (whole or
-- a tail), WeChat id, name, pinyin or initials. Conditions name only columns the caller reads; on a
-- masked phone only the four digits the mask shows. Prefixes as ranges and limits as constants:
-- with starts_with(…) or a limit from a variable each call would be planned again.
create or replace function crm.search_by_phone(
  p_store uuid, p_digits text, p_access crm.caller_access, p_limit int
) returns uuid[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare
  v_tail text := right(p_digits, 4);
  reads_it bool := 'phone' = any (p_access.readable);
  ids uuid[] := '{}';
begin
  if length(p_digits) < 4
    or not (reads_it or 'phone' = any (p_access.masked) and length(p_digits) = 4)
  then
    return ids;
  end if;
  ids := array(
    select customer.id
    from crm.customers customer
    where customer.store_id = p_store
      and customer.phone_tail = v_tail
      and customer.phone like '%' || p_digits
      and customer.removed_at is null
    limit 200
  );
  if not reads_it then
    return ids;
  end if;
  -- the number somebody had before two entries of them were joined
  ids := ids
    || array(
      select crm.surviving_customer(p_store, merge.winner_id)
      from crm.merges merge
      where merge.store_id = p_store
        and right(merge.old_phone, 4) = v_tail
        and merge.old_phone like '%' || p_digits
        and merge.undone_at is null
      limit 200
    );
  if cardinality(ids) < p_limit and length(p_digits) between 5 and 10 then
    ids := ids
      || array(
        select customer.id
        from crm.customers customer
        where customer.store_id = p_store
          and (customer.phone like p_digits || '%' or customer.phone like '0' || p_digits || '%')
          and customer.removed_at is null
        order by customer.created_at desc
        limit 200
      );
  end if;
  return ids;
end $$;

create or replace function crm.search_by_plate(p_store uuid, p_plate text) returns uuid[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare
  v_access crm.caller_access;
  last text := chr(1114111);
begin
  if p_plate !~ '[0-9A-Z]{3,}$' and p_plate !~ '^.[A-Z]' then
    return '{}';
  end if;
  select * into v_access
  from crm.my_access('vehicle') access
  where access.store_id = p_store;
  if 'plate' = any (v_access.readable) is not true then
    return '{}';
  end if;
  return array(
      select vehicle.customer_id
      from crm.vehicles vehicle
      where vehicle.store_id = p_store
        and vehicle.plate >= p_plate
        and vehicle.plate < p_plate || last
        and vehicle.removed_at is null
      limit 200
    )
    || array(
      select vehicle.customer_id
      from crm.vehicles vehicle
      where vehicle.store_id = p_store
        and vehicle.plate_reversed >= reverse(p_plate)
        and vehicle.plate_reversed < reverse(p_plate) || last
        and vehicle.removed_at is null
      limit 200
    );
end $$;

create or replace function crm.search_by_name(
  p_store uuid, p_name text, p_caller crm.caller, p_limit int
) returns uuid[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare
  pattern text := '%' || crm.escape_like(p_name) || '%';
  latin text := substring(p_name from '^[a-z0-9]*[a-z][a-z0-9]*$');
  ids uuid[] := '{}';
begin
  if p_name = '' or p_name ~ '^\+?[0-9]+$' then
    return ids;
  end if;
  if p_caller.scope = 'own' then
    return crm.search_own_names(p_store, pattern, latin, p_caller);
  end if;
  if latin is not null then
    ids := crm.search_spellings(p_store, latin);
  end if;
  if cardinality(ids) < p_limit then
    ids := ids
      || array(
        select customer.id
        from crm.customers customer
        where customer.store_id = p_store
          and case
            when pattern !~ '[a-z]' then
              translate(customer.name, crm.unsearched(), '') like pattern
            else translate(customer.name, crm.unsearched(), '') ilike pattern
          end
          and customer.removed_at is null
        order by customer.created_at desc
        limit 200
      );
  end if;
  return ids;
end $$;

create or replace function crm.escape_like(p_text text) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return replace(replace(replace(p_text, '\', '\\'), '%', '\%'), '_', '\_');
end $$;

create or replace function crm.unsearched() returns text
  language sql immutable parallel safe set search_path = '' as $$
  select U&' \0009·•・‧∙⋅●․.ㆍᐧ｡。．_''’`-\3000\00A0'
$$;
comment on function crm.unsearched is
  'Signs of a name that no search looks at: 阿卜杜拉·买买提 is found by 阿卜杜拉买买提.';

create or replace function crm.search_spellings(p_store uuid, p_latin text) returns uuid[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare
  last text := chr(1114111);
begin
  return array(
      select customer.id
      from crm.customers customer
      where customer.store_id = p_store
        and customer.initials >= p_latin
        and customer.initials < p_latin || last
        and customer.removed_at is null
      limit 200
    )
    || array(
      select customer.id
      from crm.customers customer
      where customer.store_id = p_store
        and customer.pinyin >= p_latin
        and customer.pinyin < p_latin || last
        and customer.removed_at is null
      limit 200
    )
    || array(
      select customer.id
      from crm.customers customer
      where customer.store_id = p_store
        and customer.pinyin like '% %'
        and (
          customer.pinyin like '% ' || p_latin || '%'
          or customer.initials like '% ' || p_latin || '%'
        )
        and customer.removed_at is null
      limit 200
    );
end $$;
comment on function crm.search_spellings is
  'Names by pinyin or initials, also those with a second reading.';

-- One's own data, index by index: with an "or" the rows would be fetched.
create or replace function crm.search_own_names(
  p_store uuid, p_pattern text, p_latin text, p_caller crm.caller
) returns uuid[]
  language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
  return array(
    select k.id
    from (
      select customer.id, customer.name, customer.initials, customer.pinyin, customer.created_at
      from crm.customers customer
      where customer.store_id = p_store
        and customer.owner_id = p_caller.user_id
        and customer.removed_at is null
      union all
      select customer.id, customer.name, customer.initials, customer.pinyin, customer.created_at
      from crm.customers customer
      where customer.store_id = p_store
        and customer.renewal_owner_id = p_caller.user_id
        and customer.owner_id is distinct from p_caller.user_id
        and customer.removed_at is null
      union all
      select customer.id, customer.name, customer.initials, customer.pinyin, customer.created_at
      from crm.customers customer
      where customer.store_id = p_store
        and customer.pool = any (p_caller.pools)
        and customer.renewal_owner_id is distinct from p_caller.user_id
        and customer.removed_at is null
    ) k
    where case
        when p_pattern !~ '[a-z]' then translate(k.name, crm.unsearched(), '') like p_pattern
        else translate(k.name, crm.unsearched(), '') ilike p_pattern
      end
      or k.initials like p_latin || '%'
      or k.pinyin like p_latin || '%'
      or k.initials like '% ' || p_latin || '%'
      or k.pinyin like '% ' || p_latin || '%'
    order by
      starts_with(k.initials, p_latin) desc nulls last,
      starts_with(k.pinyin, p_latin) desc nulls last,
      k.created_at desc
    limit 200
  );
end $$;

create or replace function crm.search_customers(
  p_store uuid,
  p_query text,
  p_limit int
) returns setof api.customers
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_query text := left(trim(coalesce(p_query, '')), 80);
  v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_access crm.caller_access;
  ids uuid[];
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if v_query = '' then
    return query
      select customer.*
      from api.customers customer
      where customer.store_id = p_store
      order by customer.created_at desc, customer.id
      limit v_limit;
    return;
  end if;
  select * into v_access
  from crm.my_access('customer') access
  where access.store_id = p_store;
  ids := crm.search_by_phone(p_store, crm.search_phone(v_query), v_access, v_limit)
    || crm.search_by_plate(p_store, left(crm.search_plate(v_query), 40));
  if 'wechat' = any (v_access.readable) and length(v_query) >= 3 then
    ids := ids
      || array(
        select customer.id
        from crm.customers customer
        where customer.store_id = p_store
          and customer.wechat = any (array[v_query, lower(v_query)])
          and customer.removed_at is null
        limit 200
      );
  end if;
  if 'name' = any (v_access.readable) then
    ids := ids || crm.search_by_name(
      p_store, left(crm.search_name(v_query), 40), v_caller, v_limit
    );
  end if;
  return query
    select customer.*
    from (
      select item.id, min(item.ordinal) as ordinal
      from unnest(ids) with ordinality as item (id, ordinal)
      group by item.id
    ) f
    join api.customers customer on customer.store_id = p_store and customer.id = f.id
    order by f.ordinal
    limit v_limit;
end $$;
comment on function crm.search_customers is
  'Customers by phone, plate, WeChat id, name, pinyin or initials, in any spelling, under the '
  'caller''s row and field rights (S-39).';

-- Filtering and sorting ---------------------------------------------------------------------------
--
-- By what the store marked searchable, and by a few columns; sorted by one of them. Every key is
-- checked before it is looked at: unknown, hidden, masked and unmarked get one answer. The ids come
-- from a statement made for the question ($1 the store, $2 the caller's own customers), the rows
-- from the view.

create or replace function crm.is_open_column(p_key text) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return p_key in ('owner_id', 'pool', 'created_at', 'last_contact_at');
end $$;
comment on function crm.is_open_column is 'A column that everybody sees who sees the customer.';

create or replace function crm.filter_column_type(p_key text) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when p_key in ('level', 'source', 'gender', 'preferred_time', 'pool') then 'text'
    when p_key in ('created_at', 'last_contact_at') then 'timestamptz'
    when p_key = 'do_not_call' then 'bool'
    when p_key = 'next_contact_on' then 'date'
    when p_key = 'owner_id' then 'uuid'
  end;
end $$;
comment on function crm.filter_column_type is
  'The type of a column of crm.customers that one may filter by; null for the store''s own fields.';

create or replace function crm.filter_type(p_key text, p_fields jsonb) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(
    crm.filter_column_type(p_key),
    case
      when p_fields -> p_key ->> 'type' in ('number', 'money', 'formula') then 'float8'
      else 'text'
    end
  );
end $$;

create or replace function crm.filter_expression(p_key text, p_fields jsonb, p_alias text)
  returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when crm.filter_column_type(p_key) is not null then format('c.%I', p_key)
    when crm.filter_type(p_key, p_fields) = 'float8' then p_alias || '.n'
    else p_alias || '.t'
  end;
end $$;
comment on function crm.filter_expression is
  'The column to compare; p_alias: of crm.searchable_values, for the store''s own fields.';

create or replace function crm.require_searchable(p_key text, p_readable text[], p_fields jsonb)
  returns void
  language plpgsql immutable set search_path = '' as $$
begin
  if p_key is null
    or not (
      crm.is_open_column(p_key)
      or p_key = any (coalesce(p_readable, '{}'))
      and (
        crm.filter_column_type(p_key) is not null
        or coalesce((p_fields -> p_key ->> 'searchable')::bool, false)
      )
    )
  then
    raise sqlstate 'PT422' using message = 'not_searchable', detail = coalesce(p_key, '');
  end if;
end $$;

create or replace function crm.require_filter(p_filter jsonb, p_type text) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_op text := p_filter ->> 'op';
  v_value jsonb := p_filter -> 'value';
begin
  if coalesce(v_op, '') not in ('eq', 'in', 'min', 'max', 'starts', 'contains')
    or v_op in ('starts', 'contains') and p_type <> 'text'
    or exists (
      select from jsonb_array_elements(
        case
          when v_op = 'in' and jsonb_typeof(v_value) = 'array' then v_value
          else jsonb_build_array(v_value)
        end
      ) item
      where case p_type
        when 'float8' then crm.as_number(item) is null
        when 'date' then crm.as_date(item) is null
        when 'uuid' then crm.as_uuid(item #>> '{}') is null
        when 'timestamptz' then crm.as_instant(item #>> '{}') is null
        when 'bool' then coalesce(item #>> '{}', '') not in ('true', 'false')
        else coalesce(jsonb_typeof(item), '') not in ('string', 'boolean')
      end
    )
  then
    raise sqlstate 'PT422' using message = 'invalid', detail = p_filter ->> 'key';
  end if;
end $$;
comment on function crm.require_filter is
  'An operator and a value that fit the type: what follows casts it.';

create or replace function crm.filter_comparison(p_filter jsonb, p_type text) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_op text := p_filter ->> 'op';
  v_value jsonb := p_filter -> 'value';
  v_text text := p_filter ->> 'value';
begin
  return case v_op
    when 'eq' then format('= %L::%s', v_text, p_type)
    when 'min' then format('>= %L::%s', v_text, p_type)
    when 'max' then format('<= %L::%s', v_text, p_type)
    when 'in' then
      format(
        '= any (%L::%s[])',
        array(
          select jsonb_array_elements_text(
            case jsonb_typeof(v_value) when 'array' then v_value else jsonb_build_array(v_value) end
          )
        ),
        p_type
      )
    when 'contains' then format('like %L', '%' || crm.escape_like(v_text) || '%')
    else format('like %L', crm.escape_like(v_text) || '%')
  end;
end $$;

-- Who sees their own customers alone: which of them have such a value, in one go; else the planner
-- joins row by row (10 ms against 3).
create or replace function crm.value_condition(p_scope text, p_key text, p_comparison text)
  returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return format(
    case p_scope
      when 'own' then
        $q$ and c.id = any (array(
          select s.subject_id
          from crm.searchable_values s
          where s.store_id = $1
            and s.form = 'customer'
            and s.key = %L
            and s.subject_id = any ($2)%s
        ))$q$
      else
        $q$ and exists (
          select from crm.searchable_values s
          where s.store_id = $1
            and s.form = 'customer'
            and s.key = %L
            and s.subject_id = c.id%s
        )$q$
    end,
    p_key,
    p_comparison
  );
end $$;

create or replace function crm.filter_conditions(
  p_filters jsonb, p_readable text[], p_fields jsonb, p_scope text
) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_filter jsonb;
  v_key text;
  v_type text;
  v_comparison text;
  v_conditions text := '';
  v_ranges jsonb := '{}';
begin
  for v_filter in select value from jsonb_array_elements(p_filters) loop
    v_key := v_filter ->> 'key';
    perform crm.require_searchable(v_key, p_readable, p_fields);
    v_type := crm.filter_type(v_key, p_fields);
    perform crm.require_filter(v_filter, v_type);
    v_comparison := format(
      ' and %s %s',
      crm.filter_expression(v_key, p_fields, 's'),
      crm.filter_comparison(v_filter, v_type)
    );
    if crm.filter_column_type(v_key) is not null then
      v_conditions := v_conditions || v_comparison;
    elsif v_type = 'float8' or v_filter ->> 'op' in ('min', 'max') then
      -- one look for a range
      v_ranges := v_ranges
        || jsonb_build_object(v_key, coalesce(v_ranges ->> v_key, '') || v_comparison);
    else
      v_conditions := v_conditions || crm.value_condition(p_scope, v_key, v_comparison);
    end if;
  end loop;
  if v_ranges <> '{}' then
    select v_conditions || string_agg(crm.value_condition(p_scope, key, value), '')
    into v_conditions
    from jsonb_each_text(v_ranges);
  end if;
  return v_conditions;
end $$;
comment on function crm.filter_conditions is
  'The filters as conditions on c, a customer. Errors: not_searchable, invalid.';

-- The order of the index, ties too, else the whole store is sorted for a page.
create or replace function crm.sort_order(p_expression text, p_descending bool) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when p_expression like 'o.%' then
      case
        when p_descending then p_expression || ' desc, o.subject_id desc'
        else p_expression || ', o.subject_id'
      end
    when p_expression = 'c.created_at' then
      case when p_descending then 'c.created_at desc, c.id' else 'c.created_at, c.id desc' end
    else p_expression || case when p_descending then ' desc' else ' asc' end || ' nulls last, c.id'
  end;
end $$;

-- Who sees every row of the store may stop at a page of values before any row is looked at; who
-- sees their own customers alone begins at their rows. Left to itself the planner thinks little of
-- the join, and sorts the store. p_page: the end of such a page, or null.
create or replace function crm.sort_source(
  p_key text, p_expression text, p_order text, p_scope text, p_page int
) returns text
  language plpgsql immutable set search_path = '' as $$
begin
  if p_expression not like 'o.%' then
    return 'crm.customers c';
  end if;
  return format(
    $q$(
      select *
      from crm.searchable_values o
      where o.store_id = $1
        and o.form = 'customer'
        and o.key = %L
        and %s is not null%s%s
    ) o
    join crm.customers c on c.store_id = o.store_id and c.id = o.subject_id$q$,
    p_key,
    p_expression,
    case when p_scope = 'own' then ' and o.subject_id = any ($2)' else '' end,
    case when p_page is not null then format(' order by %s limit %s', p_order, p_page) else '' end
  );
end $$;

-- The store's index would pass every colleague's row.
create or replace function crm.own_customer_ids(p_caller crm.caller) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select customer.id
    from crm.customers customer
    where customer.store_id = p_caller.store_id
      and customer.owner_id = p_caller.user_id
      and customer.removed_at is null
    union all
    select customer.id
    from crm.customers customer
    where customer.store_id = p_caller.store_id
      and customer.renewal_owner_id = p_caller.user_id
      and customer.owner_id is distinct from p_caller.user_id
      and customer.removed_at is null
    union all
    select customer.id
    from crm.customers customer
    where customer.store_id = p_caller.store_id
      and customer.pool = any (p_caller.pools)
      and customer.renewal_owner_id is distinct from p_caller.user_id
      and customer.removed_at is null
  );
end $$;

-- Nearly every question: planned once, a sixth of its time.
create or replace function crm.newest_ids(p_store uuid, p_limit int, p_offset int) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select k.id
    from crm.customers k
    where k.store_id = p_store and k.removed_at is null
    order by k.created_at desc, k.id
    limit p_limit
    offset p_offset
  );
end $$;

create or replace function crm.find_ids(
  p_caller crm.caller, p_filters jsonb, p_sort text, p_descending bool, p_limit int, p_offset int
) returns uuid[]
  language plpgsql stable set search_path = '' as $$
declare
  v_readable text[];
  v_fields jsonb;
  v_expression text;
  v_order text;
  v_conditions text;
  v_page int;
  v_ids uuid[];
begin
  -- a plain list need not wait for the form's document
  if p_filters <> '[]' or not crm.is_open_column(p_sort) then
    select access.readable, form.fields into v_readable, v_fields
    from crm.my_access('customer') access
    join crm.forms form on form.store_id = access.store_id and form.form = 'customer'
    where access.store_id = p_caller.store_id;
  end if;
  v_conditions := crm.filter_conditions(p_filters, v_readable, v_fields, p_caller.scope);
  perform crm.require_searchable(p_sort, v_readable, v_fields);
  v_expression := crm.filter_expression(p_sort, v_fields, 'o');
  v_order := crm.sort_order(v_expression, p_descending);
  if p_caller.scope = 'own' then
    v_ids := crm.own_customer_ids(p_caller);
    v_conditions := v_conditions || ' and c.id = any ($2)';
  end if;
  if v_conditions = '' and v_order = 'c.created_at desc, c.id' then
    return crm.newest_ids(p_caller.store_id, p_limit, p_offset);
  end if;
  if v_conditions = '' and p_caller.scope in ('store', 'group') then
    v_page := p_limit + p_offset;
  end if;
  execute format(
    $q$
    select array(
      select c.id
      from %s
      where c.store_id = $1 and c.removed_at is null%s
      order by %s
      limit %s
      offset %s
    )
    $q$,
    crm.sort_source(p_sort, v_expression, v_order, p_caller.scope, v_page),
    v_conditions,
    v_order,
    p_limit,
    p_offset
  ) into v_ids
  using p_caller.store_id, v_ids;
  return v_ids;
end $$;

create or replace function crm.find_customers(
  p_store uuid, p_filters jsonb, p_sort text, p_descending bool, p_limit int, p_offset int
) returns setof api.customers
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_filters jsonb := coalesce(p_filters, '[]');
  v_ids uuid[];
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if jsonb_typeof(v_filters) <> 'array' or jsonb_array_length(v_filters) > 12 then
    raise sqlstate 'PT400' using message = 'invalid';
  end if;
  v_ids := crm.find_ids(
    v_caller,
    v_filters,
    p_sort,
    p_descending,
    least(greatest(coalesce(p_limit, 50), 1), 200),
    least(greatest(coalesce(p_offset, 0), 0), 10000)
  );
  return query
    select customer.*
    from unnest(v_ids) with ordinality item (id, ordinal)
    join api.customers customer on customer.store_id = p_store and customer.id = item.id
    order by item.ordinal;
end $$;
comment on function crm.find_customers is
  'Customers by filters [{key, op: eq in min max starts contains, value}], sorted by one key; of '
  'a searchable field only those that have a value. Errors: forbidden, not_searchable (unknown, '
  'hidden, masked or unmarked), invalid.';

-- How often a member asked whether a number is known. Each answer says whether somebody is a
-- customer here, so that a list of numbers could be tried; who types one in asks once or twice for
-- a customer.

create policy select_self on crm.lookups for select to api_owner
  using (user_id = (select crm.current_user_id()));

create or replace function crm.count_lookup(p_store uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_lookup crm.lookups;
begin
  if current_setting('crm.view_as_store', true) = p_store::text then
    return;  -- looking as a member writes nothing, not even this
  end if;
  insert into crm.lookups as lookup (store_id, user_id, day, minute, in_minute, in_day)
  values (
    p_store,
    (select crm.current_user_id()),
    (now() at time zone 'UTC')::date,
    date_trunc('minute', now()),
    1,
    1
  )
  on conflict (store_id, user_id) do update set in_minute
    = case when lookup.minute = excluded.minute then lookup.in_minute + 1 else 1 end,
    in_day = case when lookup.day = excluded.day then lookup.in_day + 1 else 1 end,
    minute = excluded.minute,
    day = excluded.day
  returning lookup.* into v_lookup;
  if v_lookup.in_minute > 30 or v_lookup.in_day > 600 then
    raise sqlstate 'PT429' using message = 'too_often';
  end if;
end $$;
comment on function crm.count_lookup is
  'Counts a question of the caller; more than 30 a minute or 600 a day raise too_often, and are '
  'not counted.';

-- The duplicate check while typing: mine by id, a colleague's only as "someone, n days ago" (no
-- name, no id). Only by what the caller may write: whoever sees a number masked could otherwise
-- guess it. Half a number answers nothing.
create or replace function crm.find_duplicates(p_store uuid, p_phone text, p_plate text)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'save_customer');
  mine jsonb;
  v_phone text;
  v_plate text;
begin
  if crm.search_phone(p_phone) ~ '^\+?[0-9]{7,15}$'
    and crm.can_write_field(p_store, 'customer', 'phone')
  then
    v_phone := crm.search_phone(p_phone);
  end if;
  if length(crm.search_plate(p_plate)) between 5 and 12
    and crm.can_write_field(p_store, 'vehicle', 'plate')
  then
    v_plate := crm.search_plate(p_plate);
  end if;
  if v_phone is null and v_plate is null then
    return '{"mine": [], "elsewhere": null}';
  end if;
  perform crm.count_lookup(p_store);
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', customer.id, 'name', customer.name, 'last_contact_at', customer.last_contact_at
      )
    ),
    '[]'
  ) into mine
  from api.customers customer
  where customer.store_id = p_store
    and customer.id in (
      select same.id
      from crm.customers same
      where same.store_id = p_store
        and same.phone_tail = right(crm.digits(v_phone), 4)
        and same.phone = v_phone
      union
      select vehicle.customer_id
      from crm.vehicles vehicle
      where vehicle.store_id = p_store and vehicle.plate = v_plate
    );
  return jsonb_build_object(
    'mine', mine,
    'elsewhere', case
      when mine = '[]' then crm.find_duplicate_elsewhere(p_store, v_phone, v_plate)
    end
  );
end $$;

-- Belongs to the table owner, since a colleague's row is invisible to the caller; answers a number
-- of days, whether a pool has them, and the colleague's name where the store says so.
create or replace function crm.find_duplicate_elsewhere(p_store uuid, p_phone text, p_plate text)
  returns jsonb
  language sql stable security definer set search_path = '' as $$
  -- how much may be known is the store's
  select jsonb_strip_nulls(
    jsonb_build_object(
      'days', min(
        caller.today
        - (
          coalesce(customer.last_contact_at, customer.created_at) at time zone caller.time_zone
        )::date
      ),
      'pooled', bool_and(customer.owner_id is null),
      'who', case
        when (
          select store.settings ->> 'duplicate_shows'
          from crm.stores store
          where store.id = p_store
        )
          = 'owner' then
          min(member.name)
      end
    )
  )
  from crm.customers customer
  cross join crm.current_member(p_store) caller
  left join crm.members member
    on member.store_id = customer.store_id and member.user_id = customer.owner_id
  where customer.store_id = p_store
    and p_store = any (crm.my_store_ids(null))
    and customer.removed_at is null
    and (
      (customer.phone_tail = right(p_phone, 4) and customer.phone = p_phone)
      or customer.id in (
        select vehicle.customer_id
        from crm.vehicles vehicle
        where vehicle.store_id = p_store and vehicle.plate = p_plate and vehicle.removed_at is null
      )
    )
  having count(*) > 0
$$;

create or replace function crm.funnel_stages(
  p_store uuid, p_pipeline text, p_member uuid, p_shows_amount bool
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'stage', stage.key, 'label', stage.label,
          'type', stage.type, 'color', stage.color,
          'deals', total.deals,
          'amount_fen', case when p_shows_amount then total.amount_fen end,
          'reached', case when stage.type <> 'lost' then total.reached end
        )
        order by stage.position
      ),
      '[]'
    )
    from crm.stages stage
    cross join lateral (
      select
        coalesce(sum(counted.deals) filter (where other.key = stage.key), 0)::int as deals,
        coalesce(sum(counted.amount_fen) filter (where other.key = stage.key), 0)::bigint
          as amount_fen,
        coalesce(
          sum(counted.furthest_deals) filter (where other.position >= stage.position), 0
        )::int as reached
      from crm.stages other
      join crm.funnel_counts counted
        on counted.store_id = other.store_id
          and counted.pipeline = other.pipeline
          and counted.stage = other.key
      where other.store_id = p_store
        and other.pipeline = stage.pipeline
        and (p_member is null or counted.owner_id = p_member)
    ) total
    where stage.store_id = p_store
      and stage.pipeline = p_pipeline
      and (not stage.retired or total.deals > 0)
  );
end $$;
comment on function crm.funnel_stages is
  'The stages of a pipeline: the deals in each, and how many came so far or further.';

create or replace function crm.funnel_report(p_store uuid, p_pipeline text, p_member uuid)
  returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_shows_amount bool;
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  select 'amount_fen' = any (access.readable) into v_shows_amount
  from crm.my_access('deal') access
  where access.store_id = p_store;
  return (
    select jsonb_build_object(
      'today', v_caller.today,
      'pipelines', coalesce(
        jsonb_agg(
          jsonb_build_object(
            'pipeline', pipeline.key, 'label', pipeline.label,
            'stages', crm.funnel_stages(p_store, pipeline.key, p_member, v_shows_amount)
          )
          order by pipeline.position
        ),
        '[]'
      )
    )
    from crm.pipelines pipeline
    where pipeline.store_id = p_store
      and not pipeline.retired
      and (p_pipeline is null or pipeline.key = p_pipeline)
  );
end $$;
comment on function crm.funnel_report is
  'Deals and 分 per stage, and how many deals reached it, lost ones too; from counters: what the '
  'caller may see, or one member''s (S-87).';

-- What a decider needs on one card: reason, attempts, times, last notes (F-44).
create or replace function crm.pending_approvals(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'decide_approval');
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(pending) order by pending.created_at), '[]')
    from (
      select
        approval.id, approval.kind, approval.task_id, approval.deal_id, approval.asked,
        approval.customer_id, approval.requester_id,
        requester.name as requester_name,
        approval.reason, approval.notes, approval.created_at, approval.version,
        customer.name, customer.level,
        task.kind as task_kind, task.due_on, task.expires_on,
        coalesce(task.attempts, 0) as attempts,
        coalesce(task.snoozes, 0) as snoozes,
        owner.name as owner_name,
        deal.title as deal_title, deal.amount_fen, deal.stage, deal.pipeline,
        approval.requester_id = v_caller.user_id as is_own,
        (
          select coalesce(jsonb_agg(to_jsonb(latest) order by latest.occurred_at desc), '[]')
          from (
            select
              conversation.occurred_at,
              conversation.outcome,
              conversation.method,
              conversation.notes,
              conversation.dialled_at,
              conversation.away_seconds
            from api.conversations conversation
            where conversation.store_id = p_store
              and conversation.customer_id = approval.customer_id
            order by conversation.occurred_at desc
            limit 5
          ) latest
        ) as conversations
      from api.approvals approval
      left join crm.tasks task on task.store_id = p_store and task.id = approval.task_id
      left join crm.members owner
        on owner.store_id = p_store
          and owner.user_id = (
            select called.owner_id
            from crm.customers called
            where called.store_id = p_store and called.id = approval.customer_id
          )
      left join api.deals deal on deal.store_id = p_store and deal.id = approval.deal_id
      join api.customers customer
        on customer.store_id = p_store and customer.id = approval.customer_id
      left join crm.members requester
        on requester.store_id = p_store and requester.user_id = approval.requester_id
      where approval.store_id = p_store and approval.status = 'pending'
      order by approval.created_at
      limit 200
    ) pending
  );
end $$;

-- One plan for all callers: planning these statements under row rules takes longer than running
-- them (a card: 10 ms against 1), and every one of them enters by store and person, so no value of
-- a parameter would want another plan.
alter function crm.today(uuid, uuid, int) set plan_cache_mode = force_generic_plan;
alter function crm.customer_brief(uuid, uuid) set plan_cache_mode = force_generic_plan;
alter function crm.search_customers(uuid, text, int) set plan_cache_mode = force_generic_plan;
alter function crm.find_customers(uuid, jsonb, text, bool, int, int) set plan_cache_mode
  = force_generic_plan;
alter function crm.find_duplicates(uuid, text, text) set plan_cache_mode = force_generic_plan;
alter function crm.funnel_stages(uuid, text, uuid, bool) set plan_cache_mode = force_generic_plan;
alter function crm.funnel_report(uuid, text, uuid) set plan_cache_mode = force_generic_plan;
alter function crm.pending_approvals(uuid) set plan_cache_mode = force_generic_plan;
alter function crm.today(uuid, uuid, int) owner to api_owner;
alter function crm.customer_brief(uuid, uuid) owner to api_owner;
alter function crm.search_customers(uuid, text, int) owner to api_owner;
alter function crm.find_customers(uuid, jsonb, text, bool, int, int) owner to api_owner;
alter function crm.find_duplicates(uuid, text, text) owner to api_owner;
alter function crm.funnel_report(uuid, text, uuid) owner to api_owner;
alter function crm.pending_approvals(uuid) owner to api_owner;

create or replace function api.today(
  store_id uuid,
  member_id uuid default null,
  page_size int default 50
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.today(store_id, member_id, page_size); end;

create or replace function api.customer_brief(store_id uuid, customer_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.customer_brief(store_id, customer_id); end;

create or replace function api.find_customers(
  store_id uuid,
  filters jsonb default '[]',
  sort text default 'created_at',
  descending bool default true,
  page_size int default 50,
  page_offset int default 0
) returns setof api.customers
  language sql stable security invoker set search_path = ''
  begin atomic
    select * from crm.find_customers(store_id, filters, sort, descending, page_size, page_offset);
  end;

create or replace function api.search_customers(
  store_id uuid,
  query text default '',
  page_size int default 50
) returns setof api.customers
  language sql stable security invoker set search_path = ''
  begin atomic select * from crm.search_customers(store_id, query, page_size); end;

create or replace function api.find_duplicates(
  store_id uuid,
  phone text default null,
  plate text default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.find_duplicates(store_id, phone, plate); end;

create or replace function api.funnel_report(
  store_id uuid,
  pipeline text default null,
  member_id uuid default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.funnel_report(store_id, pipeline, member_id); end;

create or replace function api.pending_approvals(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.pending_approvals(store_id); end;

grant execute on function
  crm.escape_like(text),
  crm.search_by_phone(uuid, text, crm.caller_access, int),
  crm.search_by_plate(uuid, text),
  crm.search_by_name(uuid, text, crm.caller, int),
  crm.unsearched(),
  crm.search_spellings(uuid, text),
  crm.search_own_names(uuid, text, text, crm.caller),
  crm.is_open_column(text),
  crm.filter_column_type(text),
  crm.filter_type(text, jsonb),
  crm.filter_expression(text, jsonb, text),
  crm.require_searchable(text, text[], jsonb),
  crm.require_filter(jsonb, text),
  crm.filter_comparison(jsonb, text),
  crm.value_condition(text, text, text),
  crm.filter_conditions(jsonb, text[], jsonb, text),
  crm.sort_order(text, bool),
  crm.sort_source(text, text, text, text, int),
  crm.own_customer_ids(crm.caller),
  crm.newest_ids(uuid, int, int),
  crm.find_ids(crm.caller, jsonb, text, bool, int, int),
  crm.count_lookup(uuid),
  crm.find_duplicate_elsewhere(uuid, text, text),
  crm.due_tasks(crm.caller, uuid),
  crm.weighed_tasks(crm.caller, uuid, jsonb),
  crm.queue_of(crm.caller, uuid, jsonb, int),
  crm.queue_counts(crm.caller, uuid, bool),
  crm.customer_people(uuid, uuid),
  crm.customer_business(uuid, uuid),
  crm.customer_work(uuid, uuid),
  crm.funnel_stages(uuid, text, uuid, bool),
  crm.open_wishes(timestamptz, timestamptz),
  crm.queue_points(jsonb, date, bool, int, date, bigint, text[], date)
to api_owner;
grant execute on function
  crm.today(uuid, uuid, int),
  crm.customer_brief(uuid, uuid),
  crm.search_customers(uuid, text, int),
  crm.find_customers(uuid, jsonb, text, bool, int, int),
  crm.find_duplicates(uuid, text, text),
  crm.funnel_report(uuid, text, uuid),
  crm.pending_approvals(uuid),
  api.today(uuid, uuid, int),
  api.customer_brief(uuid, uuid),
  api.search_customers(uuid, text, int),
  api.find_customers(uuid, jsonb, text, bool, int, int),
  api.find_duplicates(uuid, text, text),
  api.funnel_report(uuid, text, uuid),
  api.pending_approvals(uuid)
to authenticated;
