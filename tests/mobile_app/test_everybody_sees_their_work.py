"""Work on customers one does not own, on the phone: the market team's pool, a manager's escalation,
a colleague's customers and deals; and one brief for whoever picks up (S-06, S-38, S-77, S-97)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.people import new_id
from tests.support.phone_screen import LocalData, phone, real_phone, signed_in
from tests.support.present import present

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
NUMBER = "13911112222"


@pytest.fixture
async def market(stack, network):
    async with signed_in(stack, "market", network) as (gateway, world):
        yield gateway, world


def pooled(world, name: str, phone: str) -> str:
    return world.customer("he", pool="market", level="potential", name=name, phone=phone)


async def test_a_market_persons_morning(market, tmp_path):
    """Call, log, and hand the customer back to sales. 34 tasks came and none was shown."""
    gateway, world = market
    customer = pooled(world, "赵先生", NUMBER)
    world.log_conversation("he", customer, "follow_up", level="potential", notes="想换七座车")
    world.task(customer, "me", kind="next_contact")
    world.db.commit()
    async with real_phone(tmp_path, gateway) as p:
        s = p.screen
        await s.settle(until=lambda: s.has("card-name"))
        assert s.texts("card-name") == ["赵先生"] and s.sees("想换七座车")
        assert "0 / 1" in s.label("progress")
        assert s.sees("139****2222") and not s.has("dial")
        await s.tap("show-number")
        await s.settle(until=lambda: s.has("dial"))
        assert s.sees(NUMBER)
        await s.tap("dial")
        await s.tap("outcome-interested")
        await s.tap("phrase-0")
        await s.tap("save-conversation")
        await s.settle(until=lambda: not s.has("card-name"))
        assert s.taps == 5
        await p.session.sync_now()
        await s.settle(until=lambda: p.session.sync.pending == 0 and not p.session.sync.running)
        assert s.sees("今天已完成 1")  # counted, wherever the customer is by now
        await s.go("/customers")
        await s.settle(until=lambda: s.has("list-market"))
        await s.tap("list-market")
        await s.settle(until=lambda: s.has(f"customer-{customer}"))
        await s.tap(f"customer-{customer}")
        await s.settle(until=lambda: s.has("hand-over"))
        await s.tap("hand-over")
        assert not s.has(f"seller-{world.users['wu']}")
        await s.tap(f"seller-{world.users['lin']}")
        await s.type("hand-over-words", "想尽快试驾")
        await s.tap("send-hand-over")
        await p.session.sync_now()
        await s.settle(until=lambda: p.session.sync.pending == 0 and not p.session.sync.running)
        assert p.session.sync.rejected == 0
    request = world.row(
        "select id from crm.approvals where store_id = %s and customer_id = %s and kind = "
        "'reassign'",
        world.stores["east"],
        customer,
    )
    assert all(NUMBER.encode() not in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    world.done("he", "decide_approval", {"id": str(request), "decision": "approve"})
    owner = world.row("select owner_id from crm.customers where id = %s", customer)
    assert owner == world.users["lin"]
    assert world.row("select by_id from crm.transfers where customer_id = %s", customer)


async def test_many_customers_of_a_pool_are_graded_at_once(market, tmp_path):
    gateway, world = market
    customers = [pooled(world, f"客{n}", f"1390000{n:04d}") for n in range(3)]
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/customers") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("list-market"))
        assert s.sees("有任务的客户会出现在这里。")
        await s.tap("list-market")
        await s.settle(until=lambda: s.has("pick"))
        await s.tap("pick")
        for customer in customers[:2]:
            await s.tap(f"customer-{customer}")
        await s.tap("grade-intent")
        await s.settle(until=lambda: not s.has("grade-intent"))
        await p.session.sync_now()
        await s.settle(until=lambda: p.session.sync.pending == 0 and not p.session.sync.running)
        assert p.session.sync.rejected == 0
    levels = [
        world.row("select level from crm.customers where id = %s", customer)
        for customer in customers
    ]
    assert levels == ["intent", "intent", "potential"]


async def test_a_pool_without_a_network_says_so(market, network, tmp_path):
    gateway, world = market
    pooled(world, "赵先生", NUMBER)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/customers") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("list-market"))
        network.down = True
        await s.tap("list-market")
        await s.settle(until=lambda: s.sees("需要网络"))
        assert not s.sees("赵先生")


async def test_a_managers_escalation_is_on_today(manager, tmp_path):
    gateway, world = manager
    customer = world.customer("lin", name="钱女士")
    world.task(customer, "me", kind="escalation")
    world.db.commit()
    async with real_phone(tmp_path, gateway) as p:
        s = p.screen
        await s.settle(until=lambda: s.has("card-name"))
        assert s.texts("card-name") == ["钱女士"]
        assert "0 / 1" in s.label("progress")


async def test_a_manager_opens_an_advisors_work(manager, tmp_path):
    """Customers, deals and conversations of any advisor; the deal is moved from there."""
    gateway, world = manager
    customer = world.customer("lin", name="孙先生")
    deal = new_id()
    world.done(
        "lin",
        "save_deal",
        {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "朗逸"}},
    )
    world.log_conversation("lin", customer, notes="周末来试驾")
    world.customer("chen", name="周女士", phone="13900000009")
    world.db.commit()
    lin = world.users["lin"]
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("part-queues"))
        await s.tap("part-queues")
        await s.settle(until=lambda: s.has(f"member-{lin}"))
        await s.tap(f"member-{lin}")
        await s.settle(until=lambda: s.has("queue-counts"))
        await s.tap("member-view-customers")
        await s.settle(until=lambda: s.sees("孙先生"))
        assert not s.sees("周女士")
        await s.tap("member-view-conversations")
        await s.settle(until=lambda: s.sees("周末来试驾"))
        await s.tap("member-view-deals")
        await s.settle(until=lambda: s.has(f"deal-{deal}"))
        assert s.taps == 5
        await s.tap(f"deal-{deal}")
        await s.settle(until=lambda: s.has("move"))
        assert s.sees("朗逸") and s.sees("孙先生")
        await s.go("/funnel")
        await s.settle(until=lambda: s.has(f"member-{lin}"))
        await s.tap("view-board")
        await s.settle(until=lambda: s.has(f"board-{deal}"))  # the store's
        await s.tap(f"member-{world.users['chen']}")
        await s.settle(until=lambda: not s.has(f"board-{deal}"))
        await s.tap(f"member-{lin}")
        await s.settle(until=lambda: s.has(f"board-{deal}"))


async def test_an_advisors_deal_without_a_network_says_so(manager, network, tmp_path):
    gateway, world = manager
    customer, deal = world.customer("lin", name="孙先生"), new_id()
    world.done(
        "lin",
        "save_deal",
        {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "朗逸"}},
    )
    world.db.commit()
    async with real_phone(tmp_path, gateway) as p:
        s = p.screen
        network.down = True
        await s.go(f"/funnel/{deal}")
        await s.settle(until=lambda: s.sees("需要网络"))
        network.heal()
        await s.tap("try-again")
        await s.settle(until=lambda: s.has("move"))


async def test_one_brief_for_whoever_picks_up(tmp_path):
    """Today's card and the customer's say the same: last words though nobody answered since, the
    complaint's words, who decides, how long the deal has been where it is."""
    config = presets.load("three_levels")
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生", need="七座SUV")
    local_data.log_conversation(
        customer, "complaint", days_ago=9, outcome="complaint", notes="提车等了两个月"
    )
    local_data.log_conversation(customer, "notes", days_ago=5, notes="太太想要白色")
    local_data.log_conversation(
        customer, "try", days_ago=1, outcome="no_answer", notes=None, reached=False
    )
    local_data.insert("companions", "wife", customer_id=customer, name="李女士", relation="spouse")
    local_data.insert(
        "deals",
        "deal",
        customer_id=customer,
        pipeline="new_car",
        stage=next(s.key for s in present(config.pipeline("new_car")).stages if s.type == "open"),
        stage_at=datetime.now(UTC) - timedelta(days=12),
        title="途昂",
    )
    local_data.task(customer)
    async with phone(tmp_path, config, "advisor", local_data) as p:
        s = p.screen
        for route in ("/", f"/customers/{customer}"):
            await s.go(route)
            await s.settle(until=lambda: s.sees("太太想要白色"))
            for words in ("提车等了两个月", "七座SUV", "李女士", "途昂", "12 天"):
                assert s.sees(words), (route, words, s.texts())


async def test_a_script_stands_wherever_one_logs(tmp_path):
    document = presets.load("three_levels").document()
    opening = {
        "key": "opening",
        "label": {"zh_CN": "开场白"},
        "text": {"zh_CN": "{customer.name}您好，我是{me}。"},
    }
    config = StoreConfig.model_validate(document | {"scripts": [*document["scripts"], opening]})
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生")
    local_data.log_conversation(customer, "notes", days_ago=5)
    local_data.task(customer)
    async with phone(tmp_path, config, "advisor", local_data) as p:
        s = p.screen
        assert s.has("script")
        await s.go(f"/customers/{customer}/log")
        await s.settle(until=lambda: s.has("script"))
        await s.tap("script")
        assert s.sees("王先生您好，我是林晓。")


async def test_a_manager_lends_a_queue_and_takes_it_back(manager, tmp_path):
    """A colleague is ill this morning: five taps from the team's screen (F-61)."""
    gateway, world = manager
    task = world.task(world.customer("lin", name="孙先生"), "lin")
    world.db.commit()
    lin, chen = world.users["lin"], world.users["chen"]

    def assignee():
        return world.row("select assignee_id from crm.tasks where id = %s", task)

    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("part-queues"))
        await s.tap("part-queues")
        await s.settle(until=lambda: s.has(f"member-{lin}"))
        await s.tap(f"member-{lin}")
        await s.settle(until=lambda: s.has("lend"))
        await s.tap("lend")
        await s.settle(until=lambda: s.has("confirm-loan"))
        assert not s.has(f"borrower-{lin}")
        await s.tap(f"borrower-{chen}")
        await s.tap("confirm-loan")
        await s.settle(until=lambda: s.has("end-loan"))
        assert s.taps == 5
        assert s.sees("chen代跟进，今天至今天")
        assert assignee() == chen
        await s.tap("end-loan")
        await s.settle(until=lambda: s.has("lend"))
        assert assignee() == lin


async def test_a_loan_that_is_refused_says_why(manager, tmp_path):
    """Somebody else lent the queue while this form was open."""
    gateway, world = manager
    lin, chen = world.users["lin"], world.users["chen"]
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("part-queues"))
        await s.tap("part-queues")
        await s.settle(until=lambda: s.has(f"member-{lin}"))
        await s.tap(f"member-{lin}")
        await s.settle(until=lambda: s.has("lend"))
        await s.tap("lend")
        await s.tap(f"borrower-{chen}")
        world.ask(
            "he",
            "select api.lend_queue(%s, %s, %s, %s, %s)",
            world.stores["east"],
            lin,
            world.users["zhou"],
            TODAY,
            TODAY,
        )
        world.db.commit()
        await s.tap("confirm-loan")
        await s.settle(until=lambda: s.sees("代跟进或正在为别人代跟进"))
        assert s.has("confirm-loan")  # what was chosen is still there
