"""The exposed surface, exactly: a view or function added by accident fails here, and so does a
grant nobody decided."""

import psycopg
import pytest

from tests.rights.permissions import ACTS, TABLES
from tests.rights.permissions import FUNCTIONS as DOORS
from tests.rights.permissions import VIEWS as RULED_VIEWS
from tests.support.present import dynamic

VIEWS = {
    "approvals",
    "attachments",
    "companions",
    "config",
    "config_drafts",
    "config_versions",
    "consents",
    "transfers",
    "relationships",
    "visits",
    "conversations",
    "customers",
    "deals",
    "alerts",
    "quarantined_operations",
    "import_mappings",
    "imports",
    "invitations",
    "members",
    "policies",
    "promises",
    "stores",
    "tasks",
    "timeline",
    "vehicles",
    "whoami",
    "exports",
    "export_layouts",
    "merges",
}
# Each stands before a function of the same name in crm.
FUNCTIONS = {
    "accept_invitation",
    "check_config",
    "customer_brief",
    "customer_timeline",
    "new_owners",
    "unassigned_policies",
    "next_step_report",
    "pool_list",
    "reassign_list",
    "renewal_report",
    "renewal_rates",
    "renewal_rate_rows",
    "visit_report",
    "decide_quarantined",
    "disable_member",
    "effective_access",
    "enable_member",
    "find_customers",
    "find_duplicates",
    "funnel_report",
    "member_work",
    "lend_queue",
    "end_loan",
    "meeting_sheet",
    "metric_rows",
    "freeze_meeting_sheet",
    "target_progress",
    "set_target",
    "meeting_notes",
    "my_todos",
    "save_meeting_notes",
    "add_meeting_todo",
    "tick_meeting_todo",
    "comments",
    "add_comment",
    "acknowledge_comment",
    "report",
    "metric_trend",
    "download_attachment",
    "commit_import",
    "preview_import",
    "invite_member",
    "grant_group_role",
    "grantable_roles",
    "group_people",
    "revoke_group_role",
    "pending_approvals",
    "people",
    "preview_rules",
    "check_access",
    "publish_config",
    "upload_attachment",
    "restore_config",
    "revoke_invitation",
    "save_config_draft",
    "save_import_mapping",
    "search_customers",
    "set_member",
    "sign_out_member",
    "sync_pull",
    "sync_push",
    "today",
    "audit_log",
    "duplicate_pairs",
    "export_rows",
    "finish_export",
    "revert_import",
    "merge_customers",
    "erase_customer",
    "preview_erasure",
    "reveal_field",
    "view_as",
    "start_view_as",
    "stop_view_as",
    "save_export_layout",
    "unmerge_customers",
}
# Definer functions of the table owner, each with its reason; every other definer belongs to
# api_owner.
OWNER_DEFINERS = {
    "current_member": "a policy that reads memberships cannot stand under itself; answers about "
    "the caller "
    "only",
    "my_memberships": "the same",
    "my_store_ids": "the same",
    "my_team": "the same",
    "my_pools": "the same",
    "my_lent_customers": "the same",
    "my_access": "the same",
    "accept_invitation": "the new_companion is no member yet; reads nothing but the code",
    "group_rank": "whether somebody is on the group's list, which nobody reads; our functions "
    "alone may call it",
    "grant_group_role": "the list is writable by nobody else; for group administrators",
    "revoke_group_role": "the same",
    "group_people": "the list is shown to group administrators alone",
    "invitation_is_open": "who asks has no account yet; answers yes or no about one code",
    "publish_config": "configuration rows are writable by nobody else; demands the verb first",
    "check_config": "the same; what it tries is rolled back",
    "restore_config": "the same",
    "save_config_draft": "the same",
    "effective_access": "reads the rights of every role; demands the verb, or answers about the "
    "caller without what is hidden from them",
    "meeting_sheet": "a number is the same for whoever may see it, so it counts all records; "
    "answers the metrics and members that the caller's field rights and scope show them",
    "freeze_meeting_sheet": "the same, and nobody else writes the frozen copy; demands the verb "
    "and the scope store",
    "target_progress": "the same over the days of a month, beside the targets of whom they show",
    "report": "as meeting_sheet, over a period",
    "metric_trend": "as meeting_sheet, over twelve periods",
    "set_target": "targets are writable by nobody else; demands the verb and the scope store",
    "meeting_notes": "notes and to-dos are readable by nobody else; answers who sees the whole "
    "store, of to-dos their own person too",
    "my_todos": "the same, the caller's own",
    "save_meeting_notes": "the same are writable by nobody else; demands the verb and the scope "
    "store",
    "add_meeting_todo": "the same, and whether a colleague sees the customer is not the caller's "
    "to read",
    "tick_meeting_todo": "the same; one's own, or who leads the meeting",
    "comments": "comments are readable by nobody else; answers the author of the conversation and "
    "who leads the store",
    "add_comment": "the same are writable by nobody else; demands the verb and the scope store",
    "acknowledge_comment": "the same; for the author of the conversation",
    "metric_facts": "the same of its rows, which its callers choose from; our functions alone may "
    "call it",
    "renewal_facts": "as metric_facts",
    "refresh_row_estimates": "analyze is its owner's; takes no argument, answers nothing",
    "check_access": "puts marked records before a prober of every role; demands the verb; what it "
    "writes does not stay",
    "form_at_version": "the documents are the admins'; answers the fields of one form to the verbs",
    "raise_duplicate_alert": "a colleague's row is invisible to the caller; answers nothing",
    "raise_alert": "a flag about oneself is not one's own to write; only for one's own store",
    "detect_outcome_bursts": "the same, about the caller only",
    "withdraw_alerts": "the same, what the caller's own operation raised",
    "tg_record__index_values": "unique and searchable values are writable by nobody",
    "tg_record__custom": "reads the form of the row's own store; asking for each row whose form "
    "it is took a third of an import",
    "tg_customers__plan_contact": "the same of its cadence",
    "tg_customers__collected_facts": "the same of its zone and people",
    "tg_tasks__life": "the same of its customer, conversation and approvals, which the writer may "
    "not see",
    "tg_tasks__assign": "the same of its customer's owner",
    "tg_tasks__loan": "the same of the loans",
    "insert_loan": "loans are writable by nobody; called after crm.require_loan",
    "move_lent_tasks": "the same; what changes hands is decided by the loans",
    "return_lent_tasks": "the same",
    "tg_tasks__reassign": "the same",
    "reassign_abandoned_tasks": "tasks change hands by our rules alone; whose they become is "
    "decided by who sees the customer",
    "sees_customer": "a colleague's role and pools are not the caller's to read; answers yes or "
    "no; our functions alone may call it",
    "next_caller": "the same of the loan; answers who makes the next call",
    "last_night": "runs are the operator's; answers a day",
    "tg_customers__assigned": "the same of its open tasks",
    "last_next_contact_on": "the same of its zone and levels; answers a day",
    "tg_customers__do_not_call": "colleagues' tasks are suspended too",
    "reopen_tasks": "the same; only our verbs may execute it",
    "settle_tasks": "the same",
    "is_dial_credible": "reads the author's own operations and conversations; answers yes or no",
    "tg_deals__update_counts": "counters are writable by nobody",
    "tg_deals__insert_counts": "the same",
    "tg_deals__keep_furthest": "reads the store's stages, in a rehearsal too, whose store is "
    "nobody's",
    "preview_rules": "makes a scratch store in a transaction that is given up; demands the verb "
    "first",
    "require_viewable_member": "compares the rights of two roles; refuses or answers a member of "
    "the "
    "caller's store; our functions alone may call it",
    "open_work_counts": "counts what a leaving person holds whatever the caller's rows are; "
    "api_owner's "
    "functions alone may call it",
    "session_summary": "Supabase Auth's tables; the same",
    "end_sessions": "the same",
    "is_disabled_member": "a disabled caller passes no row rule; answers yes or no about the "
    "caller",
    "customers_of_operation": "the customer is not the caller's any more; our verbs alone may "
    "execute it",
    "can_quarantine": "a disabled caller passes no row rule; answers yes or no about the caller's "
    "last role",
    "transferred_customer": "the customer is not the caller's any more; answers about the "
    "caller's own "
    "visibility_changes",
    "log_transferred_conversation": "the same customer; writes a conversation under the caller's "
    "name and nothing else",
    "count_lookup": "how often one asked is not one's own to write; answers nothing",
    "find_duplicate_elsewhere": "a colleague's row is invisible to the caller; answers a number "
    "of days, "
    "and a name only where the store says so",
    "transfer_customer": "owner and pool are writable by nobody else; only our verbs and rules may "
    "execute it",
    "claim_from_pool": "a pool's rows are invisible to who may claim; every limit is judged inside",
    "pool_list": "the same; never answers a number",
    "unassigned_policies": "the same",
    "assume_renewal": "the same; only what nobody renews",
    "assign_renewal_owner": "the seller who delivers a car names no specialist: the rule does; "
    "only our verbs may execute it",
    "find_colleagues_customer": "a colleague's row is invisible to the caller; only our verbs may "
    "execute it",
    "insert_transfer_request": "the same",
    "require_file_space": "counts everybody's files; refuses or answers nothing; our functions "
    "alone may call it",
    "erase_person": "history, files and held operations are changed by nobody else; called after "
    "the right was demanded; our functions alone may call it",
    "is_about_erased": "an erased person's ids are nobody's to read; answers yes or no; our "
    "functions alone may call it",
    "erased_had_plan": "the same of a figure the books keep",
    "record_is_gone": "a removed record is invisible to the caller; answers yes or no; our "
    "functions alone may call it",
}
# Helpers of crm that views and policies call with the caller's right; beside them authenticated may
# execute what stands behind FUNCTIONS.
HELPERS = {
    "current_member",
    "my_memberships",
    "current_user_id",
    "my_store_ids",
    "my_team",
    "my_pools",
    "my_lent_customers",
    "my_access",
    "has_permission",
    "mask_text",
    "config_for",
    "form_of_verb",
    "quarantine_effect",
}


def names(db: psycopg.Connection, sql: str) -> set[str]:
    return {row[0] for row in db.execute(dynamic(sql)).fetchall()}


def test_views_are_exactly_these(db):
    assert (
        names(
            db,
            "select relname from pg_class where relnamespace = 'api'::regnamespace and relkind in "
            "('v', 'r', 'm', 'f', 'p')",
        )
        == VIEWS
    )


def test_functions_are_exactly_these(db):
    assert (
        names(db, "select proname from pg_proc where pronamespace = 'api'::regnamespace")
        == FUNCTIONS
    )


def test_the_proof_knows_how_to_ask_every_function(db):
    """A new function says in its migration how the access check asks it, or why it cannot tell
    anything: `insert into crm.endpoints …`."""
    assert names(db, "select distinct function from crm.endpoints") == FUNCTIONS


def test_api_functions_lend_no_rights(db):
    assert (
        names(
            db,
            "select proname from pg_proc where pronamespace = 'api'::regnamespace and (prosecdef "
            "or prosqlbody is null)",
        )
        == set()
    )


def test_views_are_readable_by_the_signed_in_and_nothing_else(db):
    grants = db.execute(
        "select grantee, privilege_type, table_name from information_schema.role_table_grants "
        "where table_schema = 'api' and grantee <> 'api_owner'"
    ).fetchall()
    assert {(g, p) for g, p, _ in grants} == {("authenticated", "SELECT")}
    assert {t for *_, t in grants} == VIEWS


def test_nobody_outside_holds_anything_on_crm(db):
    found = db.execute(
        "select grantee, table_name, privilege_type from information_schema.role_table_grants "
        "where table_schema = 'crm' and grantee in ('anon', 'authenticated', 'service_role', "
        "'PUBLIC')"
    ).fetchall()
    assert found == []
    for role in ("anon", "authenticated"):
        assert db.execute(
            "select has_schema_privilege(%s, 'crm', 'usage')", (role,)
        ).fetchone() == (False,)
    assert db.execute("select has_schema_privilege('anon', 'api', 'usage')").fetchone() == (False,)


def test_functions_of_crm_are_callable_only_as_listed(db):
    for role, allowed in (("authenticated", HELPERS | FUNCTIONS), ("anon", set())):
        found = {
            r[0]
            for r in db.execute(
                "select proname from pg_proc where pronamespace = 'crm'::regnamespace and "
                "has_function_privilege(%s, oid, 'execute')",
                (role,),
            ).fetchall()
        }
        assert found == allowed, role
    assert (
        names(
            db,
            "select proname from pg_proc where pronamespace in ('crm'::regnamespace, "
            "'api'::regnamespace) and has_function_privilege('public', oid, 'execute')",
        )
        == set()
    )


def test_every_table_has_row_security_and_a_policy(db):
    bare = names(
        db,
        """select c.relname from pg_class c where c.relnamespace = 'crm'::regnamespace
          and c.relkind in ('r', 'p')
        and (not c.relrowsecurity
          or not exists (select from pg_policy p where p.polrelid = c.oid))""",
    )
    assert bare == set()


def test_one_permissive_policy_per_table_and_action(db):
    found = db.execute(
        "select tablename, cmd, count(*) from pg_policies where schemaname = 'crm' group by 1, "
        "2 having count(*) > 1 or min(cmd) = 'ALL'"
    ).fetchall()
    assert found == []


def test_no_policy_lets_everybody_in(db):
    assert (
        names(
            db,
            "select tablename || '.' || policyname from pg_policies where schemaname = 'crm' and "
            "(qual = 'true' or with_check = 'true')",
        )
        == set()
    )


def test_definer_functions_have_the_listed_owner(db):
    found = dict(
        db.execute(
            "select proname, pg_get_userbyid(proowner) from pg_proc where pronamespace = "
            "'crm'::regnamespace and prosecdef"
        ).fetchall()
    )
    assert {name for name, owner in found.items() if owner != "api_owner"} == set(OWNER_DEFINERS)


def test_api_owner_bypasses_nothing_and_owns_no_table(db):
    assert db.execute(
        "select rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname = 'api_owner'"
    ).fetchone() == (False, False, False)
    assert (
        names(
            db,
            "select relname from pg_class where relkind in ('r', 'p') and "
            "pg_get_userbyid(relowner) = 'api_owner'",
        )
        == set()
    )
    assert db.execute(
        "select has_schema_privilege('api_owner', 'crm', 'create'), "
        "has_schema_privilege('api_owner', 'api', 'create')"
    ).fetchone() == (
        False,
        False,
    )


def test_views_belong_to_api_owner(db):
    assert (
        names(
            db,
            "select relname from pg_class where relnamespace = 'api'::regnamespace and relkind = "
            "'v' and pg_get_userbyid(relowner) <> 'api_owner'",
        )
        == set()
    )


def test_every_function_fixes_its_search_path(db):
    found = names(
        db,
        """select proname from pg_proc
          where pronamespace in ('crm'::regnamespace, 'api'::regnamespace)
        and not coalesce(proconfig, '{}') && array['search_path=""', 'search_path='''''] """,
    )
    assert found == set()


def test_every_table_says_what_it_is(db):
    assert (
        names(
            db,
            "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind = "
            "'r' and obj_description(oid, 'pg_class') is null",
        )
        == set()
    )


def test_keys_of_records_carry_the_store(db):
    tables = [
        "customers",
        "companions",
        "vehicles",
        "policies",
        "deals",
        "conversations",
        "tasks",
        "approvals",
        "transfers",
        "relationships",
        "consents",
        "visits",
        "events",
        "operations",
        "imports",
        "import_keys",
        "attachments",
        "attachment_chunks",
        "quarantined_operations",
    ]
    for table in tables:
        columns = db.execute(
            """select array_agg(a.attname order by k.n) from pg_index i
              cross join unnest(i.indkey::int[]) with ordinality k (attnum, n)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where i.indrelid = ('crm.' || %s)::regclass and i.indisprimary""",
            (table,),
        ).fetchone()
        assert columns and columns[0][0] == "store_id", table


def test_foreign_keys_between_records_are_indexed(db):
    """Keys into the small configuration tables are left out: their rows are retired, never deleted,
    so nothing looks back."""
    configuration = (
        "('roles', 'pools', 'levels', 'outcomes', 'reasons', 'rules', 'stages', "
        "'pipelines', 'stores', 'groups', 'fields')"
    )
    found = db.execute(f"""
        select c.conrelid::regclass::text, c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'crm'::regnamespace
          and (select relname from pg_class where oid = c.confrelid) not in {configuration}
          and not exists (select from pg_index i where i.indrelid = c.conrelid
            and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey)""").fetchall()
    assert [
        name
        for _, name in found
        if not name.startswith(("customers_store_id_owner", "conversations_"))
    ] == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from crm.customers",
        "select crm.current_member(gen_random_uuid())",
        "select query_to_xml('select * from crm.customers', true, true, '')",
    ],
)
def test_crm_cannot_be_reached_by_name(world, role, statement):
    assert world.refused("lin" if role == "authenticated" else None, statement).startswith("42501")


@pytest.mark.parametrize(
    ("what", "row", "sql", "table"),
    [
        (
            "api view",
            "VIEWS",
            "select relname from pg_class where relnamespace = 'api'::regnamespace and relkind in "
            "('v', 'r', 'm', 'f', 'p')",
            RULED_VIEWS,
        ),
        (
            "api function",
            "FUNCTIONS",
            "select proname from pg_proc where pronamespace = 'api'::regnamespace",
            DOORS,
        ),
        (
            "verb of sync_push",
            "ACTS",
            r"select (regexp_matches(pg_get_functiondef('crm.call_verb'::regproc), "
            r"'\mwhen ''(\w+)'' then', 'g'))[1]",
            {a.verb for a in ACTS.values()},
        ),
        (
            "crm table",
            "TABLES",
            "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind in "
            "('r', 'p')",
            TABLES,
        ),
    ],
)
def test_everything_stands_in_the_table(db, what, row, sql, table):
    there = names(db, sql)
    missing, gone = sorted(there - {*table}), sorted({*table} - there)
    assert not missing, (
        f"{what} without a decision who may use it: {missing}. Add a row each to {row} in "
        "tests/rights/permissions.py; its first lines say how."
    )
    assert not gone, (
        f"no such {what} any more: {gone}. Take the rows out of {row} in "
        "tests/rights/permissions.py."
    )
