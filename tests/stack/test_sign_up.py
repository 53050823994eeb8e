"""An account is made with the open invitation of that very person, or by the operator; nobody
learns who has one."""

import json
from uuid import uuid4

import httpx
import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from forecourt.settings import ROOT
from shared.gateway import members
from shared.gateway.client import Gateway, make_http
from shared.gateway.session import login_email
from tests.support.people import World
from tests.support.present import dynamic, one
from tests.support.stack import embedded_only


@pytest.fixture
async def admin(stack):
    """A store admin's gateway, and the store."""
    email = f"{uuid4().hex[:10]}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, email)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["me"] = user
        world.join("me", "east", "store_admin")
        connection.commit()
    http = make_http()
    gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
    await gateway.auth_session.sign_in(email, PASSWORD)
    yield gateway, world.stores["east"]
    await http.aclose()


def number() -> str:
    return f"139{uuid4().int % 10**8:08d}"


async def invite(admin, contact: str) -> str:
    gateway, store = admin
    made = await members.invite(gateway, store, name="新人", contact=contact, role="advisor")
    return made.code


def ask(stack, email: str, code: object = None, password: str = PASSWORD) -> httpx.Response:
    data = {} if code is None else {"data": {"invitation_code": code}}
    return httpx.post(
        f"{stack.supabase_url}/auth/v1/signup",
        json={"email": email, "password": password, **data},
        headers={"apikey": stack.publishable_key},
        trust_env=False,
        timeout=30,
    )


def accounts(stack, *emails: str) -> int:
    with psycopg.connect(stack.db_url) as connection:
        [count] = one(
            connection.execute(
                "select count(*) from auth.users where email = any (%s)", (list(emails),)
            )
        )
        return count


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 422 and answer.json()["msg"] == "invitation_unknown"


@pytest.mark.parametrize("form", ["{}", "+86 {}", "0086{}", "tel. {}", "１３９ {tail}"])
async def test_the_invited_number_signs_up_with_its_code(stack, admin, form):
    phone = number()
    code = await invite(admin, form.format(phone, tail=phone[3:]))
    typed = f" {code[:3]}-{code[3:].lower()} "
    http = make_http()
    gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
    await gateway.auth_session.sign_up(phone, PASSWORD, typed)
    await members.accept(gateway, code)
    assert [m.role for m in await members.whoami(gateway)] == ["advisor"]
    await http.aclose()


async def test_the_invited_address_signs_up_with_its_code(stack, admin):
    email = f"{uuid4().hex[:10]}@Forecourt.Example"
    code = await invite(admin, f" {email} ")
    assert ask(stack, email, code).status_code == 200


async def test_nobody_takes_a_number_that_was_not_invited(stack, admin):
    phone, other = number(), number()
    alias = login_email(phone)
    code = await invite(admin, other)
    mail = await invite(admin, "someone@forecourt.example")
    vague = await invite(admin, "微信好友")
    wrong = [
        None,
        "",
        "XXXXXXXXXX",
        code,
        mail,
        vague,
        [code],
        {"a": code},
        7,
        True,
        "%",
        code + "A",
    ]
    for attempt in wrong:
        assert refused(ask(stack, alias, attempt)), attempt
    assert accounts(stack, alias) == 0
    for spelling in (
        alias.upper(),
        f"86{alias}",
        f"+86{alias}",
        f"0{alias}",
        f"{alias}.",
        f" {alias}",
    ):
        answer = ask(stack, spelling, code)
        assert answer.status_code in (400, 422), spelling
    assert accounts(stack, alias, f"86{alias}") == 0


ENDINGS = {
    "expired": "update crm.invitations set expires_at = now() where contact = %s",
    "used": "update crm.invitations set accepted_by = gen_random_uuid() where contact = %s",
    "revoked": "delete from crm.invitations where contact = %s",
}


@pytest.mark.parametrize("ended", ENDINGS)
async def test_an_invitation_that_is_not_open_makes_no_account(stack, admin, ended):
    phone = number()
    code = await invite(admin, phone)
    with psycopg.connect(stack.db_url) as connection:
        connection.execute(dynamic(ENDINGS[ended]), (phone,))
    assert refused(ask(stack, login_email(phone), code))


async def test_a_sign_up_does_not_tell_who_has_an_account(stack, admin):
    phone = number()
    code = await invite(admin, phone)
    taken = f"{uuid4().hex[:10]}@forecourt.example"
    sign_up(stack.supabase_url, stack.publishable_key, taken)
    answers = [
        (answer.status_code, answer.text)
        for email in (taken, f"{uuid4().hex[:10]}@forecourt.example")
        for answer in (ask(stack, email), ask(stack, email, code))
    ]
    assert len(set(answers)) == 1


async def test_a_stranger_in_the_invited_name_is_removed_by_the_operator(stack, admin):
    """docs/operators/operations.md: an account that belongs to no store is deleted, and the code
    opens the door again."""
    phone = number()
    sign_up(stack.supabase_url, stack.publishable_key, phone, "a-strangers-2026")
    code = await invite(admin, phone)
    answer = ask(stack, login_email(phone), code)
    assert answer.json()["error_code"] == "user_already_exists"
    with psycopg.connect(stack.db_url) as connection:
        connection.execute(
            "delete from auth.users u where u.email = %s"
            " and not exists (select from crm.members m where m.user_id = u.id)",
            (login_email(phone),),
        )
    assert ask(stack, login_email(phone), code).status_code == 200


def test_the_hook_is_what_supabase_auth_calls(stack, db):
    """One argument and one answer of jsonb; executable by supabase_auth_admin, which sees nothing
    else of ours."""
    hook = "auth_hooks.before_user_created"
    event = {"metadata": {"name": "before-user-created"}, "user": {"email": "x@y.z"}}
    reply = db.execute(f"select {hook}(%s)", (json.dumps(event),)).fetchone()[0]
    assert reply == {"error": {"http_code": 422, "message": "invitation_unknown"}}
    for strange in ("{}", "[]", "null", '"x"', '{"user": []}', '{"user": {"email": {}}}'):
        assert "error" in db.execute(f"select {hook}(%s::jsonb)", (strange,)).fetchone()[0]
    rights = db.execute(
        """select r.rolname from pg_roles r
        where not r.rolsuper and r.rolname not like 'pg\\_%'
          and has_schema_privilege(r.oid, 'auth_hooks', 'usage')"""
    ).fetchall()
    assert {r for (r,) in rights} == {"postgres", "supabase_auth_admin"}
    callers = db.execute(
        """select r.rolname from pg_roles r
        where not r.rolsuper and r.rolname not like 'pg\\_%'
          and has_function_privilege(r.oid, 'auth_hooks.before_user_created(jsonb)', 'execute')"""
    ).fetchall()
    assert {r for (r,) in callers} == {"postgres", "supabase_auth_admin"}
    assert db.execute(
        "select has_schema_privilege('supabase_auth_admin', 'crm', 'usage'),"
        " has_schema_privilege('supabase_auth_admin', 'api', 'usage')"
    ).fetchone() == (False, False)
    config = (ROOT / "supabase" / "config.toml").read_text(encoding="utf8")
    assert 'uri = "pg-functions://postgres/auth_hooks/before_user_created"' in config


def test_sixty_wrong_codes_end_the_tries_of_an_address(stack):
    embedded_only(stack)
    stack.restart_api()
    answers = [ask(stack, f"{uuid4().hex}@forecourt.example", f"WRONG{n}") for n in range(65)]
    assert [answer.status_code for answer in answers[:60]] == [422] * 60
    assert [answer.status_code for answer in answers[60:]] == [429] * 5
    assert int(answers[-1].headers["retry-after"]) > 0
    stack.restart_api()
