"""Leads given out, customers passed on, received, claimed, lost and remembered: in the browser, as
the people who do it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey


def tab(app, name):
    """A tab of the navigation bar, once it is drawn (the first page of a cold server takes its
    time)."""
    found = app.page.get_by_role("tab", name=name).first
    found.wait_for(state="attached", timeout=60_000)
    return found


def settle(app):
    """All is sent: the cloud of a tab says so."""
    app.page.goto(app.base + "/customers")
    app.ready()
    app.see("已全部上传")


def test_the_manager_gives_out_three_leads_in_five_taps(visit, people, operator):
    """S-24, budget 7: N + 2 from any tab."""
    lin = people["lin"].user_id
    before = operator.execute(
        "select count(*) from crm.transfers where to_id = %s", (lin,)
    ).fetchone()[0]
    manager = visit("he")
    manager.see_id("sync-mark")
    taps = 0
    manager.tap(tab(manager, "团队"))
    taps += 1
    expect(manager.starting("lead-").nth(2)).to_be_attached()
    leads = [
        manager.starting("lead-").nth(n).get_attribute("flt-semantics-identifier") for n in range(3)
    ]
    for lead in leads:
        manager.tap(lead)
        taps += 1
    manager.tap(f"target-{lin}")
    taps += 1
    manager.see("已将 3 位客户交给")
    assert taps <= 3 + 2
    for lead in leads:
        expect(manager.id(lead)).to_have_count(0)
    settle(manager)
    rows = operator.execute(
        "select h.customer_id::text, exists (select from crm.tasks t where t.customer_id = "
        "h.customer_id and t.assignee_id = %s and t.status = 'open' and t.removed_at is null)"
        " from crm.transfers h where h.to_id = %s order by h.created_at desc, h.id desc limit 3",
        (lin, lin),
    ).fetchall()
    assert {f"lead-{r[0]}" for r in rows} == {*leads}
    assert all(r[1] for r in rows)  # each with its first call
    assert (
        operator.execute("select count(*) from crm.transfers where to_id = %s", (lin,)).fetchone()[
            0
        ]
        == before + 3
    )


def test_a_customer_past_his_days_goes_to_me_in_one_tap_and_the_heir_reads_his_card(
    visit, people, operator
):
    """S-25, F-47, F-48: the list offers me with one tap; the customer stands first in the new
    owner's data until they have read the card."""
    manager = visit("he")
    manager.see_id("sync-mark")
    manager.page.goto(manager.base + "/team")
    manager.ready()
    manager.tap("part-pending")
    row = manager.starting("mine-").first
    expect(row).to_be_attached()
    customer = row.get_attribute("flt-semantics-identifier").removeprefix("mine-")
    manager.tap(f"mine-{customer}")
    manager.see("已将 1 位客户交给")
    settle(manager)
    owner = operator.execute(
        "select owner_id from crm.customers where id = %s", (customer,)
    ).fetchone()[0]
    assert owner == people["he"].user_id

    handed = operator.execute(
        "select customer_id, id from crm.transfers where to_id = %s and accepted_at is null "
        "and kind = 'reassign' order by id limit 1",
        (people["lin"].user_id,),
    ).fetchone()
    new_owner = visit("lin")
    new_owner.see_id("progress")
    new_owner.page.goto(new_owner.base + "/customers")
    new_owner.ready()
    new_owner.tap(f"handed-{handed[0]}")
    new_owner.tap("accept")
    expect(new_owner.id("accept")).to_have_count(0)
    settle(new_owner)
    assert operator.execute(
        "select accepted_at is not null from crm.transfers where id = %s", (handed[1],)
    ).fetchone() == (True,)


def test_a_walk_in_is_received_on_one_small_screen(visit, people, operator):
    """S-14, budget 5: at 360 x 640 with at most six inputs, three of them required; the save button
    is on the screen from the start."""
    from tests.support.browser import PHONE

    app = visit("lin", **{**PHONE, "viewport": {"width": 360, "height": 640}})
    app.see_id("progress")
    app.page.goto(app.base + "/customers")
    app.ready()
    app.tap("record-visit")
    save = app.id("save-reception").bounding_box()
    assert save and save["y"] + save["height"] <= 640
    assert save["y"] > 640 * 2 / 3  # in the thumb's third
    document = operator.execute(
        "select document -> 'visit' from crm.config_versions v join crm.stores s on s.id = "
        "v.store_id and s.config_version = v.version limit 1"
    ).fetchone()[0]
    assert len(document["fields"]) <= 6
    assert len(document["required"]) <= 3
    app.tap("save-reception")
    app.see("请填写")  # the name, by its field
    app.type("name", "王小明")
    app.tap("save-reception")
    app.see("已登记到店")
    settle(app)
    row = operator.execute(
        "select c.owner_id, r.recorded_at >= r.arrived_at, t.due_on - (now() at time zone "
        "'Asia/Shanghai')::date from crm.customers c join crm.visits r on r.customer_id = c.id"
        " join crm.tasks t on t.customer_id = c.id where c.name = '王小明'"
    ).fetchone()
    assert row == (people["lin"].user_id, True, 1)  # S-63: a call by tomorrow


def test_a_known_number_is_joined_not_blocked(visit, people, operator):
    """F-15: a colleague's customer is named by days only; asking sends them to the manager, who
    hands them over."""
    phone = operator.execute(
        "select k.phone from crm.customers k where k.owner_id = %s and k.removed_at is null "
        "and (select count(*) from crm.customers o where o.phone = k.phone) = 1 limit 1",
        (people["chen"].user_id,),
    ).fetchone()[0]
    app = visit("lin")
    app.see_id("progress")
    app.page.goto(app.base + "/customers/visit")
    app.ready()
    app.type("phone", phone)
    app.see_id("duplicate")
    app.see("已由同事跟进")
    app.tap("ask-to-take-over")
    app.see("已提交经理")
    settle(app)
    request = str(
        operator.execute(
            "select id from crm.approvals where requester_id = %s and kind = 'reassign' and "
            "status = 'pending'",
            (people["lin"].user_id,),
        ).fetchone()[0]
    )
    manager = visit("he")
    manager.see_id("sync-mark")
    manager.tap(tab(manager, "审批"))
    manager.scroll_to(f"approve-{request}")  # other journeys ask too
    manager.tap(f"approve-{request}")  # budget 6: two taps from any tab
    manager.see("已同意")
    settle(manager)
    assert (
        operator.execute(
            "select owner_id from crm.customers where phone = %s", (phone,)
        ).fetchone()[0]
        == people["lin"].user_id
    )


def test_claimed_from_the_pool_and_lost_to_another_insurer(visit, people, operator):
    """F-24, F-34, F-35 on the phone."""
    app = visit("lin")
    app.see_id("progress")
    app.page.goto(app.base + "/customers/pool")
    app.ready()
    claim = app.starting("claim-").first.get_attribute("flt-semantics-identifier")
    app.tap(claim)
    app.see("已领取")
    settle(app)
    assert (
        operator.execute(
            "select owner_id from crm.customers where id = %s", (claim.removeprefix("claim-"),)
        ).fetchone()[0]
        == people["lin"].user_id
    )

    specialist = visit("zhou")
    specialist.see_id("progress")
    specialist.page.goto(specialist.base + "/customers/pool")
    specialist.ready()
    policy = (
        specialist.starting("take-")
        .first.get_attribute("flt-semantics-identifier")
        .removeprefix("take-")
    )
    customer = str(
        operator.execute(
            "select customer_id from crm.policies where id = %s", (policy,)
        ).fetchone()[0]
    )
    specialist.tap(f"take-{policy}")
    specialist.see("已由您续保")
    settle(specialist)
    specialist.page.goto(f"{specialist.base}/customers/{customer}")
    specialist.ready()
    specialist.tap(f"lose-{policy}")
    specialist.see_id("lost-why-insured-elsewhere")
    specialist.page.mouse.wheel(0, 400)  # up from the edge: a tap there reached another button
    specialist.tap("lost-why-insured-elsewhere")
    specialist.scroll_to("lost-insurer")
    specialist.type("lost-insurer", "平安产险")
    specialist.type("lost-price", "3980")
    specialist.tap("save-loss")
    specialist.see("下次到期前会自动提醒")
    settle(specialist)
    memory = operator.execute(
        "select insurer, premium_fen, origin, expires_on = (select expires_on + interval '1 "
        "year' from crm.policies where id = %s) from crm.policies where renews_id = %s",
        (policy, policy),
    ).fetchone()
    assert memory == ("平安产险", 398000, "elsewhere", True)


def test_a_batch_is_approved_in_one_tap(visit, make_task, operator, people):
    """Budget 6: once the cards are picked, one tap; each is a decision of its own."""
    requests = []
    for n in range(2):
        _customer, task = make_task("zhou", f"批量{n}")
        request = operator.execute(
            "insert into crm.approvals (store_id, id, task_id, customer_id, requester_id, reason, "
            "created_at) select store_id, gen_random_uuid(), id, customer_id, assignee_id, "
            "'unreachable', now() - interval '40 days' from crm.tasks where id = %s returning id",
            (task,),
        ).fetchone()[0]
        operator.execute("update crm.tasks set status = 'cancel_requested' where id = %s", (task,))
        requests.append(str(request))
    manager = visit("he")
    manager.see_id("sync-mark")
    manager.tap(tab(manager, "审批"))
    for request in requests:
        manager.tap(f"pick-{request}")
    manager.tap("approve-picked")
    manager.see("已同意 2 项")
    settle(manager)
    found = operator.execute(
        "select status, decided_by from crm.approvals where id = any (%s::uuid[])", (requests,)
    ).fetchall()
    assert found == [("approved", people["he"].user_id)] * 2
