"""The phone app in real Chromium: as static files, and for comparison drawn by our server.

python -m bench.web_phone [--later 5] [--taps 20]      prints a table for
docs/developers/performance.md
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from forecourt import demo
from forecourt.build.phone import ensure_phone_app
from forecourt.settings import _free_port
from tests.journeys.conftest import Server
from tests.support.browser import browser
from tests.support.device import Device
from tests.support.stack import running_stack
from tests.support.static_server import static_host

MBPS = 1_000_000 / 8  # bytes a second
# From the release of the finger until the semantics tree shows another text there.
WATCH = """(identifier) => {
  const place = `[flt-semantics-identifier='${identifier}']`;
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


def taps(device: Device, times: int) -> dict[str, Any]:
    """An outcome of a call until the next card is painted; taken back each time."""
    found = []
    for _ in range(times):
        device.page.evaluate(WATCH, "card-name")
        device.tap("outcome-no-answer")
        if (took := device.page.evaluate("window.__tap")) is not None:
            found.append(took)
        device.tap("undo")
        device.page.wait_for_timeout(700)
    found.sort()
    p95 = found[max(0, round(len(found) * 0.95) - 1)]
    return {"tap p50 (ms)": round(statistics.median(found)), "p95": round(p95)}


def measure(name: str, opened, base: str, user, sent, later: int, many: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="forecourt-bench-"))
    device = Device(opened, base, folder, timeout=120_000)
    result: dict[str, Any] = {"form": name, "first visit": first_visit(device, base, sent)}
    device.ready()
    device.sign_in(user.email, user.password)
    device.see_id("card-name")
    device.see("已全部上传")
    device.page.wait_for_timeout(25_000)  # fonts and memory image are made in the background
    before = sent()
    result["later visit"] = later_visits(device, base, later, 1)
    result["later visit"]["kB on the wire"] = round((sent() - before) / later / 1000, 1)
    result["later visit, page 4x slower"] = later_visits(device, base, max(2, later // 2), 4)
    device.close()
    device.start()
    device.open("/")
    device.see_id("card-name")
    result["taps"] = taps(device, many)
    device.page.wait_for_timeout(3000)
    result["renderer PSS (MB)"] = renderer_megabytes(device)
    session = device.context.new_cdp_session(device.page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    result["taps, page 4x slower"] = taps(device, many // 2)
    device.close()
    return result


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--later", type=int, default=5, help="later visits of each kind")
    arguments.add_argument("--taps", type=int, default=20)
    given = arguments.parse_args()
    files = ensure_phone_app()
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
                print(json.dumps({"first visit at Mbps": rate, **found}), flush=True)
                device.close()
            host.rate = None
            found = measure(
                "static", opened, host.url, user, lambda: host.sent, given.later, given.taps
            )
            print(json.dumps(found), os.getloadavg(), flush=True)
        served = Server(stack, _free_port(0, set()))
        served.start()
        found = measure("served", opened, served.url, user, lambda: 0, given.later, given.taps)
        print(json.dumps(found), os.getloadavg(), flush=True)
        served.stop()


if __name__ == "__main__":
    main()
