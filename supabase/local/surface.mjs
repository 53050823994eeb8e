// What the schema api offers, read from the catalogue when the process starts.

/**
 * relations: names of views and tables. functions: name → the function's own statement_timeout in
 * milliseconds, or
 * null. PostgREST sets that timeout before it calls the function; Postgres itself would ignore it
 * inside the call.
 */
export async function readSurface(sql) {
  const relations = await sql`
    select c.relname as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'api'
      and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
  const functions = await sql`
    select p.proname as name,
      max(extract(epoch from split_part(setting, '=', 2)::interval) * 1000)::int as timeout
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    left join lateral unnest(p.proconfig) setting on setting like 'statement_timeout=%'
    where n.nspname = 'api'
      and p.prokind = 'f'
    group by p.proname`;
  return {
    relations: new Set(relations.map((row) => row.name)),
    functions: new Map(functions.map((row) => [row.name, row.timeout])),
  };
}
