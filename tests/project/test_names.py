"""One vocabulary (docs/glossary.md): retired words do not come back, and nobody is "he"."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = r"\.(py|sql|json|md|mjs)$"
GENERATED = (
    r"(locale/|package-lock|pinyin|bench/results|reliability"
    r"|docs/glossary\.md|CHANGELOG|test_names\.py)"
)

RETIRED = {  # regex: (what to say instead, files where the word is legitimately something else)
    r"\b(crm|api)\.(acts|losses|ops|handovers|receptions|links|flags|look|heirs|receive|audit)\b": (
        "audit_events, visibility_changes, operations, transfers, visits, relationships, alerts, …",
        r"^$",
    ),
    r"\bsuspended_why\b|\bsee_flag\b|\bhanded_over\b|\bheld_full\b": ("suspended_reason, …", r"^$"),
    r"\bAuthKeeper\b|\b[Kk]eeper\b": ("AuthSession, Supervisor", r"^(tests|docs)/"),
    r"\b(heirs?|hand_over|take_back|demand_\w+|tg_\w+__born|may_grant|may_manage)\b": (
        "new owner, transfer, revert, require_…, …__created, can_…",
        r"^(tests|docs)/",
    ),
}
HE = r"(?<![\"'\w@])\b([Hh]e|[Hh]im|[Hh]is|[Hh]imself)\b(?![\"'@])"


def files(names: str, but: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    wanted = (f for f in listed.split("\n") if re.search(names, f) and not re.search(GENERATED, f))
    return [f for f in wanted if not re.search(but, f) and (ROOT / f).exists()]


def lines_with(pattern: str, names: str, but: str) -> list[str]:
    return [
        f"{file}:{n}: {line.strip()[:90]}"
        for file in files(names, but)
        for n, line in enumerate((ROOT / file).read_text(encoding="utf8").split("\n"), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("pattern", RETIRED)
def test_a_retired_word_does_not_come_back(pattern):
    instead, but = RETIRED[pattern]
    assert lines_with(pattern, CODE, but) == [], f"say {instead}"


def test_people_are_they():
    found = lines_with(HE, r"^(admin|mobile_app|shared|forecourt|supabase)/.*\.(py|sql)$", r"^$")
    # a key of the catalogue; its English sentence says "the customer"
    assert [line for line in found if "Current insurer" not in line] == []


# Where a feature is found, room by room: rules in SQL, gateway, screen, test. Each file carries the
# word in its name, or, where several features share it, as a name inside.
FEATURES: dict[str, tuple[str, ...]] = {
    "calendar": (
        "supabase/schemas/055_calendar.sql",
        "shared/domain/working_days.py",
        "admin/settings/calendar.py",
        "tests/database/test_calendar.py",
    ),
    "customer": (
        "supabase/schemas/070_customers.sql",
        "shared/gateway/customers.py",
        "mobile_app/customers/screen.py",
        "tests/database/test_customers.py",
    ),
    "polic": (
        "supabase/schemas/080_vehicles_and_policies.sql",
        "shared/domain/catalogue.py",
        "mobile_app/customers/card_widgets.py",
        "tests/database/test_renewal_memory.py",
    ),
    "deal": (
        "supabase/schemas/090_deals.sql",
        "shared/domain/funnel.py",
        "mobile_app/funnel/deal_screen.py",
        "tests/database/test_deals.py",
    ),
    "task": (
        "supabase/schemas/100_tasks.sql",
        "shared/gateway/tasks.py",
        "mobile_app/today/screen.py",
        "tests/database/test_tasks.py",
    ),
    "conversation": (
        "supabase/schemas/110_conversations.sql",
        "shared/domain/conversations.py",
        "mobile_app/conversations/screen.py",
        "tests/database/test_conversations.py",
    ),
    "sync": (
        "supabase/schemas/140_sync_push.sql",
        "supabase/schemas/150_sync_pull.sql",
        "shared/gateway/sync.py",
        "mobile_app/offline/sync.py",
        "tests/database/test_sync.py",
    ),
    "member[_ ]?work": (  # what a manager opens of it
        "supabase/schemas/165_member_work.sql",
        "shared/gateway/team.py",
        "mobile_app/team/state.py",
        "tests/database/test_member_work.py",
    ),
    "rule": (
        "supabase/schemas/170_rules.sql",
        "shared/gateway/rules.py",
        "admin/rules/screen.py",
        "tests/database/test_rules.py",
    ),
    "import": (
        "supabase/schemas/180_imports.sql",
        "shared/gateway/imports.py",
        "admin/imports/screen.py",
        "tests/database/test_imports.py",
    ),
    "impact": (
        "supabase/schemas/190_drafts_and_impact.sql",
        "shared/domain/impact.py",
        "admin/publish/labels.py",
        "tests/database/test_config_life.py",
    ),
    "access_check": (
        "supabase/schemas/200_access_check.sql",
        "shared/domain/access_check.py",
        "admin/rights/access_check.py",
        "tests/rights/test_access_check.py",
    ),
    "attachment": (
        "supabase/schemas/210_attachments.sql",
        "shared/gateway/attachments.py",
        "mobile_app/offline/attachments.py",
        "tests/database/test_attachments.py",
    ),
    "quarantine": (
        "supabase/schemas/220_quarantine.sql",
        "shared/gateway/quarantine.py",
        "mobile_app/me/pending_screen.py",
        "tests/database/test_quarantine.py",
    ),
    "promise": (
        "supabase/schemas/230_promises.sql",
        "shared/domain/conversations.py",
        "mobile_app/conversations/promises.py",
        "tests/database/test_promises.py",
    ),
    "transfer": (
        "supabase/schemas/240_transfers.sql",
        "shared/gateway/transfers.py",
        "mobile_app/customers/transfer_to_sales.py",
        "tests/database/test_transfers.py",
    ),
    "renewal": (
        "supabase/schemas/250_renewals.sql",
        "shared/gateway/renewals.py",
        "mobile_app/team/screen.py",
        "tests/database/test_renewal_memory.py",
    ),
    "visit": (
        "supabase/schemas/260_relationships_consents_visits.sql",
        "shared/gateway/visits.py",
        "mobile_app/customers/visit_screen.py",
        "tests/database/test_relationships_consents_visits.py",
    ),
    "member": (
        "supabase/schemas/280_members.sql",
        "shared/gateway/members.py",
        "admin/members/screen.py",
        "tests/database/test_members.py",
    ),
    "loan": (
        "supabase/schemas/295_queue_loans.sql",
        "shared/gateway/queue_loans.py",
        "mobile_app/team/loan.py",
        "tests/database/test_queue_loans.py",
    ),
    "dry_run": (
        "supabase/schemas/300_dry_run.sql",
        "shared/domain/dry_run.py",
        "admin/rules/dry_run.py",
        "tests/database/test_dry_run.py",
    ),
    "revert": (
        "supabase/schemas/310_reverts.sql",
        "shared/gateway/imports.py",
        "admin/imports/state.py",
        "tests/database/test_reverting.py",
    ),
    "duplicate": (
        "supabase/schemas/320_duplicates.sql",
        "shared/gateway/duplicates.py",
        "admin/duplicates/screen.py",
        "tests/database/test_duplicates.py",
    ),
    "eras": (
        "supabase/schemas/378_erasure.sql",
        "shared/gateway/erasure.py",
        "admin/erasure/screen.py",
        "tests/database/test_erasure.py",
    ),
    "export": (
        "supabase/schemas/330_exports_and_audit.sql",
        "shared/gateway/exports.py",
        "admin/export/screen.py",
        "tests/database/test_export_and_audit.py",
    ),
    "view_as": (
        "supabase/schemas/340_view_as.sql",
        "shared/gateway/view_as.py",
        "mobile_app/view_as.py",
        "tests/database/test_view_as.py",
    ),
    "renewal_rate": (
        "supabase/schemas/370_renewal_rates.sql",
        "shared/gateway/renewals.py",
        "mobile_app/team/renewal_rates.py",
        "tests/database/test_renewal_rates.py",
    ),
    "metric": (
        "supabase/schemas/360_metrics.sql",
        "shared/gateway/metrics.py",
        "mobile_app/team/meeting_state.py",
        "tests/database/test_meeting_sheet.py",
    ),
    "report": (
        "supabase/schemas/362_report_metrics.sql",
        "supabase/schemas/375_reports.sql",
        "shared/gateway/reports.py",
        "mobile_app/reports/state.py",
        "tests/database/test_reports.py",
    ),
    "meeting_note": (
        "supabase/schemas/367_meeting_notes.sql",
        "shared/gateway/meeting_notes.py",
        "mobile_app/team/meeting_notes.py",
        "tests/database/test_meeting_notes.py",
    ),
    "comment": (
        "supabase/schemas/368_comments.sql",
        "shared/gateway/comments.py",
        "mobile_app/comments/state.py",
        "tests/database/test_comments.py",
    ),
    "target": (
        "supabase/schemas/365_targets.sql",
        "shared/gateway/targets.py",
        "mobile_app/targets/screen.py",
        "tests/database/test_targets.py",
    ),
}
# What several features stand on, or the operator alone runs: no screen of its own.
GROUND = (
    r"000_|010_|020_|030_|04\d_|050_|06\d_|120_|130_|145_|160_|175_|270_|285_|290_|350_|355_|"
    r"380_|999_"
)


@pytest.mark.parametrize("word", FEATURES)
def test_a_feature_has_one_word_in_every_room(word):
    for file in FEATURES[word]:
        text = (ROOT / file).read_text(encoding="utf8")
        said = re.search(word, file) or len(re.findall(word, text, re.IGNORECASE)) > 2
        assert said, f"{file} does not say {word}"


def test_every_feature_of_the_database_is_in_the_table():
    listed = {file for rooms in FEATURES.values() for file in rooms}
    schemas = {f"supabase/schemas/{p.name}" for p in (ROOT / "supabase/schemas").glob("*.sql")}
    missing = {f for f in schemas - listed if not re.match(GROUND, Path(f).name)}
    assert missing == set()
