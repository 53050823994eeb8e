-- Around a customer: their family, their consent, their visits, and their timeline.

create or replace trigger tg_relationships__a_stamp before insert
  or update on crm.relationships for each row execute function crm.tg_record__stamp();

create or replace trigger tg_relationships__created after insert on crm.relationships
  referencing new table as after_rows
  for each
  statement execute function crm.tg_record__created('relationship');

create or replace trigger tg_relationships__history after update on crm.relationships
  for each row execute function crm.tg_record__history(
  'relationship',
  'relation',
  'removed_at'
);

create or replace trigger tg_consents__a_stamp before insert
  or update on crm.consents for each row execute function crm.tg_record__stamp();

create or replace trigger tg_consents__created after insert on crm.consents
  referencing new table as after_rows
  for each statement execute function crm.tg_record__created('consent');

create or replace trigger tg_visits__a_stamp before insert
  or update on crm.visits for each row execute function crm.tg_record__stamp();

create or replace trigger tg_visits__created after insert on crm.visits
  referencing new table as
  after_rows for each statement execute function crm.tg_record__created('visit');

create or replace trigger tg_visits__history after update on crm.visits
  for each row execute function
  crm.tg_record__history(
  'visit',
  'removed_at'
);

do $$
declare
  t text;
begin
  foreach t in array array['relationships', 'consents', 'visits'] loop
    execute format('alter table crm.%I enable row level security', t);
    perform crm.create_customer_child_policies(t);
    execute format('grant select on crm.%I to api_owner', t);
  end loop;
end $$;
grant insert (store_id, id, customer_id, other_id, relation), update (relation, removed_at) on
  crm.relationships
to api_owner;
grant insert (store_id, id, customer_id, purpose, channel, granted, source, stated_at, noted_by) on
  crm.consents
to api_owner;
grant insert (
  store_id, id, customer_id, received_by, owner_id, anonymous, party, notes, arrived_at, recorded_at
),
  update (removed_at) on
  crm.visits
to api_owner;
grant update (consent_withdrawn_at) on crm.customers to api_owner;

-- The other one's name only to who sees them.
create or replace view api.relationships as
  select
    l.store_id,
    l.id,
    l.customer_id,
    l.other_id,
    l.relation,
    l.created_at,
    l.updated_at,
    l.version,
    l.change_no,
    (
    select v.name from api.customers v where v.store_id = l.store_id and v.id = l.other_id
  ) as other_name
  from crm.relationships l
  where l.removed_at is null;

create or replace view api.consents as
  select
    c.store_id, c.id, c.customer_id, c.purpose, c.channel, c.granted, c.source, c.stated_at,
    c.noted_by, c.created_at, c.updated_at, c.version, c.change_no
  from crm.consents c
  where c.removed_at is null;

create or replace view api.visits as
  select
    r.store_id,
    r.id,
    r.customer_id,
    r.received_by,
    m.name as received_by_name,
    r.owner_id,
    r.anonymous,
    r.party,
    r.notes,
    r.arrived_at,
    r.recorded_at,
    r.created_at,
    r.updated_at,
    r.version,
    r.change_no
  from crm.visits r
  left join crm.members m on m.store_id = r.store_id and m.user_id = r.received_by
  where r.removed_at is null;
alter view api.relationships owner to api_owner;
alter view api.consents owner to api_owner;
alter view api.visits owner to api_owner;
grant select on api.relationships, api.consents, api.visits to authenticated;

-- Both ways at once; relation null takes the link away.
create or replace function crm.save_relationship(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_one uuid;
  v_other uuid;
  v_relation text := v_payload ->> 'relation';
  v_back text := coalesce(v_payload ->> 'back', v_payload ->> 'relation');
  v_options jsonb;
  v_access crm.caller_access;
begin
  perform crm.require_verb(v_store, 'save_customer');
  v_one := crm.visible_reference(p_op, 'customers', 'customer_id', null);
  v_other := crm.visible_reference(p_op, 'customers', 'other_id', null);
  if v_one is null or v_other is null or v_one = v_other then
    perform crm.reject('required', 'other_id');
  end if;
  if v_relation is null then
    update crm.relationships
    set removed_at = now()
    where store_id = v_store
      and removed_at is null
      and (customer_id, other_id) in ((v_one, v_other), (v_other, v_one));
    return jsonb_build_object('status', 'applied', 'version', 1);
  end if;
  select * into v_access
  from crm.my_access('companion') access
  where access.store_id = v_store;
  if 'relation' <> all (v_access.writable) then
    perform crm.reject('forbidden', 'relation');
  end if;
  select form.fields -> 'relation' -> 'options' into v_options
  from crm.forms form
  where form.store_id = v_store and form.form = 'companion';
  if not coalesce(v_options, '[]') @> jsonb_build_array(jsonb_build_object('key', v_relation)) then
    perform crm.reject('option', 'relation');
  end if;
  if not coalesce(v_options, '[]') @> jsonb_build_array(jsonb_build_object('key', v_back)) then
    perform crm.reject('option', 'back');
  end if;
  insert into crm.relationships as relationship (store_id, id, customer_id, other_id, relation)
  values
    (v_store, coalesce(crm.as_uuid(v_payload ->> 'id'), crm.new_id()), v_one, v_other, v_relation),
    (v_store, crm.new_id(), v_other, v_one, v_back)
  on conflict (store_id, customer_id, other_id)
  where removed_at is null do update set relation = excluded.relation;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.save_relationship is
  'Two customers of one family: other_id is the relation of customer_id, and back the other way '
  'round (S-64). Null takes it away.';

-- Consent (S-67): the last word counts. One taken back for calls, in a purpose the store needs for
-- its calls, stops every call task.
create or replace function crm.save_consent(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'save_customer');
  v_customer uuid;
  v_purposes jsonb;
  v_stopped timestamptz;
begin
  v_customer := crm.visible_reference(p_op, 'customers', 'customer_id', null);
  if v_customer is null or crm.as_uuid(v_payload ->> 'id') is null then
    perform crm.reject('required', 'customer_id');
  end if;
  select coalesce(version.document -> 'consents', '[]') into v_purposes
  from crm.config_versions version
  join crm.stores store on store.id = version.store_id and store.config_version = version.version
  where version.store_id = v_store;
  if not v_purposes @> jsonb_build_array(jsonb_build_object('key', v_payload ->> 'purpose')) then
    perform crm.reject('option', 'purpose');
  end if;
  if coalesce(v_payload ->> 'channel', '') not in ('any', 'call', 'wechat', 'sms', 'visit') then
    perform crm.reject('option', 'channel');
  end if;
  if coalesce(jsonb_typeof(v_payload -> 'granted'), '') <> 'boolean' then
    perform crm.reject('required', 'granted');
  end if;
  insert into crm.consents (
    store_id, id, customer_id, purpose, channel, granted, source, stated_at, noted_by
  )
  values (
    v_store,
    crm.as_uuid(v_payload ->> 'id'),
    v_customer,
    v_payload ->> 'purpose',
    v_payload ->> 'channel',
    (v_payload ->> 'granted')::bool,
    nullif(trim(left(v_payload ->> 'source', 200)), ''),
    crm.claimed_time(v_payload ->> 'stated_at', 'stated_at'),
    v_caller.user_id
  )
  on conflict (store_id, id) do nothing;
  if not found then
    perform crm.reject('id_taken');
  end if;
  v_stopped := crm.consent_stopped_at(v_store, v_customer);
  update crm.customers customer
  set consent_withdrawn_at = v_stopped
  where customer.store_id = v_store
    and customer.id = v_customer
    and customer.consent_withdrawn_at is distinct from v_stopped;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

create or replace function crm.consent_stopped_at(p_store uuid, p_customer uuid) returns timestamptz
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select min(x.stated_at)
    from (
      select distinct on (consent.purpose) consent.purpose, consent.granted, consent.stated_at
      from crm.consents consent
      where consent.store_id = p_store
        and consent.customer_id = p_customer
        and consent.channel in ('any', 'call')
        and consent.removed_at is null
      order by consent.purpose, consent.stated_at desc, consent.id desc
    ) x
    join crm.stores store on store.id = p_store
    join crm.config_versions version
      on version.store_id = store.id and version.version = store.config_version
    where not x.granted
      and exists (
        select from jsonb_array_elements(coalesce(version.document -> 'consents', '[]')) item
        where item ->> 'key' = x.purpose and (item ->> 'needed_for_calls')::bool
      )
  );
end $$;
comment on function crm.consent_stopped_at is
  'Since when a consent that calls need is withdrawn, by the last word of each purpose; null: '
  'calls are allowed.';

-- A customer who must not be called has no open task. The wish suspends what is planned and drops
-- nothing; when it ends, every task opens again, due today at the earliest. Ending it is a
-- decider's act: only who took the wish down by mistake may undo that within ten minutes. Definer:
-- colleagues' tasks are suspended too.
create or replace function crm.tg_customers__consent() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if coalesce(current_setting('crm.taking_back', true), '') = ''
    and (select crm.current_user_id()) is not null
    and not crm.is_rehearsal()
    and not crm.has_permission(new.store_id, 'decide_approval')
  then
    perform crm.reject(
      'forbidden',
      case when old.do_not_call and not new.do_not_call then 'do_not_call' else 'granted' end
    );
  end if;
  return new;
end $$;

create or replace trigger tg_customers__a_consent before update of do_not_call,
  consent_withdrawn_at on crm.customers for each row when (
  old.do_not_call and not new.do_not_call
  or old.consent_withdrawn_at is not null and new.consent_withdrawn_at is null
) execute function crm.tg_customers__consent();

create or replace function crm.tg_customers__do_not_call() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  if crm.is_silent(new.do_not_call, new.consent_withdrawn_at) then
    update crm.tasks t
    set status = 'suspended'
    where t.store_id = new.store_id
      and t.customer_id = new.id
      and t.status = 'open'
      and t.removed_at is null;
  else
    perform crm.reopen_tasks(new.store_id, new.id, 'silence');
  end if;
  return null;
end $$;

create or replace trigger tg_customers__do_not_call after update of do_not_call,
  consent_withdrawn_at on crm.customers for each row when (
  crm.is_silent(new.do_not_call, new.consent_withdrawn_at)
  <> crm.is_silent(old.do_not_call, old.consent_withdrawn_at)
) execute function crm.tg_customers__do_not_call();

-- Suspended tasks of a customer go on. Whose assignee left the store meanwhile: the customer's
-- owner takes the task.
create or replace function crm.reopen_tasks(p_store uuid, p_customer uuid, p_reason text)
  returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  update crm.tasks task
  set
    status = 'open',
    suspended_reason = null,
    due_on = case
      when task.due_on >= d.today then task.due_on
      else crm.due_day(store.settings -> 'calendar', d.today)
    end,
    due_at = case when task.due_on >= d.today then task.due_at end,
    assignee_id = case
    when exists (
      select from crm.members member
      where member.store_id = p_store and member.user_id = task.assignee_id and member.active
    ) then
      task.assignee_id
    else coalesce(
      case when task.subject_form = 'policy' then customer.renewal_owner_id end,
      customer.owner_id,
      customer.renewal_owner_id,
      task.assignee_id
    )
  end
  from crm.customers customer
  join crm.stores store on store.id = customer.store_id
  cross join lateral (select (now() at time zone store.time_zone)::date as today) d
  where task.store_id = p_store
    and task.customer_id = p_customer
    and task.status = 'suspended'
    and task.suspended_reason = p_reason
    and task.removed_at is null
    and customer.store_id = p_store
    and customer.id = p_customer;
end $$;
comment on function crm.reopen_tasks is
  'Opens the suspended tasks of a customer, due today at the earliest. Trusts its caller: silence'
  ' that ended, a customer taken out of a pool, an undone merge.';

-- After a merge was undone: silence suspends each customer's own tasks only, and a customer with an
-- owner has none in a pool.
create or replace function crm.settle_tasks(p_store uuid, p_customer uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_customer crm.customers;
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer;
  if crm.is_silent(v_customer.do_not_call, v_customer.consent_withdrawn_at) then
    update crm.tasks task
    set status = 'suspended'
    where task.store_id = p_store
      and task.customer_id = p_customer
      and task.status = 'open'
      and task.removed_at is null;
  else
    perform crm.reopen_tasks(p_store, p_customer, 'silence');
    if v_customer.owner_id is not null then
      perform crm.reopen_tasks(p_store, p_customer, 'pool');
    end if;
  end if;
end $$;
comment on function crm.settle_tasks is
  'Suspends or opens the tasks of a customer as the customer''s wish and owner demand.';

-- Reception (S-13…S-15, S-18, S-63, F-11, F-12)
-- ----------------------------------------------------------------------------------

-- What the store asks of every visitor, of those who may write it.
create or replace function crm.visitor_errors(p_store uuid, p_fields jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_errors jsonb;
begin
  select coalesce(
    jsonb_agg(jsonb_build_object('field', field.key, 'code', 'required')),
    '[]'
  ) into v_errors
  from crm.config_versions config
  join crm.stores store on store.id = config.store_id and store.config_version = config.version
  cross join lateral jsonb_array_elements_text(
    coalesce(config.document #> '{visit,required}', '["name", "source", "level"]')
  ) field (key)
  join crm.my_access('customer') access
    on access.store_id = p_store and field.key = any (access.writable)
  where config.store_id = p_store and coalesce(trim(p_fields ->> field.key), '') = '';
  return v_errors;
end $$;

-- The customer who came in: new, or one who comes again.
create or replace function crm.save_visitor(p_op jsonb, p_customer uuid, p_is_anonymous bool)
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_fields jsonb := coalesce(v_payload -> 'set', '{}');
  v_errors jsonb;
  v_version int;
begin
  select customer.version into v_version
  from crm.customers customer
  where customer.store_id = v_store and customer.id = p_customer and customer.removed_at is null;
  if v_version is null then
    if not p_is_anonymous then
      v_errors := crm.visitor_errors(v_store, v_fields);
      if v_errors <> '[]' then
        perform crm.reject('invalid', null, v_errors);
      end if;
    end if;
    perform crm.write_customer(
      jsonb_build_object(
        'config_version', p_op -> 'config_version',
        'payload', jsonb_build_object(
          'store_id', v_store,
          'id', p_customer,
          'owner_id', v_payload -> 'owner_id',
          'set', v_fields
        )
      ),
      '{}'
    );
  elsif v_fields <> '{}' then
    perform crm.save_record(
      'customers',
      'customer',
      jsonb_build_object(
        'base_version', v_version,
        'payload', jsonb_build_object('store_id', v_store, 'id', p_customer, 'set', v_fields)
      ),
      '{}'
    );
  end if;
end $$;

create or replace function crm.save_visit_companions(
  p_store uuid, p_customer uuid, p_companions jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_companion jsonb;
begin
  for v_companion in
    select value
    from jsonb_array_elements(
      case jsonb_typeof(p_companions) when 'array' then p_companions else '[]' end
    )
    limit 20
  loop
    perform crm.save_companion(
      jsonb_build_object(
        'payload', jsonb_build_object(
          'store_id', p_store,
          'id', v_companion -> 'id',
          'customer_id', p_customer,
          'set', v_companion -> 'set'
        )
      )
    );
  end loop;
end $$;

-- The first call of a new customer (S-24), or the one after a visit (S-63), unless a task is there
-- already.
create or replace function crm.create_first_contact(p_customer crm.customers, p_day date)
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  if p_customer.owner_id is null
    or crm.is_silent(p_customer.do_not_call, p_customer.consent_withdrawn_at)
    or exists (
      select from crm.tasks task
      where task.store_id = p_customer.store_id
        and task.customer_id = p_customer.id
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
        and task.subject_form = 'customer'
    ) then
    return;
  end if;
  insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on, due_at)
  values (
    p_customer.store_id,
    p_customer.id,
    p_customer.owner_id,
    'first_contact',
    p_customer.id,
    p_day,
    crm.preferred_at(p_customer.store_id, p_customer.preferred_time, p_day)
  );
end $$;

create or replace function crm.insert_visit(
  p_caller crm.caller, p_payload jsonb, p_customer crm.customers, p_is_anonymous bool,
  p_arrived_at timestamptz, p_recorded_at timestamptz
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.visits (
    store_id, id, customer_id, received_by, owner_id, anonymous, party, notes, arrived_at,
    recorded_at
  )
  values (
    p_caller.store_id,
    crm.as_uuid(p_payload ->> 'id'),
    crm.as_uuid(p_payload ->> 'customer_id'),
    p_caller.user_id,
    p_customer.owner_id,
    p_is_anonymous,
    case
      when p_payload ->> 'party' ~ '^\d{1,2}$' then greatest((p_payload ->> 'party')::int, 1)
      else 1
    end,
    nullif(trim(left(p_payload ->> 'notes', 2000)), ''),
    p_arrived_at,
    p_recorded_at
  )
  on conflict (store_id, id) do nothing;
  if not found then
    perform crm.reject('id_taken');
  end if;
end $$;

create or replace function crm.record_visit(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_payload jsonb := p_op -> 'payload';
  v_store uuid := crm.as_uuid(v_payload ->> 'store_id');
  v_caller crm.caller := crm.require_verb(v_store, 'save_customer');
  v_id uuid := crm.as_uuid(v_payload ->> 'customer_id');
  v_is_anonymous bool := coalesce(v_payload -> 'anonymous' = 'true', false);
  v_arrived_at timestamptz;
  v_recorded_at timestamptz;
  v_customer crm.customers;
begin
  if crm.as_uuid(v_payload ->> 'id') is null
    or v_id is null
    or jsonb_typeof(coalesce(v_payload -> 'set', '{}')) <> 'object'
  then
    perform crm.reject('invalid', 'id');
  end if;
  v_recorded_at := crm.claimed_time(v_payload ->> 'recorded_at', 'recorded_at');
  v_arrived_at := case
    when v_payload ->> 'arrived_at' is null then v_recorded_at
    else least(crm.claimed_time(v_payload ->> 'arrived_at', 'arrived_at'), v_recorded_at)
  end;
  perform crm.save_visitor(p_op, v_id, v_is_anonymous);
  perform crm.save_visit_companions(v_store, v_id, v_payload -> 'companions');
  select * into v_customer
  from crm.customers customer
  where customer.store_id = v_store and customer.id = v_id;
  perform crm.insert_visit(
    v_caller, v_payload, v_customer, v_is_anonymous, v_arrived_at, v_recorded_at
  );
  perform crm.create_first_contact(
    v_customer, crm.due_day(crm.store_calendar(v_store), v_caller.today + 1)
  );
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.record_visit is
  'Someone came in: the customer (new, or one who comes again), who came along, the visit, and a '
  'call by tomorrow, in one act. anonymous: the required answers are not demanded.';

create or replace function crm.has_plan(p_customer crm.customers) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return p_customer.owner_id is null
    or crm.is_silent(p_customer.do_not_call, p_customer.consent_withdrawn_at)
    or p_customer.next_contact_on is not null
    or exists (
      select from crm.tasks task
      where task.store_id = p_customer.store_id
        and task.customer_id = p_customer.id
        and task.status in ('open', 'cancel_requested')
        and task.removed_at is null
    );
end $$;
comment on function crm.has_plan is
  'Whether a customer of an owner has a next contact or a task, unless they must not be called.';

create or replace function crm.is_without_plan(p_customer crm.customers, p_since timestamptz)
  returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return not coalesce(crm.erased_had_plan(p_customer), crm.has_plan(p_customer))
    and not exists (
      select from crm.deals deal
      join crm.stages stage
        on stage.store_id = deal.store_id
          and stage.pipeline = deal.pipeline
          and stage.key = deal.stage
      where deal.store_id = p_customer.store_id
        and deal.customer_id = p_customer.id
        and deal.removed_at is null
        and stage.type = 'won'
        and deal.closed_at >= p_since
    );
end $$;
comment on function crm.is_without_plan is
  'A customer with an owner who has no next contact, no task and no deal won since.';

-- Visits of the last thirty days: how many, without a plan (must be 0, S-63), anonymous (F-12),
-- median seconds until recorded (S-18).
create or replace function crm.visit_report(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return (
    select jsonb_build_object(
      'visits', count(*),
      'anonymous', count(*) filter (where visit.anonymous),
      'named_since', count(*) filter (where visit.anonymous and customer.phone is not null),
      'median_seconds', percentile_cont(0.5) within group (
        order by extract(epoch from visit.recorded_at - visit.arrived_at)
      )::int,
      'without_plan', count(*) filter (
        where crm.is_without_plan(customer, visit.arrived_at)
      )
    )
    from crm.visits visit
    join crm.customers customer
      on customer.store_id = visit.store_id
        and customer.id = visit.customer_id
        and (customer.removed_at is null or customer.removed_at = customer.erased_at)
    where visit.store_id = p_store
      and visit.removed_at is null
      and visit.arrived_at > now() - interval '30 days'
  );
end $$;

-- The timeline, newest first, page by page; old values under today's rights come from api.timeline
-- (F-17).
create or replace function crm.customer_timeline(
  p_store uuid, p_customer uuid, p_before bigint, p_limit int
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  if not exists (
    select from api.customers customer
    where customer.store_id = p_store and customer.id = p_customer
  ) then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return (
    select coalesce(jsonb_agg(to_jsonb(q) order by q.id desc), '[]')
    from (
      select
        event.id,
        event.form,
        event.subject_id,
        event.kind,
        event.field,
        event.old,
        event.new,
        event.created_at,
        member.name as actor_name,
        event.actor_id is null as by_system,
        case
        when event.form = 'conversation' and event.kind = 'created' then
          (
            select to_jsonb(conversation)
            from api.conversations conversation
            where conversation.store_id = p_store and conversation.id = event.subject_id
          )
      end as conversation
      from api.timeline event
      left join crm.members member
        on member.store_id = event.store_id and member.user_id = event.actor_id
      where event.store_id = p_store
        and event.customer_id = p_customer
        and (p_before is null or event.id < p_before)
      order by event.id desc
      limit least(greatest(coalesce(p_limit, 50), 1), 200)
    ) q
  );
end $$;
comment on function crm.customer_timeline is
  'A page of a customer''s history before an event id: who did what, old and new under today''s '
  'rights.';

alter function crm.visit_report(uuid) owner to api_owner;
alter function crm.customer_timeline(uuid, uuid, bigint, int) owner to api_owner;

create or replace function api.visit_report(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.visit_report(store_id); end;

create or replace function api.customer_timeline(
  store_id uuid,
  customer_id uuid,
  before_id bigint default null,
  page_size int default 50
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.customer_timeline(store_id, customer_id, before_id, page_size); end;

grant execute on function
  crm.save_relationship(jsonb),
  crm.save_consent(jsonb),
  crm.visitor_errors(uuid, jsonb),
  crm.save_visitor(jsonb, uuid, bool),
  crm.save_visit_companions(uuid, uuid, jsonb),
  crm.create_first_contact(crm.customers, date),
  crm.insert_visit(crm.caller, jsonb, crm.customers, bool, timestamptz, timestamptz),
  crm.record_visit(jsonb),
  crm.has_plan(crm.customers),
  crm.is_without_plan(crm.customers, timestamptz),
  crm.preferred_at(uuid, text, date),
  crm.tg_customers__consent(),
  crm.tg_customers__do_not_call(),
  crm.consent_stopped_at(uuid, uuid),
  crm.reopen_tasks(uuid, uuid, text),
  crm.settle_tasks(uuid, uuid)
to api_owner;
grant execute on function
  crm.visit_report(uuid),
  crm.customer_timeline(uuid, uuid, bigint, int),
  api.visit_report(uuid),
  api.customer_timeline(uuid, uuid, bigint, int)
to authenticated;

insert into crm.endpoints (name, function, call)
values
  ('customer_timeline', 'customer_timeline', 'customer_timeline({store}, {customer})'),
  ('visit_report', 'visit_report', 'visit_report({store})');
