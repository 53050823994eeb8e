"""The phone app in real Chromium, as the static files that `make phone` makes.

python -m bench.web_phone [--later 5] [--taps 20]      prints a table for
docs/developers/performance.md
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Locator

from forecourt import demo
from forecourt.build.web_apps import ensure_web_apps
from tests.support.browser import browser
from tests.support.device import Device
from tests.support.stack import running_stack
from tests.support.static_server import StaticHost, static_host

MBPS = 1_000_000 / 8  # bytes a second
# From the release of the finger until the semantics tree shows another text there, or until what
# begins with that identifier is there for the first time.
WATCH = """(identifier) => {
  const place = `[flt-semantics-identifier^='${identifier}']`;
  const text = () => document.querySelector(place)?.textContent;
  const before = text();
  let began = null;
  const begin = () => { began = performance.now(); };
  addEventListener("pointerup", begin, { capture: true, once: true });
  window.__tap = new Promise((done) => {
    const watch = new MutationObserver(() => {
      if (began === null || text() === undefined || text() === before) return;
      watch.disconnect();
      requestAnimationFrame(() => done(performance.now() - began));
    });
    const options = { subtree: true, childList: true, characterData: true, attributes: true };
    watch.observe(document.querySelector("flt-semantics-host"), options);
    setTimeout(() => done(null), 20000);
  });
}"""


def cpu_seconds(device: Device) -> float:
    total = 0.0
    for process in device.processes():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def renderer_megabytes(device: Device) -> int:
    """Proportional set size of the largest renderer."""
    sizes = [0]
    for process in device.processes():
        try:
            if any(part == "--type=renderer" for part in process.cmdline()):
                sizes.append(process.memory_full_info().pss)
        except psutil.Error:
            continue
    return max(sizes) // 1_000_000


def first_visit(device: Device, base: str, sent: Callable[[], int]) -> dict[str, Any]:
    began, before = time.monotonic(), sent()
    device.page.goto(base, wait_until="commit")
    device.page.wait_for_selector(
        "[flt-semantics-identifier='sign-in']", state="attached", timeout=240_000
    )
    seconds = time.monotonic() - began
    painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    return {
        "first paint (s)": round((device.page.evaluate(painted) or 0) / 1000, 2),
        "sign-in (s)": round(seconds, 1),
        "MB on the wire": round((sent() - before) / 1e6, 1),
    }


def later_visits(device: Device, base: str, times: int, throttle: int) -> dict[str, Any]:
    seconds, cpu = [], []
    for _ in range(times):
        device.close()
        device.start()
        session = device.context.new_cdp_session(device.page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        began, used = time.monotonic(), cpu_seconds(device)
        device.page.goto(base, wait_until="commit")
        device.page.wait_for_selector(
            "[flt-semantics-identifier='card-name']", state="attached", timeout=120_000
        )
        seconds.append(time.monotonic() - began)
        cpu.append(cpu_seconds(device) - used)
    return {
        "first card (s), median": round(statistics.median(seconds), 2),
        "best": round(min(seconds), 2),
        "CPU (s)": round(statistics.median(cpu), 1),
    }


def tap_time(device: Device, target: Locator | str, awaited: str) -> float | None:
    """Milliseconds from the finger's release until `awaited` is painted anew."""
    device.page.evaluate(WATCH, awaited)
    device.tap(target)
    return device.page.evaluate("window.__tap")


def summary(name: str, times: list[float | None]) -> dict[str, int]:
    found = sorted(time for time in times if time is not None)
    if len(found) < len(times):
        raise RuntimeError(f"{name}: {len(times) - len(found)} of {len(times)} taps showed nothing")
    p95 = found[max(0, round(len(found) * 0.95) - 1)]
    return {"p50": round(statistics.median(found)), "p95": round(p95)}


def taps(device: Device, base: str, times: int) -> dict[str, Any]:
    """The five daily taps in milliseconds, each until it is painted: an outcome until the next
    card (taken back each time), an outcome until its form, a customer's card from the list, the
    form of a new customer, the board of the funnel."""
    found: dict[str, list[float | None]] = defaultdict(list)
    for _ in range(times):
        found["outcome -> next card"].append(tap_time(device, "outcome-no-answer", "card-name"))
        device.tap("undo")
        device.page.wait_for_timeout(700)
    go(device, base, "/customers")
    for _ in range(times):
        card = device.starting("customer-").first
        found["list -> card"].append(tap_time(device, card, "customer-name"))
        back(device)
        found["list -> new customer"].append(tap_time(device, "new-customer", "save-customer"))
        back(device)
    for _ in range(times):
        go(device, base, "/")
        device.see_id("card-name")
        form = tap_time(device, "outcome-interested", "save-conversation")
        found["outcome -> its form"].append(form)
    go(device, base, "/funnel")
    for _ in range(times):
        found["funnel -> board"].append(tap_time(device, "view-board", "column-"))
        device.tap("view-funnel")
        device.page.wait_for_timeout(300)
    go(device, base, "/")
    return {name: summary(name, measured) for name, measured in found.items()}


def go(device: Device, base: str, route: str) -> None:
    device.page.goto(base + route)
    device.ready()


def back(device: Device) -> None:
    device.page.go_back()
    device.see_id("new-customer")
    device.page.wait_for_timeout(300)


def measure(opened: Browser, host: StaticHost, user: demo.DemoUser, later: int, many: int) -> None:
    """Print what one phone needs, a line of JSON for each part."""
    base, folder = host.url, Path(tempfile.mkdtemp(prefix="forecourt-bench-"))
    device = Device(opened, base, folder, timeout=120_000)
    say("first visit", first_visit(device, base, lambda: host.sent))
    device.ready()
    device.sign_in(user.email, user.password)
    device.see_id("card-name")
    device.see("已全部上传")
    device.page.wait_for_timeout(25_000)  # fonts and memory image are made in the background
    before = host.sent
    visits = later_visits(device, base, later, 1)
    say("later visit", {**visits, "kB on the wire": round((host.sent - before) / later / 1000, 1)})
    say("later visit, page 4x slower", later_visits(device, base, max(2, later // 2), 4))
    device.close()
    device.start()
    device.open("/")
    device.see_id("card-name")
    device.page.wait_for_timeout(3000)
    say("largest renderer, PSS in MB", renderer_megabytes(device))
    asked = len(host.requests)
    for _ in range(5):
        tap_time(device, "outcome-no-answer", "card-name")
        device.tap("undo")
    say("requests to the web host during ten taps", len(host.requests) - asked)
    say("taps (ms)", taps(device, base, many))
    say("largest renderer after them, PSS in MB", renderer_megabytes(device))
    session = device.context.new_cdp_session(device.page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    say("taps, page 4x slower (ms)", taps(device, base, max(3, many // 4)))
    device.close()


def say(what: str, found: object) -> None:
    print(json.dumps({what: found}, ensure_ascii=False), "load", os.getloadavg()[0], flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--later", type=int, default=5, help="later visits of each kind")
    arguments.add_argument("--taps", type=int, default=20)
    given = arguments.parse_args()
    files = ensure_web_apps()
    with running_stack() as stack, browser() as opened:
        users = demo.seed(
            stack.db_url, stack.supabase_url, stack.publishable_key, say=lambda _: None
        )
        user = next(u for u in users if u.email.startswith("lin@"))
        project = (stack.supabase_url, stack.publishable_key)
        with static_host(files, *project) as host:
            for rate in (10, 1.6):
                host.rate = rate * MBPS
                folder = Path(tempfile.mkdtemp(prefix="forecourt-bench-"))
                device = Device(opened, host.url, folder, timeout=240_000)
                found = first_visit(device, host.url, lambda: host.sent)
                say(f"first visit at {rate} Mbps", found)
                device.close()
            host.rate = None
            measure(opened, host, user, given.later, given.taps)


if __name__ == "__main__":
    main()
