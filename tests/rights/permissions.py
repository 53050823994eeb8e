"""Who may do what, to whose records: written by hand from the product's rules, never from the
policies.

Read a row like this: `"customers": View("…", RECORDS)` and `RECORDS["assistant"] == "ocp"`: the
sales assistant sees in `api.customers` their own customers, a colleague's and the pool's, and none
of the sister store or of another dealer group. Letters, one per target:

    o  own               a record of the asking person (of someone of their store, when they are
    nobody) c  colleague's       of an advisor of the same store
    p  pool's            in the pool "market" of the same store
    s  sister store's    of an advisor of another store of the same dealer group
    g  other group's     of an advisor of a store of another dealer group

**A new view or function** needs one row here (the test says which is missing):
  * a view: `"name": View(at, who)`, `at` = the condition that finds a target's row, `who` =
    RECORDS, STORE or a map made by `only(…)`;
    select is all a view allows, so insert, update, delete, upsert and moving to another store are
    tried and must fail without further words.
  * a function: `"name": Door(call, who)`, `call` = its arguments with a target's values in
    braces. Whoever is not in `who` must be refused
    (PT403, PT404 or 42501) with nothing changed; whoever is must be served.
  * a verb of sync_push: `Act(verb, payload, who)`, at least one; a refusal is forbidden,
    not_found or own_request.
  * a table of crm: `Table(at, reads, inserts, updates, deletes)`, what its policies let through
    for whoever a function acts for.
A target's values: see `File` in scene.py.
"""

from dataclasses import dataclass
from typing import Any

TARGETS = "ocpsg"
ACTIONS = ("select", "insert", "update", "delete", "upsert", "move")

# Identities: name → (store, role). None: no token; a role of None: signed in, member of nothing.
IDENTITIES: dict[str, tuple[str, str | None] | None] = {
    "anon": None,
    "stranger": ("east", None),
    "advisor": ("east", "advisor"),
    "renewal": ("east", "renewal"),
    "assistant": ("east", "assistant"),
    "market": ("east", "market"),
    "manager": ("east", "manager"),
    "store_admin": ("east", "store_admin"),
    "group_admin": (
        "east",
        "group_admin",
    ),  # scope group: reads the sister store too, shapes it, works on no record
    "sister_admin": ("west", "store_admin"),
    "far_admin": ("far", "store_admin"),
    "former": ("east", "manager"),  # deactivated
    "two_stores": ("east", "advisor"),  # and manager in west: rights per store, never the union
    "inspector": (
        "east",
        "inspector",
        # invented by the store: sees the whole store, masked; imports, exports, merges, audits,
        # works on no record
    ),
    "team_lead": ("east", "team_lead"),  # invented: scope team; the colleague is of their team
    "other_lead": ("east", "team_lead"),  # of another team
}


def only(letters: str, *names: str, **more: str) -> dict[str, str]:
    """A map identity → letters: `letters` for the names, more by keyword; everyone else may
    nothing."""
    unknown = {*names, *more} - {*IDENTITIES}
    assert not unknown, f"no such identity: {unknown}"
    return {**dict.fromkeys(IDENTITIES, ""), **dict.fromkeys(names, letters), **more}


ADMINS = ("store_admin", "sister_admin", "far_admin")
LEADERS = ("manager", *ADMINS)
NOBODY = only("")
# S-46: a role sees its own rows, its team's, its store's or its group's; pools by role; a former
# member sees nothing.
RECORDS = only(
    "ocp",
    "assistant",
    "inspector",
    *LEADERS,
    advisor="o",
    renewal="o",
    other_lead="o",
    market="op",
    team_lead="oc",
    two_stores="os",
    group_admin="ocps",
)
HEARERS = {
    **RECORDS,
    "assistant": "",
    "group_admin": "",
}  # who may not read the words of a conversation may not hear it either
# What every member of a store sees of it; a group's admin of every store of the group.
STORE = only(
    "ocp",
    "advisor",
    "renewal",
    "assistant",
    "market",
    "inspector",
    "team_lead",
    "other_lead",
    *LEADERS,
    two_stores="ocps",
    group_admin="ocps",
)
SELF = only("o", *[n for n, at in IDENTITIES.items() if at and at[1] and n != "former"])
PUBLISHERS = only("ocp", *ADMINS, group_admin="ocps")
IMPORTERS = only("ocp", "inspector", *LEADERS, two_stores="s")
INVITERS = only("ocp", *ADMINS)
ERASERS = INVITERS
MERGERS = IMPORTERS
AUDITORS = only("ocp", "inspector", *ADMINS)
EXPORTERS = {**AUDITORS, "team_lead": "ocp", "other_lead": "ocp"}
EVERYONE = only(
    "ocpsg", *[n for n in IDENTITIES if n != "anon"]
)  # whoever is signed in, wherever he points


@dataclass(frozen=True)
class View:
    at: str
    who: dict[str, str]


VIEWS: dict[str, View] = {
    "customers": View("store_id = {store} and id = {customer}", RECORDS),
    "companions": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "vehicles": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "policies": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "deals": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "conversations": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "tasks": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "approvals": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "attachments": View("store_id = {store} and customer_id = {customer}", HEARERS),
    "quarantined_operations": View(
        "store_id = {store} and op_id = {held}", only("cp", *LEADERS, team_lead="c", two_stores="s")
    ),  # never one's own
    **{
        name: View("store_id = {store} and customer_id = {customer}", RECORDS)
        for name in ("transfers", "relationships", "consents", "visits")
    },
    "promises": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "alerts": View("store_id = {store} and id = {alert}", only("ocp", *LEADERS, two_stores="s")),
    "merges": View("store_id = {store} and id = {merge}", MERGERS),
    "exports": View(
        "store_id = {store} and reason = {paper}", {**AUDITORS, "team_lead": "o", "other_lead": "o"}
    ),
    "export_layouts": View("store_id = {store} and name = {paper}", EXPORTERS),
    "timeline": View("store_id = {store} and customer_id = {customer}", RECORDS),
    "whoami": View("store_id = {store} and user_id = {owner}", SELF),
    "stores": View("id = {store}", STORE),
    "members": View("store_id = {store} and user_id = {owner}", STORE),
    "config": View("store_id = {store}", STORE),
    "config_versions": View("store_id = {store} and note = {paper}", PUBLISHERS),
    "config_drafts": View(
        "store_id = {store} and document ->> 'note' = {paper}", only("o", *ADMINS, "group_admin")
    ),
    "invitations": View("store_id = {store} and name = {paper}", INVITERS),
    "imports": View("store_id = {store} and file_name = {paper}", IMPORTERS),
    "import_mappings": View("store_id = {store} and name = {paper}", IMPORTERS),
}


@dataclass(frozen=True)
class Door:
    """call: the arguments; who: served; writes_elsewhere: may change a store the caller does not
    belong to, which only an invitation may.
    offers: shows what nobody has yet, to be taken: names and cars of their own store, never a
    number."""

    call: str
    who: dict[str, str]
    writes_elsewhere: bool = False
    offers: bool = False


IMPORT_OPTIONS = """'{{"pool": "market", "level": "near", "source": "walk_in"}}'"""
IMPORT_ROWS = (
    """'[{{"row": 2, "key": "rights", "customer": {{"name": "某人", "phone": "13500000000"}}}}]'"""
)
SEARCHERS = only(
    "ocp",
    "advisor",
    "renewal",
    "assistant",
    "market",
    "team_lead",
    "other_lead",
    *LEADERS,
    two_stores="ocps",
)
DECIDERS = only("ocp", "team_lead", "other_lead", *LEADERS, two_stores="s")

SELLERS = only(
    "ocp", *LEADERS, advisor="o", renewal="o", other_lead="o", team_lead="oc", two_stores="os"
)
TALKERS = {**SELLERS, "market": "op"}

FUNCTIONS: dict[str, Door] = {
    "customer_timeline": Door("{store}, {customer}", RECORDS),
    "grant_group_role": Door("{group}, {owner}, 'group_admin'", only("cps", "group_admin")),
    "revoke_group_role": Door("{group}, {owner}", only("o", "group_admin")),
    "group_people": Door("{group}", only("ocps", "group_admin")),
    "grantable_roles": Door("{store}", INVITERS),
    "new_owners": Door("{store}", only("ocp", *LEADERS, two_stores="s")),
    "reassign_list": Door("{store}", only("ocp", *LEADERS, two_stores="s")),
    "pool_list": Door(
        "{store}",
        only("ocp", "advisor", "team_lead", "other_lead", *LEADERS, two_stores="ocps"),
        offers=True,
    ),
    "unassigned_policies": Door(
        "{store}", only("ocp", "renewal", *LEADERS, two_stores="s"), offers=True
    ),
    "renewal_report": Door("{store}", STORE),
    "renewal_rates": Door("{store}", STORE),
    "renewal_rate_rows": Door("{store}, null, 'member', {owner}::text, 'due'", STORE),
    "visit_report": Door("{store}", STORE),
    "next_step_report": Door("{store}", DECIDERS),
    "accept_invitation": Door(
        "{code}", {**EVERYONE, "former": "sg"}, writes_elsewhere=True
    ),  # the code is the right; a disabled member does not come back by one
    "audit_log": Door("{store}, '{{}}'", AUDITORS),
    "check_config": Door("{store}, {document}", PUBLISHERS),
    "customer_brief": Door("{store}, {customer}", RECORDS),
    "decide_quarantined": Door(
        "{store}, {held}, 'dismiss'", only("cp", *LEADERS, team_lead="c", two_stores="s")
    ),
    "disable_member": Door("{store}, {owner}, {new_owner}", only("cp", *ADMINS)),  # never oneself
    "duplicate_pairs": Door("{store}", MERGERS),
    "effective_access": Door(
        "{store}, {owner}",
        {**PUBLISHERS, **{k: v for k, v in SELF.items() if v and not PUBLISHERS[k]}},
    ),
    "enable_member": Door("{store}, {owner}", only("cp", *ADMINS)),
    "erase_customer": Door("{store}, {customer}, 'asked'", ERASERS),
    "preview_erasure": Door("{store}, {customer}", ERASERS),
    "export_rows": Door(
        "{store}, {fresh}, 'customer', '[\"id\", \"owner_id\"]', 'because'", EXPORTERS
    ),
    "find_customers": Door("{store}", STORE),
    "find_duplicates": Door("{store}, {phone}", SEARCHERS),
    "finish_export": Door(
        "{store}, {export}, 'list.csv', repeat('0', 64)",
        {k: "o" if v else "" for k, v in EXPORTERS.items()},
    ),  # of their own
    "funnel_report": Door("{store}", STORE),
    "member_work": Door("{store}, {owner}", STORE),
    "lend_queue": Door(
        "{store}, {owner}, {new_owner}, current_date + 1, current_date + 1",
        only("ocp", *LEADERS, two_stores="s"),
    ),
    "end_loan": Door("{store}, {fresh}", NOBODY),  # of a loan there is none
    "meeting_sheet": Door("{store}", STORE),
    "metric_rows": Door("{store}, 'visits', null, {owner}", STORE),
    "freeze_meeting_sheet": Door("{store}", only("ocp", *LEADERS, two_stores="s")),
    "target_progress": Door("{store}", STORE),
    "report": Door("{store}, 'month'", STORE),
    "metric_trend": Door("{store}, 'contacts', 'week', null, {owner}", STORE),
    "set_target": Door("{store}, 'contacts', 30", only("ocp", *LEADERS, two_stores="s")),
    "meeting_notes": Door("{store}", STORE),
    "my_todos": Door("{store}", STORE),
    "save_meeting_notes": Door("{store}, 'x', 0", only("ocp", *LEADERS, two_stores="s")),
    "add_meeting_todo": Door(
        "{store}, {fresh}, 'x', {owner}", only("ocp", *LEADERS, two_stores="s")
    ),
    "tick_meeting_todo": Door("{store}, {fresh}", NOBODY),  # there is none
    "comments": Door("{store}", STORE),
    "add_comment": Door("{store}, {fresh}, {fresh}, 'x'", NOBODY),  # on what is no conversation
    "acknowledge_comment": Door("{store}, {fresh}", NOBODY),
    "download_attachment": Door("{store}, {attachment}", HEARERS),
    "commit_import": Door(
        "{store}, {fresh}, 'customers', 'list.csv', " + IMPORT_OPTIONS + ", " + IMPORT_ROWS,
        IMPORTERS,
    ),
    "preview_import": Door(
        "{store}, 'customers', " + IMPORT_OPTIONS + ", " + IMPORT_ROWS, IMPORTERS
    ),
    "revert_import": Door("{store}, {list}", IMPORTERS),
    "invite_member": Door("{store}, 'someone', 'someone@example.cn', 'advisor'", INVITERS),
    "merge_customers": Door("{store}, {fresh}, {customer}, {twin}", MERGERS),
    "pending_approvals": Door("{store}", DECIDERS),
    "people": Door("{store}", INVITERS),
    "preview_rules": Door("{store}, null, 3", PUBLISHERS),
    "check_access": Door("{store}, array['group_admin']", PUBLISHERS),
    "publish_config": Door("{store}, {document}, {version}, 'again'", PUBLISHERS),
    "upload_attachment": Door(
        "{store}, jsonb_build_object('id', {fresh}, 'form', 'customer', 'record_id', "
        "{customer}, 'kind', 'photo', 'mime', 'image/jpeg', 'bytes', 4,"
        " 'sha256', repeat('0', 64)), 0, '/9j/4A=='",
        {**TALKERS, "assistant": "ocp"},  # who may write such a record may send its files
    ),
    "reveal_field": Door(
        "{store}, 'customer', {customer}, 'phone', 'because'",
        only("ocp", "inspector", market="op"),
    ),  # who has it masked and the verb
    "restore_config": Door("{store}, {version}, {version}, 'again'", PUBLISHERS),
    "revoke_invitation": Door("{store}, {invitation}", INVITERS),
    "save_config_draft": Door("{store}, {document}, {version}", PUBLISHERS),
    "save_export_layout": Door("{store}, 'customer', 'mine', '[]'", EXPORTERS),
    "save_import_mapping": Door("{store}, 'customers', 'mine', '{{}}'", IMPORTERS),
    "start_view_as": Door("{store}, {owner}", only("cp", *ADMINS)),  # never oneself
    "view_as": Door(
        "{store}, {fresh}, 'whoami'", NOBODY
    ),  # of a look that was not begun; what one shows stands in tests/database/test_view_as.py
    "stop_view_as": Door("{store}, {fresh}", PUBLISHERS),  # one that is over already
    "search_customers": Door("{store}, {name}", STORE),
    "set_member": Door("{store}, {owner}, '新名', 'advisor'", only("cp", *ADMINS)),
    "sign_out_member": Door("{store}, {owner}", INVITERS),
    "sync_pull": Door(
        "{store}", {**STORE, "former": "ocp"}
    ),  # who was disabled hears that, and no row
    "sync_push": Door("{fresh}, '[]'", EVERYONE),  # what an operation may is in ACTS
    "today": Door("{store}, {owner}", STORE),
    "unmerge_customers": Door("{store}, {merge}", MERGERS),
}


@dataclass(frozen=True)
class Act:
    """One operation of sync_push; `payload` values in braces are a target's; base: the version it
    changes, None creates."""

    verb: str
    payload: dict[str, Any]
    who: dict[str, str]
    base: int | None = None


NEW = {"name": "新客户", "source": "walk_in", "level": "near"}
CHANGERS = only(
    "ocp",
    "assistant",
    *LEADERS,
    advisor="o",
    renewal="o",
    market="op",
    other_lead="o",
    team_lead="oc",
    two_stores="os",
)
ADDERS = only(
    "ocp", "assistant", *LEADERS, advisor="o", other_lead="o", team_lead="o", two_stores="os"
)
CALLERS = {**SELLERS, "market": "o"}  # of tasks: with scope "own" only one's own
INSURERS = only("ocp", *LEADERS, renewal="o", two_stores="s")
DECIDES = only("cp", *LEADERS, team_lead="c", two_stores="s")  # S-08: never one's own request

ACTS: dict[str, Act] = {
    "add a customer": Act(
        "save_customer",
        {"id": "{fresh}", "owner_id": "{owner}", "pool": "{pool}", "set": NEW},
        ADDERS,
    ),
    "change a customer": Act(
        "save_customer", {"id": "{customer}", "set": {"need": "改了"}}, CHANGERS, base=1
    ),
    "add a companion": Act(
        "save_companion",
        {"id": "{fresh}", "customer_id": "{customer}", "set": {"name": "同行"}},
        {**CHANGERS, "market": ""},
    ),
    "change a companion": Act(
        "save_companion",
        {"id": "{companion}", "set": {"name": "改了"}},
        {**CHANGERS, "market": ""},
        base=1,
    ),
    "add a vehicle": Act(
        "save_vehicle",
        {"id": "{fresh}", "customer_id": "{customer}", "set": {"brand": "大众"}},
        SELLERS,
    ),
    "change a vehicle": Act(
        "save_vehicle", {"id": "{vehicle}", "set": {"brand": "改了"}}, SELLERS, base=1
    ),
    "add a policy": Act(
        "save_policy",
        {"id": "{fresh}", "customer_id": "{customer}", "set": {"expires_on": "2027-05-01"}},
        INSURERS,
    ),
    "change a policy": Act(
        "save_policy", {"id": "{policy}", "set": {"insurer": "改了"}}, INSURERS, base=1
    ),
    "add a deal": Act(
        "save_deal",
        {
            "id": "{fresh}",
            "customer_id": "{customer}",
            "pipeline": "new_car",
            "set": {"title": "新"},
        },
        SELLERS,
    ),
    "change a deal": Act("save_deal", {"id": "{deal}", "set": {"title": "改了"}}, SELLERS, base=1),
    "move a deal": Act("move_deal", {"id": "{deal}", "stage": "visited"}, SELLERS),
    "lose a deal": Act(
        "move_deal", {"id": "{deal}", "stage": "lost", "lost_reason": "price"}, SELLERS
    ),
    "log a conversation": Act(
        "log_conversation",
        {
            "id": "{fresh}",
            "customer_id": "{customer}",
            "outcome": "interested",
            "notes": "聊了",
            "level": "near",
        },
        TALKERS,
    ),
    "clear a task": Act(
        "log_conversation",
        {
            "id": "{fresh}",
            "customer_id": "{customer}",
            "task_id": "{task}",
            "outcome": "interested",
            "notes": "聊了",
            "level": "near",
        },
        CALLERS,
    ),
    "ask to cancel": Act(
        "request_cancellation",
        {"id": "{fresh}", "task_id": "{task}", "reason": "unreachable"},
        CALLERS,
    ),
    "approve": Act("decide_approval", {"id": "{approval}", "decision": "approve"}, DECIDES),
    "reject": Act(
        "decide_approval", {"id": "{approval}", "decision": "reject", "remark": "再打"}, DECIDES
    ),
    "claim a customer": Act(
        "claim_customer", {"customer_id": "{customer}"}, NOBODY
    ),  # the pool of these files is not for taking
    "claim a policy": Act("claim_policy", {"customer_id": "{customer}"}, only("cp", "renewal")),
    "name who renews": Act(
        "set_renewal_owner",
        {"customer_id": "{customer}", "user_id": None},
        only("ocp", *LEADERS, two_stores="s"),
    ),
    "reassign": Act(
        "reassign",
        {"customer_id": "{customer}", "owner_id": "{owner}", "pool": "{pool}"},
        only("ocp", *LEADERS, two_stores="s"),
    ),
    "acknowledge a transfer": Act(
        "acknowledge_transfer", {"id": "{transfer}"}, {**SELF, "renewal": ""}
    ),  # the specialist's file went to a pool
    "ask for a customer": Act(
        "request_transfer",
        {"id": "{fresh}", "phone": "{phone}"},
        only(
            "cp",
            "advisor",
            "assistant",
            "team_lead",
            "other_lead",
            *LEADERS,
            renewal="ocp",
            two_stores="cps",
        ),
    ),
    "record_visit": Act(
        "record_visit",
        {"id": "{fresh}", "customer_id": "{fresh}", "owner_id": "{owner}", "set": NEW},
        ADDERS
        | dict.fromkeys(("advisor", "other_lead", "team_lead"), "op")
        | {"two_stores": "operations"},
    ),
    "link two": Act(
        "save_relationship",
        {"customer_id": "{customer}", "other_id": "{relative}", "relation": "friend"},
        {**CHANGERS, "market": ""},
    ),
    "note a consent": Act(
        "save_consent",
        {
            "id": "{fresh}",
            "customer_id": "{customer}",
            "purpose": "follow_up",
            "channel": "call",
            "granted": False,
        },
        CHANGERS,
    ),
    "renew a policy": Act(
        "renew_policy",
        {"id": "{fresh}", "policy_id": "{policy}", "set": {"expires_on": "2032-05-01"}},
        INSURERS,
    ),
    "lose a policy": Act("mark_policy_lost", {"id": "{policy}", "reason": "price"}, INSURERS),
    "keep a promise": Act("close_promise", {"id": "{promise}", "status": "kept"}, TALKERS),
    "acknowledge an alert": Act(
        "acknowledge_alert", {"id": "{alert}"}, only("cp", *LEADERS, two_stores="s")
    ),  # never what is about themselves
    "snooze": Act("snooze_task", {"task_id": "{task}", "until": "{tomorrow}"}, CALLERS),
    "undo": Act(
        "undo",
        {"op_id": "{op}"},
        only(
            "o",
            "advisor",
            "renewal",
            "assistant",
            "market",
            "other_lead",
            "team_lead",
            "two_stores",
            *LEADERS,
        ),
    ),
}
REFUSALS = {
    "forbidden",
    "not_found",
    "own_request",
    "quarantined",
}  # held: what a disabled member's phone still sent, kept and done by nobody


@dataclass(frozen=True)
class Table:
    """What api_owner, acting for a person, may do with a table of crm: the wall behind the doors,
    for the day a verb forgets to ask.

    reads, inserts, updates, deletes: letters by person, None = nobody, no right is granted. mine:
    the column that must name who acts.
    """

    at: str
    reads: dict[str, str]
    inserts: dict[str, str] | None = None
    updates: dict[str, str] | None = None
    deletes: dict[str, str] | None = None
    mine: str = ""


HANGS = "store_id = {store} and customer_id = {customer}"
OF_STORE = Table("store_id = {store}", STORE)
OF_CUSTOMER = Table(HANGS, RECORDS, RECORDS, RECORDS)
EVERYBODY = dict.fromkeys(IDENTITIES, TARGETS)
ONESELF = {**SELF, "former": "o"}  # one's own rows and no store's; the doors ask for membership

SEERS = only(
    "ocp", "assistant", "inspector", *LEADERS, two_stores="s", group_admin="ocps"
)  # scope store and wider

TABLES: dict[str, Table] = {
    **dict.fromkeys(
        (
            "access",
            "field_rights",
            "fields",
            "forms",
            "levels",
            "outcomes",
            "pipelines",
            "pools",
            "access_checks",
            "reasons",
            "retired_choices",
            "roles",
            "rules",
            "searchable_values",
            "stages",
        ),
        OF_STORE,
    ),
    **dict.fromkeys(
        (
            "companions",
            "vehicles",
            "policies",
            "deals",
            "conversations",
            "tasks",
            "approvals",
            "promises",
        ),
        OF_CUSTOMER,
    ),
    **dict.fromkeys(
        ("base_fields", "endpoints", "form_tables", "metrics", "pinyin"), Table("true", EVERYBODY)
    ),  # the same for all stores
    "transfers": OF_CUSTOMER,
    "queue_loans": Table(
        "store_id = {store} and lender_id = {owner}", only("ocp", *LEADERS, two_stores="s")
    ),
    "consents": OF_CUSTOMER,  # a merge moves them
    **dict.fromkeys(("relationships", "visits"), OF_CUSTOMER),
    "customers": Table("store_id = {store} and id = {customer}", RECORDS, STORE, RECORDS),
    **dict.fromkeys(
        (
            "replaced_records",
            "config_key_columns",
            "lookups",
            "runs",
            "meeting_sheets",
            "meeting_notes",
            "meeting_todos",
            "comments",
            "targets",
            "erasures",
            "erased_records",
        ),
        Table("true", NOBODY),
    ),
    "alerts": Table("store_id = {store} and id = {alert}", SEERS, updates=SEERS),
    "events": Table(HANGS, RECORDS, STORE, RECORDS, mine="actor_id"),
    "view_as_sessions": Table(
        "store_id = {store} and author_id = {owner}", SELF, STORE, SELF, mine="author_id"
    ),
    "audit_events": Table(
        "store_id = {store} and subject_id = {customer}", STORE, STORE, mine="actor_id"
    ),
    "merges": Table(
        "store_id = {store} and id = {merge}", RECORDS, STORE, RECORDS, mine="author_id"
    ),
    "exports": Table(
        "store_id = {store} and reason = {paper}", STORE, STORE, SELF, mine="author_id"
    ),
    "export_layouts": Table("store_id = {store} and name = {paper}", STORE, STORE, STORE),
    "visibility_changes": Table("store_id = {store} and subject_id = {customer}", ONESELF, STORE),
    "operations": Table(
        "store_id = {store} and op_id = {op}",
        ONESELF,
        {**STORE, "former": "ocp"},
        ONESELF,
        mine="user_id",
    ),
    "attachments": OF_CUSTOMER,
    "attachment_chunks": Table(
        "store_id = {store} and attachment_id = {attachment}", RECORDS, SELF, deletes=SELF
    ),
    "quarantined_operations": Table(
        "store_id = {store} and op_id = {held}",
        {**RECORDS, "market": "o", "former": "o"},
        {**STORE, "former": "ocp"},
        {**{k: v.replace("o", "") for k, v in RECORDS.items()}, "market": ""},
        mine="user_id",
    ),
    "groups": Table(
        "id = {group}", {who: letters and "ocps" for who, letters in STORE.items()}
    ),  # its name; a sister store is of the same group
    "stores": Table("id = {store}", STORE),
    "members": Table(
        "store_id = {store} and user_id = {owner}", STORE, updates=only("cp", *ADMINS)
    ),
    "group_members": Table(
        "group_id = {group}", only("ocps", "group_admin")
    ),  # one's own row, the same for every store of the group
    "invitations": Table("store_id = {store} and name = {paper}", STORE, SELF, deletes=INVITERS),
    "config_versions": Table("store_id = {store} and note = {paper}", STORE),
    "config_drafts": Table("store_id = {store} and document ->> 'note' = {paper}", ONESELF),
    "unique_values": Table("store_id = {store} and value = {mark}", STORE),
    "funnel_counts": Table(
        "store_id = {store} and owner_id = {owner}", {**RECORDS, "market": "o", "team_lead": "ocp"}
    ),
    "imports": Table("store_id = {store} and file_name = {paper}", STORE, STORE, STORE),
    "import_keys": Table("store_id = {store} and key = {paper}", STORE, STORE, STORE, STORE),
    "import_mappings": Table("store_id = {store} and name = {paper}", STORE, STORE, STORE),
}
