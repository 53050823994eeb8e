-- Writing to a view of api is a right nobody has. Postgres looks at rights only after it knows how
-- a view would be written to: for most it answered "cannot insert into view" (55000), which
-- PostgREST takes for a fault of the server and answers with 500. With a trigger it knows, and the
-- missing right is what is told: 42501, HTTP 403. New views stand in
-- tests/database/test_views_are_read.py.

create or replace function crm.tg_view__reject() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  raise insufficient_privilege using message = 'views are read only';
end $$;
comment on function crm.tg_view__reject is
  'Nobody comes here: nobody holds a right to write to a view, and its owner does not write '
  'through them.';

do $$
declare
  v name;
begin
  for v in
    select c.relname
    from pg_catalog.pg_class c
    where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'
    order by 1 loop
    execute format('create trigger %I instead of insert or update or delete on api.%I
        for each row execute function crm.tg_view__reject()', 'tg_' || v || '__refuse', v);
  end loop;
end $$;
