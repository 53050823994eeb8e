-- sync_pull: the caller's own local data (customers they own or renew, those of their unfinished
-- tasks, with what hangs on them), page by page, then only changes.
--
-- A round brings the tables of crm.pull_tables one after the other, by change number. Its cursor is
-- opaque to clients: since (first change number not yet seen), upto (the ceiling of this round),
-- table and after (where the page stopped), stamp (crm.pull_stamp: another one starts over, since
-- rights changed or the store was restored), reset (a full round), total, people, last and
-- last_before (crm.last_assigned_place of this round and of the one before).

create or replace function crm.pull_tables() returns text[]
  language plpgsql immutable set search_path = '' as $$
begin
  return array[
    'customers', 'companions', 'vehicles', 'policies', 'deals', 'tasks', 'conversations',
    'approvals', 'attachments', 'promises', 'transfers', 'relationships', 'consents', 'visits'
  ];
end $$;

-- What of a table belongs to the local data of member $2, as a condition on a row v of the table.
-- $3: the customers of crm.assigned_customers (null: all that the member sees is their own).
-- p_is_recent: and is recent enough to be worth its room. One call for a table: a pull that brings
-- nothing asks all of them.
create or replace function crm.pull_condition(p_table text, p_is_recent bool) returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_scope text := case p_table
    when 'customers' then '(v.owner_id = $2 or v.renewal_owner_id = $2 or v.id = any ($3))'
    when 'tasks' then
      -- nor does a phone get what is to be done with customers it does not hold
      $q$v.assignee_id = $2
        and (
          $3::uuid[] is null
          or v.status not in ('open', 'cancel_requested')
          or exists (
            select from crm.customers customer
            where customer.store_id = v.store_id
              and customer.id = v.customer_id
              and (
                customer.owner_id = $2
                or customer.renewal_owner_id = $2
                or customer.id = any ($3)
              )
          )
        )$q$
    when 'approvals' then 'v.requester_id = $2'
    else
      $q$exists (
        select from crm.customers customer
        where customer.store_id = v.store_id
          and customer.id = v.customer_id
          and customer.removed_at is null
          and (customer.owner_id = $2 or customer.renewal_owner_id = $2 or customer.id = any ($3))
      )$q$
  end;
begin
  if p_is_recent then
    v_scope := v_scope || case p_table
      when 'conversations' then $q$ and v.occurred_at > now() - interval '400 days'$q$
      when 'visits' then $q$ and v.arrived_at > now() - interval '400 days'$q$
      when 'tasks' then
        $q$ and (v.closed_at is null or v.closed_at > now() - interval '40 days')$q$
      else ''
    end;
  end if;
  return v_scope;
end $$;

-- Reading the cursor ------------------------------------------------------------------------------

create or replace function crm.is_pull_cursor(p_cursor jsonb) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(jsonb_typeof(p_cursor), 'null') = 'object'
    and coalesce(p_cursor ->> 'since', '0') ~ '^\d{1,18}$'
    and coalesce(p_cursor ->> 'upto', '0') ~ '^\d{1,18}$'
    and coalesce(p_cursor ->> 'table', '1') ~ '^[1-9][0-9]?$'
    and coalesce(p_cursor ->> 'total', '0') ~ '^\d{1,9}$'
    and coalesce(p_cursor #>> '{after,0}', '0') ~ '^\d{1,18}$'
    and (p_cursor #>> '{after,1}' is null or crm.as_uuid(p_cursor #>> '{after,1}') is not null)
    and coalesce(p_cursor ->> 'reset', 'true') in ('true', 'false')
    and crm.is_queue_place(p_cursor -> 'last')
    and crm.is_queue_place(p_cursor -> 'last_before');
end $$;
comment on function crm.is_pull_cursor is
  'Whether a cursor is one of ours: every cast below holds.';

create or replace function crm.pull_round(
  p_cursor jsonb,
  p_stamp text,
  p_below bigint,
  p_latest bigint,
  out since bigint,
  out upto bigint,
  out table_no int,
  out after_no bigint,
  out after_id uuid,
  out is_reset bool,
  out total int
)
  language plpgsql immutable set search_path = '' as $$
begin
  upto := p_below;
  since := 0;
  table_no := 1;
  is_reset := true;
  if p_cursor ->> 'since' is null
    or p_cursor ->> 'stamp' is distinct from p_stamp
    -- a number never given: a restore that began no new epoch
    or (p_cursor ->> 'since')::bigint > p_latest + 1
  then
    return;
  end if;
  since := (p_cursor ->> 'since')::bigint;
  -- a writer may hold a ceiling that was passed long before it wrote
  upto := greatest(upto, since);
  if p_cursor ? 'upto' then
    upto := least(upto, (p_cursor ->> 'upto')::bigint);
  end if;
  table_no := coalesce((p_cursor ->> 'table')::int, 1);
  after_no := (p_cursor #>> '{after,0}')::bigint;
  after_id := (p_cursor #>> '{after,1}')::uuid;
  is_reset := coalesce((p_cursor ->> 'reset')::bool, false) and p_cursor ? 'table';
  total := (p_cursor ->> 'total')::int;
end $$;
comment on function crm.pull_round is
  'Where a pull goes on: as its cursor says, or from the beginning (a full round). p_below, '
  'p_given: crm.pull_ceiling.';

-- What a page holds -------------------------------------------------------------------------------

create or replace function crm.pull_total(p_store uuid, p_user uuid, p_assigned uuid[])
  returns int
  language plpgsql stable set search_path = '' as $$
declare
  v_customers int;
  v_conversations int;
  v_tasks int;
begin
  select count(*) into v_customers
  from crm.customers customer
  where customer.store_id = p_store
    and customer.removed_at is null
    and (
      customer.owner_id = p_user
      or customer.renewal_owner_id = p_user
      or customer.id = any (p_assigned)
    );
  select count(*) into v_conversations
  from crm.conversations conversation
  join crm.customers customer
    on customer.store_id = conversation.store_id and customer.id = conversation.customer_id
  where conversation.store_id = p_store
    and conversation.removed_at is null
    and conversation.occurred_at > now() - interval '400 days'
    and (
      customer.owner_id = p_user
      or customer.renewal_owner_id = p_user
      or customer.id = any (p_assigned)
    );
  select count(*) into v_tasks
  from crm.tasks task
  where task.store_id = p_store
    and task.assignee_id = p_user
    and task.removed_at is null
    and (task.closed_at is null or task.closed_at > now() - interval '40 days');
  return v_customers + v_conversations + v_tasks;
end $$;
comment on function crm.pull_total is
  'About how many rows a full round brings, for the bar on the phone.';

-- One statement for both questions: a pull that brings nothing spends its time planning.
create or replace function crm.pull_table(
  p_table text, p_store uuid, p_user uuid, p_assigned uuid[], p_since bigint, p_upto bigint,
  p_after_no bigint, p_after_id uuid, p_gained uuid[], p_limit int,
  out changed jsonb,
  out removed jsonb
)
  language plpgsql stable set search_path = '' as $$
declare
  v_condition text := crm.pull_condition(p_table, true);
  v_fresh text := case
    when p_gained = '{}' or p_table = 'approvals' then 'v.change_no >= $4'
    when p_table = 'customers' then '(v.change_no >= $4 or v.id = any ($8))'
    else '(v.change_no >= $4 or v.customer_id = any ($8))'
  end;
  v_removed text := '';
begin
  if p_since > 0 then
    v_removed := format(
      $q$, (
        select coalesce(jsonb_agg(v.id), '[]')
        from crm.%I v
        where v.store_id = $1
          and v.removed_at is not null
          and v.change_no >= $4
          and v.change_no < $5
          and %s
      )$q$,
      p_table,
      v_condition
    );
  end if;
  execute format(
    $q$
    select (
      select coalesce(jsonb_agg(to_jsonb(x) order by x.change_no, x.id), '[]')
      from (
        select v.*
        from api.%I v
        where v.store_id = $1
          and %s
          and v.change_no < $5
          and ($6::bigint is null or (v.change_no, v.id) > ($6, $7))
          and %s
        order by v.change_no, v.id
        limit $9
      ) x
    )%s
    $q$,
    p_table,
    v_fresh,
    v_condition,
    v_removed
  ) into changed, removed
  using
    p_store, p_user, p_assigned, p_since, p_upto, p_after_no, p_after_id, p_gained, p_limit;
end $$;
comment on function crm.pull_table is
  'The next rows of a table, and the ids of those that were removed. p_gained: customers the '
  'member got since; their whole files come, although the rows are older than the cursor.';

create or replace function crm.pull_gained(
  p_store uuid, p_user uuid, p_since bigint, p_upto bigint
) returns uuid[]
  language plpgsql stable set search_path = '' as $$
begin
  return array(
    select l.subject_id
    from crm.visibility_changes l
    where l.store_id = p_store
      and l.user_id = p_user
      and l.form = 'customer_gained'
      and l.change_no >= p_since
      and l.change_no < p_upto
  );
end $$;

create or replace function crm.pull_queue(
  p_caller crm.caller,
  p_cursor jsonb,
  p_since bigint,
  p_upto bigint,
  p_is_begin bool,
  out last jsonb,
  out last_before jsonb,
  out assigned uuid[],
  out gained uuid[],
  out left_ids uuid[]
)
  language plpgsql stable set search_path = '' as $$
begin
  gained := '{}';
  left_ids := '{}';
  if p_since > 0 then
    gained := crm.pull_gained(p_caller.store_id, p_caller.user_id, p_since, p_upto);
  end if;
  if p_caller.scope = 'own'
    and p_caller.pools = '{}'
    and not exists (select from crm.my_lent_customers())
  then
    return;  -- an owner's customers are all their own: nobody else is seen
  end if;
  last := nullif(p_cursor -> 'last', 'null');
  last_before := nullif(p_cursor -> 'last_before', 'null');
  if p_is_begin then
    last_before := last;
    last := crm.last_assigned_place(p_caller.store_id, p_caller.user_id);
  end if;
  assigned := crm.assigned_customers(p_caller.store_id, p_caller.user_id, null, last);
  if p_since = 0 or last is not distinct from last_before then
    return;
  end if;
  if last_before is not null then  -- the part moved on: what was beyond it is in it now
    gained := gained
      || crm.assigned_customers(p_caller.store_id, p_caller.user_id, last_before, last);
  end if;
  if last is not null then  -- the part came back: what was its end is beyond it now
    left_ids := array(
      select item
      from unnest(
        crm.assigned_customers(p_caller.store_id, p_caller.user_id, last, last_before)
      ) item
      where item <> all (assigned)
    );
  end if;
end $$;
comment on function crm.pull_queue is
  'The customers of the member''s tasks that belong to others: those on the phone (assigned), '
  'those that came since the cursor (with customers handed to the member) and those that went.';

create or replace function crm.pull_lost(
  p_form text, p_store uuid, p_user uuid, p_assigned uuid[], p_since bigint, p_upto bigint
) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(change.subject_id), '[]')
    from crm.visibility_changes change
    where change.store_id = p_store
      and change.user_id = p_user
      and change.form = p_form
      and change.change_no >= p_since
      and change.change_no < p_upto
      and not case p_form
        when 'customer' then
          exists (
            select from crm.customers customer
            where customer.store_id = p_store
              and customer.id = change.subject_id
              and (
                customer.owner_id = p_user
                or customer.renewal_owner_id = p_user
                or customer.id = any (p_assigned)
              )
          )
        else
          exists (
            select from crm.tasks task
            where task.store_id = p_store
              and task.id = change.subject_id
              and task.assignee_id = p_user
          )
      end
  );
end $$;
comment on function crm.pull_lost is
  'Customers or tasks that left the member''s local data by reassignment and did not come back.';

create or replace function crm.pull_kept(
  p_store uuid, p_user uuid, p_assigned uuid[], p_upto bigint
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_table text;
  v_ids jsonb;
  v_kept jsonb := '{}';
begin
  foreach v_table in array crm.pull_tables() loop
    execute format(
      'select jsonb_agg(v.id) from api.%I v where v.store_id = $1 and v.change_no >= $4 and %s',
      v_table,
      crm.pull_condition(v_table, false)
    ) into v_ids
    using p_store, p_user, p_assigned, p_upto;
    if v_ids is not null then
      v_kept := v_kept || jsonb_build_object(v_table, v_ids);
    end if;
  end loop;
  return v_kept;
end $$;
comment on function crm.pull_kept is
  'Rows that changed while a full round ran: they come with the next pull, and are not gone.';

create or replace function crm.pull_people(p_store uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', member.user_id,
          'name', member.name,
          'active', member.active,
          'sells', role.verbs @> array['add_customer', 'move_deal']
        )
        order by member.name, member.user_id
      ),
      '[]'
    )
    from crm.members member
    join crm.roles role on role.store_id = member.store_id and role.key = member.role
    where member.store_id = p_store
  );
end $$;
comment on function crm.pull_people is 'The store''s people: names for fields of type person.';

create or replace function crm.pull_disabled(p_store uuid) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  if not crm.is_disabled_member(p_store) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return jsonb_build_object(
    'user_id', (select crm.current_user_id()),
    'store_id', p_store,
    'today', (now() at time zone 'Asia/Shanghai')::date,
    'now', now(),
    'access_revoked', true,
    'reset', false,
    'more', false,
    'rows', '{}'::jsonb,
    'removed', '{}'::jsonb,
    'config_version', 0,
    'cursor', '{}'::jsonb
  );
end $$;
comment on function crm.pull_disabled is
  'What a member hears who was disabled: the phone forgets everything. Errors: forbidden.';

-- A page ------------------------------------------------------------------------------------------

create or replace function crm.add_ids(p_lists jsonb, p_key text, p_ids jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  return case
    when p_ids = '[]' then p_lists
    else p_lists || jsonb_build_object(p_key, coalesce(p_lists -> p_key, '[]') || p_ids)
  end;
end $$;

-- The rows of one page and where it stopped. p_left: customers beyond the end of the queue's part
-- by now. Stable, so that everything in a page is of one moment.
create or replace function crm.pull_changes(
  p_store uuid, p_user uuid, p_assigned uuid[], p_gained uuid[], p_left uuid[],
  p_since bigint, p_upto bigint, p_limit int,
  inout table_no int,
  inout after_no bigint,
  inout after_id uuid,
  out changed jsonb,
  out removed jsonb
)
  language plpgsql stable set search_path = '' as $$
declare
  v_tables text[] := crm.pull_tables();
  v_table text;
  v_page jsonb;
  v_ids jsonb;
  v_room int := p_limit;
begin
  changed := '{}';
  removed := '{}';
  while table_no <= cardinality(v_tables) and v_room > 0 loop
    v_table := v_tables[table_no];
    select p.changed, p.removed into v_page, v_ids
    from crm.pull_table(
      v_table, p_store, p_user, p_assigned, p_since, p_upto, after_no, after_id, p_gained, v_room
    ) p;
    v_room := v_room - jsonb_array_length(v_page);
    if v_page <> '[]' then
      changed := changed || jsonb_build_object(v_table, v_page);
    end if;
    if v_room = 0 then  -- full: the next page goes on behind its last row
      after_no := (v_page -> -1 ->> 'change_no')::bigint;
      after_id := (v_page -> -1 ->> 'id')::uuid;
      return;
    end if;
    if v_ids <> '[]' then
      removed := removed || jsonb_build_object(v_table, v_ids);
    end if;
    table_no := table_no + 1;
    after_no := null;
    after_id := null;
  end loop;
  if p_since > 0 then
    removed := crm.add_ids(
      removed, 'customers', crm.pull_lost('customer', p_store, p_user, p_assigned, p_since, p_upto)
    );
    removed := crm.add_ids(removed, 'customers', to_jsonb(p_left));
    removed := crm.add_ids(
      removed, 'tasks', crm.pull_lost('task', p_store, p_user, p_assigned, p_since, p_upto)
    );
  end if;
end $$;

-- What a pull says when its round is complete: rows that only the next round brings (kept), the
-- store's people when the phone knows others (p_known: a digest of those it knows).
create or replace function crm.pull_end(
  p_store uuid, p_user uuid, p_assigned uuid[], p_last jsonb, p_stamp text, p_upto bigint,
  p_is_reset bool, p_known text
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_people jsonb := crm.pull_people(p_store);
  v_digest text := md5(v_people::text);
  v_answer jsonb := jsonb_build_object(
    'more', false,
    'complete_to', p_upto,
    'cursor', jsonb_build_object(
      'since', p_upto, 'stamp', p_stamp, 'people', v_digest, 'last', p_last
    )
  );
begin
  if p_is_reset then
    v_answer := v_answer
      || jsonb_build_object('kept', crm.pull_kept(p_store, p_user, p_assigned, p_upto));
  end if;
  if p_known is distinct from v_digest then
    v_answer := v_answer || jsonb_build_object('people', v_people);
  end if;
  return v_answer;
end $$;

create or replace function crm.team_digest() returns text
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select ':' || md5(coalesce(string_agg(t.user_id::text, ',' order by t.user_id), ''))
    from crm.my_team() t
  );
end $$;
comment on function crm.team_digest is
  'Another one when somebody joins or leaves the caller''s team.';

create or replace function crm.pull_stamp(p_caller crm.caller, p_version int) returns text
  language plpgsql stable set search_path = '' as $$
begin
  return p_caller.role || ':' || p_caller.scope || ':' || p_version
    || (select ':' || store.epoch from crm.stores store where store.id = p_caller.store_id)
    -- whose customers a team sees changes without a change of theirs
    || case when p_caller.scope = 'team' then crm.team_digest() else '' end;
end $$;
comment on function crm.pull_stamp is
  'Under what a cursor reads on; another one starts over. Null for who is no member.';

-- What every page says before its rows.
create or replace function crm.pull_head(
  p_caller crm.caller, p_version int, p_known_version int, p_is_reset bool, p_total int
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_head jsonb := jsonb_build_object(
    'user_id', p_caller.user_id,
    'store_id', p_caller.store_id,
    'today', p_caller.today,
    'now', now(),
    'reset', p_is_reset,
    'config_version', p_version
  );
begin
  if p_is_reset then
    v_head := v_head
      || jsonb_build_object('total', p_total, 'kept', '{}'::jsonb)
      || (
        select jsonb_build_object('epoch', store.epoch)
        from crm.stores store
        where store.id = p_caller.store_id
      );
  end if;
  if p_version is distinct from p_known_version then
    v_head := v_head || jsonb_build_object('config', crm.config_for(p_caller.store_id));
  end if;
  return v_head;
end $$;

create or replace function crm.pull_page(
  p_store uuid, p_cursor jsonb, p_page int, p_config_version int, p_below bigint, p_latest bigint
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_user uuid := v_caller.user_id;
  v_version int := (select store.config_version from crm.stores store where store.id = p_store);
  v_stamp text := crm.pull_stamp(v_caller, v_version);
  v_cursor jsonb := case when crm.is_pull_cursor(p_cursor) then p_cursor end;  -- else begin again
  v_known text := v_cursor ->> 'people';
  v_round record := crm.pull_round(v_cursor, v_stamp, p_below, p_latest);
  v_is_begin bool := v_round.table_no = 1 and v_round.after_no is null;
  v_queue record;
  v_page record;
  v_end jsonb;
begin
  if v_caller.store_id is null then
    return crm.pull_disabled(p_store);
  end if;
  v_queue := crm.pull_queue(v_caller, v_cursor, v_round.since, v_round.upto, v_is_begin);
  if v_round.is_reset and v_is_begin then
    v_round.total := crm.pull_total(p_store, v_user, v_queue.assigned);
  end if;
  v_page := crm.pull_changes(
    p_store, v_user, v_queue.assigned, v_queue.gained, v_queue.left_ids,
    v_round.since, v_round.upto, least(greatest(coalesce(p_page, 200), 1), 500),
    v_round.table_no, v_round.after_no, v_round.after_id
  );
  v_end := case
    when v_page.table_no > cardinality(crm.pull_tables()) then
      crm.pull_end(
        p_store, v_user, v_queue.assigned, v_queue.last, v_stamp, v_round.upto, v_round.is_reset,
        v_known
      )
    else jsonb_build_object(
      'more', true,
      'cursor', jsonb_build_object(
        'since', v_round.since,
        'upto', v_round.upto,
        'table', v_page.table_no,
        'after', jsonb_build_array(v_page.after_no, v_page.after_id),
        'stamp', v_stamp,
        'reset', v_round.is_reset,
        'total', v_round.total,
        'people', v_known,
        'last', v_queue.last,
        'last_before', v_queue.last_before
      )
    )
  end;
  -- rows last, because every || copies what it joins
  return crm.pull_head(v_caller, v_version, p_config_version, v_round.is_reset, v_round.total)
    || v_end
    || jsonb_build_object('rows', v_page.changed, 'removed', v_page.removed);
end $$;
comment on function crm.pull_page is
  'One page of the caller''s local data below a ceiling, as of one moment; see crm.sync_pull.';

-- Volatile, because each statement of a volatile function sees what is committed when it begins:
-- the ceiling is asked for in one statement and the rows are read in the next. Who has ended by the
-- first is seen by the second.
create or replace function crm.sync_pull(
  p_store uuid, p_cursor jsonb, p_page int, p_config_version int
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  ceiling record;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- one snapshot for all statements: a late commit could be missed
    raise sqlstate 'PT400' using message = 'operations_malformed';
  end if;
  select c.below, c.latest into ceiling from crm.pull_ceiling(p_store) c;
  return crm.pull_page(p_store, p_cursor, p_page, p_config_version, ceiling.below, ceiling.latest);
end $$;
comment on function crm.sync_pull is
  'One page of the caller''s data. reset: a full round begins or goes on (total: about how many '
  'rows it has); when it ends, rows it neither brought nor lists as kept are no longer theirs. '
  'people: the members of the store, when they are others than those of the cursor. epoch (of a '
  'full round): another one than before means that the store was restored. lost: the '
  'caller was disabled here, their phone forgets the local data. 403 for anyone else: an empty '
  'answer '
  'never means "delete".';
alter function crm.pull_page(uuid, jsonb, int, int, bigint, bigint) owner to api_owner;
alter function crm.sync_pull(uuid, jsonb, int, int) owner to api_owner;

create or replace function api.sync_pull(
  store_id uuid,
  cursor jsonb default null,
  page_size int default 200,
  config_version int default null
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.sync_pull(store_id, cursor, page_size, config_version); end;
grant execute on function
  crm.pull_tables(),
  crm.pull_condition(text, bool),
  crm.is_pull_cursor(jsonb),
  crm.pull_round(jsonb, text, bigint, bigint),
  crm.pull_total(uuid, uuid, uuid[]),
  crm.pull_table(text, uuid, uuid, uuid[], bigint, bigint, bigint, uuid, uuid[], int),
  crm.pull_gained(uuid, uuid, bigint, bigint),
  crm.pull_queue(crm.caller, jsonb, bigint, bigint, bool),
  crm.pull_lost(text, uuid, uuid, uuid[], bigint, bigint),
  crm.pull_kept(uuid, uuid, uuid[], bigint),
  crm.team_digest(),
  crm.pull_stamp(crm.caller, int),
  crm.pull_people(uuid),
  crm.pull_disabled(uuid),
  crm.add_ids(jsonb, text, jsonb),
  crm.pull_changes(uuid, uuid, uuid[], uuid[], uuid[], bigint, bigint, int, int, bigint, uuid),
  crm.pull_end(uuid, uuid, uuid[], jsonb, text, bigint, bool, text),
  crm.pull_head(crm.caller, int, int, bool, int),
  crm.pull_page(uuid, jsonb, int, int, bigint, bigint)
to api_owner;
grant execute on function
  crm.sync_pull(uuid, jsonb, int, int),
  api.sync_pull(uuid, jsonb, int, int)
to authenticated;
