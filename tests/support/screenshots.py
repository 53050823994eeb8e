"""Makes the pictures of docs/screenshots from a throw-away demo: `make screenshots`. Looked at by
people; not a test."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from forecourt import demo
from forecourt.settings import ROOT
from forecourt.stack import Stack
from tests.support import panel_pictures
from tests.support.browser import DESKTOP, App, browser
from tests.support.present import present
from tests.support.proxy import ThreadedProxy

PICTURES = ROOT / "docs" / "screenshots"


def main(tour: str, states: tuple[str, ...]) -> None:
    """`tour` "": the pictures of docs/; else `panel`, `daily` or `phone`, cut to `states` where
    some are named."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="forecourt-pictures-"))
    stack = Stack(home, usual_ports=False).start(say=lambda line: None)
    people = {
        u.email.split("@")[0]: u
        for u in demo.seed(stack.db_url, stack.supabase_url, stack.publishable_key)
    }
    door = ThreadedProxy(stack.supabase_url)
    proxy = door.__enter__()
    environment = {
        **os.environ,
        "SUPABASE_URL": proxy.url,
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "FORECOURT_HOME": str(home),
    }
    port = stack.settings.web_port
    server = subprocess.Popen(
        [sys.executable, "-m", "forecourt.serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        with browser() as opened:
            base = f"http://127.0.0.1:{port}"
            if tour == "daily":
                for look in ("light", "dark"):
                    daily_pictures(opened, base, people, look)
                return
            if tour == "phone":
                phone_tour(opened, base, stack, people, states or PHONE_TOURS)
                return
            if tour:
                panel_pictures.tour(opened, base, stack, people, proxy, PICTURES, states)
                return
            for look in ("light", "dark"):
                phone_pictures(opened, base, people, look)
            documented(opened, base, people)
            overview(opened)
    finally:
        server.terminate()
        server.wait(timeout=15)
        door.__exit__()
        stack.stop()
        shutil.rmtree(home, ignore_errors=True)


def wait_for(address: str) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the web server does not answer")


def phone_pictures(opened, base: str, people, look: str) -> None:
    from tests.support.browser import PHONE

    def visit(who: str) -> App:
        app = App(opened, base, **{**PHONE, "color_scheme": look}).open("/")
        if who:
            app.sign_in(people[who].email, people[who].password)
            app.see_id("sync-mark")
        return app

    def go(app: App, path: str, name: str) -> None:
        app.page.goto(base + path)
        app.ready()
        app.shot(str(PICTURES / f"{name}-{look}.png"))

    app = visit("")
    app.shot(str(PICTURES / f"sign-in-{look}.png"))
    app.close()
    app = visit("lin")
    app.see_id("progress")
    app.shot(str(PICTURES / f"today-{look}.png"))
    app.tap("outcome-interested")
    app.see_id("notes")
    app.shot(str(PICTURES / f"log-{look}.png"))
    go(app, "/customers", "customers")
    app.tap(app.starting("customer-"))
    app.see_id("customer-name")
    app.shot(str(PICTURES / f"customer-{look}.png"))
    go(app, "/customers/new", "new-customer")
    go(app, "/funnel", "funnel")
    go(app, "/customers/visit", "visit")
    go(app, "/customers/pool", "pool")
    app.page.goto(base + "/customers")
    app.ready()
    app.tap(app.starting("customer-"))
    app.see_id("customer-name")
    card = app.page.url.split("?")[0].removeprefix(base)
    go(app, f"{card}/timeline", "timeline")
    go(app, f"{card}/edit/customer/{card.rsplit('/', 1)[1]}", "edit-customer")
    app.page.goto(base + "/funnel")
    app.ready()
    for view in ("board", "mine"):
        app.tap(f"view-{view}")
        app.page.wait_for_timeout(500)
        app.shot(str(PICTURES / f"funnel-{view}-{look}.png"))
    go(app, "/me", "me")
    app.close()
    specialist = visit("zhou")
    specialist.see_id("progress")
    specialist.shot(str(PICTURES / f"renewal-today-{look}.png"))
    specialist.close()
    manager = visit("he")
    go(manager, "/approvals", "approvals")
    go(manager, "/team", "team-leads")
    for part in ("pending", "queues"):
        manager.tap(f"part-{part}")
        manager.page.wait_for_timeout(900)
        manager.shot(str(PICTURES / f"team-{part}-{look}.png"))
    manager.close()


def reach(app: App, identifier: str) -> None:
    """Scroll until a control is in sight: below the fold it has no place in the page's tree, or one
    that cannot be tapped."""
    for _step in range(20):
        box = app.id(identifier).first.bounding_box() if app.id(identifier).count() else None
        if box and box["y"] + box["height"] < present(app.page.viewport_size)["height"] * 0.55:
            return
        app.page.mouse.move(180, 260)
        app.page.mouse.wheel(0, 120)
        app.page.wait_for_timeout(120)


def daily_pictures(opened, base: str, people, look: str) -> None:
    """Today and the sheet: {Chinese, English} × {empty, typical, extreme}; extreme is long words at
    200 % on a small phone."""
    from tests.support.browser import PHONE

    small = {**PHONE, "viewport": {"width": 360, "height": 640}}
    for language in ("zh_CN", "en"):
        for state in ("typical", "extreme", "empty"):
            app = App(
                opened, base, **{**(small if state == "extreme" else PHONE), "color_scheme": look}
            )
            if state == "extreme":
                app.page.add_init_script(
                    "document.addEventListener('DOMContentLoaded', () => "
                    "document.documentElement.style.fontSize = '32px')"
                )
            app.open("/")
            who = "xu" if state == "empty" else "zhou"  # the assistant has no calls
            app.sign_in(people[who].email, people[who].password)
            app.see_id("sync-mark")
            if language == "en":
                app.page.goto(f"{base}/me")
                app.ready()
                app.tap("language-en")
                app.page.goto(f"{base}/")
                app.ready()

            def shot(
                name: str, app: App = app, language: str = language, state: str = state
            ) -> None:
                app.shot(str(PICTURES / f"daily-{name}-{language}-{state}-{look}.png"))

            if state == "empty":
                app.page.goto(f"{base}/log")
                app.ready()
                shot("choose")
            else:
                app.see_id("progress")
                shot("today")
                app.tap("snooze")
                shot("snooze")
                app.tap("start-cancel")
                shot("cancel")
                app.tap("stop-cancel")
                reach(app, "script")
                app.tap("script")
                shot("script")
                reach(app, "outcome-interested")
                app.tap("outcome-interested")
                app.see_id("notes")
                shot("sheet")
                app.tap("clear-outcome")
                app.tap("toggle-list")
                shot("list")
            app.close()


PHONE_TOURS = tuple(
    f"{state}-{look}-{language}"
    for state in ("typical", "empty", "extreme")
    for look in ("light", "dark")
    for language in ("zh", "en")
)
ADVISOR = {
    "today": "/",
    "choose": "/log",
    "customers": "/customers",
    "new-customer": "/customers/new",
    "visit": "/customers/visit",
    "pool": "/customers/pool",
    "funnel": "/funnel",
    "me": "/me",
    "pending": "/me/pending",
}
CARD = {
    "card": "",
    "timeline": "/timeline",
    "log": "/log",
    "edit-companion": "/edit/companion/new",
    "edit-vehicle": "/edit/vehicle/new",
}
MANAGER = {
    "approvals": "/approvals",
    "team": "/team",
    "quarantine": "/me/quarantine",
    "customers-store": "/customers",
}
LONG = "欧阳慕容司徒·阿卜杜拉赫曼诺维奇先生及其夫人(上海浦东某某物流有限公司采购部)"


def phone_tour(opened, base: str, stack: Stack, people, wanted: tuple[str, ...]) -> None:
    """Every screen of the phone: {typical, empty, extreme} × {light, dark} × {zh, en}. Empty is the
    first day in a new store; extreme is long names and 200 % on a small phone."""
    import psycopg

    from tests.support.browser import PHONE

    with psycopg.connect(stack.db_url, autocommit=True) as operator:
        first_day = newcomers(operator, stack)
        for tour in wanted:
            state, look, language = tour.split("-")
            if state == "extreme":  # last: the names stay
                operator.execute(
                    "update crm.customers set name = %s || left(name, 2), "
                    "need = repeat('想要七座,', 12) where owner_id is not null",
                    (LONG,),
                )
            size = {"viewport": {"width": 360, "height": 640}} if state == "extreme" else {}
            for user, screens in (
                ((people["lin"], ADVISOR), (people["he"], MANAGER))
                if state != "empty"
                else zip(first_day, (ADVISOR, MANAGER), strict=True)
            ):
                app = App(opened, base, **{**PHONE, **size, "color_scheme": look})
                if state == "extreme":
                    app.page.add_init_script(
                        "document.addEventListener('DOMContentLoaded', () => "
                        "document.documentElement.style.fontSize = '32px')"
                    )
                app.open("/").sign_in(user.email, user.password)
                app.see_id("sync-mark")
                if language == "en":
                    app.page.goto(f"{base}/me")
                    app.ready()
                    app.tap("language-en")
                    app.see("Language")
                    app.page.wait_for_timeout(500)  # kept on the device, before the page is left

                def shot(name: str, path: str, app: App = app, tour: str = tour) -> None:
                    app.page.goto(base + path)
                    app.ready()
                    app.shot(str(PICTURES / f"{tour}-{name}.png"))

                for name, path in screens.items():
                    shot(name, path)
                    for view in ("board", "mine") if name == "funnel" else ():
                        app.tap(f"view-{view}")
                        app.shot(str(PICTURES / f"{tour}-funnel-{view}.png"))
                    for part in ("pending", "queues") if name == "team" else ():
                        app.tap(f"part-{part}")
                        app.shot(str(PICTURES / f"{tour}-team-{part}.png"))
                if screens is ADVISOR and state != "empty":
                    app.page.goto(f"{base}/customers")
                    app.ready()
                    app.tap(app.starting("customer-"))
                    app.see_id("customer-name")
                    card = app.page.url.split("?")[0].removeprefix(base)
                    for name, path in {
                        **CARD,
                        "edit-customer": f"/edit/customer/{card.rsplit('/', 1)[1]}",
                    }.items():
                        shot(name, card + path)
                    app.page.goto(base + card)
                    app.ready()
                    app.page.mouse.move(180, 300)
                    app.page.mouse.wheel(0, 500)
                    app.shot(str(PICTURES / f"{tour}-card-below.png"))
                app.close()


def newcomers(operator, stack: Stack) -> list[demo.DemoUser]:
    """An advisor and a manager of a store that opened today: nothing is there yet."""
    import json

    from psycopg.types.json import Jsonb
    from uuid6 import uuid7

    group, store = (
        operator.execute("select group_id from crm.stores limit 1").fetchone()[0],
        uuid7(),
    )
    operator.execute(
        "select crm.create_store(%s, %s, '新店', %s)",
        (group, store, Jsonb(json.loads(demo.PRESET.read_text(encoding="utf8")))),
    )
    found = []
    for name, role in (("新顾问", "advisor"), ("新经理", "manager")):
        email = f"first-{role}@forecourt.example"
        user = demo.DemoUser(
            email,
            demo.PASSWORD,
            role,
            "新店",
            name,
            demo.sign_up(stack.supabase_url, stack.publishable_key, email),
        )
        operator.execute(
            "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)",
            (store, user.user_id, role, name),
        )
        found.append(user)
    return found


DOCUMENTED = (
    "members",
    "stages",
    "imports",
    "rules",
    "duplicates",
    "export",
    "audit",
)  # the ones docs/ shows


def open_panel(opened, base: str, user, **context) -> App:
    panel = App(opened, base, **{**DESKTOP, **context}).open("/admin/")
    panel.sign_in(user.email, user.password)
    panel.see_id("sign-out")
    return panel


def documented(opened, base: str, people) -> None:
    panel = open_panel(opened, base, people["admin"])
    for page in DOCUMENTED:
        panel.page.goto(f"{base}/admin/{'' if page == 'members' else page}")
        panel.ready()
        panel.shot(str(PICTURES / f"panel-{page}.png"))
    panel.close()


def overview(opened) -> None:
    """Four pictures side by side, for the README."""
    pictures = "".join(
        f'<img src="file://{PICTURES}/{name}-light.png">'
        for name in ("today", "log", "funnel", "approvals")
    )
    page = opened.new_page(viewport={"width": 1240, "height": 660})
    target = PICTURES / "overview.html"
    target.write_text(
        f"<style>body{{margin:10px;display:flex;gap:10px;background:#e9edf3}}img{{height:640px;border-radius:18px}}</style>{pictures}"
    )
    page.goto(f"file://{target}")
    page.screenshot(path=str(PICTURES / "overview.png"))
    page.close()
    target.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.screenshots",
        description="The pictures of docs/, or a tour to be looked at.",
    )
    tours = parser.add_mutually_exclusive_group()
    tours.add_argument(
        "--panel",
        metavar="FOLDER",
        type=Path,
        help="every page of the panel; states: light dark tablet en long … (panel_pictures.py)",
    )
    tours.add_argument(
        "--phone",
        metavar="FOLDER",
        type=Path,
        help="every screen of the phone; states: typical-dark-en extreme-light-zh …",
    )
    tours.add_argument(
        "--daily",
        metavar="FOLDER",
        type=Path,
        help="Today and the sheet in every language, look and length",
    )
    parser.add_argument("states", nargs="*", help="only these")
    chosen = parser.parse_args()
    kind = next((name for name in ("panel", "phone", "daily") if getattr(chosen, name)), "")
    PICTURES = getattr(chosen, kind) if kind else PICTURES
    main(kind, tuple(chosen.states))
