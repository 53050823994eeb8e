"""Journey 4: a member of another store finds none of it, in the app or by curl with their own
token."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

pytestmark = pytest.mark.journey


def request(stack, path, token=None, body=None, method=None) -> tuple[int, Any]:
    """What curl would do; answers (status, parsed body)."""
    headers = {
        "apikey": stack.publishable_key,
        "Content-Type": "application/json",
        "Accept-Profile": "api",
        "Content-Profile": "api",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    call = urllib.request.Request(
        f"{stack.supabase_url}{path}",
        data=data,
        headers=headers,
        method=method or ("POST" if data else "GET"),
    )
    try:
        with urllib.request.urlopen(call, timeout=20) as answer:
            text = answer.read().decode()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


@pytest.fixture
def west_token(stack, people):
    user = people["west"]
    _, answer = request(
        stack,
        "/auth/v1/token?grant_type=password",
        body={"email": user.email, "password": user.password},
    )
    return answer["access_token"]


def test_in_the_app(visit, make_task):
    make_task("lin", "绝密客户")
    app = visit("west")
    app.see_id("sync-mark")
    app.page.goto(app.base + "/customers")
    app.ready()
    app.type("search", "绝密")
    app.see("没有找到")
    app.gone("绝密客户")


def test_by_curl(stack, west_token, operator, people, make_task):
    customer, task = make_task("lin", "绝密客户")
    store = str(
        operator.execute(
            "select store_id from crm.members where user_id = %s", (people["lin"].user_id,)
        ).fetchone()[0]
    )
    for view in (
        "customers",
        "companions",
        "vehicles",
        "policies",
        "deals",
        "conversations",
        "tasks",
        "approvals",
        "timeline",
        "members",
        "config",
        "config_versions",
        "imports",
        "invitations",
    ):
        status, rows = request(stack, f"/rest/v1/{view}?store_id=eq.{store}&limit=5", west_token)
        assert (status, rows) == (200, []), view
        status, rows = request(stack, f"/rest/v1/{view}?select=store_id&limit=1000", west_token)
        assert store not in json.dumps(rows), view
    for function, body in (
        ("today", {}),
        ("sync_pull", {}),
        ("search_customers", {"query": "绝密"}),
        ("funnel_report", {}),
        ("pending_approvals", {}),
        ("find_duplicates", {"phone": "13811112222"}),
    ):
        status, answer = request(
            stack, f"/rest/v1/rpc/{function}", west_token, {"store_id": store, **body}
        )
        assert (status, answer["message"]) == (403, "forbidden"), function
    status, _ = request(
        stack,
        "/rest/v1/rpc/customer_brief",
        west_token,
        {"store_id": store, "customer_id": customer},
    )
    assert status == 404
    op = {
        "op_id": "01900000-0000-7000-8000-000000000001",
        "seq": 1,
        "verb": "request_cancellation",
        "payload": {
            "store_id": store,
            "id": "01900000-0000-7000-8000-000000000002",
            "task_id": task,
            "reason": "unreachable",
        },
    }
    status, answers = request(
        stack,
        "/rest/v1/rpc/sync_push",
        west_token,
        {"device_id": "01900000-0000-7000-8000-000000000003", "operations": [op]},
    )
    assert (status, answers[0]["code"]) == (200, "forbidden")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_nothing_of_api_is_written_but_by_verbs(stack, operator, people, method):
    """With a token that may see the rows: the very owner's."""
    user = people["lin"]
    _, answer = request(
        stack,
        "/auth/v1/token?grant_type=password",
        body={"email": user.email, "password": user.password},
    )
    counted = (
        "select (select md5(string_agg(c::text, '|' order by id)) from crm.customers c), "
        "(select md5(string_agg(t::text, '|' order by id)) from crm.tasks t), (select count(*) "
        "from crm.conversations), (select count(*) from crm.events)"
    )
    before = operator.execute(counted).fetchone()
    for view in (
        "customers",
        "tasks",
        "deals",
        "conversations",
        "approvals",
        "members",
        "stores",
        "config",
        "whoami",
        "timeline",
        "policies",
        "vehicles",
        "companions",
        "invitations",
        "imports",
    ):
        body = (
            None
            if method == "DELETE"
            else {"id": "01900000-0000-7000-8000-000000000009", "status": "done", "name": "x"}
        )
        status, _ = request(
            stack, f"/rest/v1/{view}?store_id=not.is.null", answer["access_token"], body, method
        )
        assert status >= 400, view
    assert operator.execute(counted).fetchone() == before


def test_crm_is_not_there_for_anyone(stack, west_token):
    for headers in ("crm", "auth", "public"):
        call = urllib.request.Request(
            f"{stack.supabase_url}/rest/v1/customers",
            headers={
                "apikey": stack.publishable_key,
                "Authorization": f"Bearer {west_token}",
                "Accept-Profile": headers,
            },
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(call, timeout=10)
        assert refused.value.code == 406
    status, _ = request(stack, "/rest/v1/customers")
    assert status in (401, 403)
