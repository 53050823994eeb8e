-- Backup and restore of one store (forecourt backup, forecourt restore; docs/decisions/0043).

create or replace function crm.begin_epoch(p_store uuid) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare
  v_epoch uuid;
begin
  update crm.stores
  set epoch = gen_random_uuid()
  where id = p_store
  returning epoch into v_epoch;
  return v_epoch;
end $$;
comment on function crm.begin_epoch is
  'The store went back in time: every phone starts a full round and tells again what it sent. For '
  'the operator, after a restore of the whole database.';

-- What triggers write when a record is born is in the file already, so they rest while a store is
-- restored, and only they: keys, checks and change numbers are as ever. Disabling them would lock
-- the tables of all stores. A verb (api_owner) never has them rest.
do $$
declare
  v_trigger record;
  v_unless text
    := $q$current_setting('crm.restoring', true) is distinct from 'on'
      or current_user = 'api_owner'$q$;
  v_text text;
begin
  for v_trigger in
    select t.oid
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where c.relnamespace = 'crm'::regnamespace
      and not t.tgisinternal
      and t.tgtype & 4 > 0  -- insert
      and p.proname not like 'tg\_%\_\_stamp'
  loop
    v_text := regexp_replace(
      pg_get_triggerdef(v_trigger.oid), '^CREATE TRIGGER', 'create or replace trigger'
    );
    v_text := case
      when v_text like '% WHEN (%' then
        replace(v_text, ' WHEN (', format(' when ((%s) and ', v_unless))
      else replace(v_text, ' EXECUTE FUNCTION ', format(' when (%s) execute function ', v_unless))
    end;
    execute v_text;
  end loop;
end $$;
