"""The funnel of the phone counts as the server does: who reached a stage, lost deals too."""

from mobile_app.funnel.state import FunnelBoard
from shared.domain.funnel import Funnel
from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone, signed_in
from tests.support.present import present

WAYS = (
    (),
    ("visited", "test_drive", "quoted", "lost"),
    ("visited", "lost"),
    ("test_drive", "visited"),
    ("quoted",),
    ("lost",),
)


def asked_for(stage: str) -> dict:
    return {
        **({"lost_reason": "price"} if stage == "lost" else {}),
        **({"set": {"amount_fen": 100}} if stage == "quoted" else {}),
    }


def deal_that_went(world: World, customer: str, *way: str) -> str:
    deal = new_id()
    payload = {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {}}
    world.done("me", "save_deal", payload)
    for stage in way:
        world.done("me", "move_deal", {"id": deal, "stage": stage, **asked_for(stage)})
    return deal


def of_server(world: World) -> Funnel:
    report = world.ask("me", "select api.funnel_report(%s, 'new_car')", world.stores["east"])[0][0]
    return Funnel.model_validate(report["pipelines"][0])


def numbers(funnel: Funnel) -> list[tuple]:
    return [(s.stage, s.deals, s.amount_fen, s.reached) for s in funnel.stages]


async def test_the_phone_and_the_server_count_the_same(stack, tmp_path):
    async with signed_in(stack, "advisor") as (gateway, world):
        customer = world.customer("me", name="漏斗客")
        deals = [deal_that_went(world, customer, *way) for way in WAYS]
        # a colleague's deal on the phone of who renews the customer's policies
        other = world.customer("lin", phone="13900000007")
        world.done(
            "lin",
            "save_deal",
            {"id": new_id(), "customer_id": other, "pipeline": "new_car", "set": {}},
        )
        world.db.execute(
            "update crm.customers set renewal_owner_id = %s where id = %s",
            (world.users["me"], other),
        )
        world.db.commit()
        async with real_phone(tmp_path, gateway) as phone:
            board = FunnelBoard(phone.session)
            await board.load()
            mine = present(board.counted)
            assert numbers(mine) == numbers(of_server(world))
            assert [s.reached for s in mine.steps()][:4] == [6, 4, 3, 2]

            for deal, stage in ((deals[0], "test_drive"), (deals[4], "lost"), (deals[3], "lost")):
                payload = {"id": deal, "customer_id": customer, "stage": stage}
                await phone.session.act("move_deal", {**payload, "set": {}, **asked_for(stage)})
            new = {"id": new_id(), "customer_id": customer, "pipeline": "new_car", "set": {}}
            await phone.session.act("save_deal", new)
            await board.load()
            before_sync = numbers(present(board.counted))
            await phone.session.sync_now()
            assert await phone.sent() == []
            world.db.rollback()
            assert before_sync == numbers(of_server(world))
            await board.load()
            assert numbers(present(board.counted)) == before_sync


async def test_the_screen_says_the_share_that_went_on_with_lost_deals(stack, tmp_path):
    async with signed_in(stack, "advisor") as (gateway, world):
        customer = world.customer("me", name="漏斗客")
        for way in WAYS:
            deal_that_went(world, customer, *way)
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/funnel") as phone:
            screen = phone.screen
            await screen.settle(until=lambda: screen.has("view-funnel"))
            await screen.tap("view-funnel")
            await screen.settle(until=lambda: screen.has("stage-quoted"))
            assert "67%" in screen.label("stage-lead")  # 4 of 6
            assert "75%" in screen.label("stage-visited")  # 3 of 4
            assert "67%" in screen.label("stage-test-drive")  # 2 of 3, one of them lost


async def test_the_board_counts_as_the_funnel_does_also_what_it_has_no_cards_for(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        customer = world.customer("me", name="漏斗客")
        for way in WAYS:
            deal_that_went(world, customer, *way)
        world.db.execute(  # closed long ago: not among the cards of a manager
            "update crm.deals set closed_at = now() - interval '200 days' where stage = 'lost'"
        )
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/funnel") as phone:
            screen = phone.screen
            await screen.settle(until=lambda: screen.has("view-board"))
            await screen.tap("view-funnel")
            await screen.settle(until=lambda: screen.has("stage-lost"))
            assert screen.label("stage-lost").startswith("战败 3 ")
            await screen.tap("view-board")
            await screen.settle(until=lambda: screen.has("column-lost"))
            assert screen.label("column-lost").endswith(" 3")
            assert screen.label("column-lead").endswith(" 1")
