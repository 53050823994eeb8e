-- Duplicates: pairs that look like one person, joining them, and taking a join back (F-85).

create policy select_member on crm.merges for select to api_owner
  using (
    exists (
    select from crm.customers k where k.store_id = merges.store_id and k.id = merges.winner_id
  )
  );
create policy insert_self on crm.merges for insert to api_owner
  with check (
    author_id = (select crm.current_user_id())
    and store_id = any ((select crm.my_store_ids(null))::uuid[])
  );
create policy update_member on crm.merges for update to api_owner
  using (
    exists (
    select from crm.customers k where k.store_id = merges.store_id and k.id = merges.winner_id
  )
  );
grant select on crm.merges to api_owner;
grant insert (store_id, id, winner_id, loser_id, moved, old_phone, author_id), update (undone_at) on
  crm.merges
to api_owner;
create policy update_joined on crm.events for update to api_owner
  using (
    case
    when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when store_id = any ((select crm.my_store_ids(null))::uuid[]) then
      exists (
        select from crm.customers c where c.store_id = events.store_id and c.id = events.customer_id
      )
    else false
  end
  );
grant update (subject_id) on crm.tasks to api_owner;

-- whose file a line of history stands in; what it says never changes
grant update (customer_id) on crm.events to api_owner;

-- The tables whose records hang on a customer.
create or replace function crm.customer_child_tables() returns text[]
  language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct r.relname::text order by r.relname::text), '{}')
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class r on r.oid = k.conrelid
  join pg_catalog.pg_attribute a
    on a.attrelid = r.oid and a.attname = 'customer_id' and a.attnum = any (k.conkey)
  where k.contype = 'f'
    and k.confrelid = 'crm.customers'::regclass
    and exists (
      select from pg_catalog.pg_attribute i
      where i.attrelid = r.oid and i.attname = 'id' and not i.attisdropped
    )
$$;
do $$
declare
  t text;
begin
  foreach t in array crm.customer_child_tables() loop
    execute format('grant update (customer_id) on crm.%I to api_owner', t);
    if not exists (
      select from pg_policies where schemaname = 'crm' and tablename = t and cmd = 'UPDATE'
    ) then
      raise exception '% has no policy for update', t;
    end if;
  end loop;
end $$;

create or replace function crm.pairs_by_phone(p_store uuid)
  returns table (one uuid, two uuid, reason text)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select same.ids[1], same.ids[2], 'phone'
    from (
      select array_agg(customer.id order by customer.created_at, customer.id) as ids
      from crm.customers customer
      where customer.store_id = p_store
        and customer.removed_at is null
        and customer.phone is not null
      group by customer.phone
      having count(*) between 2 and 20
    ) same;
end $$;

create or replace function crm.pairs_by_vehicle(p_store uuid, p_readable text[])
  returns table (one uuid, two uuid, reason text)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select same.ids[1], same.ids[2], same.reason
    from (
      select array_agg(distinct vehicle.customer_id) as ids, 'plate' as reason
      from crm.vehicles vehicle
      where 'plate' = any (p_readable)
        and vehicle.store_id = p_store
        and vehicle.removed_at is null
        and vehicle.plate is not null
      group by vehicle.plate
      having count(distinct vehicle.customer_id) between 2 and 20
      union all
      select array_agg(distinct vehicle.customer_id), 'vin'
      from crm.vehicles vehicle
      where 'vin' = any (p_readable)
        and vehicle.store_id = p_store
        and vehicle.removed_at is null
        and vehicle.vin is not null
      group by vehicle.vin
      having count(distinct vehicle.customer_id) between 2 and 20
    ) same;
end $$;

-- The same name with a number one digit apart.
create or replace function crm.pairs_by_name(p_store uuid)
  returns table (one uuid, two uuid, reason text)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select first.id, second.id, 'name'
    from (
      select lower(replace(customer.name, ' ', '')) as plain, array_agg(customer.id) as ids
      from crm.customers customer
      where customer.store_id = p_store
        and customer.removed_at is null
        and customer.phone is not null
      group by 1
      having count(*) between 2 and 20
    ) same
    join crm.customers first on first.store_id = p_store and first.id = any (same.ids)
    join crm.customers second
      on second.store_id = p_store
        and second.id = any (same.ids)
        and second.id > first.id
        and second.phone <> first.phone
        and length(second.phone) = length(first.phone)
    where (
        select count(*)
        from generate_series(1, length(first.phone)) place
        where substr(first.phone, place, 1) <> substr(second.phone, place, 1)
      )
      = 1;
end $$;

-- Pairs that look like one person, by what the caller may read: same number, same plate or VIN,
-- same name with a number one digit apart.
create or replace function crm.duplicate_pairs(p_store uuid, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_customer text[];
  v_vehicle text[];
  v_limit int := least(greatest(coalesce(p_limit, 50), 1), 100);
begin
  perform crm.require_permission(p_store, 'merge_customers');
  v_customer := (
    select access.readable from crm.my_access('customer') access where access.store_id = p_store
  );
  v_vehicle := (
    select access.readable from crm.my_access('vehicle') access where access.store_id = p_store
  );
  return (
    with
      pairs as (
      select * from crm.pairs_by_phone(p_store) where 'phone' = any (v_customer)
      union all
      select * from crm.pairs_by_vehicle(p_store, v_vehicle)
      union all
      select * from crm.pairs_by_name(p_store) where v_customer @> '{name, phone}'
    ),
      shown as (
      select
        least(one, two) as one,
        greatest(one, two) as two,
        array_agg(distinct reason order by reason) as reasons
      from pairs
      where one is not null and two is not null
      group by 1, 2
      order by 1 desc
      limit v_limit
    )
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'reasons', shown.reasons, 'one', to_jsonb(first), 'two', to_jsonb(second)
        )
        order by first.created_at desc, first.id
      ),
      '[]'
    )
    from shown
    join api.customers first on first.store_id = p_store and first.id = shown.one
    join api.customers second on second.store_id = p_store and second.id = shown.two
  );
end $$;
comment on function crm.duplicate_pairs is
  'Pairs {reasons, one, two} under the caller''s rights; masked or hidden fields find nothing. '
  'Error:'
  ' forbidden.';

-- Both rows, locked always in this order: no deadlock.
create or replace function crm.lock_merged_customers(
  p_store uuid, p_winner uuid, p_loser uuid, out winner crm.customers, out loser crm.customers
)
  language plpgsql volatile set search_path = '' as $$
begin
  perform 1
    from crm.customers customer
    where customer.store_id = p_store
      and customer.id in (p_winner, p_loser)
      and customer.removed_at is null
    order by customer.id
    for update;
  select * into winner
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_winner and customer.removed_at is null;
  select * into loser
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_loser and customer.removed_at is null;
  if winner.id is null or loser.id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
end $$;

create or replace function crm.check_merge_fields(p_store uuid, p_take text[]) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_access crm.caller_access;
  v_key text;
begin
  select * into v_access
  from crm.my_access('customer') access
  where access.store_id = p_store;
  foreach v_key in array p_take loop
    if v_key is null or v_key <> all (v_access.readable) or v_key <> all (v_access.writable) then
      raise sqlstate 'PT422' using message = 'forbidden', detail = left(v_key, 60);
    end if;
  end loop;
end $$;
comment on function crm.check_merge_fields is
  'Whether the caller may read and write the fields chosen of the loser. Error: forbidden.';

-- What was chosen of the loser, and what the winner does not know: nothing is lost, seen by the
-- caller or not. A wish not to be called outlives the merge, whatever was chosen.
create or replace function crm.merge_customer_fields(
  p_winner crm.customers, p_loser crm.customers, p_take text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_columns text;
  v_custom jsonb;
begin
  select coalesce(
    string_agg(
      format('%1$I = loser.%1$I, ', field.key)
      || case field.key
        when 'next_contact_on' then 'agreed_contact_on = loser.agreed_contact_on, '
        else ''
      end,
      ''
    ),
    ''
  ) into v_columns
  from crm.base_fields field
  where field.form = 'customer'
    and case field.key
      when 'do_not_call' then p_loser.do_not_call
      else field.key = any (p_take)
        or to_jsonb(p_winner) -> field.key = 'null' and to_jsonb(p_loser) -> field.key <> 'null'
    end;
  select coalesce(jsonb_object_agg(field.key, field.value), '{}') into v_custom
  from jsonb_each(p_loser.custom) field
  where field.key = any (p_take) or not p_winner.custom ? field.key;
  execute format(
    $q$
    update crm.customers customer
    set
      %s
      custom = customer.custom || $2,
      last_contact_at = greatest(customer.last_contact_at, loser.last_contact_at),
      renewal_owner_id = coalesce(customer.renewal_owner_id, loser.renewal_owner_id)
    from jsonb_populate_record(null::crm.customers, to_jsonb($3)) loser
    where customer.store_id = $1.store_id and customer.id = $1.id
    $q$,
    v_columns
  ) using p_winner, v_custom, p_loser;
  -- the stricter wish of the two, and what nobody has settled
  update crm.customers customer
  set
    consent_withdrawn_at = least(customer.consent_withdrawn_at, p_loser.consent_withdrawn_at),
    complaint_at = least(customer.complaint_at, p_loser.complaint_at),
    test_drive_asked_at = least(customer.test_drive_asked_at, p_loser.test_drive_asked_at)
  where customer.store_id = p_winner.store_id
    and customer.id = p_winner.id
    and num_nonnulls(
      p_loser.consent_withdrawn_at, p_loser.complaint_at, p_loser.test_drive_asked_at
    ) > 0;
end $$;

-- Everything that hangs on the loser. Answers the ids that moved, by table.
create or replace function crm.move_merged_records(p_store uuid, p_winner uuid, p_loser uuid)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_table text;
  v_ids uuid[];
  v_moved jsonb := '{}';
begin
  foreach v_table in array crm.customer_child_tables() loop
    execute format(
      $q$
      with moved as (
        update crm.%I child
        set customer_id = $2
        where child.store_id = $1 and child.customer_id = $3
        returning child.id
      )
      select array_agg(id) from moved
      $q$,
      v_table
    ) into v_ids using p_store, p_winner, p_loser;
    if v_ids is not null then
      v_moved := v_moved || jsonb_build_object(v_table, v_ids);
    end if;
  end loop;
  return v_moved;
end $$;

-- Before the tasks move: else the winner's owner would not see whom to call.
create or replace function crm.assign_merged_tasks(
  p_winner crm.customers, p_loser crm.customers
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set assignee_id = p_winner.owner_id
  where task.store_id = p_loser.store_id
    and task.customer_id = p_loser.id
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null
    and p_winner.owner_id is not null
    and (task.assignee_id = p_loser.owner_id or task.suspended_reason = 'pool')
    and task.assignee_id <> p_winner.owner_id;
end $$;

create or replace function crm.settle_merged_tasks(
  p_winner crm.customers, p_loser crm.customers
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set subject_id = p_winner.id
  where task.store_id = p_winner.store_id
    and task.subject_form = 'customer'
    and task.subject_id = p_loser.id
    and not exists (
      select from crm.tasks other
      where other.store_id = p_winner.store_id
        and other.rule = task.rule
        and other.subject_id = p_winner.id
        and other.due_on = task.due_on
        and other.step = task.step
    );
  perform crm.settle_tasks(p_winner.store_id, p_winner.id);
  -- nobody works on it in a pool: the loser's owner does not see the winner
  if p_winner.pool is not null then
    update crm.tasks task
    set status = 'suspended', suspended_reason = 'pool'
    where task.store_id = p_winner.store_id
      and task.customer_id = p_winner.id
      and task.status = 'open'
      and task.assignee_id = p_loser.owner_id
      and task.removed_at is null;
  end if;
end $$;
comment on function crm.settle_merged_tasks is
  'The tasks that came along are about the winner now, and follow their wish and their pool.';

create or replace function crm.insert_merge(
  p_merge uuid, p_winner crm.customers, p_loser crm.customers, p_moved jsonb, p_author uuid
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.merges (store_id, id, winner_id, loser_id, moved, old_phone, author_id)
  select
    customer.store_id,
    p_merge,
    p_winner.id,
    p_loser.id,
    p_moved,
    (
      select phone
      from unnest(array[p_winner.phone, p_loser.phone]) phone
      where phone <> customer.phone
      limit 1
    ),
    p_author
  from crm.customers customer
  where customer.store_id = p_winner.store_id and customer.id = p_winner.id
  on conflict (store_id, id) do nothing;
  if not found then
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
end $$;

create or replace function crm.merge_customers(
  p_store uuid, p_merge uuid, p_winner uuid, p_loser uuid, p_take jsonb
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'merge_customers');
  v_pair record;
  v_moved jsonb;
  v_take text[] := case jsonb_typeof(p_take)
    when 'array' then array(select jsonb_array_elements_text(p_take))
    else '{}'
  end;
begin
  if p_merge is null or p_winner is null or p_loser is null or p_winner = p_loser then
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  if exists (
    select from crm.merges merge
    where merge.store_id = p_store
      and merge.id = p_merge
      and merge.winner_id = p_winner
      and merge.loser_id = p_loser
  ) then
    return jsonb_build_object('id', p_merge);  -- sent twice
  end if;
  v_pair := crm.lock_merged_customers(p_store, p_winner, p_loser);
  perform crm.check_merge_fields(p_store, v_take);
  perform crm.begin_origin('merge', p_merge);
  -- first: unique values are free then
  update crm.customers customer
  set removed_at = now()
  where customer.store_id = p_store and customer.id = p_loser;
  perform crm.merge_customer_fields(v_pair.winner, v_pair.loser, v_take);
  perform crm.assign_merged_tasks(v_pair.winner, v_pair.loser);
  v_moved := crm.move_merged_records(p_store, p_winner, p_loser);
  perform crm.settle_merged_tasks(v_pair.winner, v_pair.loser);
  -- history joined
  update crm.events event
  set customer_id = p_winner
  where event.store_id = p_store and event.customer_id = p_loser;
  perform crm.insert_merge(p_merge, v_pair.winner, v_pair.loser, v_moved, v_caller.user_id);
  perform crm.end_origin();
  perform crm.record_audit_event(
    v_caller,
    'merged',
    p_winner,
    jsonb_build_object('merge_id', p_merge, 'loser_id', p_loser, 'fields', to_jsonb(v_take))
  );
  return jsonb_build_object('id', p_merge);
end $$;
comment on function crm.merge_customers is
  'The loser''s records and history go to the winner, with the chosen fields and whatever the '
  'winner lacks. Errors: forbidden, not_found, operations_malformed, id_taken.';

-- The records that came along, back to the loser. Error: forbidden, when one of them is out of the
-- caller's sight.
create or replace function crm.return_merged_records(p_merge crm.merges, p_ids uuid[])
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_table text;
  v_ids jsonb;
  v_count int;
begin
  update crm.tasks task
  set subject_id = p_merge.loser_id
  where task.store_id = p_merge.store_id
    and task.subject_form = 'customer'
    and task.subject_id = p_merge.winner_id
    and task.id = any (p_ids);
  for v_table, v_ids in select key, value from jsonb_each(p_merge.moved) loop
    execute format(
      $q$
      update crm.%I child
      set customer_id = $2
      where child.store_id = $1 and child.id = any ($3)
      $q$,
      v_table
    ) using p_merge.store_id,
      p_merge.loser_id,
      array(select id::uuid from jsonb_array_elements_text(v_ids) id);
    get diagnostics v_count = row_count;
    if v_count < jsonb_array_length(v_ids) then
      raise sqlstate 'PT403' using message = 'forbidden';
    end if;
  end loop;
end $$;

-- Each customer's own wish holds again, and the tasks follow their customer.
create or replace function crm.restore_merged_wishes(p_merge crm.merges) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('crm.taking_back', p_merge.id::text, true);
  update crm.customers customer
  set consent_withdrawn_at = crm.consent_stopped_at(p_merge.store_id, customer.id)
  where customer.store_id = p_merge.store_id
    and customer.id in (p_merge.winner_id, p_merge.loser_id)
    and customer.consent_withdrawn_at
      is distinct from crm.consent_stopped_at(p_merge.store_id, customer.id);
  perform
    crm.settle_tasks(p_merge.store_id, p_merge.winner_id),
    crm.settle_tasks(p_merge.store_id, p_merge.loser_id);
  perform set_config('crm.taking_back', '', true);
end $$;

create or replace function crm.unmerge_customers(p_store uuid, p_merge uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'merge_customers');
  v_merge crm.merges;
  v_ids uuid[];
begin
  select * into v_merge
  from crm.merges merge
  where merge.store_id = p_store and merge.id = p_merge
  for update;
  if v_merge.id is null
    or exists (
      select from crm.customers customer
      where customer.store_id = p_store
        and customer.id in (v_merge.winner_id, v_merge.loser_id)
        and customer.erased_at is not null
    )
  then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  if v_merge.undone_at is not null then
    return jsonb_build_object('id', p_merge);
  end if;
  v_ids := array(
      select id::uuid
      from jsonb_each(v_merge.moved) moved
      cross join jsonb_array_elements_text(moved.value) id
    )
    || v_merge.loser_id;
  begin
    update crm.events event
    set customer_id = v_merge.loser_id
    where event.store_id = p_store
      and event.customer_id = v_merge.winner_id
      and event.subject_id = any (v_ids);
    if crm.revert_operation(p_store, 'merge', p_merge) -> 'kept' <> '[]' then
      raise sqlstate 'PT409' using message = 'changed_since';
    end if;
    perform crm.begin_origin('unmerge', p_merge);
    perform crm.return_merged_records(v_merge, v_ids);
    perform crm.restore_merged_wishes(v_merge);
    perform crm.end_origin();
  exception
    when sqlstate 'RFUSE' then
      raise sqlstate 'PT409' using message = 'changed_since';  -- a unique value was taken meanwhile
  end;
  update crm.merges merge
  set undone_at = now()
  where merge.store_id = p_store and merge.id = p_merge;
  perform crm.record_audit_event(
    v_caller,
    'unmerged',
    v_merge.winner_id,
    jsonb_build_object('merge_id', p_merge, 'loser_id', v_merge.loser_id)
  );
  return jsonb_build_object('id', p_merge);
end $$;
comment on function crm.unmerge_customers is
  'Both customers as they were, with their own records and history; refused once somebody changed'
  ' a merged field. Errors: forbidden, not_found, changed_since.';

create or replace view api.merges as
  select
    merge.store_id,
    merge.id,
    merge.winner_id,
    merge.loser_id,
    customer.name as winner_name,
    member.name as author_name,
    merge.created_at,
    merge.undone_at
  from crm.merges merge
  join api.customers customer
    on customer.store_id = merge.store_id and customer.id = merge.winner_id
  left join crm.members member
    on member.store_id = merge.store_id and member.user_id = merge.author_id
  where crm.has_permission(merge.store_id, 'merge_customers');
alter view api.merges owner to api_owner;
grant select on api.merges to authenticated;

alter function crm.duplicate_pairs(uuid, int) owner to api_owner;
alter function crm.merge_customers(uuid, uuid, uuid, uuid, jsonb) owner to api_owner;
alter function crm.unmerge_customers(uuid, uuid) owner to api_owner;

create or replace function api.duplicate_pairs(store_id uuid, page_size int default 50)
  returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.duplicate_pairs(store_id, page_size); end;

create or replace function api.merge_customers(
  store_id uuid,
  merge_id uuid,
  winner_id uuid,
  loser_id uuid,
  take jsonb default '[]'
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.merge_customers(store_id, merge_id, winner_id, loser_id, take); end;

create or replace function api.unmerge_customers(store_id uuid, merge_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.unmerge_customers(store_id, merge_id); end;
grant execute on function
  crm.customer_child_tables(),
  crm.pairs_by_phone(uuid),
  crm.pairs_by_vehicle(uuid, text[]),
  crm.pairs_by_name(uuid),
  crm.lock_merged_customers(uuid, uuid, uuid),
  crm.check_merge_fields(uuid, text[]),
  crm.merge_customer_fields(crm.customers, crm.customers, text[]),
  crm.move_merged_records(uuid, uuid, uuid),
  crm.assign_merged_tasks(crm.customers, crm.customers),
  crm.settle_merged_tasks(crm.customers, crm.customers),
  crm.insert_merge(uuid, crm.customers, crm.customers, jsonb, uuid),
  crm.return_merged_records(crm.merges, uuid[]),
  crm.restore_merged_wishes(crm.merges)
to api_owner;
grant execute on function
  crm.duplicate_pairs(uuid, int),
  crm.merge_customers(uuid, uuid, uuid, uuid, jsonb),
  crm.unmerge_customers(uuid, uuid),
  api.duplicate_pairs(uuid, int),
  api.merge_customers(uuid, uuid, uuid, uuid, jsonb),
  api.unmerge_customers(uuid, uuid)
to authenticated;
insert into crm.endpoints (name, function, call, on_demand)
values ('duplicate_pairs', 'duplicate_pairs', 'duplicate_pairs({store})', true);
insert into crm.endpoints (name, function, skip_reason)
values
  ('merge_customers', 'merge_customers', 'answers an id'),
  ('unmerge_customers', 'unmerge_customers', 'answers an id');
