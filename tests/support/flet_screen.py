"""Drives Flet components in process: `Screen` plays the Flutter client, so that a screen test takes
milliseconds and needs no browser.

Every message is packed for real: what could not be sent fails here, and `sent` counts the bytes of
an interaction. Controls are found by the identifier of the ft.Semantics round them, as in the
browser. Pixels, gestures and focus are the journeys' business.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, cast

import flet as ft
import msgpack
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page, context
from flet.messaging.connection import Connection
from flet.messaging.protocol import Message, MessageAction, configure_encode_object_for_msgpack
from flet.messaging.session import Session as FletSession
from flet.pubsub.pubsub_hub import PubSubHub

from tests.support.present import present

QUIET = 0.03  # seconds without a message: settled
TAPPABLE = ("on_click", "on_tap", "on_select")


# Flet declares this variable by its default, None.
PAGE = cast("ContextVar[ft.Page | None]", _context_page)


def packed(message: Any) -> bytes:
    return present(msgpack.packb(message, default=configure_encode_object_for_msgpack(BaseControl)))


class FakeClient(Connection):
    """The other end of the wire. `replies` answers method calls by name; what is not there is
    answered with nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(max_workers=2)
        self.pubsubhub = PubSubHub(loop=self.loop, executor=self.executor)
        self.page_url, self.page_name = "http://localhost/", ""
        self.session: FletSession | None = None
        self.sent, self.messages, self.last_at, self.crashes = 0, 0, 0.0, []
        self.invoked: list[tuple[str, Any]] = []
        self.replies: dict[str, Any] = {}
        self.preferences: dict[str, Any] = {}
        self.asked: list[str] = []
        self.silent_from: int | None = None  # from this question of the preferences on, no answer

    def send_message(self, message: Message) -> None:
        self.sent += len(packed([message.action, message.body]))
        self.messages += 1
        self.last_at = time.perf_counter()
        if message.action == MessageAction.SESSION_CRASHED:
            self.crashes.append(message.body.message)
        elif message.action == MessageAction.INVOKE_METHOD:
            self.invoked.append((message.body.name, message.body.args))
            self.loop.call_soon(self._answer, message.body)

    def _answer(self, body: Any) -> None:
        assert self.session is not None
        if body.name == "push_route":
            self.session.page.route = body.args["route"]
            self.loop.create_task(
                self.session.dispatch_event(
                    self.session.page._i, "route_change", {"route": body.args["route"]}
                )
            )
        result = self.replies.get(body.name)
        if body.name in ("get", "set", "remove") and "key" in (body.args or {}):
            key = body.args["key"]
            if body.name == "get":
                self.asked.append(key)
                if self.silent_from is not None and len(self.asked) >= self.silent_from:
                    return
            result = self.preferences.get(key)
            if body.name == "set":
                self.preferences[key], result = body.args["value"], True
            elif body.name == "remove":
                self.preferences.pop(key, None)
        with contextlib.suppress(
            RuntimeError
        ):  # a service made for one use is gone before its answer
            self.session.handle_invoke_method_results(body.control_id, body.call_id, result, None)

    def dispose(self) -> None:
        self.executor.shutdown(wait=False)


class Screen:
    """A page session of `app(*arguments)`; `await Screen.open(...)`."""

    def __init__(self, client: FakeClient, session: FletSession) -> None:
        self.client, self.session, self.taps, self.keys = client, session, 0, 0
        self.running: asyncio.Task | None = None

    @classmethod
    async def open(
        cls,
        app: Callable[..., Any],
        *arguments: Any,
        route: str = "/",
        width: int = 390,
        height: int = 844,
    ) -> "Screen":
        """`app` is a component; of a bare control it makes a view."""
        client = FakeClient()
        session = client.session = FletSession(client)
        page = session.page
        PAGE.set(page)
        session.apply_page_patch(
            {
                "route": route,
                "width": width,
                "height": height,
                "web": False,
                "platform": ft.PagePlatform.ANDROID,
                "platform_brightness": ft.Brightness.LIGHT,
            }
        )
        page.render_views(app, *arguments)
        client.sent += len(packed(session.get_page_patch()))  # not packed, nothing is mounted
        context.reset_auto_update()
        session.start_updates_scheduler()
        screen = cls(client, session)
        await screen.settle()
        return screen

    @classmethod
    async def serve(
        cls,
        main: Callable[[ft.Page], Any],
        preferences: dict[str, Any] | None = None,
        *,
        route: str = "/",
        silent_from: int | None = None,
    ) -> "Screen":
        """A browser that opens the page of `main`, with what lies in its storage. Nothing is waited
        for: `main` goes on by itself, `await screen.settle()` follows it."""
        client = FakeClient()
        client.preferences, client.silent_from = dict(preferences or {}), silent_from
        session = client.session = FletSession(client)
        PAGE.set(session.page)
        session.apply_page_patch({"route": route, "width": 390, "height": 844, "web": True})
        packed(session.get_page_patch())
        context.reset_auto_update()
        screen = cls(client, session)
        screen.running = asyncio.create_task(main(session.page))
        return screen

    # looking --------------------------------------------------------------------------------------

    def controls(self) -> Iterator[BaseControl]:
        """Everything that is on the page now, dialogs last."""
        yield from _walk(self.session.page.views)
        yield from _walk([d for d in self.session.page._dialogs.controls if d.open])

    def all(self, prefix: str) -> list[str]:
        """The identifiers that begin so, in the order of the page."""
        found = (
            c.identifier for c in self.controls() if isinstance(c, ft.Semantics) and c.identifier
        )
        return [i for i in found if i.startswith(prefix)]

    def find(self, identifier: str) -> ft.Semantics:
        found = [
            c for c in self.controls() if isinstance(c, ft.Semantics) and c.identifier == identifier
        ]
        assert found, f"{identifier} is not there: {self.all('')}"
        return found[-1]

    def label(self, identifier: str) -> str:
        """What a screen reader says of it."""
        return present(self.find(identifier).label)

    def has(self, identifier: str) -> bool:
        return identifier in self.all("")

    def inside(self, identifier: str, kind: type) -> Any:
        return next(c for c in _walk([self.find(identifier)]) if isinstance(c, kind))

    def texts(self, identifier: str | None = None) -> list[str]:
        """All words shown, or those inside one control."""
        found = []
        for c in _walk([self.find(identifier)]) if identifier else self.controls():
            for name in (
                "value",
                "label",
                "text",
                "helper",
                "error",
                "content",
                "hint_text",
                "title",
            ):
                words = (
                    getattr(c, name, None)
                    if isinstance(c, ft.Text | ft.TextField | ft.Button | ft.Semantics)
                    else None
                )
                if isinstance(words, str) and words:
                    found.append(words)
        return found

    def sees(self, words: str) -> bool:
        return any(words in text for text in self.texts())

    # doing ----------------------------------------------------------------------------------------

    async def tap(self, identifier: str) -> None:
        """One tap of a thumb, on what is there and may be tapped."""
        await self.press(*self.target(identifier))
        await self.settle()

    def target(self, identifier: str) -> tuple[BaseControl, str]:
        """What a tap there reaches, and by which event."""

        def taken(control: BaseControl) -> str | None:
            names = (*TAPPABLE, "on_change") if isinstance(control, ft.Checkbox) else TAPPABLE
            return next((n for n in names if getattr(control, n, None) is not None), None)

        target, event = next(
            ((c, n) for c in _walk([self.find(identifier)]) if (n := taken(c))), (None, "")
        )
        assert target is not None, f"{identifier} cannot be tapped"
        assert not getattr(target, "disabled", False), f"{identifier} is disabled"
        return target, event.removeprefix("on_")

    async def press(self, target: BaseControl, event: str) -> None:
        """The event alone; nothing is waited for."""
        self.taps += 1
        await self.session.dispatch_event(target._i, event, None)

    async def type(self, identifier: str, words: str, *, leave: bool = True) -> None:
        """Text into a field, a letter at a time as a keyboard does."""
        field = self.inside(identifier, ft.TextField)
        for n in range(1, len(words) + 1) if len(words) <= 4 else (len(words),):
            field = self.inside(identifier, ft.TextField)
            self.session.apply_patch(field._i, {"value": words[:n]})
            await self.session.dispatch_event(field._i, "change", words[:n])
            await self.settle()
        self.keys += len(words)
        if leave:
            await self.session.dispatch_event(
                self.inside(identifier, ft.TextField)._i, "blur", None
            )
            await self.settle()

    async def go(self, route: str) -> None:
        self.session.page.navigate(route)
        await self.settle()

    async def back(self) -> None:
        """The system's back button."""
        view = [c for c in self.controls() if isinstance(c, ft.View)][-1]
        await self.session.dispatch_event(self.session.page._i, "view_pop", {"route": view.route})
        await self.settle()

    async def settle(self, until: Callable[[], bool] | None = None, seconds: float = 10.0) -> None:
        """Wait until nothing is sent any more, and until the claim holds."""
        async with asyncio.timeout(seconds):
            while True:
                before = self.client.messages
                await asyncio.sleep(QUIET)
                if self.client.messages == before and (until is None or until()):
                    break
        assert self.client.crashes == [], self.client.crashes[0]

    def close(self) -> None:
        if self.running is not None:
            self.running.cancel()
        self.session.close()
        self.client.dispose()


def _walk(value: Any) -> Iterator[BaseControl]:
    value = ft.unwrap_component(value)
    if isinstance(value, list | tuple):
        for x in value:
            yield from _walk(x)
    elif isinstance(value, BaseControl):
        if getattr(value, "visible", True) is False:
            return
        yield value
        for f in fields(value):
            if (
                f.name.startswith("_")
                or f.metadata.get("skip")
                or f.name in ("data", "key", "parent")
            ):
                continue
            inner = getattr(value, f.name, None)
            if isinstance(inner, BaseControl | list):
                yield from _walk(inner)
