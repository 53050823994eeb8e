"""The only place that calls ft.View and ft.component: an error while drawing must not end the
app."""

import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import flet as ft

logger = logging.getLogger(__name__)


def View(*, key: str | None = None, **properties: Any) -> ft.View:
    """A view in our measures. Tabs share one `key`, so that changing between them does not
    animate."""
    properties.setdefault("padding", 0)
    properties.setdefault("spacing", 0)
    properties.setdefault("horizontal_alignment", ft.CrossAxisAlignment.STRETCH)
    return ft.View(key=key or properties.get("route", ""), **properties)


def remount(page: ft.Page) -> None:
    """Start the page's update loop again if an error in a control ended it; nothing happens while
    it lives. A control that does not validate (a navigation bar with one tab) ends it silently, and
    from then on no tap changes the screen. Where `draw_parents_first` was called it lives on."""
    page.session.start_updates_scheduler()


@dataclass(frozen=True)
class Waiting:
    """A control that waits to be drawn. An error in it is logged and stops nothing else: Flet's
    loop ends with it, and what was read later never reached the screen."""

    control: Any

    def update(self) -> None:
        try:
            self.control.update()
        except Exception:
            logger.exception("could not draw %s", self.control)


class ParentsFirst(set):
    """The components that wait to be drawn, outermost first: drawing one draws what is inside it,
    and Flet then passes over those. In a set's own order a card is drawn once for itself and once
    more with each of its parents (measured: 122 drawings for one save)."""

    def __iter__(self) -> Iterator[Waiting]:
        return (Waiting(control) for control in sorted(set.__iter__(self), key=_depth))


def _depth(control: Any) -> int:
    found = 0
    while (control := control.parent) is not None:
        found += 1
    return found


def draw_parents_first(page: ft.Page) -> None:
    """Flet keeps what waits in a private set of the session (1.0.5); tests/ui/test_drawing.py says
    so when that changes."""
    name = "_Session__pending_updates"
    if not isinstance(getattr(page.session, name), ParentsFirst):
        setattr(page.session, name, ParentsFirst(getattr(page.session, name)))


def error_card() -> ft.Control:
    """What stands where a part could not be drawn. Without words of ours: the text may be what
    failed."""
    return ft.Container(
        padding=24,
        content=ft.Column(
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            controls=[
                ft.Icon(ft.Icons.ERROR_OUTLINE, color=ft.Colors.ERROR, size=32),
                ft.Text("出错了,请返回重试 · Something went wrong", text_align=ft.TextAlign.CENTER),
            ],
        ),
    )


def component(render: Callable[..., Any]) -> Callable[..., Any]:
    """A component that shows a card instead of ending the page's update loop when drawing it
    fails."""

    @functools.wraps(render)
    def safe(*args: Any, **kwargs: Any) -> Any:
        try:
            return render(*args, **kwargs)
        except Exception:
            logger.exception("could not draw %s", render.__name__)
            return error_card()

    return ft.component(safe)


def screen(render: Callable[..., Any]) -> Callable[..., Any]:
    """A component that is a whole view; its error card has a way back."""

    @functools.wraps(render)
    def safe(*args: Any, **kwargs: Any) -> Any:
        try:
            return render(*args, **kwargs)
        except Exception:
            logger.exception("could not draw %s", render.__name__)
            return ft.View(
                route="/error",
                appbar=ft.AppBar(
                    leading=ft.IconButton(ft.Icons.HOME, on_click=lambda e: e.page.navigate("/"))
                ),
                controls=[error_card()],
            )

    return ft.component(safe)
