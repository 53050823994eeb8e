"""A specialist's morning on the real list: sixty calls without a network, then the network comes
back (S-04, S-07, F-26…F-31).

60 tasks = 35 not reached + 20 reached + 5 that cannot be done. Nothing needs a mouse, a desktop or
an answer of the server.
"""

import csv
import json
import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from admin.imports.state import ImportList
from admin.services import Services
from admin.session import AdminSession
from forecourt.demo import PRESET, sign_up
from forecourt.settings import ROOT
from shared.gateway.client import Gateway, make_http
from shared.gateway.tasks import pending_approvals
from tests.admin.test_import_real_lists import decide
from tests.support.faults import Network
from tests.support.phone_screen import real_phone
from tests.support.present import one

LIST = (
    Path(os.environ.get("FORECOURT_DATA") or ROOT.parent / "shared" / "data") / "motor_policies.csv"
)
PASSWORD = "morning-2026"
TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
pytestmark = pytest.mark.skipif(
    not LIST.exists(),
    reason=f"the real list is not here ({LIST}); set FORECOURT_DATA to its folder",
)


def sixty_of_this_autumn() -> str:
    """The first sixty lines of the list that expire within ninety days, its years moved on: the
    list is older than this test."""
    with LIST.open(encoding="utf8") as file:
        reader = csv.DictReader(file)
        rows = []
        for line in reader:
            day = date.fromisoformat(line["next_renewal_date"])
            while day < TODAY:
                day = (
                    day.replace(year=day.year + 1)
                    if (day.month, day.day) != (2, 29)
                    else day + timedelta(days=365)
                )
            if day <= TODAY + timedelta(days=90) and len(rows) < 60:
                rows.append(line | {"next_renewal_date": day.isoformat()})
    lines = [",".join(reader.fieldnames or ())]
    return "\n".join([*lines, *(",".join(f'"{v}"' for v in row.values()) for row in rows)])


@pytest.fixture
async def store(stack, tmp_path):
    """A store with an admin who imports the list, a specialist and a manager; the night's rules
    have run."""
    people = {}
    for role in ("store_admin", "renewal", "manager"):
        email = f"{uuid7()}@forecourt.example"
        people[role] = (email, sign_up(stack.supabase_url, stack.publishable_key, email, PASSWORD))
    store_id, group = uuid7(), uuid7()
    with psycopg.connect(stack.db_url) as db:
        db.execute("insert into crm.groups (id, name) values (%s, 'morning')", (group,))
        db.execute(
            "select crm.create_store(%s, %s, '续保中心', %s)",
            (group, store_id, Jsonb(json.loads(PRESET.read_text(encoding="utf8")))),
        )
        for role, name in (("store_admin", "梁文博"), ("renewal", "周敏"), ("manager", "何建国")):
            db.execute(
                "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)",
                (store_id, people[role][1], role, name),
            )
    async with make_http() as http:
        session = AdminSession(
            Services(
                Gateway(stack.supabase_url, stack.publishable_key, http=http),
                lambda: datetime.now(UTC),
                uuid7,
            )
        )
        await session.sign_in(people["store_admin"][0], PASSWORD)
        state = ImportList(session)
        await state.load()
        state.options.renewal_owner = str(people["renewal"][1])
        state.choose_kind("policies")
        await state.open(sixty_of_this_autumn().encode(), "sixty.csv")
        decide(state)  # a choice the store does not have is asked about, never left out silently
        state.options.set_value("pool", "retained")
        await state.preview()
        await state.commit()
        assert (state.problem, state.rows.counts["created"]) == ("", 60), state.rows.problems
    with psycopg.connect(stack.db_url) as db:
        [made] = one(db.execute("select crm.run_rules(%s, %s)", (store_id, TODAY)))
    assert made["policy_window"] == 60
    return store_id, people


async def test_sixty_calls_in_a_basement_and_the_counts_of_everybody_agree(stack, store, tmp_path):
    store_id, people = store
    network = Network()
    gateway = Gateway(stack.supabase_url, stack.publishable_key, http=make_http(network))
    await gateway.auth_session.sign_in(people["renewal"][0], PASSWORD)
    slowest, names = 0.0, []
    async with real_phone(tmp_path / "phone", gateway) as p:
        s = p.screen
        await s.settle(until=lambda: s.has("card-name"), seconds=30)
        assert "0 / 60" in s.label("progress")
        network.down = True
        for n in range(60):
            names.append(s.texts("card-name")[0])
            start = time.monotonic()
            if n % 12 == 11:  # 5: the number belongs to somebody else
                await s.tap("start-cancel")
                await s.tap("reason-number-invalid")
                await s.tap("send-cancel")
            elif n % 3 == 1:  # 20: talked
                await s.tap("dial")
                await s.tap("outcome-interested")
                await s.tap("phrase-0")
                await s.tap("save-conversation")
            else:  # 35: nobody there
                await s.tap("dial")
                await s.tap("outcome-no-answer")
            gone = (
                (
                    lambda before: (
                        lambda: not s.has("card-name") or s.texts("card-name")[0] != before
                    )
                )(names[-1])
                if n < 59
                else lambda: not s.has("card-name")
            )
            await s.settle(until=gone)
            slowest = max(slowest, time.monotonic() - start)
        assert len(set(names)) >= 58  # the list holds namesakes
        assert s.taps == 35 * 2 + 20 * 4 + 5 * 3 and s.keys == 0
        assert s.sees("今天已完成 55") and s.sees("待经理审批")
        pending, rejected = await p.session.local_store.outbox.counts()
        assert (pending, rejected) == (60, 0)
        network.heal()
        await p.session.sync_now()
        await s.settle(
            until=lambda: p.session.sync.pending == 0 and not p.session.sync.running, seconds=60
        )
        assert p.session.sync.rejected == 0
        mine = await gateway.call("today", {"store_id": str(store_id)})
    await gateway._http.aclose()
    assert mine["tasks"] == [] and mine["open"] in (
        0,
        35,
    )  # the tries to come are later today, or tomorrow
    assert (mine["pending"], mine["done"], mine["excused"], mine["missed"]) == (5, 55, 0, 0)
    with psycopg.connect(stack.db_url) as db:
        row = db.execute(
            """select count(*),
                 count(*) filter (where reached),
                 count(*) filter (where dialled_at is null)
               from crm.conversations where store_id = %s""",
            (store_id,),
        ).fetchone()
        # whether they count as a burst is not asked: no thumb dials at this machine's pace
        assert row == (55, 20, 0)
        tasks = dict(
            db.execute(
                "select status || ' ' || kind, count(*) from crm.tasks where store_id = %s group "
                "by 1",
                (store_id,),
            ).fetchall()
        )
        assert (
            tasks.pop("done policy_window") == 55
            and tasks.pop("cancel_requested policy_window") == 5
            and tasks.pop("open retry") == 35
        )
        assert set(tasks) <= {"open next_contact"}  # where the level has a cadence
        assert db.execute(
            "select count(*) from crm.alerts where store_id = %s and kind <> 'burst'", (store_id,)
        ).fetchone() == (0,)
    async with make_http() as http:
        manager = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        await manager.auth_session.sign_in(people["manager"][0], PASSWORD)
        inbox = await pending_approvals(manager, UUID(str(store_id)))
    assert (
        len(inbox) == 5
        and {a.reason for a in inbox} == {"number_invalid"}
        and {a.requester_name for a in inbox} == {"周敏"}
    )
    print(f"\nslowest card {slowest * 1000:.0f} ms from the first tap to the next card")
    assert slowest < 10
