"""The follow-up engine broken on purpose, one line at a time: each broken engine is noticed by a
test that tells a customer's story."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.database import test_calendar as calendar
from tests.database import test_nobody_is_forgotten as stories
from tests.database import test_scheduler as clock
from tests.support.people import World


@dataclass(frozen=True)
class Mutant:
    function: str
    old: str
    new: str
    story: Callable[[World], None]


def care(world: World) -> None:
    stories.test_a_care_date_is_told_on_its_day(world, "2026-08-31", 6, 7, "2027-02-28")


def plan_taken_away(world: World) -> None:
    stories.test_a_plan_taken_away_is_planned_again(world, "near")


PLAN, FOLLOW_UPS = "tg_customers__plan_contact", "create_follow_ups"
NO_ANSWER = stories.test_a_hot_customer_who_never_answers_is_called_again
POOL = stories.test_not_now_in_the_market_pool_is_asked_again_by_the_market_team
HOUR = stories.test_the_preferred_hour_is_kept_by_calls_the_rules_make
LEAD = stories.test_a_lead_that_waits_in_a_pool_escalates_too
DELIVERED = stories.test_a_delivered_car_is_renewed_by_who_can_renew
WINDOW = stories.test_a_policy_of_a_seller_who_cannot_renew_reaches_who_can
REPAIR = stories.test_the_night_repairs_what_has_no_next_step
LEAVER = stories.test_a_leavers_customers_and_tasks_reach_somebody
HOTTER = stories.test_a_hotter_customer_is_called_sooner
SILENCE = stories.test_the_end_of_silence_is_the_next_call
CLOSED = stories.test_a_closed_task_never_blocks_the_next_one
MISSED = stories.test_a_plan_that_was_missed_is_told_late
CANCELLED = stories.test_an_approved_cancel_is_followed_by_the_next_call
NAMED = stories.test_a_decider_names_who_renews_and_the_calls_go_along
CADENCE = calendar.test_a_plan_by_cadence_is_a_working_day
EXPIRY = calendar.test_a_window_that_would_move_past_the_expiry_is_called_before
FAILED = clock.test_a_night_that_fails_is_written_down_and_tried_again
CAUGHT_UP = clock.test_missed_nights_are_caught_up_in_order

MUTANTS = [
    Mutant(
        PLAN,
        "is null then crm.cadence_day(store.id, new.level, d.today)",
        "is null then null",
        plan_taken_away,
    ),
    Mutant(PLAN, "v_is_regraded bool := tg_op", "v_is_regraded bool := false and tg_op", HOTTER),
    Mutant(
        PLAN,
        "least(new.next_contact_on, crm.cadence_day(store.id, new.level, d.today))",
        "new.next_contact_on",
        HOTTER,
    ),
    Mutant("cadence_days", "    90\n", "    900\n", POOL),
    Mutant("cadence_days", "    90\n", "    null::int\n", POOL),
    Mutant("pool_callers", "role.scope in ('own', 'team')", "role.scope = 'store'", POOL),
    Mutant("pool_callers", "and called_pool.key = any (role.pools)", "", POOL),
    Mutant("has_pool_callers", "where c.pool = p_pool", "where false", POOL),
    Mutant("update_contacted_customer", "when p_is_last_try and", "when false and", NO_ANSWER),
    Mutant("update_contacted_customer", "p_draft.level, p_today)", "null, p_today)", NO_ANSWER),
    Mutant("create_following_task", "p_tries < coalesce", "p_tries <= coalesce", NO_ANSWER),
    Mutant("create_following_task", "p_tries < coalesce", "p_tries + 1 < coalesce", NO_ANSWER),
    Mutant(
        "apply_task_decision",
        "and customer.next_contact_on <= p_caller.today",
        "and false",
        CANCELLED,
    ),
    Mutant(
        FOLLOW_UPS,
        "customer.next_contact_on <= p_day",
        "customer.next_contact_on < p_day",
        NO_ANSWER,
    ),
    Mutant(
        FOLLOW_UPS, "customer.next_contact_on <= p_day", "customer.next_contact_on = p_day", MISSED
    ),
    Mutant(
        FOLLOW_UPS,
        "coalesce(customer.owner_id, caller.user_id) is not null",
        "customer.owner_id is not null",
        POOL,
    ),
    Mutant(
        FOLLOW_UPS,
        "task.kind <> 'escalation'",
        "true",
        stories.test_the_managers_reminder_does_not_stand_for_the_call,
    ),
    Mutant(
        FOLLOW_UPS,
        "in ('open', 'cancel_requested')",
        "in ('open', 'cancel_requested', 'done', 'excused')",
        CLOSED,
    ),
    Mutant(FOLLOW_UPS, "      p_day\n    else", "      customer.next_contact_on\n    else", CLOSED),
    Mutant(
        FOLLOW_UPS,
        "greatest(due.day, p_day)",
        "null::date",
        HOUR,
    ),
    Mutant("preferred_at", "p_day + q.start", 'p_day + q."end"', HOUR),
    Mutant("preferred_at", "at time zone s.time_zone", "at time zone 'UTC'", HOUR),
    Mutant("next_care_date", "v_number := v_number - 1", "v_number := v_number", care),
    Mutant("next_care_date", "p_day + p_before", "p_day", care),
    Mutant("next_care_date", "v_last - 31", "v_last", care),
    Mutant("escalation_steps", "or p_rule.kind = 'first_response')", ")", LEAD),
    Mutant(
        "remind_of_customers",
        "coalesce(customer.owner_id, caller.user_id) is not null",
        "customer.owner_id is not null",
        LEAD,
    ),
    Mutant(
        "choose_renewal_owner", "'claim_policy', 'log_conversation'", "'claim_customer'", DELIVERED
    ),
    Mutant(
        "after_deal_closed",
        "perform crm.assign_renewal_owner(p_store, v_deal.customer_id);",
        "",
        DELIVERED,
    ),
    Mutant(
        "create_policy_window_tasks",
        "coalesce(customer.renewal_owner_id, customer.owner_id),",
        "customer.owner_id,",
        DELIVERED,
    ),
    Mutant("reached_window", "select min(item)", "select max(item)", WINDOW),
    Mutant("assign_renewal_owners", "and customer.owner_id is not null", "and false", WINDOW),
    Mutant("can_renew", "'save_policy' = any (r.verbs)", "true", NAMED),
    Mutant("set_renewal_owner", "task.subject_form = 'policy'", "false", NAMED),
    Mutant("repair_next_steps", "in ('no_plan', 'too_far')", "in ('no_plan')", REPAIR),
    Mutant("repair_next_steps", "in ('no_plan', 'too_far')", "in ('too_far')", REPAIR),
    Mutant("repair_next_steps", "crm.create_unattended_tasks(p_store, p_day)", "0", LEAVER),
    Mutant("repair_next_steps", "crm.reassign_abandoned_tasks(p_store)", "0", LEAVER),
    Mutant(
        "customers_without_next_step",
        "owner.user_id = customer.owner_id and owner.active",
        "owner.user_id = customer.owner_id",
        LEAVER,
    ),
    Mutant(
        "transfer_customer",
        "when v_before.pool is not null then v_today",
        "when v_before.pool is not null then next_contact_on",
        stories.test_who_is_taken_out_of_a_pool_is_called_today,
    ),
    Mutant(
        "tg_customers__do_not_call",
        "perform crm.reopen_tasks(new.store_id, new.id, 'silence');",
        "",
        SILENCE,
    ),
    Mutant("run_rules", "crm.repair_next_steps(p_store, p_day)", "'{}'", REPAIR),
    Mutant("run_due", "coalesce(v_last + 1, v_today)", "v_today", CAUGHT_UP),
    Mutant("run_due", "and run.error is null", "", FAILED),
    Mutant("cadence_day", "p_today + v_days,", "p_today + v_days + 1,", NO_ANSWER),
    Mutant("cadence_day", "crm.store_calendar(p_store)", "null", CADENCE),
    Mutant(
        "cadence_day",
        "p_today + greatest(v_days, crm.most_days_put_off())",
        "null",
        calendar.test_a_plan_stays_within_what_the_level_allows,
    ),
    Mutant(
        "follow_up_day",
        "p_agreed = p_planned",
        "false",
        calendar.test_a_day_that_a_person_named_is_kept,
    ),
    Mutant(
        FOLLOW_UPS,
        "crm.store_calendar(p_store)",
        "null",
        calendar.test_a_plan_made_before_the_calendar_moves_when_its_day_comes,
    ),
    Mutant(
        "agreed_contact",
        "p_patch -> 'next_contact_on'",
        "null",
        calendar.test_a_day_that_a_person_named_is_kept,
    ),
    Mutant("next_working_day", "0..60", "0..1", CADENCE),
    Mutant(
        "is_working_day",
        "p_calendar -> 'makeup_days' ? v_day",
        "false",
        calendar.test_a_makeup_day_is_worked,
    ),
    Mutant("due_day", "coalesce(p_last, v_next)", "v_next", EXPIRY),
    Mutant("create_policy_window_tasks", "crm.closed_until(v_calendar, p_day)", "p_day", EXPIRY),
    Mutant(
        "care_statement",
        "then '$11'",
        "then 'array[$7]'",
        calendar.test_a_care_call_comes_before_the_policy_ends,
    ),
    Mutant(
        "create_retry_task",
        "    v_calendar,\n    p_task.expires_on\n",
        "    null,\n    p_task.expires_on\n",
        calendar.test_a_retry_is_on_a_working_day,
    ),
    Mutant(
        "run_escalation_rule",
        "crm.due_day(crm.store_calendar(p_store), p_day) > p_day",
        "false",
        calendar.test_nobody_is_escalated_on_a_closed_day,
    ),
    Mutant(
        "waited",
        "'quiet_to')::time,\n        p_closed_days",
        "'quiet_to')::time,\n        '{}'",
        calendar.test_nobody_is_reminded_on_a_closed_day,
    ),
    Mutant(
        "escalation_steps",
        "crm.closed_days_of_year(v_calendar, p_day)",
        "'{}'",
        calendar.test_days_without_a_contact_are_working_days,
    ),
    Mutant(
        "due_today",
        "store.settings -> 'calendar'",
        "null",
        calendar.test_what_is_due_today_is_due_on_the_next_working_day,
    ),
    Mutant(
        "contact_due_at",
        "store.settings -> 'calendar'",
        "null",
        calendar.test_a_claim_is_not_given_back_while_the_store_is_closed,
    ),
    Mutant(
        "run_hourly",
        "crm.create_follow_ups(p_store, v_today, v_rule)",
        "0",
        clock.test_a_day_planned_for_today_after_the_night_is_called_within_the_hour,
    ),
]


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.function}: {m.new[:30]}")
def test_a_broken_engine_is_noticed(world: World, mutant: Mutant):
    text = world.row(
        "select pg_get_functiondef(p.oid) from pg_proc p where p.proname = %s"
        " and p.pronamespace = 'crm'::regnamespace",
        mutant.function,
    )
    assert mutant.old in text, "the mutant no longer fits the code"
    world.db.execute(text.replace(mutant.old, mutant.new, 1).encode())
    try:
        with world.db.transaction():
            mutant.story(world)
    except Exception:  # an error of the database is noticed as well as a wrong answer
        return
    raise AssertionError("nobody noticed")
