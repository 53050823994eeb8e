"""A new customer in the store's own form: what it asks first, what it folds away, and who is known
already."""

import json
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft
import pytest

from shared.domain import presets
from shared.domain.config import Role, StoreConfig
from shared.domain.conversations import questions
from shared.ui.text import Texts, problem_text
from tests.mobile_app.test_tap_budgets import CONFIGS
from tests.support.phone_screen import LocalData, ident, phone
from tests.support.present import present

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


def receiver(config: StoreConfig) -> str:
    return next(
        r.key
        for r in config.roles
        if isinstance(r, Role) and "add_customer" in r.verbs and "customers" in r.screens
    )


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("route", ["/customers/new", "/customers/visit"])
async def test_5_a_new_walk_in_is_three_required_answers_at_most_and_two_of_them_are_there(
    tmp_path, name, route
):
    """Budget 5 (S-14) on the generated form of each preset: one name is typed, and they are in the
    book."""
    config = CONFIGS[name]()
    async with phone(tmp_path, config, receiver(config), LocalData(TODAY), route=route) as p:
        s = p.screen
        asked = [t for t in s.texts() if t.endswith(" *")]
        assert len(asked) <= 3 and len(s.all("save-")) == 1, asked
        assert len([c for c in s.controls() if isinstance(c, ft.TextField)]) <= 4
        await s.type("name", "欧阳修远")
        await s.tap("save-customer" if s.has("save-customer") else "save-reception")
        [op] = await p.sent()
        assert (
            s.taps == 1
            and op["payload"]["set"]["name"] == "欧阳修远"
            and {"source", "level"} <= set(op["payload"]["set"])
        )
        await s.settle(until=lambda: s.has("customer-name"))


def with_a_plan_asked_of_the_near(config: StoreConfig) -> StoreConfig:
    """A store that wants to know of whoever is near to buying when they come."""
    document = json.loads(json.dumps(config.document()))
    fields = document["forms"]["customer"]["fields"]
    near = {"==": [{"var": "level"}, "near"]}
    fields.append(
        {
            "key": "visit_plan",
            "label": {"zh_CN": "到店打算"},
            "type": "text",
            "show": near,
            "required": True,
        }
    )
    for role in document["roles"]:
        if role.get("rights", {}).get("customer", {}).get("name") == "write":
            role["rights"]["customer"]["visit_plan"] = "write"
    return StoreConfig.model_validate(document)


async def test_a_field_of_the_store_is_there_required_under_its_condition_and_saved(tmp_path):
    async with phone(
        tmp_path,
        with_a_plan_asked_of_the_near(presets.load("three_levels")),
        "advisor",
        LocalData(TODAY),
        route="/customers/new",
    ) as p:
        s = p.screen
        assert not s.has("visit-plan") and not s.has("gender") and s.has("more-fields")
        await s.type("name", "王先生")
        await s.tap("level-near")
        await s.tap("save-customer")
        assert (
            s.has("visit-plan") and s.texts("visit-plan") and await p.sent() == []
        )  # said at its field, nothing lost
        await s.type("visit-plan", "周六带家人")
        await s.tap("more-fields")
        await s.type("budget-fen", "20万")
        await s.tap("save-customer")
        [op] = await p.sent()
        assert op["payload"]["set"] == {
            "name": "王先生",
            "source": op["payload"]["set"]["source"],
            "level": "near",
            "visit_plan": "周六带家人",
            "budget_fen": 20_000_000,
        }


async def test_my_own_customer_is_named_while_his_number_is_typed_without_a_network(tmp_path):
    local_data = LocalData(TODAY)
    local_data.customer("欧阳修远", phone="13911110000")
    async with phone(
        tmp_path, presets.load("three_levels"), "advisor", local_data, route="/customers/new"
    ) as p:
        s = p.screen
        await s.type("phone", "139 1111 0000", leave=False)
        await s.settle(until=lambda: s.has("duplicate"))
        assert s.sees("已是您的客户：欧阳修远")
        await s.tap("open-duplicate")
        assert s.session.page.route == f"/customers/{ident('欧阳修远')}"


async def test_who_is_known_is_not_asked_again_but_for_two_facts_nobody_knows(tmp_path):
    """First 8: their number tells who they are; level and source are known, at most two facts are
    worth asking now, and a colleague's are not."""
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生", phone="13911112222", level="near")
    async with phone(
        tmp_path, presets.load("three_levels"), "advisor", local_data, route="/customers/visit"
    ) as p:
        s = p.screen
        assert s.has("source-walk-in")
        await s.type("name", "王先生")
        await s.type("phone", "13911112222")
        await s.settle(until=lambda: s.has("duplicate"))
        assert (
            not s.has("source-walk-in") and not s.has("name") and s.has("phone") and s.has("need")
        )
        card = await p.session.local_store.replica.card(UUID(customer))
        missing = questions(present(p.session.config), present(card).customer.flat(), level="near")
        assert 0 < len(missing) <= 2 and s.sees("顺便问一句")
        first = next(f for f in missing if f.options)
        option = present(first.options)[0].key
        await s.tap(f"{first.key}-{option}".replace("_", "-"))
        await s.type("need", "想换大一点的")
        await s.tap("save-reception")
        [op] = await p.sent()
        assert (
            op["payload"]["set"] == {"need": "想换大一点的", first.key: option}
            and op["payload"]["customer_id"] == customer
        )


async def test_going_back_loses_nothing_and_a_saved_form_is_empty_again(tmp_path):
    """Name and number were gone without a question."""
    config = CONFIGS["three_levels"]()
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route="/customers") as p:
        s = p.screen
        await s.go("/customers/new")
        await s.type("name", "欧阳修远")
        await s.go("/customers")
        await s.go("/customers/new")
        assert s.inside("name", ft.TextField).value == "欧阳修远"
        await s.tap("save-customer")
        await s.settle(until=lambda: s.has("customer-name"))
        await s.go("/customers/new")
        assert not s.inside("name", ft.TextField).value


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("138****7002", "masked"),
        ("138XXXX1111", "masked"),
        ("1.38E+10", "scientific"),
        ("13800002O34", "format"),
        ("00000000000", "format"),
        ("138 1234", "format"),
    ],
)
async def test_what_is_no_number_is_refused_and_nothing_is_made_of_its_digits(
    tmp_path, typed, code
):
    """138****7002 was saved as 1387002."""
    config = CONFIGS["three_levels"]()
    route = "/customers/new"
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route=route) as p:
        s = p.screen
        await s.type("name", "星号三")
        await s.type("phone", typed)
        await s.tap("save-customer")
        assert await p.sent() == []
        assert s.inside("phone", ft.TextField).value == typed
        assert s.inside("phone", ft.TextField).error == problem_text(Texts(), code)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("021-58881234", "02158881234"),
        ("010 62221234", "01062221234"),
        ("0755-26001234", "075526001234"),
        ("+86 138 0000 1111", "13800001111"),
    ],
)
async def test_a_landline_keeps_its_zero_and_is_dialled_with_it(tmp_path, typed, number):
    config = CONFIGS["three_levels"]()
    route = "/customers/new"
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route=route) as p:
        s = p.screen
        await s.type("name", "座机一")
        await s.type("phone", typed)
        await s.tap("save-customer")
        [op] = await p.sent()
        assert op["payload"]["set"]["phone"] == number
        await s.settle(until=lambda: s.has("customer-name"))
        assert s.sees(number)
        actions = [getattr(c, "action", None) for c in s.controls()]
        assert [a.url for a in actions if isinstance(a, ft.OpenUrl)] == [f"tel:{number}"]


async def test_signs_no_database_keeps_are_dropped_when_they_are_pasted(tmp_path):
    """Postgres refuses the whole call for one of them: the customer stayed on the phone for
    ever."""
    config = CONFIGS["three_levels"]()
    route = "/customers/new"
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route=route) as p:
        s = p.screen
        await s.type("name", "空\x00字符")
        await s.type("need", "前\x00后 🚗\x07")
        await s.tap("save-customer")
        [op] = await p.sent()
        assert (op["payload"]["set"]["name"], op["payload"]["set"]["need"]) == (
            "空字符",
            "前后 🚗",
        )
