"""A level that belongs to a pool takes its customer there at night, and only his tasks with him (S-26)."""


def test_the_night_takes_away_only_the_moved_customers_tasks(world):
    cooled, other = world.customer(), world.customer("he", phone="13800138001", pool="market", level="potential")
    theirs, mine = world.task(other, "wu", why="next_contact"), world.task(cooled)
    assert world.talk("lin", cooled, "not_now", level="potential")["status"] == "applied"
    mine_too = world.task(cooled)
    world.db.execute("select crm.run_rules(%s, current_date)", (world.stores["east"],))
    gone = dict(
        world.db.execute("select id::text, removed_at is not null from crm.tasks where id = any (%s::uuid[])", ([theirs, mine, mine_too],)).fetchall()
    )
    assert gone == {theirs: False, mine: False, mine_too: True}  # mine was answered by the talk: done, not taken away
    assert world.row("select pool from crm.customers where id = %s", cooled) == "market"
