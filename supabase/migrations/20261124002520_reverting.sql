-- Taking back what an import did. History tells what to put back; what others changed since stays (F-81).

grant create on schema crm, api to api_owner;          -- taken back at the end

-- Customers of what was done under a mark (the op_id of events) whom another person touched since, where that act had been. Postgres knows
-- nothing yet of a mark just made, takes its events for one row, and read all of them for each: 4,000 policies took 50 s to take back. So no
-- nested loop here; a function of its own, for the triggers of what take_back writes must keep their plans.
create function crm.touched_since(p_store uuid, p_mark uuid) returns uuid[]
  language plpgsql stable set search_path = '' set enable_nestloop = off as $$
begin
  return array(select distinct e.customer_id from crm.events e where e.store_id = p_store and e.op_id = p_mark and exists (
    select from crm.events later where later.store_id = e.store_id and later.customer_id = e.customer_id and later.id > e.id and later.op_id is distinct from p_mark and later.actor_id is not null
      and (later.subject_id = e.subject_id and (later.field = e.field or e.kind = 'created') or e.form = 'customer' and e.kind = 'created')));
end $$;

-- Everything done under a mark, customer by customer: whoever was touched since is kept whole. Answers {taken, changed, kept: [customer ids]}.
create function crm.take_back(p_store uuid, p_mark uuid) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare f record; kept uuid[]; gone uuid[]; n int; taken int := 0; altered int := 0; columns text;
begin
  kept := crm.touched_since(p_store, p_mark);
  for f in select * from (values ('task', 'tasks'), ('approval', 'approvals'), ('deal', 'deals'), ('policy', 'policies'), ('vehicle', 'vehicles'), ('companion', 'companions'), ('customer', 'customers')) x (form, relation) loop
    gone := array(select e.subject_id from crm.events e where e.store_id = p_store and e.op_id = p_mark and e.form = f.form and e.kind = 'created' and e.customer_id <> all (kept));
    if gone <> '{}' then
      execute format('update crm.%I t set removed_at = now() where t.store_id = $1 and t.id = any ($2) and t.removed_at is null', f.relation) using p_store, gone;
      get diagnostics n = row_count;
      taken := taken + n;
      if f.form <> 'task' then                        -- calls the rules have made about it meanwhile
        update crm.tasks t set removed_at = now() where t.store_id = p_store and t.removed_at is null and t.rule is not null and t.status = 'open'
          and (t.subject_id = any (gone) or f.form = 'customer' and t.customer_id = any (gone));
      end if;
    end if;
    select string_agg(format('%1$I = r.%1$I', x.field), ', ') into columns from (
      select distinct e.field from crm.events e left join crm.base_fields b on b.form = e.form and b.key = e.field
      where e.store_id = p_store and e.op_id = p_mark and e.form = f.form and e.kind = 'changed' and not (e.is_field and b.key is null)) x;
    if columns is not null or exists (select from crm.events e where e.store_id = p_store and e.op_id = p_mark and e.form = f.form and e.kind = 'changed') then
      execute format($q$
        with first as (
          select distinct on (e.subject_id, e.field) e.subject_id, e.field, e.old, e.is_field and b.key is null as custom
          from crm.events e left join crm.base_fields b on b.form = e.form and b.key = e.field
          where e.store_id = $1 and e.op_id = $2 and e.form = $3 and e.kind = 'changed' and e.customer_id <> all ($4) and e.subject_id <> all ($5) order by e.subject_id, e.field, e.id),
        patches as (
          select subject_id, coalesce(jsonb_object_agg(field, old) filter (where not custom), '{}') as base, coalesce(jsonb_object_agg(field, old) filter (where custom), '{}') as own
          from first group by subject_id),
        wanted as (select t, t.id, p.base, p.own from patches p join crm.%1$I t on t.store_id = $1 and t.id = p.subject_id)
        update crm.%1$I t set %2$s from wanted w cross join lateral jsonb_populate_record(w.t, w.base) r where t.store_id = $1 and t.id = w.id$q$, f.relation,
        concat_ws(', ', columns, case when f.form not in ('task', 'approval') then 'custom = (t.custom || w.own) - array(select key from jsonb_each(w.own) where jsonb_typeof(value) = ''null'')' end))
        using p_store, p_mark, f.form, kept, gone;
      get diagnostics n = row_count;
      altered := altered + n;
    end if;
  end loop;
  return jsonb_build_object('taken', taken, 'changed', altered, 'kept', to_jsonb(kept));
end $$;

create function crm.import_revert(p_store uuid, p_import uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'import_rows'); i crm.imports; answer jsonb; mark uuid := crm.import_mark(p_store, p_import);
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.import:' || p_store, 0));   -- no batch of it comes in between
  select * into i from crm.imports x where x.store_id = p_store and x.id = p_import for update;
  if i.id is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  if i.reverted_at is not null and i.kept = 0 then return jsonb_build_object('taken', 0, 'changed', 0, 'kept', 0, 'rows', '[]'::jsonb); end if;
  perform set_config('crm.op_id', crm.import_mark(p_store, mark)::text, true);
  answer := crm.take_back(p_store, mark);
  perform set_config('crm.op_id', '', true);
  delete from crm.import_keys k where k.store_id = p_store and k.import_id = p_import
    and not exists (select from crm.customers x where x.store_id = p_store and x.removed_at is null
      and x.id = any (array(select (v #>> '{}')::uuid from jsonb_array_elements(answer -> 'kept') v))
      and x.id = coalesce((select r.customer_id from crm.policies r where r.store_id = p_store and r.id = k.record_id),
        (select r.customer_id from crm.vehicles r where r.store_id = p_store and r.id = k.record_id), (select r.customer_id from crm.deals r where r.store_id = p_store and r.id = k.record_id), k.record_id));
  update crm.imports x set reverted_at = now(), reverted_by = c.user_id, kept = jsonb_array_length(answer -> 'kept'), updated_at = now() where x.store_id = p_store and x.id = p_import;
  perform crm.note_act(c, 'import_reverted', p_import, jsonb_build_object('taken', answer -> 'taken', 'changed', answer -> 'changed', 'kept', jsonb_array_length(answer -> 'kept')));
  return jsonb_build_object('taken', answer -> 'taken', 'changed', answer -> 'changed', 'kept', jsonb_array_length(answer -> 'kept'), 'rows', (
    select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name)), '[]') from (
      select x.id, x.name from api.customers x where x.store_id = p_store and x.id = any (array(select (v #>> '{}')::uuid from jsonb_array_elements(answer -> 'kept') v)) order by x.id limit 50) v));
end $$;
comment on function crm.import_revert is 'Takes back what an import made and changed; customers somebody worked on since are kept and named. Errors: forbidden, not_found.';

alter function crm.import_revert(uuid, uuid) owner to api_owner;
create function api.import_revert(store_id uuid, import_id uuid) returns jsonb
  language sql volatile security invoker set search_path = '' begin atomic select crm.import_revert(store_id, import_id); end;
alter function api.import_revert(uuid, uuid) set statement_timeout = '300s';   -- PostgREST hoists it
grant execute on function crm.touched_since(uuid, uuid), crm.take_back(uuid, uuid) to api_owner;
grant execute on function crm.import_revert(uuid, uuid), api.import_revert(uuid, uuid) to authenticated;
insert into crm.exits (name, function, why_not) values ('import_revert', 'import_revert', 'counts, and names through api.customers');
revoke create on schema crm, api from api_owner;
