"""What a change draws: each part once, outermost first, and nothing that does not show it."""

from collections import Counter
from dataclasses import dataclass

import flet as ft
import pytest

from shared.ui.feedback import typed
from shared.ui.view import View, component, draw_parents_first, screen
from tests.support.flet_screen import Screen


@ft.observable
@dataclass(eq=False)
class Count:
    n: int = 0


@pytest.mark.parametrize("depth", [2, 6])
async def test_a_change_draws_each_part_once(depth):
    """Every level watches the same thing, as parts of a screen do; Flet's own order drew the inner
    ones once for each level."""
    drawn, state = Counter(), Count()

    @component
    def Part(level: int, count: Count) -> ft.Control:
        drawn[level] += 1
        inside = [Part(level + 1, count)] if level < depth else []
        return ft.Column([ft.Text(f"{level}: {count.n}"), *inside])

    @screen
    def Whole() -> ft.View:
        page = ft.context.page
        ft.on_mounted(lambda: draw_parents_first(page))
        return View(route="/", controls=[Part(0, state)])

    s = await Screen.open(lambda: [Whole()])
    for n in range(1, 6):
        drawn.clear()
        state.n = n
        await s.settle(until=lambda n=n: s.sees(f"{depth}: {n}"))
        assert drawn == dict.fromkeys(range(depth + 1), 1)
    s.close()


async def test_an_error_in_one_control_leaves_the_others_alive():
    """Nobody taps: a list that was read a moment later has to appear by itself."""
    broken, read = Count(), Count()

    @component
    def Tabs(count: Count) -> ft.Control:
        bar = ft.NavigationBar([ft.NavigationBarDestination(icon=ft.Icons.HOME)])
        return bar if count.n else ft.Text("tabs")

    @component
    def Rows(count: Count) -> ft.Control:
        return ft.Text(f"rows {count.n}")

    @screen
    def Whole() -> ft.View:
        page = ft.context.page
        ft.on_mounted(lambda: draw_parents_first(page))
        return View(route="/", controls=[Tabs(broken), Rows(read)])

    s = await Screen.open(lambda: [Whole()])
    broken.n = 1
    await s.settle()
    read.n = 1
    await s.settle(until=lambda: s.sees("rows 1"))
    broken.n = read.n = 2  # and in the same round as the error
    await s.settle(until=lambda: s.sees("rows 2"))
    s.close()


async def test_a_letter_is_not_lost_to_the_redraw_of_the_one_before():
    """The client's words reach the control at once, the handler a moment later; a redraw between
    them puts the older words back on the control."""

    @ft.observable
    @dataclass(eq=False)
    class Words:
        text: str = "old"

        def write(self, text: str) -> None:
            self.text = text

    words = Words()

    @component
    def Box(held: Words) -> ft.Control:
        return ft.TextField(value=held.text, on_change=typed(held.write))

    @screen
    def Whole() -> ft.View:
        return View(route="/", controls=[Box(words)])

    s = await Screen.open(lambda: [Whole()])

    def box() -> ft.TextField:
        return next(c for c in s.controls() if isinstance(c, ft.TextField))

    s.session.apply_patch(box()._i, {"value": ""})
    await s.session.dispatch_event(box()._i, "change", "")  # its redraw waits
    s.session.apply_patch(box()._i, {"value": "new"})
    await s.settle()
    assert box().value == ""  # the older words are back on the control
    await s.session.dispatch_event(box()._i, "change", "new")
    await s.settle()
    assert (words.text, box().value) == ("new", "new")
