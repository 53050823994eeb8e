-- The dry run of a document's rules on the days that were (F-77). A scratch store beside the real
-- one, in a transaction that is given up: the records as they stood on the first day, then day by
-- day the very generator that runs at night, and what people did that day. Nobody's row is locked,
-- nothing stays.

-- A record as it was at an instant: today's row with the oldest later value of every field put
-- back.
create or replace function crm.record_as_of(
  p_row jsonb, p_store uuid, p_form text, p_customer uuid, p_at timestamptz
) returns jsonb
  language sql stable set search_path = '' as $$
  select p_row
    || coalesce(jsonb_object_agg(e.field, e.old) filter (where not e.custom), '{}')
    || jsonb_build_object(
      'custom', coalesce(p_row -> 'custom', '{}')
        || coalesce(jsonb_object_agg(e.field, e.old) filter (where e.custom), '{}')
    )
  from (
    select distinct
      on (event.field) event.field,
      event.old,
      event.is_field and base.key is null as custom
    from crm.events event
    left join crm.base_fields base on base.form = p_form and base.key = event.field
    where event.store_id = p_store
      and event.customer_id = p_customer
      and event.subject_id = (p_row ->> 'id')::uuid
      and event.kind = 'changed'
      and event.created_at >= p_at
    order by event.field, event.id
  ) e
$$;

create or replace function crm.column_names(p_relation text, p_besides text[]) returns text[]
  language sql stable set search_path = '' as $$
  select array_agg(attribute.attname::text order by attribute.attnum)
  from pg_catalog.pg_attribute attribute
  where attribute.attrelid = ('crm.' || p_relation)::regclass
    and attribute.attnum > 0
    and not attribute.attisdropped
    and attribute.attgenerated = ''
    and attribute.attname <> all (p_besides)
    and attribute.attname not in (
      'change_no', 'custom_masked', 'pinyin', 'initials', 'f1', 'f2', 'f3', 'f4', 't1', 't2', 't3',
      't4', 'd1', 'd2'
    )
$$;
comment on function crm.column_names is
  'The columns of a table of records that a copy takes along.';

create or replace function crm.column_list(p_columns text[], p_prefix text) returns text
  language sql immutable set search_path = '' as $$
  select string_agg(p_prefix || quote_ident(name), ', ' order by position)
  from unnest(p_columns) with ordinality listed (name, position)
$$;

-- In the order of their foreign keys.
create or replace function crm.dry_run_tables() returns table (form text, relation text)
  language sql immutable set search_path = '' as $$
  values
    ('customer', 'customers'),
    ('vehicle', 'vehicles'),
    ('policy', 'policies'),
    ('deal', 'deals'),
    ('task', 'tasks')
$$;
comment on function crm.dry_run_tables is 'The tables that a dry run copies and replays.';

-- Which records t of a form can be copied, as SQL ($2: the scratch store, $5: the instant): those
-- whose customer, vehicle and policy are there. Tasks of rules are made again.
create or replace function crm.dry_run_copy_condition(p_form text) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_customer text := 'and exists (
    select from crm.customers customer
    where customer.store_id = $2 and customer.id = original.customer_id
  )';
  v_vehicle text := ' and (
    original.vehicle_id is null
    or exists (
      select from crm.vehicles vehicle
      where vehicle.store_id = $2 and vehicle.id = original.vehicle_id
    )
  )';
begin
  return case p_form
    when 'customer' then ''
    when 'task' then v_customer || ' and (original.rule is null or original.created_at < $5)'
    when 'policy' then
      v_customer || v_vehicle || ' and (
        original.renews_id is null
        or not exists (
          select from crm.policies policy
          where policy.store_id = $2 and policy.renews_id = original.renews_id
        )
      )'
    when 'deal' then
      v_customer || v_vehicle || ' and (
        original.policy_id is null
        or exists (
          select from crm.policies policy
          where policy.store_id = $2 and policy.id = original.policy_id
        )
      )'
    else v_customer
  end;
end $$;

-- Records of one kind that came in between two instants, as they stood at the later of "then" and
-- their making.
create or replace function crm.dry_run_copy_records(
  p_store uuid,
  p_scratch uuid,
  p_form text,
  p_relation text,
  p_from timestamptz,
  p_to timestamptz,
  p_keep text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_columns text[] := crm.column_names(p_relation, '{}');
begin
  execute format(
    $q$
    with rows as (
      select
        crm.record_as_of(to_jsonb(original), $1, $3, %1$s, greatest($5, original.created_at)) as r
      from crm.%2$I original
      where original.store_id = $1
        and original.created_at >= $4
        and original.created_at < $6
        and (original.removed_at is null or original.removed_at >= $5)
        %3$s
    )
    insert into crm.%2$I (%4$s)
    select %5$s
    from rows
    cross join lateral jsonb_populate_record(
      null::crm.%2$I,
      rows.r
      || jsonb_build_object('store_id', $2, 'version', 1)
      || case when rows.r ? 'name' then '{"name": "-", "pinyin": null}'::jsonb else '{}' end
      || jsonb_build_object(
        'custom',
        (
          select coalesce(jsonb_object_agg(key, value), '{}')
          from jsonb_each(coalesce(rows.r -> 'custom', '{}'))
          where key = any ($7) and jsonb_typeof(value) <> 'null'
        )
      )
    ) restored
    where restored.removed_at is null
    $q$,
    case p_form when 'customer' then 'original.id' else 'original.customer_id' end,
    p_relation,
    crm.dry_run_copy_condition(p_form),
    crm.column_list(v_columns, ''),
    crm.column_list(v_columns, 'restored.')
  ) using p_store, p_scratch, p_form, p_from, crm.dry_run_instant(p_from, p_to), p_to, p_keep;
end $$;

-- What was there when the dry run began stands as it was then; what came later, as it was made.
create or replace function crm.dry_run_instant(p_from timestamptz, p_to timestamptz)
  returns timestamptz
  language sql immutable set search_path = '' as $$
  select case when p_from = '-infinity' then p_to else p_from end
$$;

-- A plan that the trigger made is none of theirs.
create or replace function crm.dry_run_clear_plans(
  p_store uuid, p_scratch uuid, p_from timestamptz, p_to timestamptz
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.customers customer
  set next_contact_on = null
  where customer.store_id = p_scratch
    and customer.created_at >= p_from
    and customer.created_at < p_to
    and customer.next_contact_on is not null
    and crm.record_as_of(
      (
        select to_jsonb(original)
        from crm.customers original
        where original.store_id = p_store and original.id = customer.id
      ),
      p_store,
      'customer',
      customer.id,
      greatest(customer.created_at, crm.dry_run_instant(p_from, p_to))
    ) ->> 'next_contact_on' is null;
end $$;

-- All records that came in between two instants.
create or replace function crm.dry_run_copy_arrivals(
  p_store uuid, p_scratch uuid, p_from timestamptz, p_to timestamptz, p_keep text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_form text;
  v_relation text;
begin
  for v_form, v_relation in select form, relation from crm.dry_run_tables() loop
    perform crm.dry_run_copy_records(
      p_store, p_scratch, v_form, v_relation, p_from, p_to, p_keep
    );
    if v_form = 'customer' then
      perform crm.dry_run_clear_plans(p_store, p_scratch, p_from, p_to);
    end if;
  end loop;
end $$;

-- What was done between two instants, as last said of each field; what the generator did it does
-- again.
create or replace function crm.dry_run_replay_events(
  p_scratch uuid,
  p_events crm.events[],
  p_from timestamptz,
  p_to timestamptz,
  p_keep text[],
  p_known uuid[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_form text;
  v_relation text;
  v_slice crm.events[] := array(
    select event
    from unnest(p_events) event
    where event.created_at >= p_from and event.created_at < p_to
    order by event.id
  );
begin
  if v_slice = '{}' then
    return;
  end if;
  for v_form, v_relation in select form, relation from crm.dry_run_tables() loop
    perform crm.dry_run_replay_form(p_scratch, v_slice, v_form, v_relation, p_keep);
  end loop;
  perform crm.dry_run_excuse_answered(p_scratch, v_slice, p_known, p_to);
end $$;

-- Of the generator's own fields only what a person wrote is said again. A customer has an owner or
-- a pool, whatever the dry run did before.
create or replace function crm.dry_run_replay_form(
  p_scratch uuid,
  p_slice crm.events[],
  p_form text,
  p_relation text,
  p_keep text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_names text[] := crm.column_names(
    p_relation,
    '{store_id, id, customer_id, name, created_at, updated_at, version, custom}'
  );
begin
  execute format(
    $q$
    with fitting as (
      select
        subject_id,
        custom,
        case
          when patch ->> 'owner_id' is not null then patch || '{"pool": null}'
          when patch ->> 'pool' is not null then patch || '{"owner_id": null}'
          when $5 <> 'customer' and patch ? 'owner_id' then
            patch - array['owner_id', 'pool'] || '{"owner_id": null}'::jsonb
          else patch - array['owner_id', 'pool']
        end as patch
      from crm.dry_run_patches($1, $5, $3, $4)
    )
    update crm.%1$I target
    set (%2$s) = (select %3$s from jsonb_populate_record(target, said.patch) said_row) %4$s
    from fitting said
    where target.store_id = $2
      and target.id = said.subject_id
      and (said.patch <> '{}' or said.custom <> '{}')
    $q$,
    p_relation,
    crm.column_list(v_names, ''),
    crm.column_list(v_names, 'said_row.'),
    case
      when p_form = 'task' then ''
      else ', custom = jsonb_strip_nulls(target.custom || said.custom)'
    end
  ) using p_slice, p_scratch, v_names, p_keep, p_form;
end $$;

-- What was last said of each field of each record: its columns and its own fields.
create or replace function crm.dry_run_patches(
  p_slice crm.events[], p_form text, p_names text[], p_keep text[]
) returns table (subject_id uuid, patch jsonb, custom jsonb)
  language sql stable set search_path = '' as $$
  select
    event.subject_id,
    coalesce(
      jsonb_object_agg(event.field, event.new order by event.id)
        filter (where event.field = any (p_names)),
      '{}'
    ),
    coalesce(
      jsonb_object_agg(event.field, event.new order by event.id)
        filter (where event.is_field and event.field = any (p_keep)),
      '{}'
    )
  from unnest(p_slice) event
  where event.form = p_form
    and event.kind = 'changed'
    and (
      event.actor_id is not null
      or event.field not in (  -- the generator's own to decide
        'owner_id', 'pool', 'next_contact_on', 'level', 'level_at', 'status', 'removed_at',
        'due_on', 'due_at', 'rank', 'stage', 'furthest_stage', 'stage_at', 'closed_at',
        'lost_reason', 'assignee_id'
      )
    )
  group by event.subject_id
$$;

-- A task that only these rules make is answered by what people really did with the customer that
-- day.
create or replace function crm.dry_run_excuse_answered(
  p_scratch uuid, p_slice crm.events[], p_known uuid[], p_at timestamptz
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks task
  set status = 'excused', closed_at = p_at
  where task.store_id = p_scratch
    and task.rule is not null
    and task.status = 'open'
    and task.removed_at is null
    and task.id <> all (p_known)
    and exists (
      select from unnest(p_slice) event
      where event.customer_id = task.customer_id
        and (
          event.form = 'customer' and event.field = 'last_contact_at'
          or event.form = 'task'
            and event.field = 'status'
            and event.new in ('"done"', '"excused"')
        )
    );
end $$;

-- The scratch store: the document's configuration, and what records name though the document may
-- have given it up.
create or replace function crm.dry_run_create_store(
  p_store uuid, p_scratch uuid, p_document jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_relation text;
begin
  insert into crm.stores (id, group_id, name, time_zone)
  select p_scratch, store.group_id, 'dry run', store.time_zone
  from crm.stores store
  where store.id = p_store;
  perform crm.apply_config(p_scratch, p_document);
  foreach v_relation in array array[
    'pools', 'roles', 'pipelines', 'stages', 'levels', 'reasons', 'outcomes'
  ] loop
    perform crm.dry_run_copy_missing(p_store, p_scratch, v_relation, '{"retired": true}');
  end loop;
  perform crm.dry_run_copy_missing(p_store, p_scratch, 'rules', '{"active": false}');
  perform crm.dry_run_copy_missing(p_store, p_scratch, 'members', '{}');
end $$;

create or replace function crm.dry_run_copy_missing(
  p_store uuid, p_scratch uuid, p_relation text, p_changes jsonb
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  execute format(
    $q$
    insert into crm.%1$I
    select (jsonb_populate_record(original, $3 || jsonb_build_object('store_id', $2))).*
    from crm.%1$I original
    where original.store_id = $1
    on conflict do nothing
    $q$,
    p_relation
  ) using p_store, p_scratch, p_changes;
end $$;

-- The tasks that rules really made, each as it was when it was made.
create or replace function crm.dry_run_recorded_tasks(p_store uuid, p_since timestamptz)
  returns crm.tasks[]
  language sql stable set search_path = '' as $$
  select array(
    select jsonb_populate_record(
      null::crm.tasks,
      crm.record_as_of(to_jsonb(task), p_store, 'task', task.customer_id, task.created_at)
    )
    from crm.tasks task
    where task.store_id = p_store and task.rule is not null and task.created_at >= p_since
  )
$$;

-- What the generator made again gets the id it really had: what was done with it is told by its id.
create or replace function crm.dry_run_restore_ids(
  p_store uuid, p_scratch uuid, p_recorded crm.tasks[], p_at timestamptz
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_policy record;
begin
  for v_policy in
    select made.id as made_id, recorded.id as recorded_id
    from crm.policies made  -- a next year the night remembered
    join crm.policies recorded
      on recorded.store_id = p_store and recorded.renews_id = made.renews_id
    where made.store_id = p_scratch and made.created_at = now() and made.id <> recorded.id
  loop
    update crm.policies made
    set id = v_policy.recorded_id, created_at = p_at
    where made.store_id = p_scratch and made.id = v_policy.made_id;
    update crm.tasks made
    set subject_id = v_policy.recorded_id
    where made.store_id = p_scratch and made.subject_id = v_policy.made_id;
  end loop;
  update crm.tasks made
  set id = recorded.id
  from unnest(p_recorded) recorded
  where made.store_id = p_scratch
    and made.created_at = now()
    and made.rule = recorded.rule
    and made.subject_id = recorded.subject_id
    and made.step = recorded.step
    and made.rule_on = recorded.rule_on
    and made.id <> recorded.id;
end $$;

create or replace function crm.dry_run_new_tasks(p_scratch uuid, p_day date, p_at timestamptz)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_counts jsonb;
begin
  with new_tasks as (
    update crm.tasks task
    set created_at = p_at
    where task.store_id = p_scratch and task.created_at = now() and task.rule is not null
    returning task.assignee_id, task.kind
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object('day', p_day, 'user_id', assignee_id, 'kind', kind, 'n', n)
      order by assignee_id, kind
    ),
    '[]'
  ) into v_counts
  from (select assignee_id, kind, count(*)::int as n from new_tasks group by 1, 2) counted;
  return v_counts;
end $$;
comment on function crm.dry_run_new_tasks is
  'How many tasks the rules made just now, by member and kind; dates them back to that instant.';

create or replace function crm.dry_run_moves(p_scratch uuid, p_day date, p_after bigint)
  returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      jsonb_strip_nulls(
        jsonb_build_object(
          'day', p_day,
          'field', move.field,
          'user_id', move.owner_before,
          'before', move.level_before,
          'to', move.after,
          'n', move.n
        )
      )
      order by move.field, move.owner_before, move.after
    ),
    '[]'
  )
  from (
    select
      event.field,
      coalesce(event.old #>> '{}', '') as before,
      case event.field when 'owner_id' then event.old #>> '{}' end as owner_before,
      case event.field when 'level' then event.old #>> '{}' end as level_before,
      case event.field when 'level' then event.new #>> '{}' else customer.pool end as after,
      count(*)::int as n
    from crm.events event
    join crm.customers customer
      on customer.store_id = p_scratch and customer.id = event.subject_id
    where event.store_id = p_scratch
      and event.id > p_after
      and event.form = 'customer'
      and event.kind = 'changed'
      and event.field in ('owner_id', 'level')
      and event.old <> 'null'
    group by 1, 2, 3, 4, 5
  ) move
$$;
comment on function crm.dry_run_moves is
  'Customers whose owner or level the rules changed after an event, counted.';

create or replace function crm.dry_run_recorded_counts(p_recorded crm.tasks[], p_zone text)
  returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'day', counted.day, 'user_id', counted.assignee_id, 'kind', counted.kind, 'n', counted.n
      )
      order by counted.day, counted.assignee_id, counted.kind
    ),
    '[]'
  )
  from (
    select
      (task.created_at at time zone p_zone)::date as day,
      task.assignee_id,
      task.kind,
      count(*)::int as n
    from unnest(p_recorded) task
    group by 1, 2, 3
  ) counted
$$;

-- Hour by hour where a rule counts minutes, else day by day.
create or replace function crm.dry_run_hours(p_scratch uuid, p_first date, p_last date)
  returns table (day date, hour int)
  language sql stable set search_path = '' as $$
  select listed::date, hours.hour
  from generate_series(p_first, p_last, '1 day') listed
  cross join generate_series(0, 23) hours (hour)
  where hours.hour = 0
    or exists (
      select from crm.rules rule
      where rule.store_id = p_scratch and rule.kind = 'first_response' and rule.active
    )
  order by 1, 2
$$;

create or replace function crm.dry_run_kept_fields(p_scratch uuid) returns text[]
  language sql stable set search_path = '' as $$
  select array(
    select distinct rule.options #>> '{date,field}'
    from crm.rules rule
    where rule.store_id = p_scratch and rule.kind = 'care' and rule.active
  )
$$;
comment on function crm.dry_run_kept_fields is 'The fields of records that the care rules read.';

-- From the first day to this moment: what came and what people did, then the rules.
create or replace function crm.dry_run_replay_days(
  p_store uuid,
  p_scratch uuid,
  p_first date,
  p_last date,
  p_began timestamptz,
  p_zone text,
  p_recorded crm.tasks[]
) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_keep text[] := crm.dry_run_kept_fields(p_scratch);
  v_events crm.events[];
  v_known uuid[];
  v_before timestamptz := p_began;
  v_at timestamptz;
  v_last_event bigint;
  v_hour record;
  v_tasks jsonb := '[]';
  v_moves jsonb := '[]';
begin
  v_events := array(
    select event
    from crm.events event
    where event.store_id = p_store and event.created_at >= p_began and event.kind = 'changed'
    order by event.id
  );
  v_known := array(
    select task.id from crm.tasks task where task.store_id = p_store and task.rule is not null
  );
  perform crm.dry_run_copy_arrivals(p_store, p_scratch, '-infinity', p_began, v_keep);
  for v_hour in select day, hour from crm.dry_run_hours(p_scratch, p_first, p_last) loop
    v_at := (v_hour.day + make_time(v_hour.hour, 0, 0)) at time zone p_zone;
    exit when v_at > now();
    if v_at > v_before then
      perform crm.dry_run_copy_arrivals(p_store, p_scratch, v_before, v_at, v_keep);
      perform crm.dry_run_replay_events(p_scratch, v_events, v_before, v_at, v_keep, v_known);
      v_before := v_at;
    end if;
    v_last_event := (
      select coalesce(max(event.id), 0) from crm.events event where event.store_id = p_scratch
    );
    if v_hour.hour = 0 then
      perform crm.run_rules(p_scratch, v_hour.day);
    else
      perform crm.run_first_response_rules(p_scratch, v_at);
    end if;
    perform crm.dry_run_restore_ids(p_store, p_scratch, p_recorded, v_at);
    v_tasks := v_tasks || crm.dry_run_new_tasks(p_scratch, v_hour.day, v_at);
    v_moves := v_moves || crm.dry_run_moves(p_scratch, v_hour.day, v_last_event);
  end loop;
  return jsonb_build_object('tasks', v_tasks, 'moves', v_moves);
end $$;

create or replace function crm.dry_run_rules(p_store uuid, p_document jsonb, p_days int)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_scratch uuid := gen_random_uuid();
  v_zone text;
  v_first date;
  v_last date;
  v_began timestamptz;
  v_recorded crm.tasks[];
  v_replayed jsonb;
begin
  -- a copy is worked on: tasks move as history says
  perform set_config('crm.rehearsal', 'on', true);
  select store.time_zone, (now() at time zone store.time_zone)::date into v_zone, v_last
  from crm.stores store
  where store.id = p_store;
  v_first := v_last - p_days + 1;
  v_began := v_first::timestamp at time zone v_zone;
  perform crm.dry_run_create_store(p_store, v_scratch, p_document);
  -- the document may name another
  v_zone := (select store.time_zone from crm.stores store where store.id = v_scratch);
  v_recorded := crm.dry_run_recorded_tasks(p_store, v_began);
  v_replayed := crm.dry_run_replay_days(
    p_store, v_scratch, v_first, v_last, v_began, v_zone, v_recorded
  );
  perform set_config('crm.rehearsal', '', true);
  return jsonb_build_object(
    'from', v_first,
    'to', v_last,
    'recorded', crm.dry_run_recorded_counts(v_recorded, v_zone)
  )
  || v_replayed;
end $$;

create or replace function crm.preview_rules(p_store uuid, p_document jsonb, p_days int)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_document jsonb := p_document;
  v_answer jsonb;
begin
  perform crm.require_permission(p_store, 'publish_config');
  if v_document is null or v_document = 'null' then
    select version.document into v_document
    from crm.config_versions version
    join crm.stores store
      on store.id = version.store_id and store.config_version = version.version
    where version.store_id = p_store;
  end if;
  if jsonb_typeof(v_document) is distinct from 'object'
    or jsonb_typeof(v_document -> 'levels') is distinct from 'array'
    or jsonb_typeof(v_document -> 'rules') is distinct from 'array'
  then
    raise sqlstate 'PT422' using message = 'invalid_config';
  end if;
  begin
    v_answer := crm.dry_run_rules(
      p_store, v_document, least(greatest(coalesce(p_days, 90), 1), 90)
    );
    raise sqlstate 'GIVEN';
  exception
    when sqlstate 'GIVEN' then
      null;  -- all of it is undone; what it made is known
    when sqlstate 'PT409'
      or sqlstate 'PT422'
      or serialization_failure
      or deadlock_detected
      or query_canceled
    then
      raise;
    when others then
      raise log 'dry run: % %', sqlstate, sqlerrm;
      raise sqlstate 'PT422' using message = 'invalid_config';
  end;
  return v_answer;
end $$;
comment on function crm.preview_rules is
  'The rules of a document (null: the published) on the last days, at most 90, as they were: '
  'tasks {day, user_id, kind, n}, moves, and what was recorded. Writes nothing. Errors: forbidden,'
  ' invalid_config and those of publishing.';

create or replace function api.preview_rules(
  store_id uuid,
  document jsonb default null,
  days int default 90
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.preview_rules(store_id, document, days); end;
alter function api.preview_rules(uuid, jsonb, int) set statement_timeout = '120s';
grant execute on function
  crm.preview_rules(uuid, jsonb, int),
  api.preview_rules(uuid, jsonb, int)
to authenticated;
insert into crm.endpoints (name, function, skip_reason)
values (
  'preview_rules',
  'preview_rules',
  'counts of tasks by member and day; for who may see the whole document'
);
