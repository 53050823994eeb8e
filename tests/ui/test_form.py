"""The form renderer: every type and condition of a document, by the same taps and keys a person
uses."""

from datetime import date

import flet as ft
import pytest

from shared.domain.config import StoreConfig
from shared.domain.problems import FieldProblem
from shared.ui.form import FormState, FormView
from shared.ui.view import View
from shared.ui.view import screen as screen_component
from tests.support.flet_screen import Screen

TODAY = date(2026, 11, 24)
A, B = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"
L = {"zh_CN": "标签"}


def options(n: int) -> list[dict]:
    names = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", "特斯拉", "比亚迪"]
    return [{"key": f"o{i}", "label": {"zh_CN": names[i]}} for i in range(n)]


FIELDS = [
    {"key": "name", "label": {"zh_CN": "姓名"}, "required": True},
    {"key": "phone", "label": {"zh_CN": "电话"}},
    {"key": "level", "label": {"zh_CN": "级别"}},
    {
        "key": "note",
        "label": {"zh_CN": "备注"},
        "type": "long_text",
        "section": "more",
        "hint": {"zh_CN": "写下客户的原话"},
    },
    {"key": "seats", "label": {"zh_CN": "座位"}, "type": "number", "min": 2, "max": 9},
    {"key": "budget", "label": {"zh_CN": "预算"}, "type": "money"},
    {"key": "seen_on", "label": {"zh_CN": "看车日"}, "type": "date"},
    {"key": "next_contact_on", "label": {"zh_CN": "下次联系"}},
    {"key": "at", "label": {"zh_CN": "几点"}, "type": "time"},
    {"key": "loan", "label": {"zh_CN": "贷款"}, "type": "bool"},
    {
        "key": "bank",
        "label": {"zh_CN": "银行"},
        "type": "select",
        "options": options(3),
        "show": {"==": [{"var": "loan"}, True]},
    },
    {
        "key": "rate",
        "label": {"zh_CN": "利率"},
        "type": "number",
        "show": {"==": [{"var": "bank"}, "o1"]},
    },
    {
        "key": "why",
        "label": {"zh_CN": "原因"},
        "type": "text",
        "require": {"==": [{"var": "bank"}, "o2"]},
    },
    {"key": "brand", "label": {"zh_CN": "品牌"}, "type": "select", "options": options(12)},
    {
        "key": "colors",
        "label": {"zh_CN": "颜色"},
        "type": "multi",
        "options": options(4),
        "options_when": {"o3": {"==": [{"var": "loan"}, True]}},
    },
    {"key": "plate", "label": {"zh_CN": "车牌"}, "type": "plate"},
    {"key": "vin", "label": {"zh_CN": "车架号"}, "type": "vin"},
    {"key": "helper", "label": {"zh_CN": "同事"}, "type": "person"},
    {"key": "card", "label": {"zh_CN": "名片"}, "type": "file"},
    {
        "key": "deposit",
        "label": {"zh_CN": "订金"},
        "type": "formula",
        "formula": {"*": [{"var": "budget"}, 0.1]},
    },
    {"key": "secret", "label": {"zh_CN": "底价"}, "type": "money"},
    {"key": "id_card", "label": {"zh_CN": "证件"}, "type": "text", "mask": "tail4"},
    {"key": "fixed", "label": {"zh_CN": "编号"}, "type": "text"},
]


def config() -> StoreConfig:
    readable = [f["key"] for f in FIELDS if f["key"] not in ("secret", "id_card")]
    writable = [k for k in readable if k not in ("fixed", "deposit")]
    return StoreConfig.model_validate(
        {
            "roles": [],
            "pipelines": [],
            "outcomes": [],
            "calendar": {"closed_days": {"2026-11-25": {"zh_CN": "盘点"}}},
            "levels": [
                {"key": "near", "label": {"zh_CN": "准购买"}, "rank": 2},
                {"key": "intent", "label": {"zh_CN": "意向"}, "rank": 1},
            ],
            "forms": {
                "customer": {
                    "label": L,
                    "sections": [{"key": "more", "label": {"zh_CN": "更多"}}],
                    "fields": FIELDS,
                }
            },
            "access": {
                "customer": {
                    "readable": readable,
                    "masked": ["id_card"],
                    "writable": writable,
                    "required": ["name", "why"],
                }
            },
        }
    )


@screen_component
def FormScreen(state: FormState) -> ft.View:
    return View(
        route="/", controls=[ft.ListView([FormView(state)], build_controls_on_demand=False)]
    )  # as the screens use it: every child is built


@pytest.fixture
async def open_form():
    opened = []

    async def go(**options) -> tuple[Screen, FormState]:
        state = FormState(config(), "customer", TODAY, people=((A, "林晓"), (B, "陈静")), **options)
        screen = await Screen.open(FormScreen, state)
        opened.append(screen)
        return screen, state

    yield go
    for screen in opened:
        screen.close()


async def test_every_type_is_filled_in_by_taps_and_keys(open_form):
    screen, state = await open_form()
    await screen.type("name", "欧阳修远")
    await screen.type("phone", "139 1111-0000")
    await screen.tap("level-near")
    await screen.type("note", "周末带家人来,\n要七座")
    await screen.type("seats", "7")
    await screen.type("budget", "19.98万")
    assert "¥" in "".join(screen.texts("budget")) or "万" in "".join(screen.texts("budget"))
    await screen.tap("seen-on-plus-1")
    await screen.tap("at-1400")
    await screen.tap("loan-yes")
    await screen.tap("colors-o0")
    await screen.tap("colors-o3")
    await screen.type("vin", "lsvau2180n2183294")
    await screen.tap(f"helper-{B}")
    assert state.check(), [(p.field, p.code) for p in state.problems()]
    assert state.changes() == {
        "name": "欧阳修远",
        "phone": "13911110000",
        "level": "near",
        "note": "周末带家人来,\n要七座",
        "seats": 7,
        "budget": 19980000,
        "seen_on": "2026-11-25",
        "at": "14:00",
        "loan": True,
        "colors": ["o0", "o3"],
        "vin": "LSVAU2180N2183294",
        "helper": B,
    }
    assert state.value("deposit") == 1998000  # the formula follows while the budget is typed
    assert screen.sees("更多") and screen.sees("写下客户的原话")


async def test_a_closed_day_is_told_where_somebody_has_to_be_there(open_form):
    """A plan says so and offers the next working day; a birthday may be any day."""
    screen, state = await open_form(record={"name": "甲"}, creating=False)
    await screen.tap("seen-on-plus-1")
    assert not screen.has("seen-on-closed")
    await screen.tap("next-contact-on-plus-1")
    assert "盘点" in " ".join(screen.texts("next-contact-on-closed"))
    assert state.check() and state.changes()["next_contact_on"] == "2026-11-25"
    await screen.tap("next-contact-on-working-day")
    assert state.changes()["next_contact_on"] == "2026-11-26"
    assert not screen.has("next-contact-on-closed")


async def test_a_field_follows_its_conditions_and_what_was_typed_stays(open_form):
    screen, state = await open_form()
    await screen.type("name", "甲")
    assert not screen.has("bank") and not screen.has("bank-o1")
    await screen.tap("loan-yes")
    await screen.tap("bank-o1")
    await screen.type("rate", "3.5")
    assert state.changes()["rate"] == 3.5
    await screen.tap("loan-no")  # the bank goes, and the rate that hangs on the bank
    assert not screen.has("bank-o1") and not screen.has("rate")
    assert {"bank", "rate"} & set(state.changes()) == set()
    await screen.tap("loan-yes")  # nothing typed is ever lost
    assert state.changes()["rate"] == 3.5 and state.changes()["bank"] == "o1"
    assert "原因" in screen.texts("why") and "原因 *" not in screen.texts("why")
    await screen.tap("bank-o2")
    assert "原因 *" in screen.texts("why")
    assert not state.check() and state.field("why").problem == "required"
    await screen.settle()
    assert "请填写。" in screen.texts("why")


async def test_an_option_that_its_condition_closes_is_kept_visible_and_named_as_the_problem(
    open_form,
):
    screen, state = await open_form()
    await screen.type("name", "甲")
    assert not screen.has("colors-o3")
    await screen.tap("loan-yes")
    await screen.tap("colors-o3")
    await screen.tap("loan-no")
    assert screen.find("colors-o3").selected
    assert not state.check() and state.field("colors").problem == "option"
    await screen.settle()
    await screen.tap("colors-o3")
    assert state.check() and not screen.has("colors-o3")


async def test_more_than_seven_options_are_a_list_that_is_searched_by_word_or_initials(open_form):
    screen, state = await open_form()
    assert screen.has("bank-o0") is False and not screen.has("brand-o0")
    await screen.tap("brand")
    assert screen.has("brand-o0") and screen.has("brand-o11")
    await screen.type("brand-search", "tsl", leave=False)
    assert screen.all("brand-o") == ["brand-o10"]
    await screen.tap("brand-o10")
    assert state.value("brand") == "o10" and screen.find("brand").value == "特斯拉"
    assert not screen.has("brand-search")  # chosen: the list is gone


async def test_a_plate_is_typed_with_provinces_first(open_form):
    screen, state = await open_form()
    await screen.tap("plate-keys")
    assert screen.has("plate-key-苏") and not screen.has("plate-key-E")
    await screen.tap("plate-key-苏")
    assert (
        screen.has("plate-key-E")
        and not screen.has("plate-key-I")
        and not screen.has("plate-key-7")
    )
    for sign in "E123450":
        await screen.tap(f"plate-key-{sign}")
    await screen.tap("plate-back")
    await screen.tap("plate-keys-done")
    assert state.value("plate") == "苏E12345"
    await screen.type("plate", "沪 a·d12345")  # pasted from WeChat
    assert state.value("plate") == "沪AD12345"


async def test_masked_and_read_only_values_are_shown_and_never_sent(open_form):
    record = {
        "name": "甲",
        "phone": "138****1234",
        "id_card": "**************1234",
        "fixed": "A-1",
        "secret": 1,
    }
    screen, state = await open_form(record=record, creating=False)
    assert screen.sees("**************1234") and screen.sees("A-1") and not screen.sees("底价")
    assert not any(isinstance(c, ft.TextField) for c in _walk_of(screen, "id-card"))
    await screen.type("name", "甲乙")
    assert state.changes() == {"name": "甲乙"}
    await screen.type("name", "甲")
    assert state.changes() == {}  # as it was: no change


async def test_what_cannot_be_read_stays_in_its_box_and_is_named(open_form):
    screen, state = await open_form()
    await screen.type("name", "甲")
    await screen.type("seats", "七")
    await screen.type("phone", "12")
    await screen.type("budget", "-3")
    assert not state.check()
    assert {f.key: f.problem for f in state.fields() if f.problem} == {
        "seats": "type",
        "phone": "format",
        "budget": "range",
    }
    await screen.settle()
    assert screen.inside("seats", ft.TextField).value == "七"
    await screen.type("seats", "12")
    assert "超出允许范围。" in screen.texts(
        "seats"
    )  # said on leaving the field, before anything is sent
    await screen.type("seats", "7", leave=False)
    assert state.field("seats").problem is None


async def test_a_refusal_of_the_server_stands_by_its_field(open_form):
    screen, state = await open_form()
    await screen.type("phone", "13911110000")
    state.reject([FieldProblem("phone", "taken"), FieldProblem("nothing", "required")])
    await screen.settle()
    assert "已有其他记录使用这个值。" in screen.texts("phone")
    assert screen.inside("phone", ft.TextField).value == "13911110000"


async def test_a_few_fields_can_be_asked_for_and_demanded(open_form):
    screen, state = await open_form(
        record={"name": "甲"}, creating=False, only=("budget", "seats"), demanded=("budget",)
    )
    assert (
        screen.all("seats") == ["seats"]
        and not screen.has("name")
        and "预算 *" in screen.texts("budget")
    )
    assert not state.check() and state.field("budget").problem == "required"
    await screen.type("budget", "8万")
    assert state.check() and state.changes() == {"budget": 8_000_000}


async def test_a_letter_draws_its_own_field_only(open_form):
    screen, _state = await open_form()
    before = screen.client.sent
    await screen.type("note", "你", leave=False)
    assert screen.client.sent - before < 700


def _walk_of(screen, identifier):
    from tests.support.flet_screen import _walk

    return list(_walk([screen.find(identifier)]))
