"""The `forecourt` command, as a person and a scheduler use it."""

import json
import sys
import time

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from forecourt.demo import PRESET
from forecourt.scheduler import Scheduler, health
from forecourt.stack import is_running
from tests.stack.conftest import Home, read_until
from tests.support.stack import family, still_alive


def run(home: Home, *words: str, **environment: str) -> tuple[int, str]:
    process = home.command(*words, **environment)
    said, _ = process.communicate(timeout=90)
    return process.returncode, said


def test_up_status_down(home: Home):
    code, said = run(home, "status")
    assert (code, "not running" in said) == (1, True)
    up = home.command("up")
    read_until(up, "DATABASE_URL")
    code, said = run(home, "status")
    assert code == 0
    assert "http://127.0.0.1:" in said
    code, said = run(home, "up")
    assert (code, "another forecourt runs" in said) == (1, True)
    code, said = run(home, "reset")
    assert (code, "it is running" in said) == (1, True)
    everyone = family(up.pid)
    assert run(home, "down")[0] == 0
    up.wait(timeout=30)
    assert still_alive(everyone) == []
    assert not is_running(home.folder)


def test_the_death_of_make_ends_what_it_started(home: Home):
    """make passes a signal on, but nobody can pass on `kill -9`."""
    make = home.run(["bash", "-c", f"'{sys.executable}' -m forecourt.cli up; true"], MAKELEVEL="1")
    read_until(make, "DATABASE_URL")
    everyone = family(make.pid)
    make.kill()
    assert still_alive(everyone) == []


def test_a_killed_demo_comes_back_with_its_data(home: Home):
    demo = home.command("demo")
    read_until(demo, "Ctrl-C")
    facts = json.loads((home.folder / "demo.json").read_text())
    assert {
        "phone_url",
        "admin_url",
        "supabase_url",
        "publishable_key",
        "users",
    } <= facts.keys()
    assert {user["role"] for user in facts["users"]} >= {
        "advisor",
        "renewal",
        "manager",
        "store_admin",
    }
    for address in (facts["phone_url"], facts["admin_url"]):
        assert httpx.get(address, trust_env=False).status_code == 200
    first = sign_in(facts)
    everyone = family(demo.pid)
    demo.kill()
    again = home.command("demo")  # at once, while the killed one still dies
    said = read_until(again, "Ctrl-C")
    assert still_alive(everyone) == []
    assert not any("migration" in line or "making" in line for line in said)
    kept = json.loads((home.folder / "demo.json").read_text())
    assert kept["users"] == facts["users"]
    assert sign_in(kept) == first


def sign_in(facts: dict) -> list[str]:
    """Who the demo's people are, by signing in as each."""
    return [
        httpx.post(
            f"{facts['supabase_url']}/auth/v1/token?grant_type=password",
            json={"email": user["email"], "password": user["password"]},
            headers={"apikey": facts["publishable_key"]},
            trust_env=False,
        ).json()["user"]["id"]
        for user in facts["users"]
    ]


@pytest.mark.parametrize("command", ["migrate", "tick"])
def test_commands_for_a_running_stack_say_so_when_nothing_runs(home: Home, command: str):
    kept_out = {"DATABASE_URL": ""}
    code, said = run(home, command, **kept_out)
    assert (code, "nothing runs here" in said) == (1, True)


def test_the_rules_run_while_it_is_up_and_a_tick_adds_nothing(home: Home):
    """`up` looks after what is due by itself; `status` says when it did."""
    up = home.command("up")
    url = read_until(up, "DATABASE_URL")[-1].partition("=")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        group, store = uuid7(), uuid7()
        connection.execute("insert into crm.groups (id, name) values (%s, '集团')", (group,))
        document = Jsonb(json.loads(PRESET.read_text(encoding="utf8")))
        connection.execute(
            "select crm.create_store(%s, %s, '东城店', %s)", (group, store, document)
        )
    assert "东城店: never ran" in run(home, "status")[1]
    code, said = run(home, "tick")
    done = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert (code, [d["work"] for d in done]) == (0, ["nightly", "hourly"])
    code, said = run(home, "tick")
    done = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert (code, [d["work"] for d in done]) == (0, ["hourly"])
    assert "东城店: night of " in run(home, "status")[1]
    assert run(home, "down")[0] == 0
    up.wait(timeout=30)


def test_the_scheduler_looks_at_once_and_stops_in_order(stack):
    """What is due is done without anybody asking; an end is waited for."""
    said: list[str] = []
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        group, store = uuid7(), uuid7()
        connection.execute("insert into crm.groups (id, name) values (%s, '集团')", (group,))
        document = Jsonb(json.loads(PRESET.read_text(encoding="utf8")))
        connection.execute(
            "select crm.create_store(%s, %s, '西城店', %s)", (group, store, document)
        )
        with Scheduler(stack.db_url, said.append, every=0.1):
            end = time.monotonic() + 30
            while not connection.execute(
                "select 1 from crm.runs where store_id = %s and work = 'nightly'", (store,)
            ).fetchone():
                assert time.monotonic() < end, said
        assert said == []
        assert any("西城店: night of" in line for line in health(stack.db_url))
        connection.execute("delete from crm.stores where id = %s", (store,))
        connection.execute("delete from crm.groups where id = %s", (group,))
