"""`forecourt group`: the operator says who works for a whole dealer group."""

import json
import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.demo import sign_up
from forecourt.settings import ROOT
from tests.support.people import preset


@pytest.fixture
def group(stack):
    """A group with two stores and an account that belongs to none; gone afterwards."""
    ids = [uuid4() for _ in range(3)]
    account = f"{uuid4().hex[:10]}@forecourt.example"
    sign_up(stack.supabase_url, stack.publishable_key, account, "zhanting-2026")
    with psycopg.connect(stack.db_url, autocommit=True) as operator:
        name = f"group {ids[0]}"
        operator.execute("insert into crm.groups (id, name) values (%s, %s)", (ids[0], name))
        for store in ids[1:]:
            operator.execute(
                "select crm.create_store(%s, %s, 'store', %s)",
                (ids[0], store, Jsonb(json.loads(preset()))),
            )
        yield operator, name, account
        operator.execute("delete from crm.stores where group_id = %s", (ids[0],))
        operator.execute("delete from crm.groups where id = %s", (ids[0],))


def run(stack, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "forecourt.cli", "group", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": stack.db_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def listed(operator, name):
    return operator.execute(
        "select m.name, m.role, m.is_admin, m.granted_by from crm.group_members m"
        " join crm.groups g on g.id = m.group_id where g.name = %s",
        (name,),
    ).fetchall()


def test_the_operator_puts_an_account_on_the_list_and_takes_it_off(stack, group):
    operator, name, account = group
    code, said = run(stack, "add-admin", name, account.upper(), "--name", "关佳")
    assert code == 0, said
    assert listed(operator, name) == [("关佳", "group_admin", True, None)]
    acts = operator.execute(
        "select a.kind, a.actor_id from crm.audit_events a join crm.stores s on s.id = a.store_id"
        " join crm.groups g on g.id = s.group_id where g.name = %s",
        (name,),
    ).fetchall()
    assert acts == [("group_role_granted", None)] * 2
    assert "关佳  group_admin  administrator" in run(stack, "list")[1]
    assert run(stack, "add-member", name, account, "--name", "关佳")[0] == 0
    assert listed(operator, name) == [("关佳", "group_admin", False, None)]
    assert run(stack, "remove", name, account)[0] == 0
    assert listed(operator, name) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account": "nobody@forecourt.example"}, "the person signs up first"),
        ({"group": "no such group"}, "no group called"),
        ({"more": ["--name", "关佳", "--role", "store_admin"]}, "scope group"),
        ({"more": []}, "give --name"),
        ({"more": ["--name", "x" * 41]}, "too long"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(stack, group, change, said):
    operator, name, account = group
    words = [change.get("group", name), change.get("account", account)]
    code, told = run(stack, "add-admin", *words, *change.get("more", ["--name", "关佳"]))
    assert code == 1
    assert said in told
    assert "Traceback" not in told
    assert listed(operator, name) == []
