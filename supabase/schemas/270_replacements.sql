-- Where records go whose stage, level, pool or reason a document no longer names, in the same act;
-- and back, when a later one names it again.

create policy select_nobody on crm.replaced_records for select to api_owner
  using (false);
create policy select_nobody on crm.config_key_columns for select to api_owner
  using (false);

-- A replacement counts when the old one is gone from the document and the new one is in it; a
-- stage's is of the same kind.
create or replace function crm.replacements(
  p_store uuid,
  p_document jsonb
) returns table (kind text, was text, became text, is_bad bool)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    with named as (
      select proposed.pipeline, proposed.key as stage, proposed.stage ->> 'type' as type
      from crm.document_stages(p_document) proposed
    )
    select 'stage', entry.key, entry.value, new.type is distinct from old.type
    from jsonb_each_text(coalesce(p_document #> '{replacements,stages}', '{}')) entry
    join crm.stages old
      on old.store_id = p_store
        and old.pipeline = split_part(entry.key, '.', 1)
        and old.key = split_part(entry.key, '.', 2)
    left join named new
      on new.pipeline = split_part(entry.value, '.', 1)
        and new.stage = split_part(entry.value, '.', 2)
    where not exists (
      select from named
      where named.pipeline = old.pipeline and named.stage = old.key
    )
    union all
    select l.kind, entry.key, entry.value, not crm.document_has_key(p_document, l.kind, entry.value)
    from (values ('level', 'levels'), ('pool', 'pools'), ('reason', 'reasons')) l (kind, list)
    cross join jsonb_each_text(coalesce(p_document #> array['replacements', l.list], '{}')) entry
    where not crm.document_has_key(p_document, l.kind, entry.key);
end $$;

create or replace function crm.document_has_key(p_document jsonb, p_kind text, p_key text)
  returns bool
  language sql immutable set search_path = ''
  begin atomic
    select coalesce(
      p_document -> (p_kind || 's') @> jsonb_build_array(jsonb_build_object('key', p_key)),
      false
    );
  end;
comment on function crm.document_has_key is 'Whether a document still has a level, pool or reason.';

-- What an earlier publication moved away from something that is named again comes back, where
-- nobody changed it since.
create or replace function crm.move_back(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_column crm.config_key_columns;
begin
  with back as (
    delete
    from crm.replaced_records replaced
    using crm.document_stages(p_document) n
    where replaced.store_id = p_store
      and replaced.kind = 'stage'
      and replaced.was = n.pipeline || '.' || n.key
    returning replaced.*
  )
  update crm.deals deal
  set pipeline = split_part(back.was, '.', 1), stage = split_part(back.was, '.', 2)
  from back
  where deal.store_id = p_store
    and deal.id = back.subject_id
    and deal.pipeline || '.' || deal.stage = back.became
    and deal.stage_at <= back.moved_at;
  for v_column in select * from crm.config_key_columns loop
    execute format(
      $q$
      with back as (
        delete
        from crm.replaced_records replaced
        where replaced.store_id = $1
          and replaced.kind = %1$L
          and replaced.relation = %2$L
          and crm.document_has_key($2, replaced.kind, replaced.was)
        returning replaced.*
      )
      update crm.%2$I t
      set %3$I = back.was
      from back
      where t.store_id = $1 and t.id = back.subject_id and t.%3$I = back.became
      $q$,
      v_column.kind,
      v_column.relation,
      v_column.field
    ) using p_store, p_document;
  end loop;
end $$;

create or replace function crm.move_deals(p_store uuid, p_was text, p_became text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  insert into crm.replaced_records (store_id, kind, relation, subject_id, was, became)
  select p_store, 'stage', 'deals', d.id, p_was, p_became
  from crm.deals d
  where d.store_id = p_store
    and d.pipeline = split_part(p_was, '.', 1)
    and d.stage = split_part(p_was, '.', 2);
  update crm.deals d
  -- stage_at stays: the deal itself went no further
  set pipeline = split_part(p_became, '.', 1), stage = split_part(p_became, '.', 2)
  where d.store_id = p_store
    and d.pipeline = split_part(p_was, '.', 1)
    and d.stage = split_part(p_was, '.', 2);
end $$;
comment on function crm.move_deals is 'Deals of a stage that goes, to the stage that replaces it.';

create or replace function crm.move_records(
  p_store uuid, p_kind text, p_was text, p_became text
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_column crm.config_key_columns;
begin
  for v_column in
    select *
    from crm.config_key_columns key_column
    where key_column.kind = p_kind
  loop
    execute format(
      $q$
      insert into crm.replaced_records (store_id, kind, relation, subject_id, was, became)
      select $1, %1$L, %2$L, t.id, $2, $3
      from crm.%2$I t
      where t.store_id = $1 and t.%3$I = $2
      $q$,
      v_column.kind,
      v_column.relation,
      v_column.field
    ) using p_store, p_was, p_became;
    execute format(
      'update crm.%1$I t set %2$I = $3 where t.store_id = $1 and t.%2$I = $2',
      v_column.relation,
      v_column.field
    ) using p_store, p_was, p_became;
  end loop;
end $$;
comment on function crm.move_records is 'Records of a level, pool or reason that goes, likewise.';

create or replace function crm.require_nobody_stranded(p_store uuid) returns void
  language plpgsql stable set search_path = '' as $$
declare
  v_key text;
begin
  select customer.level into v_key
  from crm.customers customer
  join crm.levels level on level.store_id = customer.store_id and level.key = customer.level
  where customer.store_id = p_store and level.retired and customer.removed_at is null
  limit 1;
  if found then
    raise sqlstate 'PT422' using message = 'level_in_use', detail = v_key;
  end if;
  select customer.pool into v_key
  from crm.customers customer
  join crm.pools pool on pool.store_id = customer.store_id and pool.key = customer.pool
  where customer.store_id = p_store and pool.retired and customer.removed_at is null
  limit 1;
  if found then
    raise sqlstate 'PT422' using message = 'pool_in_use', detail = v_key;
  end if;
end $$;
comment on function crm.require_nobody_stranded is
  'Nobody is left behind in a level or pool that is gone: no rule would ever look at them again '
  '(S-78). Errors: level_in_use, pool_in_use.';

-- Of several publications the first: what it changed is how far the deal really came. A deal that
-- moved since keeps what it reached then, if that is further.
create or replace function crm.restore_furthest_stages(p_store uuid) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  with origin as (
    select distinct on (deal.id)
      deal.id,
      crm.furthest_of(
        p_store,
        deal.pipeline,
        array[deal.stage, stage.key]
          || case when deal.stage_at > replaced.moved_at then array[deal.furthest_stage] end
      ) as furthest
    from crm.replaced_records replaced
    join crm.deals deal on deal.store_id = p_store and deal.id = replaced.subject_id
    join crm.stages stage
      on stage.store_id = p_store
        and stage.pipeline = deal.pipeline
        and stage.pipeline || '.' || stage.key = replaced.was
        and not stage.retired
    where replaced.store_id = p_store
      and replaced.kind = 'furthest_stage'
      and (
        deal.pipeline || '.' || deal.furthest_stage = replaced.became
        -- back in its pipeline, in which that stage means nothing
        or split_part(replaced.became, '.', 1) <> deal.pipeline
          and deal.stage_at <= replaced.moved_at
      )
    order by deal.id, replaced.id
  )
  update crm.deals deal
  set furthest_stage = origin.furthest
  from origin
  where deal.store_id = p_store
    and deal.id = origin.id
    and deal.furthest_stage <> origin.furthest;
  delete
  from crm.replaced_records replaced
  using crm.deals deal
  where replaced.store_id = p_store
    and replaced.kind = 'furthest_stage'
    and deal.store_id = p_store
    and deal.id = replaced.subject_id
    and deal.pipeline || '.' || deal.furthest_stage = replaced.was;
end $$;
comment on function crm.restore_furthest_stages is
  'How far deals had come before a publication changed it, where a stage is named again or the '
  'stages are in their old order again.';

create or replace function crm.apply_replacements(p_store uuid, p_document jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_moved record;
begin
  perform crm.move_back(p_store, p_document);
  for v_moved in select * from crm.replacements(p_store, p_document) loop
    if v_moved.is_bad then
      raise sqlstate 'PT422' using message = 'bad_replacement', detail = v_moved.was;
    end if;
    if v_moved.kind = 'stage' then
      perform crm.move_deals(p_store, v_moved.was, v_moved.became);
    else
      perform crm.move_records(p_store, v_moved.kind, v_moved.was, v_moved.became);
    end if;
  end loop;
  perform crm.restore_furthest_stages(p_store);
  perform crm.require_nobody_stranded(p_store);
end $$;
comment on function crm.apply_replacements is
  'Moves the records of what the document no longer names, or brings them back. Called while '
  'publishing. Errors: bad_replacement, level_in_use, pool_in_use.';

-- Levels and pools that go without a word where their customers go.
create or replace function crm.unreplaced(p_store uuid, p_document jsonb)
  returns table (kind text, was text, became text, is_bad bool)
  language plpgsql stable set search_path = '' as $$
begin
  return query
    select x.kind, x.key, null::text, false
    from (
      select 'level' as kind, 'levels' as list, l.key
      from crm.levels l
      where l.store_id = p_store and not l.retired
      union all
      select 'pool', 'pools', l.key
      from crm.pools l
      where l.store_id = p_store and not l.retired
    ) x
    where not crm.document_has_key(p_document, x.kind, x.key)
      and not coalesce(p_document #> array['replacements', x.list] ? x.key, false);
end $$;

create or replace function crm.moved_stage_impact(p_store uuid, p_was text, p_became text)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_found record := crm.affected_records(
    'deals',
    p_store,
    $q$r.pipeline = split_part($2, '.', 1) and r.stage = split_part($2, '.', 2)$q$,
    p_was,
    null
  );
begin
  return jsonb_build_object(
    'kind', 'stage_moved',
    'level', case when v_found.n > 0 then 'warning' else 'info' end,
    'form', 'deal',
    'pipeline', split_part(p_was, '.', 1),
    'key', split_part(p_was, '.', 2),
    'after', p_became,
    'count', v_found.n,
    'ids', v_found.ids
  );
end $$;

create or replace function crm.moved_key_impact(
  p_store uuid, p_kind text, p_was text, p_became text
) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  v_column record;
  v_found record;
  v_form text;
  v_ids jsonb := '[]';
  v_total int := 0;
begin
  for v_column in
    select key_column.relation, key_column.field, form_table.form
    from crm.config_key_columns key_column
    left join crm.form_tables form_table on form_table.relation = key_column.relation
    where key_column.kind = p_kind
    order by key_column.strands
  loop
    v_found := crm.affected_records(
      v_column.relation, p_store, format('r.%I = $2', v_column.field), p_was, null
    );
    v_total := v_total + v_found.n;
    if v_column.form is not null and v_found.n > 0 then
      v_ids := v_found.ids;  -- approvals are no form: counted, not listed
      v_form := v_column.form;
    end if;
  end loop;
  return jsonb_strip_nulls(
    jsonb_build_object(
      'kind', p_kind || case when p_became is null then '_removed' else '_merged' end,
      'level', case
        when v_total = 0 then 'info'
        when p_became is null then 'refused'
        else 'warning'
      end,
      'key', p_was,
      'after', p_became,
      'count', v_total,
      'form', v_form,
      'ids', v_ids
    )
  );
end $$;

create or replace function crm.replacements_impact(p_store uuid, p_document jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        case x.kind
          when 'stage' then crm.moved_stage_impact(p_store, x.was, x.became)
          else crm.moved_key_impact(p_store, x.kind, x.was, x.became)
        end
      ),
      '[]'
    )
    from (
      select * from crm.replacements(p_store, p_document)
      union all
      select * from crm.unreplaced(p_store, p_document)
    ) x
    where not x.is_bad  -- publishing itself refuses it, and the check says so
  );
end $$;
comment on function crm.replacements_impact is
  'What a check says about what goes elsewhere: stage_moved, level_merged, pool_merged, '
  'reason_merged, level_removed, pool_removed.';
