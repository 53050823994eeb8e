"""A manager comments on a conversation; its author reads it on Me and says so (S-54)."""

from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone

ADD = "select api.add_comment(%s, %s, %s, %s)"


def talk(world: World, who: str) -> tuple[str, str]:
    customer = world.customer(who, name="孙先生")
    world.log_conversation(who, customer)
    world.db.commit()
    return customer, world.row("select id from crm.conversations where customer_id = %s", customer)


async def test_a_manager_comments_in_the_history(manager, network, tmp_path):
    gateway, world = manager
    customer, conversation = talk(world, "lin")
    async with real_phone(tmp_path, gateway, route=f"/customers/{customer}/timeline") as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"comment-on-{conversation}"))
        await s.tap(f"comment-on-{conversation}")
        await s.type("comment-notes", "先问预算")
        network.down = True
        await s.tap("send-comment")
        await s.settle(until=lambda: s.sees("没有网络，内容没有保存。"))
        network.heal()
        await s.tap("send-comment")
        await s.settle(until=lambda: s.sees("未读"))
        assert s.sees("先问预算")
    sql = "select notes from crm.comments where conversation_id = %s"
    assert world.row(sql, conversation) == "先问预算"


async def test_its_author_reads_it_and_says_so(advisor, tmp_path):
    gateway, world = advisor
    customer, conversation = talk(world, "me")
    comment = new_id()
    world.ask("he", ADD, world.stores["east"], comment, conversation, "先问预算")
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/me") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("my-comments"))
        assert s.sees("先问预算") and s.sees("孙先生")
        await s.tap(f"acknowledge-{comment}")
        await s.settle(until=lambda: not s.has("my-comments"))
        await s.go(f"/customers/{customer}/timeline")
        await s.settle(until=lambda: s.has(f"comment-{comment}"))
        assert not s.has(f"comment-on-{conversation}")  # an advisor comments on nothing
    sql = "select acknowledged_at is not null from crm.comments where id = %s"
    assert world.row(sql, comment)
