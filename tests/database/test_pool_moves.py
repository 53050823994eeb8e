"""A level that belongs to a pool takes its customer there at night, and only their tasks with them
(S-26)."""


def test_the_night_takes_away_only_the_moved_customers_tasks(world):
    cooled, other = (
        world.customer(),
        world.customer("he", phone="13800138001", pool="market", level="potential"),
    )
    theirs, mine = world.task(other, "wu", kind="next_contact"), world.task(cooled)
    assert (
        world.log_conversation("lin", cooled, "not_now", level="potential")["status"] == "applied"
    )
    mine_too = world.task(cooled)
    world.db.execute("select crm.run_rules(%s, current_date)", (world.stores["east"],))
    found = dict(
        world.db.execute(
            "select id::text, status from crm.tasks where id = any (%s::uuid[]) and removed_at is "
            "null",
            ([theirs, mine, mine_too],),
        ).fetchall()
    )
    assert found == {
        theirs: "open",
        mine: "done",
        mine_too: "suspended",  # it opens again for whoever takes the customer out of the pool
    }
    assert world.row("select pool from crm.customers where id = %s", cooled) == "market"
