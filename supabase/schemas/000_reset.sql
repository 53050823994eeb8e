-- Removes all code (views, functions, triggers, policies, grants), so that the files after this one
-- build it again: what a file no longer names is gone, and a function may change its result type.
-- Tables, their data and the few functions that columns and checks use are kept
-- (supabase/migrations).

drop schema api cascade;
create schema api;

do $$
declare
  v_object record;
  v_name text;
begin
  for v_object in select p.polname, p.polrelid::regclass as relation
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    where c.relnamespace = 'crm'::regnamespace
  loop
    execute format('drop policy %I on %s', v_object.polname, v_object.relation);
  end loop;

  for v_object in select t.tgname, t.tgrelid::regclass as relation
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'crm'::regnamespace and not t.tgisinternal
  loop
    execute format('drop trigger %I on %s', v_object.tgname, v_object.relation);
  end loop;

  -- names are read before anything is dropped: "cascade" takes others with it
  foreach v_name in array array(
    select c.oid::regclass::text
    from pg_catalog.pg_class c
    where c.relnamespace = 'crm'::regnamespace and c.relkind = 'v'
  )
  loop
    execute format('drop view if exists %s cascade', v_name);
  end loop;

  foreach v_name in array array(
    select p.oid::regprocedure::text
    from pg_catalog.pg_proc p
    where p.pronamespace = 'crm'::regnamespace
      and not exists (  -- used by a default, a generated column, a check or an index
        select from pg_catalog.pg_depend d
        where d.refclassid = 'pg_catalog.pg_proc'::regclass
          and d.refobjid = p.oid
          and d.classid in (
            'pg_catalog.pg_attrdef'::regclass,
            'pg_catalog.pg_constraint'::regclass,
            'pg_catalog.pg_class'::regclass
          )
      )
  )
  loop
    execute format('drop function if exists %s cascade', v_name);
  end loop;

  for v_object in select c.oid::regclass as relation
    from pg_catalog.pg_class c
    where c.relnamespace = 'crm'::regnamespace and c.relkind in ('r', 'p')
  loop
    execute format('revoke all on %s from api_owner, authenticated, anon', v_object.relation);
  end loop;
end $$;

-- Ownership changes hands in the files below; 999_seal.sql takes "create" back.
grant usage, create on schema crm, api to api_owner;
grant usage on schema api to authenticated;  -- and never on crm

-- The list of what the access audit asks belongs to the code.
delete from crm.endpoints;
