"""What a screen says back: actions that never break the session, problems in words, empty and
loading states, undo."""

import inspect
import logging
from collections.abc import Callable
from typing import Any

import flet as ft

from shared.domain.problems import Problem
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, remount

logger = logging.getLogger(__name__)


def act(action: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    """An event handler that never lets an error reach Flet: one would end the user's session.

    `action` is a bound method, sync or async; a Problem it raises goes to `problem` of its object.
    """
    state = getattr(action, "__self__", None)

    async def run(event: Any = None) -> None:
        if (page := getattr(event, "page", None)) is not None:
            remount(page)
        try:
            result = action(*args)
            if inspect.isawaitable(result):
                await result
        except Problem as problem:
            if state is not None:
                state.problem = problem.code
        except Exception:
            logger.exception("action failed: %s", getattr(action, "__qualname__", action))
            if state is not None:
                state.problem = "unexpected"

    return run


def typed(action: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A handler for a text's on_change: hands over the words. Sync for what is kept, so that no
    letter overtakes another; what looks something up is awaited. The words are the event's, not the
    control's: a redraw that began with the letter before has put the older words back on the
    control by now, and this letter would be lost."""
    if inspect.iscoroutinefunction(action):

        async def look(event: Any) -> None:
            await act(action, event.data)()

        return look

    def run(event: Any) -> None:
        action(event.data)

    return run


@component
def ProblemBanner(
    code: str, on_retry: Callable[..., Any] | None = None, words: str = ""
) -> ft.Control:
    """A problem in words (its sentence, or these words of the place), with a way on."""
    _ = use_text()
    offline = code == "offline"
    return ft.Container(
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP),
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST if offline else ft.Colors.ERROR_CONTAINER,
        content=ft.Row(
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
            controls=[
                ft.Icon(
                    ft.Icons.CLOUD_OFF if offline else ft.Icons.ERROR_OUTLINE,
                    size=20,
                    color=ft.Colors.ON_SURFACE_VARIANT if offline else ft.Colors.ON_ERROR_CONTAINER,
                ),
                ft.Semantics(
                    identifier="problem",
                    live_region=True,
                    expand=True,
                    content=ft.Text(
                        words or problem_text(_, code),
                        color=ft.Colors.ON_SURFACE if offline else ft.Colors.ON_ERROR_CONTAINER,
                    ),
                ),
                *(
                    [
                        ft.Semantics(
                            identifier="try-again",
                            content=ft.TextButton(_("Try again"), on_click=on_retry),
                        )
                    ]
                    if on_retry
                    else []
                ),
            ],
        ),
    )


@component
def EmptyState(icon: ft.IconData, title: str, text: str = "") -> ft.Control:
    """Nothing here, and what that means."""
    return ft.Container(
        padding=ft.Padding.symmetric(horizontal=32, vertical=56),
        content=ft.Column(
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=12,
            controls=[
                ft.Icon(icon, size=48, color=ft.Colors.OUTLINE),
                ft.Text(
                    title,
                    theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                    text_align=ft.TextAlign.CENTER,
                ),
                *(
                    [
                        ft.Text(
                            text, color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER
                        )
                    ]
                    if text
                    else []
                ),
            ],
        ),
    )


@component
def Skeleton(rows: int = 4) -> ft.Control:
    """Grey shapes where rows will be: nothing spins and nothing jumps."""

    def bar(width: int, height: int = 14) -> ft.Control:
        return ft.Container(
            width=width, height=height, border_radius=6, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST
        )

    return ft.Semantics(
        identifier="loading",
        content=ft.Column(
            spacing=0,
            controls=[
                ft.Container(
                    padding=EDGE,
                    content=ft.Column(spacing=10, controls=[bar(140, 18), bar(240), bar(180)]),
                )
                for _ in range(rows)
            ],
        ),
    )


def not_loaded(problem: str, on_retry: Callable[..., Any], rows: int = 4) -> ft.Control:
    """What stands where a screen's content will be: grey shapes, or why it cannot be read and a way
    to try again. A disk that failed once used to leave grey shapes for good."""
    return ProblemBanner(problem, on_retry) if problem else Skeleton(rows)


def field_problem(_: Texts, problems: dict[str, str], field: str) -> str | None:
    """The sentence under a field, if it has a problem."""
    return problem_text(_, problems[field]) if field in problems else None
