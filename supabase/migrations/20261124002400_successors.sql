-- Where records go whose stage or reason a document no longer names, in the same act; and back, when a later one names it again.

create table crm.moved_records (
  store_id uuid not null references crm.stores on delete cascade,
  id bigint generated always as identity,
  kind text not null check (kind in ('stage', 'reason')),
  relation text not null,
  subject_id uuid not null,
  was text not null,
  became text not null,
  moved_at timestamptz not null default now(),
  primary key (store_id, id));
comment on table crm.moved_records is 'Records that publishing moved with a removed stage (pipeline.stage) or a merged reason: restoring brings back those nobody changed since.';
create index on crm.moved_records (store_id, kind, was);
alter table crm.moved_records enable row level security;
create policy select_nobody on crm.moved_records for select to api_owner using (false);

create table crm.reason_columns (relation text not null, field text not null, primary key (relation, field));
comment on table crm.reason_columns is 'Every column that holds a reason: merging two reasons visits them all.';
insert into crm.reason_columns values ('deals', 'lost_reason'), ('approvals', 'reason');
alter table crm.reason_columns enable row level security;
create policy select_nobody on crm.reason_columns for select to api_owner using (false);

-- A successor counts when the old one is gone from the document and the new one is in it, of the same kind.
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
  select 'reason', e.key, e.value, new.r is null
  from jsonb_each_text(coalesce(p_document #> '{successors,reasons}', '{}')) e
  join crm.reasons old on old.store_id = p_store and old.key = e.key
  left join lateral (select r from jsonb_array_elements(coalesce(p_document -> 'reasons', '[]')) r where r ->> 'key' = e.value) new on true
  where not p_document -> 'reasons' @> jsonb_build_array(jsonb_build_object('key', e.key));
end $$;

create function crm.apply_successors(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare s record; c record;
begin
  -- back: what an earlier publication moved away from a stage or reason that is named again, where nobody changed it since
  with named as (select (p ->> 'key') || '.' || (x ->> 'key') as key from jsonb_array_elements(p_document -> 'pipelines') p cross join jsonb_array_elements(p -> 'stages') x),
    back as (delete from crm.moved_records m using named n where m.store_id = p_store and m.kind = 'stage' and m.was = n.key returning m.*)
  update crm.deals d set pipeline = split_part(b.was, '.', 1), stage = split_part(b.was, '.', 2)
  from back b where d.store_id = p_store and d.id = b.subject_id and d.pipeline || '.' || d.stage = b.became and d.stage_at <= b.moved_at;
  for c in select * from crm.reason_columns loop
    execute format('with back as (delete from crm.moved_records m where m.store_id = $1 and m.kind = ''reason'' and m.relation = %L
          and $2 -> ''reasons'' @> jsonb_build_array(jsonb_build_object(''key'', m.was)) returning m.*)
        update crm.%I t set %I = b.was from back b where t.store_id = $1 and t.id = b.subject_id and t.%I = b.became', c.relation, c.relation, c.field, c.field)
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
      for c in select * from crm.reason_columns loop
        execute format('insert into crm.moved_records (store_id, kind, relation, subject_id, was, became)
          select $1, ''reason'', %L, t.id, $2, $3 from crm.%I t where t.store_id = $1 and t.%I = $2', c.relation, c.relation, c.field) using p_store, s.was, s.became;
        execute format('update crm.%I t set %I = $3 where t.store_id = $1 and t.%I = $2', c.relation, c.field, c.field) using p_store, s.was, s.became;
      end loop;
    end if;
  end loop;
end $$;
comment on function crm.apply_successors is 'Moves the records of removed stages and merged reasons, or brings them back. Called while publishing. Error: bad_successor.';

create function crm.successors_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare found jsonb := '[]'; s record; c record; n int; total int; ids jsonb;
begin
  for s in select * from crm.successors(p_store, p_document) loop
    if s.is_bad then continue; end if;                 -- publishing itself refuses it, and the check says so
    if s.kind = 'stage' then
      select count(*), coalesce(jsonb_agg(x.id) filter (where x.place <= 20), '[]') into n, ids from (
        select d.id, row_number() over () as place from crm.deals d
        where d.store_id = p_store and d.pipeline = split_part(s.was, '.', 1) and d.stage = split_part(s.was, '.', 2) and d.removed_at is null) x;
      found := found || jsonb_build_object('kind', 'stage_moved', 'level', case when n > 0 then 'warning' else 'info' end, 'form', 'deal', 'pipeline', split_part(s.was, '.', 1),
        'key', split_part(s.was, '.', 2), 'after', s.became, 'count', n, 'ids', ids);
    else
      total := 0;
      for c in select * from crm.reason_columns loop
        execute format('select count(*) from crm.%I t where t.store_id = $1 and t.%I = $2 and t.removed_at is null', c.relation, c.field) into n using p_store, s.was;
        total := total + n;
      end loop;
      found := found || jsonb_build_object('kind', 'reason_merged', 'level', case when total > 0 then 'warning' else 'info' end, 'key', s.was, 'after', s.became, 'count', total);
    end if;
  end loop;
  return found;
end $$;
comment on function crm.successors_impact is 'What a check says about stages and reasons that go elsewhere: stage_moved, reason_merged.';
