"""The pure rules: queue order, what a conversation and a move ask for, words and numbers."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from forecourt.demo import PRESET
from shared.domain import conversations, funnel, imports, tasks
from shared.domain.config import FieldRights, Pipeline, QueueOrder, StoreCalendar, StoreConfig
from shared.domain.labels import money_text
from shared.domain.records import Deal, Task
from shared.domain.values.phone import phone_digits
from shared.domain.values.plate import plate_text

TODAY, NOW = date(2026, 11, 24), datetime(2026, 11, 24, 4, tzinfo=UTC)
DOCUMENT = json.loads(PRESET.read_text(encoding="utf8"))
CONFIG = StoreConfig.model_validate(
    {**DOCUMENT, "access": {"customer": {"writable": ["level"], "readable": ["level"]}}}
)


def task(n: int = 1, **changes) -> Task:
    return Task(
        **{
            "id": UUID(int=n),
            "customer_id": UUID(int=9),
            "subject_id": UUID(int=9),
            "kind": "cadence",
            "due_on": TODAY,
            **changes,
        }
    )


def test_the_shipped_document_is_valid_and_says_what_the_seed_says():
    assert [(level.label["zh_CN"], level.cadence_days, level.pool) for level in CONFIG.levels] == [
        ("准购买", 7, None),
        ("意向", 30, None),
        ("潜在", None, "market"),
    ]
    rule = next(r for r in CONFIG.rules if r.kind == "policy_window")
    assert rule.days == (90, 60, 30, 15, 7)


def test_the_queue_puts_what_was_sent_back_first():
    back, old, new = task(1, rank=0), task(2, due_on=TODAY - timedelta(days=9)), task(3)
    later, done, tomorrow = (
        task(4, due_at=NOW + timedelta(hours=2)),
        task(5, status="done"),
        task(6, due_on=TODAY + timedelta(days=1)),
    )
    rows = [(t, tasks.NO_PRIORITY_INPUTS) for t in (new, later, done, tomorrow, old, back)]
    assert tasks.due(rows, TODAY, NOW, QueueOrder()) == [back, old, new]


def test_each_row_says_why_it_is_here():
    assert [
        code
        for code, _ in tasks.reasons(
            task(rank=0, remark="再打", due_on=TODAY - timedelta(days=3)), TODAY
        )
    ] == [
        "sent_back",
        "overdue",
        "cadence",
    ]
    closed = StoreCalendar(closed_days={str(TODAY - timedelta(days=n)): {} for n in (0, 1)})
    assert [
        tasks.reasons(task(due_on=TODAY - timedelta(days=n)), TODAY, calendar=closed)[0]
        for n in (3, 2)
    ] == [("overdue", {"days": 1}), ("cadence", {})]
    assert tasks.reasons(
        task(kind="policy_window", expires_on=TODAY + timedelta(days=15)), TODAY
    ) == [("policy_ends", {"days": 15})]


@pytest.mark.parametrize(
    ("outcome", "notes", "level", "expected"),
    [
        ("interested", "好", "near", []),
        ("interested", " ", "near", ["notes"]),
        (None, "", "near", ["outcome"]),
        ("no_answer", "", "near", []),
        ("no_answer", "", None, ["level"]),
        ("received", "x", "near", ["method"]),
    ],
)
def test_what_a_talk_asks_for(outcome, notes, level, expected):
    assert [
        p.field
        for p in conversations.log_problems(
            CONFIG, method="call", outcome=outcome, level=level, notes=notes
        )
    ] == expected


def test_the_next_date_follows_the_level_only_when_someone_was_reached():
    assert conversations.next_date(
        CONFIG, CONFIG.outcome("interested"), "near", TODAY
    ).on == TODAY + timedelta(days=7)
    assert conversations.next_date(CONFIG, CONFIG.outcome("no_answer"), "near", TODAY).on is None
    assert (
        conversations.next_date(CONFIG, CONFIG.outcome("interested"), "potential", TODAY).on is None
    )


def test_a_move_lists_exactly_what_is_missing():
    deal = Deal(id=UUID(int=1), customer_id=UUID(int=2), pipeline="new_car", stage="lead")
    stage = CONFIG.stage("new_car", "ordered")
    assert stage is not None
    assert [p.field for p in funnel.missing(deal, stage, {}, frozenset(), None)] == [
        "amount_fen",
        "expected_close_on",
        "checked.deposit",
    ]
    assert (
        funnel.missing(
            deal,
            stage,
            {"amount_fen": 1, "expected_close_on": "2026-12-01"},
            frozenset({"deposit"}),
            None,
        )
        == []
    )


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("138 0013 8000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("+61 7 5289 3484", "+61752893484"),
        ("abc", None),
        ("", None),
        ("12", None),
    ],
)
def test_phones_in_any_spelling(typed, stored):
    assert phone_digits(typed) == stored


def test_money_and_plates_as_people_write_them():
    assert [money_text(x) for x in (0, 1250000, 19980000, 123, None, 23_456_789_900)] == [
        "¥0",
        "¥12,500",
        "19.98万",
        "¥1.23",
        "—",
        "2.35亿",
    ]
    # by the sum as it is shown: never 10,000万
    assert [money_text(x) for x in (9_999_999_900, 9_999_994_900, 9_999_999)] == [
        "1亿",
        "9,999.99万",
        "¥99,999.99",
    ]
    assert [
        money_text(x) for x in (99_999_999_999_900, 99_999_950_000_000, 99_999_400_000_000)
    ] == [
        "1万亿",
        "1万亿",
        "9,999.94亿",
    ]
    assert money_text(99_999_999_999_900, "zh_TW") == "1兆"
    assert [money_text(x, "zh_TW") for x in (1250000, 19980000, 23_456_789_900)] == [
        "¥12,500",
        "19.98萬",
        "2.35億",
    ]
    assert [money_text(x, "en") for x in (1250000, 19980000, 123_456_700)] == [
        "¥12,500",
        "¥199,800",
        "¥1.23M",
    ]
    assert plate_text(" 沪a·123-45 ") == "沪A12345"


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (
            ["客户编号", "姓名", "手机号", "车牌号", "保险公司", "保单到期日"],
            {
                "key": "客户编号",
                "customer.name": "姓名",
                "customer.phone": "手机号",
                "vehicle.plate": "车牌号",
                "policy.insurer": "保险公司",
                "policy.expires_on": "保单到期日",
            },
        ),
        (
            [
                "customer_id",
                "first_name",
                "last_name",
                "phone_number",
                "last_renewal_date",
                "next_renewal_date",
            ],
            {
                "key": "customer_id",
                "customer.name": "first_name",
                "customer.family_name": "last_name",
                "customer.phone": "phone_number",
                "policy.starts_on": "last_renewal_date",
                "policy.expires_on": "next_renewal_date",
            },
        ),
    ],
)
def test_columns_are_guessed_from_headings(headings, expected):
    assert imports.guess("policies", headings).columns == expected


def test_an_unknown_key_in_a_document_is_refused_by_name():
    with pytest.raises(ValueError, match="colour"):
        StoreConfig.model_validate(
            {**DOCUMENT, "levels": [{**DOCUMENT["levels"][0], "colour": "red"}]}
        )


def test_rights_default_to_nothing():
    assert StoreConfig.model_validate(DOCUMENT).rights("customer") == FieldRights()


def test_the_funnel_says_how_many_came_to_each_stage_and_which_share_went_on():
    pipeline = Pipeline.model_validate(
        {
            "key": "p",
            "label": {},
            "stages": [
                {"key": key, "label": {}, "type": kind}
                for key, kind in (
                    ("lead", "open"),
                    ("visit", "open"),
                    ("lost", "lost"),
                    ("won", "won"),
                )
            ],
        }
    )

    def deal(stage: str, furthest: str | None = None) -> Deal:
        return Deal(
            id=uuid4(), customer_id=uuid4(), pipeline="p", stage=stage, furthest_stage=furthest
        )

    deals = [
        *(deal("lead") for _ in range(6)),
        *(deal("visit") for _ in range(2)),
        deal("lead", "visit"),  # went back
        *(deal("lost", "visit") for _ in range(3)),
        deal("lost", "lead"),
        deal("won"),
    ]
    counted = funnel.counted(pipeline, deals)
    assert [(s.count.stage, s.reached, s.goes_on) for s in counted.steps()] == [
        ("lead", 14, 0.5),
        ("visit", 7, 1 / 7),
        ("won", 1, None),
    ]
    assert {s.stage: s.deals for s in counted.stages} == {
        "lead": 7,
        "visit": 2,
        "lost": 4,
        "won": 1,
    }
    assert [s.goes_on for s in funnel.counted(pipeline, []).steps()] == [None, None, None]
