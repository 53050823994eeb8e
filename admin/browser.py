"""What the panel uses of the browser it runs in (Pyodide). Elsewhere none of it is called."""

import asyncio
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

IN_BROWSER = sys.platform == "emscripten"
UNSAVED = ("draft", "import")  # reasons to ask before the page is left
DRAWN = 0.05  # seconds until what was just changed is on its way to the screen
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def started() -> None:
    """The first screen is there: the start page goes."""
    if not IN_BROWSER:
        return
    import forecourt_js  # pyright: ignore[reportMissingImports]

    forecourt_js.ready()


def ask_before_leaving(reason: str, *, unsaved: bool) -> None:
    """As long as a reason is unsaved, the browser asks before the page is closed or reloaded."""
    if not IN_BROWSER:
        return
    import forecourt_js  # pyright: ignore[reportMissingImports]

    forecourt_js.unsaved(reason, unsaved)


def forget_unsaved() -> None:
    """Nobody is signed in any more: there is nothing left to lose."""
    for reason in UNSAVED:
        ask_before_leaving(reason, unsaved=False)


async def in_background(
    work: Callable[Asked, Answer], *args: Asked.args, **named: Asked.kwargs
) -> Answer:
    """Work that takes seconds. A browser gives Python one thread, in which nothing is drawn
    meanwhile: that we are busy has to be on the screen before it begins."""
    if IN_BROWSER:
        await asyncio.sleep(DRAWN)
    return await asyncio.to_thread(work, *args, **named)
