"""Drives a served Flet page in real Chromium through Flutter's semantics tree.

`key=` does not reach the page: a control is found by the identifier of the ft.Semantics round it,
an input by its label.
"""

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

T = TypeVar("T")

# Blocked by the resolver, not by context.route(): routing switches the HTTP cache off.
CHROME_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
# Without an Android user agent the page believes to be a desktop.
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Mobile Safari/537.36"
)
PHONE = {
    "user_agent": ANDROID,
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
}
DESKTOP = {
    "viewport": {"width": 1280, "height": 800},
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
}
# window.__sent: how often the page has told Python something.
COUNT_MESSAGES = """
  window.__sent = 0;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (...a) {
    window.__sent += 1;
    return post.apply(this, a);
  };
"""
# The phone prepares its next start after the first one. An `App` has no next start: its storage
# goes with it, and the seconds of CPU would be missing in the tests beside it.
NO_MEMORY_IMAGE = """
  const RealWorker = window.Worker;
  window.Worker = function (url, ...a) {
    if (String(url).includes("/image_worker.js")) return { postMessage() {}, terminate() {} };
    return new RealWorker(url, ...a);
  };
  window.Worker.prototype = RealWorker.prototype;
"""
TRIES = 3  # of a tap
# Arms the watch for the next tap: whether anything came of it, a word to Python or a change of the
# semantics.
ARM = """() => {
  const sent = window.__sent;
  window.__changed = false;
  const host = document.querySelector("flt-semantics-host");
  window.__watch?.disconnect();
  window.__watch = new MutationObserver(() => { window.__changed = true; });
  if (host) {
    window.__watch.observe(host, {
      subtree: true, childList: true, attributes: true, characterData: true,
    });
  }
  window.__reacted = () => window.__changed || window.__sent > sent;
}"""

# The last lines of every browser's console: Python's log in the page is there, and tells why a
# start failed. tests/journeys/conftest.py puts them into the report of a failed test.
CONSOLE: deque[str] = deque(maxlen=60)
# The pages that are open, for the same report.
PAGES: list[Page] = []


def what_stands_on(page: Page) -> str:
    """Address and semantics of a page, for the report of a failed journey."""
    try:
        host = page.locator("flt-semantics-host")
        marks = page.locator("[flt-semantics-identifier]").evaluate_all(
            "nodes => nodes.map(node => node.getAttribute('flt-semantics-identifier'))"
        )
        return f"{page.url}\n{host.aria_snapshot(timeout=2000)}\nidentifiers: {' '.join(marks)}"
    except PlaywrightError as error:
        return f"{page.url}\n{error}"


# Resolves when the semantics tree has not changed for a quarter of a second: a tap on a page that
# is still being laid out lands where the button was.
QUIET = """() => new Promise((done) => {
  const host = document.querySelector("flt-semantics-host");
  if (!host) return done(false);
  const finish = (ok) => {
    watch.disconnect();
    clearTimeout(timer);
    clearTimeout(limit);
    done(ok);
  };
  let timer = setTimeout(() => finish(true), 250);
  const limit = setTimeout(() => finish(false), 4000);
  const watch = new MutationObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(() => finish(true), 250);
  });
  watch.observe(host, { subtree: true, childList: true, attributes: true, characterData: true });
})"""


def chromium_path() -> str | None:
    return (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=CHROME_ARGS
        )
        try:
            yield opened
        finally:
            opened.close()


def until(read: Callable[[], T], seconds: float = 15) -> T:
    """What `read` answers once it answers something.

    "All uploaded" may still stand on the page from before a tap, so a test that looks into the
    database waits for the row, not for the words."""
    end = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < end, f"it did not come within {seconds} s"
        time.sleep(0.05)
    return found


class App:
    """One person's page. Assert `errors == []` and `blocked` empty at the end. The timeouts are for
    a machine three times slower than ours."""

    def __init__(self, opened: Browser, base: str, timeout: int = 45_000, **context) -> None:
        self.base = base.rstrip("/")
        self.context = opened.new_context(**(context or PHONE))
        self.context.set_default_timeout(timeout)
        expect.set_options(timeout=timeout)
        self.context.add_init_script(COUNT_MESSAGES)
        self.context.add_init_script(NO_MEMORY_IMAGE)
        self._watch(self.context.new_page())

    def _watch(self, page: Page) -> None:
        self.page = page
        PAGES.append(page)
        page.on("close", lambda closed: PAGES.remove(closed) if closed in PAGES else None)
        self.errors: list[str] = []
        self.taps = self.typed = 0  # what a person did so far
        self.blocked: set[str] = set()
        self.fonts: set[Request] = set()  # slices on their way
        self.page.on(
            "request",
            lambda request: self.fonts.add(request) if "/assets/fonts/" in request.url else None,
        )
        self.page.on(
            "requestfinished", lambda request: self.fonts.discard(request)
        )  # playwright takes no method of a builtin
        self.page.on("requestfailed", self._request_failed)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda message: CONSOLE.append(f"{message.type}: {message.text[:400]}")
        )

    def _request_failed(self, request: Request) -> None:
        self.fonts.discard(request)
        self.blocked.add(request.url)

    def open(self, path: str = "/") -> "App":
        self.page.goto(self.base + path)
        return self.ready()

    def follow(self, identifier: str) -> "App":
        """Tap what opens another tab; answers that tab, of the same browser."""
        with self.context.expect_page() as opened:
            self.tap(identifier)
        return self.beside(opened.value).ready()

    def beside(self, page: Page | None = None) -> "App":
        """Another tab of the same browser: signed in as this one is, a session of its own."""
        other = object.__new__(App)
        other.base, other.context = self.base, self.context
        other._watch(page or self.context.new_page())
        return other

    def ready(self) -> "App":
        """After every goto or reload: drawn, and the semantics tree is there."""
        self.page.wait_for_function(
            "()=>document.querySelector('flutter-view') && !document.getElementById('loading')"
            " && !document.getElementById('start')",
            timeout=180_000,
        )
        self.page.wait_for_selector(
            "flt-semantics-host flt-semantics", state="attached", timeout=60_000
        )
        self.page.evaluate(QUIET)
        return self

    # finding
    def id(self, identifier: str) -> Locator:
        return self.page.locator(f"[flt-semantics-identifier='{identifier}']")

    def starting(self, prefix: str) -> Locator:
        return self.page.locator(f"[flt-semantics-identifier^='{prefix}']")

    def field(self, identifier: str) -> Locator:
        return self.page.locator(
            f"[flt-semantics-identifier='{identifier}'] :is(input,textarea), "
            f":is(input,textarea)[flt-semantics-identifier='{identifier}']"
        ).first

    def text(self, words: str) -> Locator:
        return self.page.locator(
            "flt-semantics-host "
            f":is([aria-label*='{words}'],span:text('{words}'),flt-semantics:text('{words}'))"
        )

    # seeing
    def see(self, words: str) -> None:
        expect(self.text(words).first).to_be_attached()

    def gone(self, words: str) -> None:
        expect(self.text(words)).to_have_count(0)

    def see_id(self, identifier: str) -> None:
        expect(self.id(identifier).first).to_be_attached()

    # doing
    def tap(self, where: Locator | str) -> None:
        """Tap it. A tap that reached nothing is made again, as a person would: a page that was just
        being laid out lets it fall beside the button, and a phone in its first sync is slow."""
        self.page.bring_to_front()  # a page behind another never has the focus
        self.page.evaluate(QUIET)
        target = (self.id(where) if isinstance(where, str) else where).first
        self.taps += 1
        button = target.locator("[role=button]").first
        aim = button if button.count() else target
        box = aim.bounding_box() if aim.count() else None
        height = (self.page.viewport_size or {"height": 844})["height"]
        if box and not 0 <= box["y"] + box["height"] / 2 <= height:
            self._scroll(aim, 12)  # the browser's own scrolling moves it away from under the click
        self.page.evaluate(ARM)
        aim.click()
        for _again in range(TRIES - 1):
            if self._reacted(aim) or not aim.count():
                break
            aim.click()

    def _reacted(self, aim: Locator) -> bool:
        """Whether anything came of a tap; of one on a tab, that it is the selected one."""
        try:
            roles = aim.evaluate_all("nodes => nodes.map(node => node.getAttribute('role'))")
            if roles == ["tab"]:
                expect(aim).to_have_attribute("aria-selected", "true", timeout=5000)
            self.page.wait_for_function(
                "() => !window.__reacted || window.__reacted()", timeout=2500
            )
        except (PlaywrightTimeout, AssertionError):
            return False
        return True

    def scroll_to_text(self, words: str, screens: int = 12) -> None:
        """Down until these words are there; fails when they never come."""
        self._scroll(self.text(words), screens)
        self.see(words)

    def choose(self, identifier: str, option: str) -> None:
        """A dropdown of the panel: open it, take the option of that name."""
        self.scroll_to(identifier)
        self.tap(identifier)
        entry = self.page.get_by_role("button", name=option, exact=True)
        entry.last.click()  # the menu lies above everything, so last
        expect(self.id(identifier).first).to_contain_text(option)

    def scroll_to(self, identifier: str, screens: int = 12, *, up: bool = False) -> None:
        """Down (or up) a long list until it is in the window: what is far outside has no semantics,
        and what is just outside has some, but a click there reaches nothing."""
        self._scroll(self.id(identifier), screens, up=up)

    def _scroll(self, wanted: Locator, screens: int, *, up: bool = False) -> None:
        """Until it is in the window, there and back: a slow page says what is on it only after it
        was scrolled past. Waits after each turn of the wheel until the page has moved."""
        size = self.page.viewport_size or {"width": 390, "height": 844}
        self.page.bring_to_front()
        self.page.mouse.move(size["width"] / 2, size["height"] / 2)
        still = 0
        for step in range(3 * screens):
            self.page.evaluate(QUIET)
            box = wanted.first.bounding_box() if wanted.count() else None
            middle = box["y"] + box["height"] / 2 if box else None
            if middle is not None:
                if 0 <= middle <= size["height"]:
                    return
                up = middle < 0
            elif step == screens:
                up = not up
            self.page.evaluate(ARM)
            self.page.mouse.wheel(0, size["height"] * (-0.6 if up else 0.6))
            if self._changed():
                still = 0
                continue
            # one end of the page, or something under the mouse that keeps the wheel to itself
            still, up = still + 1, not up
            if still == 6:
                break
            aside = size["width"] * (0.5, 0.3, 0.8)[still % 3]
            self.page.mouse.move(aside, size["height"] * 0.6)
        expect(wanted.first).to_be_attached()

    def _changed(self) -> bool:
        """Whether the semantics changed since ARM, within a moment."""
        try:
            self.page.wait_for_function("() => window.__changed", timeout=2500)
        except PlaywrightTimeout:
            return False
        return True

    def type(self, identifier: str, value: str, *, submit: bool = False) -> None:
        """Never fill(): on an unfocused field it silently does nothing. insert_text carries
        Chinese."""
        self.page.bring_to_front()
        self.page.evaluate(QUIET)
        self.typed += 1
        field = self.field(identifier)
        for attempt in range(4):
            last = attempt == 3
            self._focus(field)
            try:
                if (
                    field.input_value()
                ):  # typed over what is chosen: one change, as a person makes it
                    self.page.keyboard.press("Control+A")
                    if not value:
                        self.page.keyboard.press("Delete")
                self.page.keyboard.insert_text(value)
                expect(field).to_have_value(value, timeout=45_000 if last else 2500)
                break
            except (
                AssertionError
            ):  # a busy machine: Flutter had not attached its editor yet, nothing arrived
                if last:
                    raise
        if submit:
            self.page.keyboard.press("Enter")

    def _focus(self, field: Locator) -> None:
        for attempt in range(
            3
        ):  # a click that meets a page still moving reaches nothing; a person clicks again
            field.click()
            try:
                expect(field).to_be_focused(timeout=45_000 if attempt == 2 else 4000)
                break
            except AssertionError:
                if attempt == 2:
                    raise
        # the field has focus a frame or two before Flutter attaches its editor; text sent in
        # between is lost
        self.page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => "
            "setTimeout(r, 60))))"
        )

    def sign_in(self, identifier: str, password: str) -> None:
        self.type("identifier", identifier)
        self.type("password", password)
        self.tap("sign-in")

    def shot(self, path: str) -> None:
        calm = 0
        for _ in range(
            50
        ):  # fonts arrive a moment after the words: with none on its way for 0.7 s they are drawn
            self.page.wait_for_timeout(100)
            calm = 0 if self.fonts else calm + 1
            if calm == 7:
                break
        self.page.screenshot(path=path)

    def close(self) -> None:
        self.context.close()
