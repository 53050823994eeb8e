"""Questions to the catalogue. Each answers the names of what is wrong, and nothing when all is
well."""

from dataclasses import dataclass

# The functions of ours, not of an extension.
OURS = (
    " and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass"
    " and d.objid = p.oid and d.deptype = 'e')"
)
AGAIN = "run `forecourt migrate`: it builds all code, rights and policies again"


@dataclass(frozen=True)
class Question:
    """`what` names what the query answered as {items}; `needs`: asked only where this relation
    is."""

    code: str
    query: str
    what: str
    why: str
    todo: str
    needs: str = ""


RIGHTS = (
    Question(
        "rls_off",
        "select c.relname from pg_class c where c.relnamespace = 'crm'::regnamespace"
        " and c.relkind in ('r', 'p') and (not c.relrowsecurity or not exists ("
        " select from pg_policy p where p.polrelid = c.oid)) order by 1",
        "tables without row security or without a policy: {items}",
        "every function of the API would read and write all stores' rows",
        "`alter table crm.… enable row level security`, then " + AGAIN,
    ),
    Question(
        "policy_for_everybody",
        "select tablename || '.' || policyname from pg_policies where schemaname = 'crm'"
        " and (qual = 'true' or with_check = 'true' or roles && '{public,anon,authenticated}')"
        " order by 1",
        "policies that let everybody in, or that are not for api_owner: {items}",
        "rows of other stores are shown",
        "drop them, then " + AGAIN,
    ),
    Question(
        "crm_open",
        "select distinct coalesce(r.rolname, 'public') || ' on ' || c.relname from pg_class c"
        " cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee"
        " where c.relnamespace = 'crm'::regnamespace"
        " and coalesce(r.rolname, 'public') in ('public', 'anon', 'authenticated', 'service_role')"
        " union select r.rolname || ' on schema crm' from pg_roles r"
        " where r.rolname in ('anon', 'authenticated', 'service_role')"
        " and has_schema_privilege(r.oid, 'crm', 'usage') order by 1",
        "rights on the private schema: {items}",
        "callers reach the tables beside the views that mask them",
        "revoke them; do not let a tool grant on all schemas; then " + AGAIN,
    ),
    Question(
        "api_grants",
        "select coalesce(r.rolname, 'public') || ' ' || lower(a.privilege_type) || ' on '"
        " || c.relname from pg_class c cross join lateral aclexplode(c.relacl) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where c.relnamespace = 'api'::regnamespace and a.grantee <> c.relowner"
        " and coalesce(r.rolname, '') <> 'api_owner'"
        " and (coalesce(r.rolname, '') <> 'authenticated' or a.privilege_type <> 'SELECT')"
        " order by 1",
        "rights on views of the API beyond reading by the signed in: {items}",
        "strangers read, or callers write past the verbs",
        "revoke them, then " + AGAIN,
    ),
    Question(
        "api_closed",
        "select c.relname from pg_class c where c.relnamespace = 'api'::regnamespace"
        " and c.relkind = 'v' and not has_table_privilege('authenticated', c.oid, 'select')"
        " union select 'schema api' where not has_schema_privilege('authenticated', 'api', 'usage')"
        " union select p.proname from pg_proc p where p.pronamespace = 'api'::regnamespace"
        f" and not has_function_privilege('authenticated', p.oid, 'execute'){OURS} order by 1",
        "the signed in may not use: {items}",
        "the apps are refused there (42501)",
        AGAIN,
    ),
    Question(
        "functions_of_strangers",
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace in"
        " ('crm'::regnamespace, 'api'::regnamespace)"
        f" and has_function_privilege('anon', p.oid, 'execute'){OURS} order by 1",
        "functions that strangers may call: {items}",
        "most of them trust that the caller was let in",
        "`revoke execute … from public, anon`, then " + AGAIN,
    ),
    Question(
        "strangers_in_api",
        "select 'anon' where has_schema_privilege('anon', 'api', 'usage')",
        "strangers have usage on schema api ({items})",
        "a grant on one view would be enough to show it to everybody",
        "`revoke usage on schema api from anon, public`",
    ),
    Question(
        "definer_in_api",
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'api'::regnamespace"
        " and p.prosecdef order by 1",
        "exposed functions that lend their owner's rights: {items}",
        "callers act as the owner",
        AGAIN,
    ),
    Question(
        "owners",
        "select c.relname || ' of ' || pg_get_userbyid(c.relowner) from pg_class c"
        " where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'"
        " and pg_get_userbyid(c.relowner) <> 'api_owner'"
        " union select c.relname || ' of api_owner' from pg_class c"
        " where c.relnamespace = 'crm'::regnamespace and c.relkind in ('r', 'p')"
        " and pg_get_userbyid(c.relowner) = 'api_owner' order by 1",
        "owned by the wrong role: {items}",
        "a view of another owner reads past row security; a table's owner is bound by none",
        "give views to api_owner and tables to the role that migrates, then " + AGAIN,
    ),
    Question(
        "search_path",
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace in"
        " ('crm'::regnamespace, 'api'::regnamespace, 'auth_hooks'::regnamespace)"
        " and not coalesce(p.proconfig, '{}') && array['search_path=\"\"', 'search_path=']"
        + OURS
        + " order by 1",
        "functions without a fixed search_path: {items}",
        "whoever can create an object somewhere can be called in place of ours",
        AGAIN,
    ),
    Question(
        "public_tables",
        "select c.relname from pg_class c where c.relnamespace = to_regnamespace('public')"
        " and c.relkind in ('r', 'p', 'v', 'm', 'f') and not exists (select from pg_depend d"
        " where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"
        " and (has_table_privilege('anon', c.oid, 'select')"
        " or has_table_privilege('authenticated', c.oid, 'select')) order by 1",
        "readable relations in schema public: {items}",
        "public is exposed by default on hosted projects, and what is there is not ours to guard",
        "move or drop them, or revoke their grants; expose the schema api only",
    ),
    Question(
        "extension_in_api",
        "select e.extname from pg_extension e where e.extnamespace in"
        " ('api'::regnamespace, 'crm'::regnamespace) order by 1",
        "extensions inside our schemas: {items}",
        "their functions would be exposed with ours, or dropped when the code is built again",
        "`alter extension … set schema extensions`",
    ),
)

ROLES = (
    Question(
        "role_missing",
        "select x.name from unnest(array['anon', 'authenticated', 'service_role', 'api_owner'])"
        " x (name) where to_regrole(x.name) is null",
        "roles that do not exist: {items}",
        "tokens name them, and nothing can be granted to them",
        "create the first three as Supabase does; api_owner comes with `forecourt migrate`",
    ),
    Question(
        "role_attributes",
        "select r.rolname || concat(case when r.rolsuper then ' superuser' end,"
        " case when r.rolbypassrls then ' bypassrls' end,"
        " case when r.rolcanlogin then ' login' end,"
        " case when r.rolcreaterole then ' createrole' end) from pg_roles r"
        " where r.rolname in ('anon', 'authenticated', 'api_owner')"
        " and (r.rolsuper or r.rolbypassrls or r.rolcanlogin or r.rolcreaterole) order by 1",
        "roles with attributes they must not have: {items}",
        "row security does not hold for them, or somebody can sign in as them",
        "`alter role … nosuperuser nobypassrls nologin nocreaterole`",
    ),
    Question(
        "role_membership",
        "select m.rolname || ' in ' || r.rolname from pg_auth_members a"
        " join pg_roles m on m.oid = a.member join pg_roles r on r.oid = a.roleid"
        " where m.rolname in ('anon', 'authenticated') or (r.rolname = 'api_owner'"
        " and m.rolname <> pg_get_userbyid((select nspowner from pg_namespace"
        " where nspname = 'crm'))) order by 1",
        "memberships: {items}",
        "a caller can become a role with more rights",
        "`revoke … from …`",
    ),
    Question(
        "timeouts",
        "select w.role || ' ' || w.setting from (values ('anon', 'statement_timeout'),"
        " ('authenticated', 'statement_timeout'), ('authenticated', 'lock_timeout'),"
        " ('authenticated', 'idle_in_transaction_session_timeout')) w (role, setting)"
        " where not exists (select from pg_db_role_setting s, unnest(s.setconfig) x (line)"
        " where s.setrole = to_regrole(w.role)::oid and split_part(x.line, '=', 1) = w.setting"
        " and split_part(x.line, '=', 2) !~ '^0+[a-z]*$')",
        "no limit is set for: {items}",
        "one bad question holds the database for everybody",
        "`alter role … set … = '8s'` (statements of anon 3s, idle in a transaction 30s)",
    ),
    Question(
        "exposed_schemas",
        "select r.rolname || ': ' || split_part(x.line, '=', 2) from pg_db_role_setting s"
        " join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) x (line)"
        " where split_part(x.line, '=', 1) = 'pgrst.db_schemas'"
        " and replace(split_part(x.line, '=', 2), ' ', '') <> 'api'",
        "the API exposes other schemas than api ({items})",
        "what is exposed is one grant away from everybody",
        "API settings: exposed schemas `api` only",
    ),
    Question(
        "settings_that_switch_off",
        "select coalesce(r.rolname, 'everybody') || ': ' || x.line from pg_db_role_setting s"
        " left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) x (line)"
        " where split_part(x.line, '=', 1) in ('crm.restoring', 'crm.night', 'crm.taking_back',"
        " 'session_replication_role', 'row_security')",
        "settings that switch off triggers or rules: {items}",
        "history is not written, or rules do not hold",
        "`alter role … reset …` or `alter database … reset …`",
    ),
)

STATE = (
    Question(
        "trigger_disabled",
        "select c.relname || '.' || t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " where c.relnamespace = 'crm'::regnamespace and t.tgenabled <> 'O' order by 1",
        "triggers that do not fire: {items}",
        "history, change numbers, counters or keys are not kept; phones miss rows",
        "`alter table … enable trigger …`, then `forecourt epoch`",
    ),
    Question(
        "constraint_not_valid",
        "select k.conrelid::regclass || '.' || k.conname from pg_constraint k"
        " where k.connamespace = 'crm'::regnamespace and not k.convalidated order by 1",
        "constraints that were never checked: {items}",
        "rows may point at nothing",
        "`alter table … validate constraint …`",
    ),
    Question(
        "index_invalid",
        "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid"
        " where c.relnamespace = 'crm'::regnamespace and not (i.indisvalid and i.indisready)"
        " order by 1",
        "broken indexes: {items}",
        "a unique one lets doubles in, and the others cost without being used",
        "`reindex index concurrently …`",
    ),
    Question(
        "collation_version",
        "select datname || ' ' || datcollversion from pg_database"
        " where datname = current_database()"
        " and datcollversion <> pg_database_collation_actual_version(oid)",
        "the system sorts texts by other rules than when the indexes were built ({items})",
        "searches miss rows, and unique keys take doubles",
        "`reindex database …`, then `alter database … refresh collation version`",
    ),
    Question(
        "encoding",
        "select pg_encoding_to_char(encoding) from pg_database where datname = current_database()"
        " and pg_encoding_to_char(encoding) <> 'UTF8'",
        "the database's encoding is {items}",
        "names cannot be stored",
        "make a database with encoding UTF8 and migrate that",
    ),
    Question(
        "server_version",
        "select current_setting('server_version')"
        " where current_setting('server_version_num')::int < 170000",
        "the server is Postgres {items}",
        "everything here is tested on 17",
        "upgrade the project to Postgres 17",
    ),
    Question(
        "durability",
        "select name from pg_settings where name in ('fsync', 'full_page_writes', 'autovacuum',"
        " 'synchronous_commit') and setting = 'off' order by 1",
        "switched off: {items}",
        "what a phone was told is saved can be lost, or tables grow without end",
        "switch them on",
    ),
    Question(
        "logged_statements",
        "select setting from pg_settings where name = 'log_statement'"
        " and setting in ('mod', 'all')",
        "the server logs statements (log_statement = {items})",
        "customers' names and numbers end up in its logs",
        "`log_statement = none` or `ddl`",
    ),
    Question(
        "old_transaction",
        "select 'process ' || pid from pg_stat_activity where datname = current_database()"
        " and xact_start < now() - interval '1 hour' and backend_type = 'client backend'"
        " union all select 'prepared ' || gid from pg_prepared_xacts"
        " where prepared < now() - interval '1 hour'",
        "transactions open for more than an hour: {items}",
        "a writer among them holds back what phones of its store are told; nothing is cleaned up",
        "`select pg_terminate_backend(…)`, `rollback prepared …`",
    ),
    Question(
        "store_time_zone",
        "select s.name || ' ' || s.time_zone from crm.stores s where not exists ("
        " select from pg_timezone_names z where z.name = s.time_zone) order by 1",
        "stores with a time zone that the server does not know: {items}",
        "their nights do not run, and their phones get no data",
        "`update crm.stores set time_zone = 'Asia/Shanghai' where …`",
    ),
    Question(
        "files_nearly_full",
        "select s.name || ' ' || pg_size_pretty(x.bytes) from crm.stores s join ("
        " select a.store_id, sum(a.bytes) as bytes from crm.attachments a group by a.store_id) x"
        " on x.store_id = s.id where x.bytes > 90::bigint * 1024 * 1024 * 1024 order by 1",
        "stores near the limit of 100 GB of files: {items}",
        "photos and memos will wait on the phones (files_of_store)",
        "remove records that hold large files; they leave the database after 30 days",
    ),
    Question(
        "nobody_administers",
        "select s.name from crm.stores s where exists (select from crm.members m"
        " where m.store_id = s.id) and not exists (select from crm.members m join crm.roles r"
        " on r.store_id = m.store_id and r.key = m.role where m.store_id = s.id and m.active"
        " and 'invite_member' = any (r.verbs)) and not exists (select from crm.group_members g"
        " join crm.roles r on r.key = g.role and r.store_id = s.id where g.group_id = s.group_id"
        " and 'invite_member' = any (r.verbs)) order by 1",
        "stores without anybody who may invite: {items}",
        "nobody can invite or disable people there",
        "`forecourt group add-admin`, or enable one of its admins",
    ),
)

SCHEDULE = (
    Question(
        "scheduler_missing",
        "select 'forecourt' where not exists ("
        " select from cron.job where jobname = 'forecourt' and active)",
        "pg_cron is there, and its job {items} is not",
        "no night runs: no tasks, no reminders, no renewals",
        "`select crm.schedule_runs()`",
        needs="cron.job",
    ),
    Question(
        "scheduler_silent",
        "select s.name from crm.stores s where s.created_at < now() - interval '2 hours'"
        " and not exists (select from crm.runs r where r.store_id = s.id and r.work = 'hourly'"
        " and r.finished_at > now() - interval '2 hours') order by 1",
        "stores whose rules have not run for two hours: {items}",
        "no tasks, no first responses, and lent queues do not return",
        "enable pg_cron and `select crm.schedule_runs()`, or call `forecourt tick` every ten "
        "minutes",
    ),
    Question(
        "night_failed",
        "select s.name || ': ' || x.error from crm.stores s cross join lateral ("
        " select distinct on (r.work) r.error from crm.runs r where r.store_id = s.id"
        " order by r.work, r.started_at desc) x where x.error is not null order by 1",
        "the latest run failed: {items}",
        "its work was rolled back, and is tried again at every call",
        "the error is SQLSTATE and place; see `select * from crm.runs`",
    ),
)
