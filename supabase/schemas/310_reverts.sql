-- Taking back what an import did. History tells what to put back; what others changed since stays
-- (F-81).

-- What was taken back is written down as such: it is nobody's later work, and is not taken back a
-- second time.
create or replace function crm.reverting_origin(p_origin text) returns text
  language sql immutable parallel safe set search_path = '' as $$
  select case p_origin when 'import' then 'revert_import' when 'merge' then 'unmerge' end
$$;

-- Customers whom another person touched where an import or merge had written, since it had.
-- Postgres knows nothing yet of what was just written, takes its events for one row, and read all
-- of them for each: 4,000 policies took 50 s to take back. So no nested loop here; a function of
-- its own, for the triggers of what a revert writes must keep their plans.
create or replace function crm.customers_changed_since(p_store uuid, p_origin text, p_id uuid)
  returns uuid[]
  language plpgsql stable set search_path = '' set enable_nestloop = off as $$
declare
  v_reverting text := crm.reverting_origin(p_origin);
begin
  return array(
    select distinct event.customer_id
    from crm.events event
    where event.store_id = p_store
      and event.origin_id = p_id
      and event.origin = p_origin
      and exists (
        select from crm.events later
        where later.store_id = event.store_id
          and later.customer_id = event.customer_id
          and later.id > event.id
          and (later.origin_id is distinct from p_id or later.origin not in (p_origin, v_reverting))
          and later.actor_id is not null
          and (
            later.subject_id = event.subject_id
            and (later.field = event.field or event.kind = 'created')
            or event.form = 'customer' and event.kind = 'created'
          )
      )
  );
end $$;

-- p_kept: customers who are left alone.

create or replace function crm.remove_created(
  p_store uuid,
  p_origin text,
  p_id uuid,
  p_kept uuid[],
  p_form text,
  out gone uuid[],
  out removed int
)
  language plpgsql volatile set search_path = '' as $$
begin
  removed := 0;
  gone := array(
    select event.subject_id
    from crm.events event
    where event.store_id = p_store
      and event.origin_id = p_id
      and event.origin = p_origin
      and event.form = p_form
      and event.kind = 'created'
      and event.customer_id <> all (p_kept)
  );
  if gone = '{}' then
    return;
  end if;
  execute format(
    $q$
    update crm.%I t
    set removed_at = now()
    where t.store_id = $1 and t.id = any ($2) and t.removed_at is null
    $q$,
    crm.record_table(p_form)
  ) using p_store, gone;
  get diagnostics removed = row_count;
  if p_form <> 'task' then  -- calls the rules have made about it meanwhile
    update crm.tasks task
    set removed_at = now()
    where task.store_id = p_store
      and task.removed_at is null
      and task.rule is not null
      and task.status in ('open', 'suspended')
      and (task.subject_id = any (gone) or p_form = 'customer' and task.customer_id = any (gone));
  end if;
end $$;
comment on function crm.remove_created is
  'Removes the records of a form that an import or merge made: gone; removed: how many were there.';

create or replace function crm.restored_columns(
  p_store uuid, p_origin text, p_id uuid, p_form text
) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_columns text;
  v_is_changed bool;
begin
  select
    string_agg(distinct format('%1$I = r.%1$I', event.field), ', ') filter (
      where not (event.is_field and base.key is null)
    ),
    count(*) > 0 into v_columns, v_is_changed
  from crm.events event
  left join crm.base_fields base on base.form = event.form and base.key = event.field
  where event.store_id = p_store
    and event.origin_id = p_id
    and event.origin = p_origin
    and event.form = p_form
    and event.kind = 'changed';
  if not v_is_changed then
    return null;
  end if;
  return concat_ws(
    ', ',
    v_columns,
    case
      when p_form not in ('task', 'approval') then
        $q$custom = (t.custom || w.own)
          - array(select key from jsonb_each(w.own) where jsonb_typeof(value) = 'null')$q$
    end
  );
end $$;
comment on function crm.restored_columns is
  'The "set" of the update that puts changed values back; null: nothing was changed.';

create or replace function crm.restore_changed(
  p_store uuid, p_origin text, p_id uuid, p_kept uuid[], p_form text, p_gone uuid[]
) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_columns text := crm.restored_columns(p_store, p_origin, p_id, p_form);
  v_count int;
begin
  if v_columns is null then
    return 0;
  end if;
  execute format(
    $q$
    with
      first as (
        select distinct on (e.subject_id, e.field)
          e.subject_id,
          e.field,
          e.old,
          e.is_field and b.key is null as custom
        from crm.events e
        left join crm.base_fields b on b.form = e.form and b.key = e.field
        where e.store_id = $1
          and e.origin_id = $2
          and e.origin = $6
          and e.form = $3
          and e.kind = 'changed'
          and e.customer_id <> all ($4)
          and e.subject_id <> all ($5)
        order by e.subject_id, e.field, e.id
      ),
      patches as (
        select
          subject_id,
          coalesce(jsonb_object_agg(field, old) filter (where not custom), '{}') as base,
          coalesce(jsonb_object_agg(field, old) filter (where custom), '{}') as own
        from first
        group by subject_id
      ),
      wanted as (
        select t, t.id, p.base, p.own
        from patches p
        join crm.%1$I t on t.store_id = $1 and t.id = p.subject_id
      )
    update crm.%1$I t
    set %2$s
    from wanted w
    cross join lateral jsonb_populate_record(w.t, w.base) r
    where t.store_id = $1 and t.id = w.id
    $q$,
    crm.record_table(p_form),
    v_columns
  ) using p_store, p_id, p_form, p_kept, p_gone, p_origin;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.restore_changed is
  'Puts the values back that an import or merge changed. Answers of how many records.';

create or replace function crm.revert_operation(p_store uuid, p_origin text, p_id uuid)
  returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_reverting text := crm.reverting_origin(p_origin);
  -- or erased: there is nothing left to put back
  v_reverted uuid[] := array(
    select event.customer_id
    from crm.events event
    where event.store_id = p_store and event.origin_id = p_id and event.origin = v_reverting
    union
    select event.customer_id
    from crm.events event
    join crm.customers customer
      on customer.store_id = p_store
        and customer.id = event.customer_id
        and customer.erased_at is not null
    where event.store_id = p_store and event.origin_id = p_id and event.origin = p_origin
  );
  v_kept uuid[] := array(
    select item
    from unnest(crm.customers_changed_since(p_store, p_origin, p_id)) item
    where item <> all (v_reverted)
  );
  v_form text;
  v_removed record;
  v_taken int := 0;
  v_changed int := 0;
begin
  perform crm.begin_origin(v_reverting, p_id);
  -- crm.tg_tasks__life: this puts back what was done
  perform set_config('crm.taking_back', p_id::text, true);
  foreach v_form in array array[
    'task', 'approval', 'deal', 'policy', 'vehicle', 'companion', 'customer'
  ] loop
    v_removed := crm.remove_created(p_store, p_origin, p_id, v_kept || v_reverted, v_form);
    v_taken := v_taken + v_removed.removed;
    v_changed := v_changed + crm.restore_changed(
      p_store, p_origin, p_id, v_kept || v_reverted, v_form, v_removed.gone
    );
  end loop;
  perform set_config('crm.taking_back', '', true);
  perform crm.end_origin();
  return jsonb_build_object('taken', v_taken, 'changed', v_changed, 'kept', to_jsonb(v_kept));
end $$;
comment on function crm.revert_operation is
  'Takes back everything an import or merge wrote, customer by customer: whoever was touched since '
  'is kept whole, and whoever was taken back before or is erased is left alone. Answers {taken, '
  'changed, kept: [customer ids]}.';

create or replace function crm.forget_import_keys(p_store uuid, p_import uuid, p_kept uuid[])
  returns void
  language plpgsql volatile set search_path = '' as $$
begin
  delete
  from crm.import_keys remembered
  where remembered.store_id = p_store
    and remembered.import_id = p_import
    and not exists (
      select from crm.customers customer
      where customer.store_id = p_store
        and customer.removed_at is null
        and customer.id = any (p_kept)
        and customer.id = coalesce(
          (
            select policy.customer_id
            from crm.policies policy
            where policy.store_id = p_store and policy.id = remembered.record_id
          ),
          (
            select vehicle.customer_id
            from crm.vehicles vehicle
            where vehicle.store_id = p_store and vehicle.id = remembered.record_id
          ),
          (
            select deal.customer_id
            from crm.deals deal
            where deal.store_id = p_store and deal.id = remembered.record_id
          ),
          remembered.record_id
        )
    );
end $$;
comment on function crm.forget_import_keys is
  'Which record a row became is forgotten, except for customers who were kept.';

create or replace function crm.revert_import(p_store uuid, p_import uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.require_permission(p_store, 'import_rows');
  v_answer jsonb;
  v_kept uuid[];
begin
  perform crm.lock_imports(p_store);  -- no batch of it comes in between
  perform
  from crm.imports import
  where import.store_id = p_store and import.id = p_import
  for update;
  if not found then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  v_answer := crm.revert_operation(p_store, 'import', p_import);
  v_kept := array(select item::uuid from jsonb_array_elements_text(v_answer -> 'kept') item);
  perform crm.forget_import_keys(p_store, p_import, v_kept);
  update crm.imports import
  set
    reverted_at = coalesce(import.reverted_at, now()),
    reverted_by = coalesce(import.reverted_by, v_caller.user_id),
    kept = cardinality(v_kept),
    updated_at = now()
  where import.store_id = p_store and import.id = p_import;
  v_answer := v_answer || jsonb_build_object('kept', cardinality(v_kept));
  perform crm.record_audit_event(v_caller, 'import_reverted', p_import, v_answer);
  return v_answer
    || jsonb_build_object(
      'rows', (
        select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name)), '[]')
        from (
          select customer.id, customer.name
          from api.customers customer
          where customer.store_id = p_store and customer.id = any (v_kept)
          order by customer.id
          limit 50
        ) v
      )
    );
end $$;
comment on function crm.revert_import is
  'Takes back what an import made and changed; customers somebody worked on since are kept and '
  'named. Errors: forbidden, not_found.';

alter function crm.revert_import(uuid, uuid) owner to api_owner;

create or replace function api.revert_import(store_id uuid, import_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.revert_import(store_id, import_id); end;
alter function api.revert_import(uuid, uuid) set statement_timeout = '300s';  -- PostgREST hoists it
grant execute on function
  crm.reverting_origin(text),
  crm.customers_changed_since(uuid, text, uuid),
  crm.remove_created(uuid, text, uuid, uuid[], text),
  crm.restored_columns(uuid, text, uuid, text),
  crm.restore_changed(uuid, text, uuid, uuid[], text, uuid[]),
  crm.revert_operation(uuid, text, uuid),
  crm.forget_import_keys(uuid, uuid, uuid[])
to api_owner;
grant execute on function
  crm.revert_import(uuid, uuid),
  api.revert_import(uuid, uuid)
to authenticated;
insert into crm.endpoints (name, function, skip_reason)
values ('revert_import', 'revert_import', 'counts, and names through api.customers');
