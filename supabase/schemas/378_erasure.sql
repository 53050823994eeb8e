-- Erasing a person who asks for it, while the books stay (docs/decisions/0044).

create policy select_nobody on crm.erasures for select to api_owner
  using (false);
create policy select_nobody on crm.erased_records for select to api_owner
  using (false);

-- What comes too late -----------------------------------------------------------------------------

create or replace function crm.uuids_in(p_said jsonb) returns uuid[]
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return array(
    select crm.as_uuid(item #>> '{}')
    from jsonb_path_query(p_said, 'strict $.** ? (@.type() == "string")') item
    where length(item #>> '{}') = 36
  );
end $$;
comment on function crm.uuids_in is
  'Every id that an operation names, wherever in it.';

create or replace function crm.erasure_lock(p_store uuid) returns bigint
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return hashtextextended('crm.erase_customer:' || p_store, 0);
end $$;

create or replace function crm.is_about_erased(p_store uuid, p_said jsonb) returns bool
  language plpgsql volatile security definer set search_path = '' as $$
begin
  -- an operation that runs already is waited for by the erasure, and erased with the rest
  perform pg_advisory_xact_lock_shared(crm.erasure_lock(p_store));
  return exists (
    select from crm.erased_records record
    where record.store_id = p_store and record.record_id = any (crm.uuids_in(p_said))
  );
end $$;
comment on function crm.is_about_erased is
  'Whether a client names a record of an erased person. Definer: the caller may see none of them.';

create or replace function crm.erased_had_plan(p_customer crm.customers) returns bool
  language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select erasure.had_plan
    from crm.erasures erasure
    where p_customer.erased_at is not null
      and erasure.store_id = p_customer.store_id
      and erasure.customer_id = p_customer.id
  );
end $$;
comment on function crm.erased_had_plan is
  'What crm.has_plan said of an erased person when they were erased; null of everybody else.';

-- What stays --------------------------------------------------------------------------------------

-- An erased customer stays empty, whatever writes the row later: a publication that moves levels,
-- a member who leaves, the night.
create or replace function crm.tg_customers__erased() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and old.erased_at is not null then
    new.removed_at := old.removed_at;
    new.erased_at := old.erased_at;
  end if;
  new.removed_at := coalesce(new.removed_at, new.erased_at);
  new.name := '—';
  new.phone := null;
  new.wechat := null;
  new.gender := null;
  new.need := null;
  new.preferred_time := null;
  new.do_not_call := false;
  new.next_contact_on := null;
  new.agreed_contact_on := null;
  new.complaint_at := null;
  new.test_drive_asked_at := null;
  new.facts := '{}';
  new.consent_withdrawn_at := null;
  new.pinyin := null;
  new.initials := null;
  new.custom := '{}';
  new.custom_masked := '{}';
  return new;
end $$;

create or replace trigger tg_customers__f_erased before update on crm.customers
  for each row when (
  old.erased_at is not null or new.erased_at is not null
) execute function crm.tg_customers__erased();

create or replace trigger tg_customers__f_erased_insert before insert on crm.customers
  for each row when (new.erased_at is not null) execute function crm.tg_customers__erased();

-- Everything else is emptied, so that a column nobody thought of is, too.
create or replace function crm.kept_columns(p_table text) returns text[]
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return array[
    'store_id', 'id', 'customer_id', 'created_at', 'updated_at', 'version', 'change_no',
    'removed_at'
  ] || case p_table
    when 'policies' then
      array[
        'vehicle_id', 'insurer', 'kind', 'premium_fen', 'starts_on', 'expires_on', 'status',
        'origin', 'renews_id', 'lost_reason'
      ]
    when 'deals' then
      array[
        'owner_id', 'vehicle_id', 'policy_id', 'pipeline', 'stage', 'furthest_stage', 'stage_at',
        'amount_fen', 'expected_close_on', 'lost_reason', 'checked', 'closed_at'
      ]
    when 'tasks' then
      array[
        'assignee_id', 'kind', 'rule', 'rule_on', 'step', 'subject_form', 'subject_id', 'due_on',
        'due_at', 'expires_on', 'rank', 'status', 'suspended_reason', 'attempts', 'snoozes',
        'conversation_id', 'closed_at', 'opened_at', 'loan_id'
      ]
    when 'approvals' then
      array[
        'kind', 'task_id', 'deal_id', 'requester_id', 'reason', 'status', 'decided_by',
        'decided_at'
      ]
    when 'conversations' then
      array[
        'author_id', 'task_id', 'deal_id', 'method', 'outcome', 'reached', 'level_before',
        'level_after', 'occurred_at', 'dialled_at', 'dial_credible', 'away_seconds', 'reason',
        'burst'
      ]
    when 'promises' then
      array['author_id', 'conversation_id', 'due_on', 'status', 'ended_at', 'ended_by']
    when 'alerts' then
      array[
        'kind', 'member_id', 'task_id', 'times', 'first_at', 'last_at', 'seen_by', 'seen_at',
        'op_id'
      ]
    when 'transfers' then
      array[
        'kind', 'from_id', 'from_pool', 'to_id', 'to_pool', 'by_id', 'contact_due_at',
        'accepted_at'
      ]
    when 'relationships' then array['other_id', 'created_by']
    when 'consents' then array['purpose', 'channel', 'granted', 'stated_at', 'noted_by']
    when 'visits' then
      array['received_by', 'owner_id', 'anonymous', 'party', 'arrived_at', 'recorded_at']
    else '{}'
  end;
end $$;
comment on function crm.kept_columns is
  'What the books need of a record of an erased person: counts, amounts, stages, days, people of '
  'the store, keys of its configuration. Never a word anybody typed, save an insurer''s name.';

create or replace function crm.is_kept_event(p_event crm.events) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return case
    when p_event.kind = 'created' then true
    when p_event.is_field then
      (p_event.form, p_event.field) in (
        ('customer', 'level'), ('customer', 'source'), ('deal', 'amount_fen'),
        ('deal', 'expected_close_on'), ('policy', 'insurer'), ('policy', 'kind'),
        ('policy', 'premium_fen'), ('policy', 'starts_on'), ('policy', 'expires_on')
      )
    else
      p_event.field in (
        'owner_id', 'renewal_owner_id', 'pool', 'level_at', 'last_contact_at', 'removed_at',
        'vehicle_id', 'pipeline', 'stage', 'furthest_stage', 'stage_at', 'closed_at', 'checked',
        'lost_reason', 'status', 'due_on', 'due_at', 'rank', 'assignee_id', 'attempts', 'snoozes',
        'conversation_id', 'decided_by', 'decided_at'
      )
  end;
end $$;
comment on function crm.is_kept_event is
  'Which lines of an erased person''s history stay: what metrics of past days go back by.';

-- Erasing -----------------------------------------------------------------------------------------

create or replace function crm.records_of_person(p_store uuid, p_customer uuid) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    with recursive person (id) as (
      select p_customer
      union
      select merge.loser_id
      from person
      join crm.merges merge on merge.store_id = p_store and merge.winner_id = person.id
      where merge.undone_at is null
    )
    select id from person
  );
end $$;
comment on function crm.records_of_person is
  'A customer and whoever was merged into them: their own values are still in their old rows.';

create or replace function crm.note_erasure(
  p_store uuid, p_people uuid[], p_reason text, p_author uuid
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_table text;
begin
  insert into crm.erasures (
    store_id, customer_id, reason, author_id, filled_percent, is_correct, had_phone, had_plan
  )
  select
    customer.store_id,
    customer.id,
    p_reason,
    p_author,
    crm.filled_percent(form.fields, to_jsonb(customer) || customer.custom),
    coalesce(crm.is_phone_valid(customer.phone), true) and not crm.was_corrected(customer),
    customer.phone is not null,
    crm.has_plan(customer)
  from crm.customers customer
  left join crm.forms form on form.store_id = customer.store_id and form.form = 'customer'
  where customer.store_id = p_store and customer.id = any (p_people);
  foreach v_table in array crm.customer_child_tables() loop
    execute format(
      $q$
      insert into crm.erased_records (store_id, record_id, customer_id)
      select child.store_id, child.id, child.customer_id
      from crm.%I child
      where child.store_id = $1 and child.customer_id = any ($2)
      on conflict do nothing
      $q$,
      v_table
    ) using p_store, p_people;
  end loop;
  insert into crm.erased_records (store_id, record_id, customer_id)
  select p_store, item, item
  from unnest(p_people) item
  union
  select p_store, relationship.id, relationship.other_id
  from crm.relationships relationship
  where relationship.store_id = p_store and relationship.other_id = any (p_people)
  union
  select p_store, event.op_id, event.customer_id
  from crm.events event
  where event.store_id = p_store
    and event.customer_id = any (p_people)
    and event.op_id is not null
  on conflict do nothing;
end $$;
comment on function crm.note_erasure is
  'Before anything goes: what the books take from it, and the ids by which latecomers are known.';

create or replace function crm.end_erased_work(p_store uuid, p_people uuid[]) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.approvals approval
  set status = 'withdrawn'
  where approval.store_id = p_store
    and approval.customer_id = any (p_people)
    and approval.status = 'pending';
  -- removed as well: so they leave the phones. Metrics know them by their status.
  update crm.tasks task
  set
    status = case when task.status = 'suspended' then task.status else 'erased' end,
    closed_at = case when task.status <> 'suspended' then now() end,
    removed_at = now()
  where task.store_id = p_store
    and task.customer_id = any (p_people)
    and task.status in ('open', 'cancel_requested', 'suspended')
    and task.removed_at is null;
  update crm.policies policy
  set status = 'ended'
  from crm.stores store
  where store.id = p_store
    and policy.store_id = p_store
    and policy.customer_id = any (p_people)
    and policy.status = 'active'
    and policy.expires_on >= (now() at time zone store.time_zone)::date;
  update crm.promises promise
  set status = 'dropped', ended_at = now()
  where promise.store_id = p_store
    and promise.customer_id = any (p_people)
    and promise.status = 'open';
end $$;
comment on function crm.end_erased_work is
  'Nobody has anything to do with an erased person any more.';

create or replace function crm.empty_records(p_table text, p_store uuid, p_people uuid[])
  returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_kept text[] := crm.kept_columns(p_table);
  v_set text;
  v_unless text;
begin
  select
    string_agg(format('%I = %s', x.name, x.empty), ', '),
    string_agg(format('child.%I is distinct from (%s)', x.name, x.empty), ' or ')
    into v_set, v_unless
  from (
    select
      a.attname as name,
      case
        when p_table = 'conversations' and a.attname = 'notes' then
          $q$case when reached then '—' end$q$
        when p_table = 'approvals' and a.attname = 'asked' then
          $q$case
            when kind = 'task_snooze' then jsonb_build_object('until', asked -> 'until')
            else '{}'
          end$q$
        when not a.attnotnull then 'null'
        when t.typcategory = 'A' or t.typname = 'jsonb' then $q$'{}'$q$
        else $q$'—'$q$
      end as empty
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    where a.attrelid = format('crm.%I', p_table)::regclass
      and a.attnum > 0
      and not a.attisdropped
      and a.attgenerated = ''
      and a.attname <> all (v_kept)
    union all
    select 'removed_at', 'coalesce(child.removed_at, now())'
    where p_table in ('companions', 'vehicles', 'promises', 'relationships', 'alerts')
  ) x;
  execute format(
    'update crm.%I child set %s where child.store_id = $1 and %s && $2 and (%s)',
    p_table,
    v_set,
    case
      when p_table = 'relationships' then 'array[child.customer_id, child.other_id]'
      else 'array[child.customer_id]'
    end,
    v_unless
  ) using p_store, p_people;
end $$;
comment on function crm.empty_records is
  'Empties what of a table hangs on these customers, except for what the books keep; a column that '
  'cannot be emptied fails, and is to be decided in crm.kept_columns.';

create or replace function crm.erase_traces(p_store uuid, p_people uuid[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_ids uuid[] := array(
    select record.record_id
    from crm.erased_records record
    where record.store_id = p_store and record.customer_id = any (p_people)
  );
  v_relatives uuid[] := array(
    select relationship.customer_id
    from crm.relationships relationship
    where relationship.store_id = p_store and relationship.other_id = any (p_people)
  );
begin
  delete from crm.comments comment
  using crm.conversations conversation
  where comment.store_id = p_store
    and conversation.store_id = p_store
    and conversation.id = comment.conversation_id
    and conversation.customer_id = any (p_people);
  delete from crm.attachments attachment
  where attachment.store_id = p_store and attachment.customer_id = any (p_people);
  delete from crm.unique_values value
  where value.store_id = p_store and value.subject_id = any (v_ids);
  delete from crm.searchable_values value
  where value.store_id = p_store and value.subject_id = any (v_ids);
  delete from crm.events event
  where event.store_id = p_store
    and event.customer_id = any (p_people || v_relatives)
    and (event.customer_id = any (p_people) or event.subject_id = any (v_ids))
    and not crm.is_kept_event(event);
  update crm.operations operation
  set result = jsonb_strip_nulls(
    jsonb_build_object(
      'status', operation.result -> 'status',
      'version', operation.result -> 'version',
      'change_no', operation.result -> 'change_no'
    )
  )
  where operation.store_id = p_store
    and operation.op_id = any (v_ids)
    and operation.result is not null;
  delete from crm.quarantined_operations held
  where held.store_id = p_store
    and (held.customer_id = any (p_people) or crm.uuids_in(held.operation) && v_ids);
  delete from crm.import_keys remembered
  where remembered.store_id = p_store and remembered.record_id = any (v_ids);
  update crm.merges merge
  set moved = '{}', old_phone = null
  where merge.store_id = p_store
    and (merge.winner_id = any (p_people) or merge.loser_id = any (p_people));
  update crm.audit_events audit_event
  set detail = audit_event.detail - 'reason'
  where audit_event.store_id = p_store
    and audit_event.subject_id = any (v_ids)
    and audit_event.detail ? 'reason';
end $$;
comment on function crm.erase_traces is
  'What other tables know of an erased person: files, history, held operations, keys of lists.';

create or replace function crm.erase_person(
  p_store uuid, p_customer uuid, p_reason text, p_author uuid
) returns int
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_people uuid[];
  v_table text;
begin
  -- lists, the night and operations that have begun are waited for: what they write goes too
  perform crm.lock_imports(p_store);
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0)),
    pg_advisory_xact_lock(crm.erasure_lock(p_store));
  v_people := crm.records_of_person(p_store, p_customer);
  perform
  from crm.customers customer
  where customer.store_id = p_store and customer.id = any (v_people)
  order by customer.id
  for update;
  -- erased or merged meanwhile
  perform
  from crm.customers customer
  where customer.store_id = p_store and customer.id = p_customer and customer.removed_at is null;
  if not found then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  perform crm.note_erasure(p_store, v_people, p_reason, p_author);
  update crm.customers customer
  set erased_at = now(), removed_at = coalesce(customer.removed_at, now()), custom = '{}'
  where customer.store_id = p_store and customer.id = any (v_people);
  perform crm.end_erased_work(p_store, v_people);
  foreach v_table in array array_remove(crm.customer_child_tables(), 'attachments') loop
    perform crm.empty_records(v_table, p_store, v_people);
  end loop;
  perform crm.erase_traces(p_store, v_people);
  return cardinality(v_people);
end $$;
comment on function crm.erase_person is
  'Answers how many records the person had. Definer: it changes history, files and held '
  'operations, which nobody else may; the right is checked by who calls it.';

create or replace function crm.require_erasable(p_store uuid, p_customer uuid)
  returns crm.customers
  language plpgsql stable set search_path = '' as $$
declare
  v_customer crm.customers;
begin
  select * into v_customer
  from crm.customers customer
  where customer.store_id = p_store
    and customer.id = p_customer
    and (customer.removed_at is null or customer.erased_at is not null);
  if v_customer.id is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return v_customer;
end $$;

create or replace function crm.preview_erasure(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'erase_customer');
  v_customer crm.customers := crm.require_erasable(p_store, p_customer);
  v_table text;
  v_count int;
  v_counts jsonb := '{}';
begin
  if v_customer.erased_at is not null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  foreach v_table in array crm.customer_child_tables() loop
    execute format(
      $q$
      select count(*)
      from crm.%I child
      where child.store_id = $1 and child.customer_id = $2 and child.removed_at is null
      $q$,
      v_table
    ) into v_count using p_store, p_customer;
    v_counts := v_counts || jsonb_build_object(v_table, v_count);
  end loop;
  return jsonb_build_object(
    'id', p_customer,
    'counts', v_counts,
    'open_tasks', (
      select count(*)
      from crm.tasks task
      where task.store_id = p_store
        and task.customer_id = p_customer
        and task.status in ('open', 'cancel_requested', 'suspended')
        and task.removed_at is null
    ),
    'merged', cardinality(crm.records_of_person(p_store, p_customer)) - 1
  );
end $$;
comment on function crm.preview_erasure is
  'How much of a customer would go: counts {table: n}, open_tasks, merged (records that were '
  'merged into this one). Errors: forbidden, not_found.';

create or replace function crm.erase_customer(p_store uuid, p_customer uuid, p_reason text)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'erase_customer');
  v_customer crm.customers := crm.require_erasable(p_store, p_customer);
  v_records int;
begin
  if v_customer.erased_at is not null then
    return jsonb_build_object('id', p_customer);  -- sent twice
  end if;
  if not coalesce(
    p_reason in ('asked', 'consent_withdrawn', 'purpose_ended', 'unlawful'), false
  ) then
    raise sqlstate 'PT422' using message = 'option', detail = 'reason';
  end if;
  v_records := crm.erase_person(p_store, p_customer, p_reason, v_caller.user_id);
  perform crm.record_audit_event(
    v_caller,
    'customer_erased',
    p_customer,
    jsonb_build_object('reason', p_reason, 'customers', v_records)
  );
  return jsonb_build_object('id', p_customer);
end $$;
comment on function crm.erase_customer is
  'Erases a person for good; the store''s figures stay. reason: asked, consent_withdrawn, '
  'purpose_ended or unlawful, so that nobody writes a name into it. Sent twice it is done once. '
  'Errors: forbidden, not_found, option.';

alter function crm.preview_erasure(uuid, uuid) owner to api_owner;
alter function crm.erase_customer(uuid, uuid, text) owner to api_owner;

create or replace function api.preview_erasure(store_id uuid, customer_id uuid) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.preview_erasure(store_id, customer_id); end;

create or replace function api.erase_customer(store_id uuid, customer_id uuid, reason text)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.erase_customer(store_id, customer_id, reason); end;
grant execute on function
  crm.is_about_erased(uuid, jsonb),
  crm.erased_had_plan(crm.customers),
  crm.tg_customers__erased(),
  crm.records_of_person(uuid, uuid),
  crm.erase_person(uuid, uuid, text, uuid),
  crm.require_erasable(uuid, uuid)
to api_owner;
grant execute on function
  crm.preview_erasure(uuid, uuid),
  crm.erase_customer(uuid, uuid, text),
  api.preview_erasure(uuid, uuid),
  api.erase_customer(uuid, uuid, text)
to authenticated;
insert into crm.endpoints (name, function, skip_reason)
values
  ('preview_erasure', 'preview_erasure', 'answers counts'),
  ('erase_customer', 'erase_customer', 'answers an id');
