"""The real lists, as a store admin imports them: through the panel's own state, over HTTP, into a
fresh store (S-02, S-69)."""

import csv
import io
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from admin.imports.state import ImportList
from admin.services import Services
from admin.session import AdminSession
from forecourt.demo import PRESET, sign_up
from forecourt.settings import ROOT
from forecourt.stack import Stack
from shared.gateway.client import Gateway, make_http
from tests.support.present import one, present

DATA = Path(os.environ.get("FORECOURT_DATA") or ROOT.parent / "shared" / "data")
pytestmark = pytest.mark.skipif(
    not DATA.exists(),
    reason=f"the real lists are not here ({DATA}); set FORECOURT_DATA to their folder",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One of our own: twenty thousand customers would slow every test that fingerprints the whole
    database."""
    home = Path(tempfile.mkdtemp(prefix="forecourt-lists-"))
    with Stack(home, usual_ports=False).start(say=lambda line: None) as running:
        yield running
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def panel(stack, tmp_path):
    """A fresh store with an admin and a renewal specialist; the admin sits before the panel."""
    renewal = sign_up(
        stack.supabase_url, stack.publishable_key, f"{uuid7()}@forecourt.example", "import-2026"
    )
    email = f"{uuid7()}@forecourt.example"
    admin = sign_up(stack.supabase_url, stack.publishable_key, email, "import-2026")
    store = uuid7()
    with psycopg.connect(stack.db_url) as db:
        group = uuid7()
        db.execute("insert into crm.groups (id, name) values (%s, 'lists')", (group,))
        db.execute(
            "select crm.create_store(%s, %s, 'lists', %s)",
            (group, store, Jsonb(json.loads(PRESET.read_text(encoding="utf8")))),
        )
        for user, role, name in ((admin, "store_admin", "梁文博"), (renewal, "renewal", "周敏")):
            db.execute(
                "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)",
                (store, user, role, name),
            )
    async with make_http() as http:
        gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        session = AdminSession(Services(gateway, lambda: datetime.now(UTC), uuid7))
        await session.sign_in(email, "import-2026")
        state = ImportList(session)
        await state.load()
        state.options.renewal_owner = str(renewal)
        yield state, store, renewal


async def open_list(state: ImportList, name: str, tmp_path: Path) -> None:
    shutil.copy(DATA / name, tmp_path / name)  # opening deletes what was uploaded
    await state.open((tmp_path / name).read_bytes(), name)
    assert (state.problem, state.step) == ("", "map")


def decide(state: ImportList) -> None:
    """What the motor list's words mean: u of its gender says nothing."""
    state.columns.change(phone_region="AU")
    for target, _texts in state.columns.unknown_words():
        state.columns.map_others(target, "")


def error_file(state: ImportList) -> str:
    return state.rows.error_file(
        present(state.file.sheet), ("row", "field", "problem", "value"), str, str
    )


async def run(state: ImportList) -> float:
    await state.preview()
    assert (state.problem, state.step) == ("", "preview")
    start = time.monotonic()
    await state.commit()
    assert (state.problem, state.step) == ("", "done")
    return time.monotonic() - start


def ask(stack, sql, *arguments):
    with psycopg.connect(stack.db_url) as db:
        return db.execute(sql, arguments).fetchall()


async def test_ten_thousand_policies_in_one_go_and_nothing_new_the_second_time(
    panel, stack, tmp_path
):
    state, store, renewal = panel
    state.choose_kind("policies")
    await open_list(state, "motor_policies.csv", tmp_path)
    asked = (state.columns.mapping.phone_region, state.columns.region_to_ask())
    assert asked == ("CN", "AU")  # asked, not guessed
    decide(state)
    state.options.set_value("pool", "retained")
    seconds = await run(state)
    rows = len(state.file.sheet.rows)
    refused = {p.row for p in state.rows.problems}
    print(f"\n{state.rows.counts} in {seconds:.1f} s, {rows / seconds:.0f} rows/s")
    assert rows == 10_666
    assert state.rows.counts["created"] + len(refused) == rows
    assert not state.rows.counts["updated"] and not state.rows.counts["unchanged"]
    for table in ("customers", "vehicles", "policies"):
        assert ask(stack, f"select count(*) from crm.{table} where store_id = %s", store) == [
            (state.rows.counts["created"],)
        ]
    told = list(csv.reader(io.StringIO(error_file(state).lstrip("\ufeff"))))
    assert {int(line[0]) for line in told[1:]} == refused
    assert seconds < 60

    # what the file says, counted without our code; 18 numbers of eight digits could be a day, as
    # 20010501: nobody guesses, their rows are told
    assert len(refused) == 18
    assert {(p.field, p.code) for p in state.rows.problems} == {("customer.phone", "format")}
    with (DATA / "motor_policies.csv").open(encoding="utf8") as file:
        listed = Counter(
            line["next_renewal_date"]
            for n, line in enumerate(csv.DictReader(file), 2)
            if n not in refused
        )
    stored = dict(
        ask(
            stack,
            "select expires_on::text, count(*) from crm.policies where store_id = %s group by 1",
            store,
        )
    )
    assert stored == dict(listed)

    await state.commit()
    counts = state.rows.counts
    assert (counts["created"], counts["updated"]) == (0, 0)
    assert counts["unchanged"] == state.rows.done

    # the tasks of a day, by the rules and by a count of our own: the window reached last, one call
    # a policy
    day = date(2025, 8, 1)
    with psycopg.connect(stack.db_url) as db:
        made = one(db.execute("select crm.run_rules(%s, %s)", (store, day)))[0]["policy_window"]
        again = one(db.execute("select crm.run_rules(%s, %s)", (store, day)))[0]["policy_window"]
    expected = Counter()
    for text, number in listed.items():
        ends = date.fromisoformat(text)
        while (day - ends).days > 30:  # nobody renewed it: remembered for the next year (F-35)
            ends = (
                ends.replace(year=ends.year + 1)
                if (ends.month, ends.day) != (2, 29)
                else date(ends.year + 1, 2, 28)
            )
        left = (ends - day).days
        if 0 <= left <= 90:
            expected[min(window for window in (90, 60, 30, 15, 7) if window >= left)] += number
    assert made == sum(expected.values()) > 500
    assert again == 0
    tasks = ask(
        stack,
        "select expires_on - due_on, count(*) from crm.tasks where store_id = %s and "
        "assignee_id = %s group by 1",
        store,
        renewal,
    )
    assert dict(tasks) == dict(expected)


async def test_rows_that_cannot_be_taken_are_named_by_their_number(panel, stack, tmp_path):
    state, store, _renewal = panel
    lines = (DATA / "motor_policies.csv").read_text(encoding="utf8").splitlines()[:60]
    heading = lines[0].split(",")
    spoilt = {
        5: ("next_renewal_date", "soon"),
        9: ("first_name", ""),
        12: ("phone_number", "ask wife"),
        20: ("net_premium_amount", "=1+1"),
        31: ("matriculation_year", "2999"),
    }
    for number, (column, value) in spoilt.items():
        cells = lines[number - 1].split(",")
        cells[heading.index(column)] = value
        if number == 9:
            cells[heading.index("last_name")] = ""
        lines[number - 1] = ",".join(cells)
    lines.append(lines[1])
    (tmp_path / "spoilt.csv").write_text("\n".join(lines), encoding="gb18030")
    await state.open((tmp_path / "spoilt.csv").read_bytes(), "spoilt.csv")
    decide(state)
    state.options.set_value("pool", "retained")
    await run(state)
    assert [(p.row, p.field, p.code) for p in sorted(state.rows.problems, key=lambda p: p.row)] == [
        (5, "policy.expires_on", "date"),
        (9, "customer.name", "required"),
        (12, "customer.phone", "format"),
        (20, "policy.premium_fen", "type"),
        (31, "vehicle.model_year", "range"),
        (61, "key", "duplicate_in_file"),
    ]
    assert ask(stack, "select count(*) from crm.customers where store_id = %s", store) == [(54,)]
    assert "'=1+1" in error_file(state)
    assert not any(
        cell[:1] in "=+-@"
        for line in csv.reader(io.StringIO(error_file(state)))
        for cell in line
        if cell
    )


@pytest.mark.parametrize("unnamed", ["", "未具名"])
async def test_the_funnel_says_what_the_list_of_deals_says(panel, stack, tmp_path, unnamed):
    state, store, _renewal = panel
    state.choose_kind("deals")
    await open_list(state, "crm_sales_pipeline.csv", tmp_path)
    stages = {"Won": "delivered", "Lost": "lost", "Engaging": "quoted", "Prospecting": "lead"}
    assert sorted(state.columns.stage_values()) == sorted(stages)
    for text, stage in stages.items():
        state.columns.map_value("deal.stage", text, stage)
    state.columns.set_default("customer.name", unnamed)
    state.options.set_value("owner", str(state.session.me.user_id))
    state.columns.map_others("deal.owner", "")
    seconds = await run(state)
    with (DATA / "crm_sales_pipeline.csv").open(encoding="utf8") as file:
        listed = [line for line in csv.DictReader(file) if line["account"] or unnamed]
    print(f"\n{state.rows.counts} in {seconds:.1f} s, {len(listed) / seconds:.0f} rows/s")
    counts, amounts = Counter(stages[x["deal_stage"]] for x in listed), Counter()
    for line in listed:
        amounts[stages[line["deal_stage"]]] += round(float(line["close_value"] or 0) * 100)
    report = await state.session.services.gateway.call(
        "funnel_report", {"store_id": str(store), "pipeline": "new_car"}
    )
    shown = {
        s["stage"]: (s["deals"], s["amount_fen"])
        for s in report["pipelines"][0]["stages"]
        if s["deals"]
    }
    assert shown == {stage: (counts[stage], amounts[stage]) for stage in counts}
    assert len({p.row for p in state.rows.problems}) == 8_800 - len(listed)
    assert ask(
        stack,
        "select count(*) from crm.deals where store_id = %s and stage = 'delivered' and "
        "closed_at < '2018-01-01'",
        store,
    ) == [(counts["delivered"],)]
    await state.commit()
    assert (state.rows.counts["created"], state.rows.counts["updated"]) == (0, 0)


async def test_a_saved_mapping_is_proposed_for_the_next_list_of_the_kind(panel, tmp_path):
    state, _store, _renewal = panel
    state.choose_kind("deals")
    await open_list(state, "crm_sales_pipeline.csv", tmp_path)
    for text, stage in {
        "Won": "delivered",
        "Lost": "lost",
        "Engaging": "quoted",
        "Prospecting": "lead",
    }.items():
        state.columns.map_value("deal.stage", text, stage)
    state.options.set_value("owner", str(state.session.me.user_id))
    state.columns.map_others("deal.owner", "")
    state.file.sheet.rows[50:], state.file.sheet.numbers[50:] = [], []  # enough for this
    await run(state)
    mapping = state.columns.mapping
    fresh = ImportList(state.session)
    fresh.choose_kind("deals")
    await fresh.load()
    await open_list(fresh, "crm_sales_pipeline.csv", tmp_path)
    assert fresh.columns.mapping == mapping
    assert isinstance(fresh.runs[0].id, UUID)


async def test_two_real_lists_are_taken_back_and_the_store_is_as_before(panel, stack, tmp_path):
    """Revert leaves the digest as before: everything the store's admin sees, without clocks and
    versions."""
    state, store, _renewal = panel

    def digest():
        parts = []
        for table in ("customers", "companions", "vehicles", "policies", "deals", "tasks"):
            columns = "to_jsonb(t) - array['version', 'change_no', 'updated_at']"
            parts.append(
                ask(
                    stack,
                    f"select count(*), md5(coalesce(string_agg(({columns})::text, '|' order by "
                    f"t.id), '')) from crm.{table} t where t.store_id = %s and t.removed_at is "
                    "null",
                    store,
                )
            )
        return [
            *parts,
            ask(
                stack,
                "select sum(deals), sum(amount_fen) from crm.funnel_counts where store_id = %s",
                store,
            ),
        ]

    for kind, name in (("policies", "motor_policies.csv"), ("deals", "crm_sales_pipeline.csv")):
        before = digest()
        state.again()
        state.choose_kind(kind)
        await open_list(state, name, tmp_path)
        if kind == "deals":
            for text, stage in {
                "Won": "delivered",
                "Lost": "lost",
                "Engaging": "quoted",
                "Prospecting": "lead",
            }.items():
                state.columns.map_value("deal.stage", text, stage)
            state.options.set_value("owner", str(state.session.me.user_id))
            state.columns.map_others("deal.owner", "")
        else:
            state.options.set_value("pool", "retained")
            decide(state)
        state.file.sheet.rows[2500:], state.file.sheet.numbers[2500:] = (
            [],
            [],
        )  # a quarter tells as much; the whole list is imported above
        await run(state)
        assert state.rows.counts["created"] > 1000
        assert digest() != before
        state.ask_revert(state.runs[0].id)
        start = time.monotonic()
        await state.revert()
        print(f"\n{name}: {state.reverted} in {time.monotonic() - start:.1f} s")
        assert (state.problem, state.reverted.kept) == ("", 0)
        after = digest()
        assert after[:-1] == before[:-1]
        assert [x or 0 for x in after[-1][0]] == [x or 0 for x in before[-1][0]]
