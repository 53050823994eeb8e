-- The dry run of a document's rules on the days that were (F-77).
-- A scratch store beside the real one, in a transaction that is given up: the records as they stood on the first day, then day by
-- day the very generator that runs at night, and what people did that day. Nobody's row is locked, nothing stays.

-- A record as it was at an instant: today's row with the oldest later value of every field put back.
create function crm.as_it_was(p_row jsonb, p_store uuid, p_form text, p_customer uuid, p_at timestamptz) returns jsonb
  language sql stable set search_path = '' as $$
  select p_row || coalesce(jsonb_object_agg(e.field, e.old) filter (where not e.custom), '{}')
    || jsonb_build_object('custom', coalesce(p_row -> 'custom', '{}') || coalesce(jsonb_object_agg(e.field, e.old) filter (where e.custom), '{}'))
  from (select distinct on (x.field) x.field, x.old, x.is_field and b.key is null as custom
    from crm.events x left join crm.base_fields b on b.form = p_form and b.key = x.field
    where x.store_id = p_store and x.customer_id = p_customer and x.subject_id = (p_row ->> 'id')::uuid and x.kind = 'changed' and x.created_at >= p_at order by x.field, x.id) e $$;

create function crm.columns_of(p_relation text, p_prefix text) returns text
  language sql stable set search_path = '' as $$
  select string_agg(p_prefix || quote_ident(a.attname), ', ' order by a.attnum) from pg_catalog.pg_attribute a
  where a.attrelid = ('crm.' || p_relation)::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and a.attname not in ('change_no', 'custom_masked', 'pinyin', 'initials', 'f1', 'f2', 'f3', 'f4', 't1', 't2', 't3', 't4', 'd1', 'd2') $$;

-- Records of one kind that came in between two instants, as they stood at the later of "then" and their making.
create function crm.replay_copy(p_store uuid, p_scratch uuid, p_form text, p_relation text, p_from timestamptz, p_to timestamptz, p_keep text[]) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  execute format($q$
    with rows as (
      select crm.as_it_was(to_jsonb(t), $1, $3, %1$s, greatest($5, t.created_at)) as r from crm.%2$I t
      where t.store_id = $1 and t.created_at >= $4 and t.created_at < $6 and (t.removed_at is null or t.removed_at >= $5) %3$s)
    insert into crm.%2$I (%4$s) select %5$s from rows cross join lateral jsonb_populate_record(null::crm.%2$I, rows.r || jsonb_build_object('store_id', $2, 'version', 1)
      || case when rows.r ? 'name' then '{"name": "-", "pinyin": null}'::jsonb else '{}' end
      || jsonb_build_object('custom', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(coalesce(rows.r -> 'custom', '{}')) where key = any ($7) and jsonb_typeof(value) <> 'null'))) p
    where p.removed_at is null$q$,
    case p_form when 'customer' then 't.id' else 't.customer_id' end, p_relation,
    case when p_form <> 'customer' then 'and exists (select from crm.customers k where k.store_id = $2 and k.id = t.customer_id)' else '' end
      || case when p_form = 'task' then ' and (t.rule is null or t.created_at < $5)' else '' end
      || case when p_form = 'policy' then ' and (t.vehicle_id is null or exists (select from crm.vehicles y where y.store_id = $2 and y.id = t.vehicle_id))
          and (t.renews_id is null or not exists (select from crm.policies y where y.store_id = $2 and y.renews_id = t.renews_id))' else '' end
      || case when p_form = 'deal' then ' and (t.vehicle_id is null or exists (select from crm.vehicles y where y.store_id = $2 and y.id = t.vehicle_id))
          and (t.policy_id is null or exists (select from crm.policies y where y.store_id = $2 and y.id = t.policy_id))' else '' end,
    crm.columns_of(p_relation, ''), crm.columns_of(p_relation, 'p.'))
    using p_store, p_scratch, p_form, p_from, case when p_from = '-infinity' then p_to else p_from end, p_to, p_keep;
  if p_form = 'customer' then                         -- a plan the trigger made is none of theirs
    update crm.customers k set next_contact_on = null where k.store_id = p_scratch and k.created_at >= p_from and k.created_at < p_to and k.next_contact_on is not null
      and crm.as_it_was((select to_jsonb(t) from crm.customers t where t.store_id = p_store and t.id = k.id), p_store, 'customer', k.id,
        greatest(k.created_at, case when p_from = '-infinity' then p_to else p_from end)) ->> 'next_contact_on' is null;
  end if;
end $$;

-- What was done between two instants, as last said of each field; what the generator did it does anew.
create function crm.replay_events(p_scratch uuid, p_events crm.events[], p_from timestamptz, p_to timestamptz, p_keep text[], p_known uuid[]) returns void
  language plpgsql volatile set search_path = '' as $$
declare f record; slice crm.events[];
begin
  slice := array(select e from unnest(p_events) e where e.created_at >= p_from and e.created_at < p_to order by e.id);
  if slice = '{}' then return; end if;
  for f in select x.form, x.relation, c.names from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation)
    cross join lateral (select array_agg(a.attname::text) as names from pg_catalog.pg_attribute a where a.attrelid = ('crm.' || x.relation)::regclass and a.attnum > 0 and not a.attisdropped
      and a.attgenerated = '' and a.attname not in ('store_id', 'id', 'customer_id', 'name', 'created_at', 'updated_at', 'version', 'change_no', 'custom', 'custom_masked', 'pinyin', 'initials',
        'f1', 'f2', 'f3', 'f4', 't1', 't2', 't3', 't4', 'd1', 'd2')) c
  loop
    execute format($q$
      with said as (
        select e.subject_id, coalesce(jsonb_object_agg(e.field, e.new order by e.id) filter (where e.field = any ($3)), '{}') as patch,
          coalesce(jsonb_object_agg(e.field, e.new order by e.id) filter (where e.is_field and e.field = any ($4)), '{}') as custom
        from unnest($1) e where e.form = $5 and e.kind = 'changed' and (e.actor_id is not null or e.field <> all ($6)) group by e.subject_id),
      fitting as (
        select subject_id, custom, case
          when patch ->> 'owner_id' is not null then patch || '{"pool": null}'                       -- an owner or a pool, whatever the dry run did before
          when patch ->> 'pool' is not null then patch || '{"owner_id": null}'
          else patch - array['owner_id', 'pool'] || case when $5 <> 'customer' and patch ? 'owner_id' then '{"owner_id": null}'::jsonb else '{}' end end as patch from said)
      update crm.%1$I t set (%2$s) = (select %3$s from jsonb_populate_record(t, s.patch) r) %4$s
      from fitting s where t.store_id = $2 and t.id = s.subject_id and (s.patch <> '{}' or s.custom <> '{}')$q$,
      f.relation, (select string_agg(quote_ident(n), ', ') from unnest(f.names) n), (select string_agg('r.' || quote_ident(n), ', ') from unnest(f.names) n),
      case when f.form = 'task' then '' else ', custom = jsonb_strip_nulls(t.custom || s.custom)' end)
      using slice, p_scratch, f.names, p_keep, f.form,
        array['owner_id', 'pool', 'next_contact_on', 'level', 'level_at', 'status', 'removed_at', 'due_on', 'due_at', 'rank', 'stage', 'stage_at', 'closed_at', 'lost_reason', 'assignee_id'];   -- the generator's own to decide
  end loop;
  -- a task that only these rules make is answered by what people really did with the customer that day
  update crm.tasks t set status = 'excused', closed_at = p_to
  where t.store_id = p_scratch and t.rule is not null and t.status = 'open' and t.removed_at is null and t.id <> all (p_known)
    and exists (select from unnest(slice) e where e.customer_id = t.customer_id and (e.form = 'customer' and e.field = 'last_contact_at'
      or e.form = 'task' and e.field = 'status' and e.new in ('"done"', '"excused"')));
end $$;

create function crm.replay_rules(p_store uuid, p_document jsonb, p_days int) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  scratch uuid := gen_random_uuid(); zone text; first_day date; last_day date; began timestamptz; told crm.events[]; made crm.tasks[]; known uuid[]; keep text[]; t text; f record;
  d date; h int; before timestamptz; at timestamptz; mark bigint; found jsonb := '[]'; moves jsonb := '[]'; hourly bool;
begin
  select s.time_zone, (now() at time zone s.time_zone)::date into zone, last_day from crm.stores s where s.id = p_store;
  first_day := last_day - p_days + 1; began := first_day::timestamp at time zone zone;
  insert into crm.stores (id, group_id, name, time_zone) select scratch, s.group_id, 'dry run', s.time_zone from crm.stores s where s.id = p_store;
  perform crm.apply_config(scratch, p_document);
  zone := (select s.time_zone from crm.stores s where s.id = scratch);
  -- records name what the document may have given up
  foreach t in array array['pools', 'roles', 'pipelines', 'stages', 'levels', 'reasons', 'outcomes'] loop
    execute format('insert into crm.%1$I select (jsonb_populate_record(x, jsonb_build_object(''store_id'', $2, ''retired'', true))).* from crm.%1$I x where x.store_id = $1 on conflict do nothing', t)
      using p_store, scratch;
  end loop;
  insert into crm.rules select (jsonb_populate_record(x, jsonb_build_object('store_id', scratch, 'active', false))).* from crm.rules x where x.store_id = p_store on conflict do nothing;
  insert into crm.members select (jsonb_populate_record(x, jsonb_build_object('store_id', scratch))).* from crm.members x where x.store_id = p_store;
  keep := array(select distinct r.options #>> '{date,field}' from crm.rules r where r.store_id = scratch and r.kind = 'care' and r.active);
  hourly := exists (select from crm.rules r where r.store_id = scratch and r.kind = 'first_response' and r.active);

  told := array(select e from crm.events e where e.store_id = p_store and e.created_at >= began and e.kind = 'changed' order by e.id);
  made := array(select jsonb_populate_record(null::crm.tasks, crm.as_it_was(to_jsonb(x), p_store, 'task', x.customer_id, x.created_at))
    from crm.tasks x where x.store_id = p_store and x.rule is not null and x.created_at >= began);
  known := array(select x.id from crm.tasks x where x.store_id = p_store and x.rule is not null);
  for f in select * from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation) loop
    perform crm.replay_copy(p_store, scratch, f.form, f.relation, '-infinity', began, keep);
  end loop;

  before := began;
  for d in select generate_series(first_day, last_day, '1 day')::date loop
    for h in select 0 union all select x from generate_series(1, 23) x where hourly order by 1 loop
      at := (d + make_time(h, 0, 0)) at time zone zone;
      exit when at > now();
      if at > before then
        for f in select * from (values ('customer', 'customers'), ('vehicle', 'vehicles'), ('policy', 'policies'), ('deal', 'deals'), ('task', 'tasks')) x (form, relation) loop
          perform crm.replay_copy(p_store, scratch, f.form, f.relation, before, at, keep);
        end loop;
        perform crm.replay_events(scratch, told, before, at, keep, known);
        before := at;
      end if;
      select coalesce(max(e.id), 0) into mark from crm.events e where e.store_id = scratch;
      if h = 0 then perform crm.run_rules(scratch, d); else perform crm.run_responses(scratch, at); end if;
      for f in select s.id as his, r.id as real from crm.policies s join crm.policies r on r.store_id = p_store and r.renews_id = s.renews_id   -- a next year the night remembered
        where s.store_id = scratch and s.created_at = now() and s.id <> r.id loop
        update crm.policies s set id = f.real, created_at = at where s.store_id = scratch and s.id = f.his;
        update crm.tasks s set subject_id = f.real where s.store_id = scratch and s.subject_id = f.his;
      end loop;
      update crm.tasks s set id = m.id from unnest(made) m                                     -- the same task as in reality: what was done with it can be told by its id
      where s.store_id = scratch and s.created_at = now() and s.rule = m.rule and s.subject_id = m.subject_id and s.step = m.step and s.rule_on = m.rule_on and s.id <> m.id;
      with new_ones as (update crm.tasks s set created_at = at where s.store_id = scratch and s.created_at = now() and s.rule is not null returning s.assignee_id, s.why)
      select found || coalesce(jsonb_agg(jsonb_build_object('day', d, 'user_id', n.assignee_id, 'why', n.why, 'n', n.n) order by n.assignee_id, n.why), '[]') into found
      from (select assignee_id, why, count(*)::int as n from new_ones group by 1, 2) n;
      select moves || coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('day', d, 'field', x.field, 'user_id', x.who, 'before', x.before, 'to', x.after, 'n', x.n)) order by x.field, x.who, x.after), '[]') into moves
      from (select e.field, coalesce(e.old #>> '{}', '') as before_owner, case e.field when 'owner_id' then e.old #>> '{}' end as who,
          case e.field when 'level' then e.old #>> '{}' end as before, case e.field when 'level' then e.new #>> '{}' else k.pool end as after, count(*)::int as n
        from crm.events e join crm.customers k on k.store_id = scratch and k.id = e.subject_id
        where e.store_id = scratch and e.id > mark and e.form = 'customer' and e.kind = 'changed' and e.field in ('owner_id', 'level') and e.old <> 'null' group by 1, 2, 3, 4, 5) x;
    end loop;
  end loop;
  return jsonb_build_object('from', first_day, 'to', last_day, 'tasks', found, 'moves', moves, 'recorded', (
    select coalesce(jsonb_agg(jsonb_build_object('day', r.day, 'user_id', r.assignee_id, 'why', r.why, 'n', r.n) order by r.day, r.assignee_id, r.why), '[]')
    from (select (m.created_at at time zone zone)::date as day, m.assignee_id, m.why, count(*)::int as n from unnest(made) m group by 1, 2, 3) r));
end $$;

create function crm.preview_rules(p_store uuid, p_document jsonb, p_days int) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); d jsonb := p_document; answer jsonb;
begin
  if d is null or d = 'null' then
    select v.document into d from crm.config_versions v join crm.stores s on s.id = v.store_id and s.config_version = v.version where v.store_id = p_store;
  end if;
  if jsonb_typeof(d) is distinct from 'object' or jsonb_typeof(d -> 'levels') is distinct from 'array' or jsonb_typeof(d -> 'rules') is distinct from 'array' then
    raise sqlstate 'PT422' using message = 'invalid_config';
  end if;
  begin
    answer := crm.replay_rules(p_store, d, least(greatest(coalesce(p_days, 90), 1), 90));
    raise sqlstate 'GIVEN';
  exception
    when sqlstate 'GIVEN' then null;                    -- all of it is undone; what it made is known
    when sqlstate 'PT409' or sqlstate 'PT422' or serialization_failure or deadlock_detected or query_canceled then raise;
    when others then
      raise log 'dry run: % %', sqlstate, sqlerrm;
      raise sqlstate 'PT422' using message = 'invalid_config';
  end;
  return answer;
end $$;
comment on function crm.preview_rules is 'The rules of a document (null: the published) on the last days, at most 90, as they were: tasks {day, user_id, why, n}, moves, and what was recorded. Writes nothing. Errors: forbidden, invalid_config and those of publishing.';

create function api.preview_rules(store_id uuid, document jsonb default null, days int default 90) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.preview_rules(store_id, document, days); end;
alter function api.preview_rules(uuid, jsonb, int) set statement_timeout = '120s';
grant execute on function crm.preview_rules(uuid, jsonb, int), api.preview_rules(uuid, jsonb, int) to authenticated;
insert into crm.exits (name, function, why_not) values ('preview_rules', 'preview_rules', 'counts of tasks by member and day; for who may see the whole document');
