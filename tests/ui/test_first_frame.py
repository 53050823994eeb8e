"""The entry of the phone: something is on the screen before the app is read in; then the app has
the page. It is read in and frozen once."""

import functools
import gc
from types import SimpleNamespace

import flet as ft

import main
from tests.support.flet_screen import Screen


async def test_the_first_frame_comes_before_the_app(monkeypatch):
    screen = await Screen.open(lambda: [ft.View(route="/")])
    page, steps = screen.session.page, []
    page.views = [ft.View(route="/")]

    def read_in(name: str) -> SimpleNamespace:
        steps.append((name, [type(c) for c in page.views[0].controls]))
        return SimpleNamespace(main=start)

    async def start(of: ft.Page) -> None:
        steps.append(of)

    monkeypatch.setattr(main, "import_module", read_in)
    monkeypatch.setattr(
        main, "read_app", functools.cache(main.read_app.__wrapped__)
    )  # this test's own: no other may find what it read
    monkeypatch.setattr(gc, "freeze", lambda: steps.append("frozen"))
    await main.main(page)
    assert steps == [("mobile_app.app", [ft.ProgressRing]), "frozen", page]
    await main.main(page)
    assert steps[3:] == [page]
