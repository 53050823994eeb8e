-- Where records go whose stage, level, pool or reason a document no longer names, in the same act; and back, when a later one names it again.

create table crm.moved_records (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  kind text not null check (kind in ('stage', 'level', 'pool', 'reason')),
  relation text not null,
  subject_id uuid not null,
  was text not null,
  became text not null,
  moved_at timestamptz not null default now(),
  primary key (store_id, id));
comment on table crm.moved_records is 'Records that publishing moved with a removed stage (pipeline.stage), level, pool or reason: restoring brings back those nobody changed since.';
create index on crm.moved_records (store_id, kind, was);
alter table crm.moved_records enable row level security;
create policy select_nobody on crm.moved_records for select to api_owner using (false);

create table crm.key_columns (kind text not null, relation text not null, field text not null, strands bool not null, primary key (relation, field));
comment on table crm.key_columns is 'Every column that holds a level, pool or reason: what moves with it. strands: a record may not be left with one that is gone.';
insert into crm.key_columns values ('reason', 'deals', 'lost_reason', false), ('reason', 'approvals', 'reason', false),
  ('level', 'customers', 'level', true), ('pool', 'customers', 'pool', true);
alter table crm.key_columns enable row level security;
create policy select_nobody on crm.key_columns for select to api_owner using (false);

-- A successor counts when the old one is gone from the document and the new one is in it; a stage's is of the same kind.
create function crm.successors(p_store uuid, p_document jsonb) returns table (kind text, was text, became text, is_bad bool)
  language plpgsql stable set search_path = '' as $$
begin
  return query
  with named as (select p ->> 'key' as pipeline, x ->> 'key' as stage, x ->> 'type' as type
                 from jsonb_array_elements(p_document -> 'pipelines') p cross join jsonb_array_elements(p -> 'stages') x)
  select 'stage', e.key, e.value, new.type is distinct from old.type
  from jsonb_each_text(coalesce(p_document #> '{successors,stages}', '{}')) e
  join crm.stages old on old.store_id = p_store and old.pipeline = split_part(e.key, '.', 1) and old.key = split_part(e.key, '.', 2)
  left join named new on new.pipeline = split_part(e.value, '.', 1) and new.stage = split_part(e.value, '.', 2)
  where not exists (select from named n where n.pipeline = old.pipeline and n.stage = old.key)
  union all
  select l.kind, e.key, e.value, not crm.names(p_document, l.kind, e.value)
  from (values ('level', 'levels'), ('pool', 'pools'), ('reason', 'reasons')) l (kind, list)
  cross join jsonb_each_text(coalesce(p_document #> array['successors', l.list], '{}')) e
  where not crm.names(p_document, l.kind, e.key);
end $$;

create function crm.names(p_document jsonb, p_kind text, p_key text) returns bool
  language sql immutable set search_path = ''
  begin atomic select coalesce(p_document -> (p_kind || 's') @> jsonb_build_array(jsonb_build_object('key', p_key)), false); end;
comment on function crm.names is 'Whether a document still has a level, pool or reason.';

create function crm.apply_successors(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare s record; c record; left_over text;
begin
  -- back: what an earlier publication moved away from something that is named again, where nobody changed it since
  with named as (select (p ->> 'key') || '.' || (x ->> 'key') as key from jsonb_array_elements(p_document -> 'pipelines') p cross join jsonb_array_elements(p -> 'stages') x),
    back as (delete from crm.moved_records m using named n where m.store_id = p_store and m.kind = 'stage' and m.was = n.key returning m.*)
  update crm.deals d set pipeline = split_part(b.was, '.', 1), stage = split_part(b.was, '.', 2)
  from back b where d.store_id = p_store and d.id = b.subject_id and d.pipeline || '.' || d.stage = b.became and d.stage_at <= b.moved_at;
  for c in select * from crm.key_columns loop
    execute format('with back as (delete from crm.moved_records m where m.store_id = $1 and m.kind = %L and m.relation = %L and crm.names($2, m.kind, m.was) returning m.*)
        update crm.%I t set %I = b.was from back b where t.store_id = $1 and t.id = b.subject_id and t.%I = b.became', c.kind, c.relation, c.relation, c.field, c.field)
      using p_store, p_document;
  end loop;

  for s in select * from crm.successors(p_store, p_document) loop
    if s.is_bad then raise sqlstate 'PT422' using message = 'bad_successor', detail = s.was; end if;
    if s.kind = 'stage' then
      insert into crm.moved_records (store_id, kind, relation, subject_id, was, became)
      select p_store, 'stage', 'deals', d.id, s.was, s.became from crm.deals d
      where d.store_id = p_store and d.pipeline = split_part(s.was, '.', 1) and d.stage = split_part(s.was, '.', 2);
      update crm.deals d set pipeline = split_part(s.became, '.', 1), stage = split_part(s.became, '.', 2)   -- stage_at stays: the deal itself went no further
      where d.store_id = p_store and d.pipeline = split_part(s.was, '.', 1) and d.stage = split_part(s.was, '.', 2);
    else
      for c in select * from crm.key_columns k where k.kind = s.kind loop
        execute format('insert into crm.moved_records (store_id, kind, relation, subject_id, was, became)
          select $1, %L, %L, t.id, $2, $3 from crm.%I t where t.store_id = $1 and t.%I = $2', c.kind, c.relation, c.relation, c.field) using p_store, s.was, s.became;
        execute format('update crm.%I t set %I = $3 where t.store_id = $1 and t.%I = $2', c.relation, c.field, c.field) using p_store, s.was, s.became;
      end loop;
    end if;
  end loop;

  -- nobody is left behind in a level or pool that is gone: no rule would ever look at him again (S-78)
  select k.level into left_over from crm.customers k join crm.levels l on l.store_id = k.store_id and l.key = k.level
    where k.store_id = p_store and l.retired and k.removed_at is null limit 1;
  if found then raise sqlstate 'PT422' using message = 'level_in_use', detail = left_over; end if;
  select k.pool into left_over from crm.customers k join crm.pools l on l.store_id = k.store_id and l.key = k.pool
    where k.store_id = p_store and l.retired and k.removed_at is null limit 1;
  if found then raise sqlstate 'PT422' using message = 'pool_in_use', detail = left_over; end if;
end $$;
comment on function crm.apply_successors is 'Moves the records of what the document no longer names, or brings them back. Called while publishing. Errors: bad_successor, level_in_use, pool_in_use.';

create function crm.successors_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare found jsonb := '[]'; s record; c record; n int; total int; ids jsonb; of_one jsonb; form text;
begin
  for s in
    select * from crm.successors(p_store, p_document)
    union all                                                        -- levels and pools that go without a word where their customers go
    select 'level', l.key, null, false from crm.levels l where l.store_id = p_store and not l.retired and not crm.names(p_document, 'level', l.key)
      and not coalesce(p_document #> '{successors,levels}' ? l.key, false)
    union all
    select 'pool', l.key, null, false from crm.pools l where l.store_id = p_store and not l.retired and not crm.names(p_document, 'pool', l.key)
      and not coalesce(p_document #> '{successors,pools}' ? l.key, false)
  loop
    if s.is_bad then continue; end if;                               -- publishing itself refuses it, and the check says so
    if s.kind = 'stage' then
      select count(*), coalesce(jsonb_agg(x.id) filter (where x.place <= 20), '[]') into n, ids from (
        select d.id, row_number() over () as place from crm.deals d
        where d.store_id = p_store and d.pipeline = split_part(s.was, '.', 1) and d.stage = split_part(s.was, '.', 2) and d.removed_at is null) x;
      found := found || jsonb_build_object('kind', 'stage_moved', 'level', case when n > 0 then 'warning' else 'info' end, 'form', 'deal', 'pipeline', split_part(s.was, '.', 1),
        'key', split_part(s.was, '.', 2), 'after', s.became, 'count', n, 'ids', ids);
      continue;
    end if;
    total := 0; ids := '[]'; form := null;
    for c in select k.relation, k.field, t.form from crm.key_columns k left join crm.form_tables t on t.relation = k.relation where k.kind = s.kind order by k.strands loop
      execute format('select count(*), coalesce(jsonb_agg(x.id) filter (where x.place <= 20), ''[]'') from (
          select t.id, row_number() over () as place from crm.%I t where t.store_id = $1 and t.%I = $2 and t.removed_at is null) x', c.relation, c.field)
        into n, of_one using p_store, s.was;
      total := total + n;
      if c.form is not null and n > 0 then ids := of_one; form := c.form; end if;      -- approvals are no form: counted, not listed
    end loop;
    found := found || jsonb_strip_nulls(jsonb_build_object('kind', s.kind || case when s.became is null then '_removed' else '_merged' end,
      'level', case when total = 0 then 'info' when s.became is null then 'refused' else 'warning' end, 'key', s.was, 'after', s.became, 'count', total, 'form', form, 'ids', ids));
  end loop;
  return found;
end $$;
comment on function crm.successors_impact is 'What a check says about what goes elsewhere: stage_moved, level_merged, pool_merged, reason_merged, level_removed, pool_removed.';
