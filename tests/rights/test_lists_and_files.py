"""T1 for what moves many rows at once: imports, exports, files and the audit, under ids that belong
to somebody or something else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tests.rights.permissions import (
    ADMINS,
    AUDITORS,
    HEARERS,
    IDENTITIES,
    IMPORT_OPTIONS,
    IMPORT_ROWS,
    NOBODY,
    only,
)
from tests.rights.scene import Scene
from tests.rights.test_table import WORDS, Tally

HIDDEN = re.compile(r"zq\d\dxsecret")  # of a field that only leaders read
AFTER = """'["2020-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000"]'"""


@dataclass(frozen=True)
class Attack:
    """call: as in permissions.py; who: served, and nobody else; writes: whether what is served may
    write."""

    call: str
    who: dict[str, str]
    writes: bool = False


def file(form: str = "conversation", record: str = "conversation", **claims: object) -> str:
    """The claims of the target's own voice memo, with changes; {{…}} stays for the target's
    values."""
    said = {"kind": "'voice'", "mime": "'audio/wav'", "bytes": "4", "sha256": "repeat('0', 64)"}
    said |= {k: str(v) for k, v in claims.items()}
    parts = "".join(f", '{k}', {v}" for k, v in said.items())
    return (
        f"jsonb_build_object('id', {{attachment}}, 'form', '{form}', 'record_id', {{{record}}}"
        f", 'consented_at', '2026-11-01'{parts})"
    )


CHUNK_BYTES = "'UklGRgQAAABXQVZFZm10IA=='"  # of a WAV
ATTACKS = {
    "go on with an import under another list": Attack(
        f"commit_import({{store}}, {{list}}, 'customers', 'x.csv', {IMPORT_OPTIONS}, "
        f"{IMPORT_ROWS})",
        NOBODY,
    ),
    "revert a merge as an import": Attack("revert_import({store}, {merge})", NOBODY),
    "revert an operation as an import": Attack("revert_import({store}, {op})", NOBODY),
    "revert an export as an import": Attack("revert_import({store}, {export})", NOBODY),
    "revert by the mark an import once had": Attack(
        "revert_import({store}, md5('import:' || {store} || ':' || {list})::uuid)", NOBODY
    ),
    "tell an import apart as a merge": Attack("unmerge_customers({store}, {list})", NOBODY),
    "tell an operation apart as a merge": Attack("unmerge_customers({store}, {op})", NOBODY),
    "merge under the id of a merge": Attack(
        "merge_customers({store}, {merge}, {customer}, {relative})", NOBODY
    ),
    "a page of an export nobody began": Attack(
        f"export_rows({{store}}, {{fresh}}, 'customer', '[\"phone\"]', 'because', {AFTER})", NOBODY
    ),
    "a page of another's export": Attack(
        f"export_rows({{store}}, {{export}}, 'customer', '[\"phone\"]', 'because', {AFTER})", NOBODY
    ),
    "other columns under another's export": Attack(
        "export_rows({store}, {export}, 'customer', '[\"phone\"]', 'because')", NOBODY
    ),
    "export a hidden column": Attack(
        "export_rows({store}, {fresh}, 'customer', '[\"secret_text\"]', 'because')",
        only("ocp", *ADMINS),
        writes=True,
    ),
    "export a hidden column of the customer": Attack(
        "export_rows({store}, {fresh}, 'policy', '[\"customer.secret_text\"]', 'because')",
        only("ocp", *ADMINS),
        writes=True,
    ),
    "a piece behind the end of a file": Attack(
        f"upload_attachment({{store}}, {file()}, 4, {CHUNK_BYTES})",
        only("o", "advisor", "renewal", "market", "manager", "team_lead", "other_lead", *ADMINS)
        | {"two_stores": "o"},
    ),
    "a file twice as large as was said": Attack(
        f"upload_attachment({{store}}, {file(bytes=8)}, 4, {CHUNK_BYTES})", NOBODY
    ),
    "a file of another sum": Attack(
        f"""upload_attachment({{store}}, {file(sha256="repeat('1', 64)")}, 0, {CHUNK_BYTES})""",
        NOBODY,
    ),
    "a file of another kind": Attack(
        f"""upload_attachment({{store}}, {file(kind="'file'")}, 0, {CHUNK_BYTES})""", NOBODY
    ),
    "a file of another type": Attack(
        f"""upload_attachment({{store}}, {file(mime="'text/html'")}, 0, {CHUNK_BYTES})""", NOBODY
    ),
    "a talk's file as the customer's": Attack(
        f"upload_attachment({{store}}, {file('customer', 'customer')}, 0, {CHUNK_BYTES})", NOBODY
    ),
    "a talk's file as the deal's": Attack(
        f"upload_attachment({{store}}, {file('deal', 'deal')}, 0, {CHUNK_BYTES})", NOBODY
    ),
    "listen from the middle": Attack("download_attachment({store}, {attachment}, 2)", HEARERS),
    "listen from behind the end": Attack("download_attachment({store}, {attachment}, 99)", HEARERS),
    "listen from before the beginning": Attack(
        "download_attachment({store}, {attachment}, -1)", HEARERS
    ),
    "listen to a record": Attack("download_attachment({store}, {conversation}, 0)", NOBODY),
    "the audit of a person": Attack(
        "audit_log({store}, jsonb_build_object('user_id', {owner}))", AUDITORS
    ),
    "the audit of a hidden field": Attack(
        """audit_log({store}, '{{"form": "customer", "field": "secret_text"}}')""", AUDITORS
    ),
    "the audit of the acts": Attack(
        """audit_log({store}, '{{"what": "audit_events"}}')""", AUDITORS
    ),
    "the audit of the configuration": Attack(
        """audit_log({store}, '{{"what": "configuration"}}')""", AUDITORS
    ),
    "the audit of something else": Attack(
        """audit_log({store}, '{{"what": "x", "from": "-infinity", "to": "infinity"}}', '-1',
        99999)""",
        AUDITORS,
    ),
}


@pytest.fixture(scope="module")
def scene(stack) -> Iterator[Scene]:
    with psycopg.connect(stack.db_url) as connection:
        made = Scene(connection)
        # some history of the hidden field, for the audit not to tell
        connection.execute(
            "update crm.customers set custom = custom || jsonb_build_object('secret_text',"
            " (custom ->> 'secret_text') || '2') where custom ? 'secret_text'"
        )
        connection.execute("delete from probe.journal")
        yield made
        connection.rollback()


def test_lists_files_and_the_audit_under_ids_of_something_else(scene):
    tally = Tally(scene)
    for identity in IDENTITIES:
        before = scene.full_digest()
        asked, questions = [], []
        for letter, target in scene.targets(identity):
            values = scene.values(target)
            for name, attack in ATTACKS.items():
                asked.append((name, letter))
                questions.append("select api." + attack.call.format(**values))
                tally.cells.add((f"attack {name}", "call", identity, letter))
        for (name, letter), answer in zip(asked, scene.ask_many(identity, questions), strict=True):
            attack, what = ATTACKS[name], f"{identity}: {name}, {WORDS[letter]}"
            may, served = letter in attack.who[identity], answer.state == "ok"
            tally.read(identity, answer, what)
            tally.stays_inside(identity, answer, what)
            if HIDDEN.search(answer.everything) and identity not in ADMINS:
                tally.leaks.append(f"{what}: tells a hidden field")
            if served and not may:
                tally.leaks.append(f"{what}: served with {answer.text[:80]}")
            elif may and not served:
                tally.wrong.append(f"{what}: {answer.state} {answer.told[:120]}")
            if not served and not answer.state.startswith(("PT40", "PT422", "42501")):
                tally.wrong.append(f"{what}: refused by {answer.state} {answer.told[:120]}")
            if answer.written and not (served and attack.writes):
                tally.changed.append(f"{what}: wrote {sorted(answer.written)}")
        if scene.full_digest() != before:
            tally.changed.append(identity)
    tally.finish("T1 lists and files")
