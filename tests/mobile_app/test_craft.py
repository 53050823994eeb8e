"""What makes the phone a tool: every control has a name, words being composed are left alone, back
and deep links lead where they say."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import flet as ft
import pytest
from flet.components.component import Renderer

from shared.domain import presets
from shared.domain.problems import Offline
from tests.support.flet_screen import Screen, _walk
from tests.support.phone_screen import LocalData, ident, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


@pytest.fixture
async def p(tmp_path):
    local_data = LocalData(TODAY)
    for n in range(3):
        customer = local_data.customer(f"客户{n}", level="intent")
        policy = local_data.insert(
            "policies",
            f"p{n}",
            customer_id=customer,
            insurer="人保",
            expires_on=TODAY + timedelta(days=9),
            premium_fen=300_000,
        )
        local_data.task(
            customer,
            f"客户{n}",
            kind="policy_window",
            subject_form="policy",
            subject_id=policy,
            expires_on=TODAY + timedelta(days=9),
            due=-n,
        )
        local_data.log_conversation(customer, f"客户{n}")
        local_data.insert(
            "promises",
            f"promise{n}",
            customer_id=customer,
            notes="送脚垫",
            due_on=TODAY,
            status="open",
        )
    async with phone(tmp_path, presets.load("three_levels"), "advisor", local_data) as found:
        yield found


def nameless(screen: Screen) -> list[str]:
    """Controls a thumb can use that have no identifier round them, or nothing a screen reader could
    say."""
    found = []

    def look(control, identifier, name) -> None:
        control = ft.unwrap_component(control)
        if isinstance(control, list | tuple):
            for x in control:
                look(x, identifier, name)
            return
        if not isinstance(control, ft.BaseControl) or getattr(control, "visible", True) is False:
            return
        if isinstance(control, ft.Semantics):
            identifier, name = control.identifier or identifier, control.label or name
        tappable = getattr(control, "on_click", None) is not None and not isinstance(
            control, ft.TextField
        )
        if tappable or isinstance(control, ft.TextField):
            words = [
                w
                for c in _walk([control])
                for w in (
                    getattr(c, "value", None),
                    getattr(c, "content", None),
                    getattr(c, "label", None),
                    getattr(c, "tooltip", None),
                )
                if isinstance(w, str) and w
            ]
            if not identifier or not (name or words):
                found.append(f"{type(control).__name__} in {identifier}: {words}")
        for f in control.__dataclass_fields__.values():
            if (
                not f.name.startswith("_")
                and not f.metadata.get("skip")
                and f.name not in ("data", "key", "parent")
            ):
                inner = getattr(control, f.name, None)
                if isinstance(inner, ft.BaseControl | list):
                    look(inner, identifier, name)

    look(screen.session.page.views, None, None)
    return found


@pytest.mark.parametrize(
    "route",
    [
        "/",
        "/log",
        "/customers",
        "/customers/new",
        "/funnel",
        "/me",
        "/me/pending",
        "card",
        "sheet",
        "cancel",
    ],
)
async def test_every_control_has_a_name(p, route):
    s = p.screen
    if route == "card":
        await s.go(f"/customers/{ident('客户0')}")
    elif route == "sheet":
        await s.tap("outcome-interested")
    elif route == "cancel":
        await s.tap("start-cancel")
    else:
        await s.go(route)
    await s.settle()
    assert nameless(s) == []


async def test_words_being_composed_are_left_alone_when_the_book_changes(p):
    s = p.screen
    await s.tap("outcome-interested")
    await s.type("notes", "周末带家", leave=False)
    field = s.inside("notes", ft.TextField)._i
    for _ in range(3):
        p.session.changes.tell()  # a pull came in
        await s.settle()
    assert (
        s.inside("notes", ft.TextField).value == "周末带家"
        and s.inside("notes", ft.TextField)._i == field
    )  # the same control: focus and composition stay
    await s.type("notes", "周末带家人", leave=False)
    assert s.inside("notes", ft.TextField).value == "周末带家人"


async def test_a_deep_link_opens_its_customer_and_back_leads_to_the_list(tmp_path):
    local_data = LocalData(TODAY)
    customer = local_data.customer("深链")
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as found:
        s = found.screen
        await s.settle(
            until=lambda: "深链" in s.texts("customer-name") if s.has("customer-name") else False
        )
        await s.back()
        await s.settle(until=lambda: s.session.page.route == "/customers")


async def test_choosing_whom_stands_above_today_and_back_returns_there(p):
    await p.screen.tap("log-any")
    await p.screen.settle(until=lambda: p.screen.has("recent-0"))
    await p.screen.back()
    await p.screen.settle(until=lambda: p.screen.has("card-name") and not p.screen.has("recent-0"))


async def test_the_card_makes_room_for_the_words(p):
    assert p.screen.sees("聊过")
    await p.screen.tap("outcome-interested")
    assert not p.screen.sees("聊过") and p.screen.has("notes")
    await p.screen.tap("clear-outcome")
    assert p.screen.sees("聊过")


async def test_half_a_card_never_hides_what_was_typed_when_going_to_the_customer_and_back(p):
    s = p.screen
    await s.tap("outcome-interested")
    await s.type("notes", "说到一半", leave=False)
    await s.tap("open-customer")
    await s.settle(until=lambda: s.has("customer-name"))
    assert p.session.clock.today  # the tab behind is gone and comes back with the words
    await s.go("/")
    await s.settle(until=lambda: s.has("card-name"))
    assert s.has("notes") and s.inside("notes", ft.TextField).value == "说到一半"


@pytest.fixture
def drawn(monkeypatch):
    """How often which component was drawn since it was last cleared."""
    found: Counter[str] = Counter()
    whole = Renderer.render

    def render(self, fn, *arguments, **named):
        found[fn.__name__] += 1
        return whole(self, fn, *arguments, **named)

    monkeypatch.setattr(Renderer, "render", render)
    return found


async def test_a_letter_draws_its_box_and_a_save_draws_the_next_card_once(p, drawn):
    s = p.screen
    await s.tap("outcome-interested")
    drawn.clear()
    await s.type("notes", "聊了置换的价格", leave=False)
    assert {
        part: n for part, n in drawn.items() if part not in ("SyncMark", "InitialSyncProgress")
    } == {"NotesField": 1}  # the sync may try again just then
    before = s.texts("card-name")
    drawn.clear()
    await s.tap("save-conversation")
    await s.settle(until=lambda: s.texts("card-name") != before and not p.session.sync.running)
    assert (
        max(drawn[part] for part in ("App", "TodayScreen", "OpenCard", "LogPanel", "CardActions"))
        == 1
    ), drawn
    assert s.has("notice") and s.has("undo")


async def test_a_round_of_the_sync_that_brings_nothing_draws_the_mark_alone(p, drawn):
    drawn.clear()
    with pytest.raises(Offline):
        await p.session.local_store.sync.once()
    await p.screen.settle()
    assert set(drawn) == {"SyncMark", "InitialSyncProgress"}, drawn


async def test_whoever_has_no_queue_starts_at_the_first_tab_of_his_role(tmp_path):
    config, local_data = presets.load("three_levels"), LocalData(TODAY)
    local_data.customer("接待过的")
    role = next(
        r.key
        for r in config.roles
        if "today" not in getattr(r, "screens", ("today",)) and getattr(r, "screens", ())
    )
    async with phone(tmp_path, config, role, local_data) as p:
        await p.screen.settle(until=lambda: p.screen.has("search"))
        assert p.screen.session.page.route == "/customers" and not p.screen.has("progress")
