"""The manager gives out leads in the meeting, one by one or together, and takes the last one back
(S-24, F-50)."""

from tests.support.people import World
from tests.support.phone_screen import Phone, real_phone


def leads(world: World, n: int) -> list[str]:
    found = [
        world.customer(
            "he", pool="market", level="potential", name=f"线索{i}", phone=f"1390000{i:04}"
        )
        for i in range(n)
    ]
    world.db.commit()
    return found


async def sent(p: Phone) -> None:
    await p.session.sync_now()
    await p.screen.settle(until=lambda: p.session.sync.pending == 0 and not p.session.sync.running)
    assert p.session.sync.rejected == 0


def owners_with_first_calls(world: World, customers: list[str]) -> list[str | None]:
    """Whose each customer is, where they have that customer's first call."""
    world.db.rollback()
    names = {user: name for name, user in world.users.items()}
    found = []
    for customer in customers:
        owner = world.row("select owner_id from crm.customers where id = %s", customer)
        calls = world.row(
            "select count(*) from crm.tasks where customer_id = %s and assignee_id = %s and kind = "
            "'first_contact' and status = 'open' and removed_at is null",
            customer,
            owner,
        )
        assert calls == (1 if owner else 0)
        found.append(names.get(owner))
    return found


async def test_leads_discussed_one_by_one_take_a_tap_each(manager, tmp_path):
    """Four leads to two advisors: six taps."""
    gateway, world = manager
    customers = leads(world, 4)
    lin, chen = world.users["lin"], world.users["chen"]
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"lead-{customers[0]}"))
        before = s.taps
        await s.tap(f"target-{lin}")
        await s.tap(f"lead-{customers[0]}")
        await s.tap(f"lead-{customers[1]}")
        await s.tap(f"target-{chen}")
        await s.tap(f"lead-{customers[2]}")
        await s.tap(f"lead-{customers[3]}")
        assert s.taps - before == len(customers) + 2
        assert not any(s.has(f"lead-{c}") for c in customers)
        await sent(p)
    assert owners_with_first_calls(world, customers) == ["lin", "lin", "chen", "chen"]


async def test_the_last_one_is_taken_back(manager, tmp_path):
    gateway, world = manager
    customers = leads(world, 2)
    lin, chen = world.users["lin"], world.users["chen"]
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"lead-{customers[0]}"))
        await s.tap(f"target-{lin}")
        await s.tap(f"lead-{customers[0]}")
        await s.tap(f"lead-{customers[1]}")
        assert s.has("undo-last") and s.sees("上一条：线索1")
        await sent(p)
        await s.tap("undo-last")
        await s.settle(until=lambda: s.has(f"lead-{customers[1]}"))
        assert not s.has("undo-last")
        await sent(p)
        assert s.has(f"lead-{customers[1]}")
        assert owners_with_first_calls(world, customers) == ["lin", None]
        await s.tap(f"target-{chen}")
        await s.tap(f"lead-{customers[1]}")
        assert not s.has(f"lead-{customers[1]}")
        await sent(p)
    assert owners_with_first_calls(world, customers) == ["lin", "chen"]


async def test_selected_first_they_go_together(manager, tmp_path):
    gateway, world = manager
    customers = leads(world, 3)
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"lead-{customers[0]}"))
        for customer in customers:
            await s.tap(f"lead-{customer}")
        await s.tap(f"target-{world.users['lin']}")
        assert not any(s.has(f"lead-{c}") for c in customers) and not s.has("undo-last")
        await sent(p)
    assert owners_with_first_calls(world, customers) == ["lin"] * 3
