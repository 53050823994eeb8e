"""Texts of people functions over the real API: refused by field, whatever a client sends."""

import json
from uuid import uuid4

import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from shared.domain.problems import Rejected
from shared.gateway import members
from shared.gateway.client import Gateway, make_http
from tests.support.people import World

BAD_NAMES = {"": "required", "名" * 41: "length", "a\nb": "format", "\u202ea": "format"}
UNSTORABLE = ["\0", "a\0b", "\ud800"]


@pytest.fixture(scope="module")
def store(stack):
    """A committed store and its admin's e-mail; gone afterwards."""
    email = f"{uuid4().hex[:10]}@forecourt.example"
    admin = sign_up(stack.supabase_url, stack.publishable_key, email, PASSWORD)
    with psycopg.connect(stack.db_url) as operator:
        world = World(operator, {"liang": admin})
        operator.commit()
        yield world, email
        stores = list(world.stores.values())
        operator.execute("delete from crm.stores where id = any (%s)", (stores,))
        operator.commit()


@pytest.fixture
async def gateway(stack, store):
    async with make_http() as http:
        found = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        await found.auth_session.sign_in(store[1], PASSWORD)
        yield found


@pytest.mark.parametrize("name", [*BAD_NAMES, *UNSTORABLE])
async def test_a_bad_name_is_told_by_field(gateway, store, name):
    world, _email = store
    east, lin = world.stores["east"], world.users["lin"]
    code = BAD_NAMES.get(name, "format")
    for call in (
        members.invite(gateway, east, name=name, contact="13800001111", role="advisor"),
        members.set_member(gateway, east, lin, name=name, role="advisor", team=""),
    ):
        with pytest.raises(Rejected) as refused:
            await call
        assert (refused.value.code, refused.value.field) == (code, "name")


@pytest.mark.parametrize("field", ["name", "contact", "role"])
@pytest.mark.parametrize("text", ["", "x" * 5000, "\0", "\x01", "'; drop table crm.members; --"])
async def test_no_answer_tells_how_the_database_is_made(stack, gateway, store, field, text):
    """Raw, past our client: 422 with the field, or 400 for what is no text; never 500."""
    world, _email = store
    asked = {"name": "某", "contact": "13800001111", "role": "advisor", field: text}
    async with make_http() as http:
        answer = await http.post(
            f"{stack.supabase_url}/rest/v1/rpc/invite_member",
            content=json.dumps({"store_id": str(world.stores["east"]), **asked}),
            headers={
                "apikey": stack.publishable_key,
                "Authorization": f"Bearer {await gateway.auth_session.token()}",
                "Content-Profile": "api",
                "Content-Type": "application/json",
            },
        )
    if answer.status_code == 422:
        assert answer.json()["details"] == field
    else:
        assert answer.status_code in ((400,) if "\0" in text else (200,))
        assert "constraint" not in answer.text
        assert "crm." not in answer.text


async def test_the_lists_are_read(gateway, store):
    world, _email = store
    roles = await members.grantable_roles(gateway, world.stores["east"])
    assert "advisor" in roles
    assert "group_admin" not in roles
    with pytest.raises(Rejected, match="forbidden"):
        await members.group_people(gateway, world.group_of("east"))
    [me] = await members.whoami(gateway)
    assert (me.group_id, me.is_group_admin) == (world.group_of("east"), False)
