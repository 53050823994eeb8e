"""`forecourt init`: from nothing to a store whose first admin is at work."""

import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from forecourt.settings import ROOT
from shared.gateway import members
from shared.gateway.client import Gateway, make_http

PASSWORD = "zhanting-2026"


@pytest.fixture
def operator(stack):
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def names(operator):
    """A group and a contact of this test's own; what was created is gone afterwards."""
    found = {"group": f"集团{uuid4().hex[:8]}", "contact": f"{uuid4().hex[:10]}@forecourt.example"}
    yield found
    operator.execute(
        "delete from crm.stores s using crm.groups g where g.id = s.group_id and g.name = %s",
        (found["group"],),
    )
    operator.execute("delete from crm.groups where name = %s", (found["group"],))


def init(stack, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "forecourt.cli", "init", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": stack.db_url,
            "FORECOURT_PHONE_URL": "https://p.example",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def words(names: dict[str, str], **changed: str) -> list[str]:
    asked = {**names, "store": "城北展厅", "admin": "关佳", **changed}
    return [part for key, value in asked.items() for part in (f"--{key}", value)]


def code_in(said: str) -> str:
    [link] = [word for word in said.split() if word.startswith("https://p.example/#invitation=")]
    return link.partition("=")[2]


def stores(operator, names) -> list[tuple]:
    return operator.execute(
        "select s.name, s.time_zone, s.config_version from crm.stores s join crm.groups g on "
        "g.id = s.group_id where g.name = %s order by s.name",
        (names["group"],),
    ).fetchall()


async def test_the_invited_admin_signs_up_and_is_the_stores_admin(stack, operator, names):
    code, said = init(stack, *words(names, preset="four_levels"))
    assert code == 0, said
    assert stores(operator, names) == [("城北展厅", "Asia/Shanghai", 1)]
    invitation = code_in(said)
    async with make_http() as http:
        gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        await gateway.auth_session.sign_up(names["contact"], PASSWORD, invitation)
        await members.accept(gateway, invitation)
        [me] = await members.whoami(gateway)
        assert (me.role, me.name, me.store_name) == ("store_admin", "关佳", "城北展厅")
        assert await members.invite(
            gateway, me.store_id, name="同事", contact="13800001111", role="advisor"
        )


async def test_nobody_else_may_use_the_code(stack, operator, names):
    """It is for the contact that was named, and for that one only."""
    _code, said = init(stack, *words(names))
    invitation = code_in(said)
    async with make_http() as http:
        gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        with pytest.raises(Exception, match="invitation_unknown"):
            await gateway.auth_session.sign_up("other@forecourt.example", PASSWORD, invitation)


def test_a_second_store_joins_the_group_and_a_second_time_is_refused(stack, operator, names):
    assert init(stack, *words(names))[0] == 0
    code, said = init(stack, *words(names))
    assert (code, "has a store called 城北展厅 already" in said) == (1, True), said
    assert init(stack, *words(names, store="城南展厅"), "--time-zone", "Asia/Urumqi")[0] == 0
    assert stores(operator, names) == [
        ("城北展厅", "Asia/Shanghai", 1),
        ("城南展厅", "Asia/Urumqi", 1),
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"contact": "隔壁老王"}, "neither an e-mail address nor a phone number"),
        ({"contact": "123"}, "neither an e-mail address nor a phone number"),
        ({"admin": ""}, "give --admin"),
        ({"admin": "长" * 41}, "at most 40 characters"),
        ({"store": "长" * 81}, "at most 80 characters"),
        ({"store": "城\n北"}, "in one line"),
        ({"preset": "none"}, "invalid choice"),
        ({"time-zone": "Mars/Base"}, "there is no time zone Mars/Base"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_created(stack, operator, names, changed, sentence):
    code, said = init(stack, *words(names, **changed))
    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert stores(operator, names) == []
    assert (
        operator.execute(
            "select count(*) from crm.groups where name = %s", (names["group"],)
        ).fetchone()[0]
        == 0
    )
