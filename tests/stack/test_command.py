"""The `forecourt` command, as a person and a scheduler use it."""

import json
import sys
import time

import httpx
import pytest

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
    assert {"phone_url", "admin_url", "supabase_url", "publishable_key", "db_url", "users"} <= facts.keys()
    assert {user["role"] for user in facts["users"]} >= {"advisor", "renewal", "manager", "store_admin"}
    for address in (facts["phone_url"], facts["admin_url"]):
        assert httpx.get(address, trust_env=False).status_code == 200
    first = sign_in(facts)
    everyone = family(demo.pid)
    demo.kill()
    began = time.monotonic()
    again = home.command("demo")  # at once
    said = read_until(again, "Ctrl-C")
    assert time.monotonic() - began <= 20  # the dying one included
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
