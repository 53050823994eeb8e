"""Every page of the panel in the states a designer asks for: long names, a store that begins, a
server that is away. Looked at by people.

`python -m tests.support.screenshots --panel FOLDER [light dark tablet en long long-dark long-tablet
long-en empty empty-dark away]`
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from forecourt import demo
from forecourt.claims import as_member
from forecourt.stack import Stack
from tests.journeys.shops import Shop
from tests.support.browser import DESKTOP, App
from tests.support.proxy import FaultProxy

PAGES = (
    "members",
    "stages",
    "forms",
    "rights",
    "lists",
    "rules",
    "settings",
    "publish",
    "history",
    "imports",
    "duplicates",
    "export",
    "audit",
)
TABLET: dict[str, Any] = {"viewport": {"width": 1024, "height": 768}}
DARK: dict[str, Any] = {"color_scheme": "dark"}
TAIL = {
    "zh_CN": "(来自集团官网与直播间的未分配新线索,待首次联系与资质核实)",
    "zh_TW": "(來自集團官網與直播間的未分配新線索,待首次聯絡與資質核實)",
    "en": " from the group's web site and live streams, waiting for a first call and qualification",
}
STATES: dict[str, tuple[str, dict[str, Any], str]] = {  # whose panel, which window, which language
    "light": ("admin", {}, "zh_CN"),
    "dark": ("admin", DARK, "zh_CN"),
    "tablet": ("admin", TABLET, "zh_CN"),
    "en": ("admin", {}, "en"),
    "long": ("long", {}, "zh_CN"),
    "long-dark": ("long", DARK, "zh_CN"),
    "long-tablet": ("long", TABLET, "zh_CN"),
    "long-en": ("long", {}, "en"),
    "long-tablet-en": ("long", TABLET, "en"),
    "empty": ("empty", {}, "zh_CN"),
    "empty-dark": ("empty", DARK, "zh_CN"),
    "empty-tablet": ("empty", TABLET, "zh_CN"),
    "away": ("admin", {}, "zh_CN"),
    "away-dark": ("admin", DARK, "zh_CN"),
}


def lengthened(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every name of it far too long."""

    def walk(thing: Any, key: str = "") -> Any:
        if isinstance(thing, dict):
            if key in ("label", "text") and all(isinstance(v, str) for v in thing.values()):
                return {language: text + TAIL.get(language, "") for language, text in thing.items()}
            return {k: walk(v, k) for k, v in thing.items()}
        return [walk(x, key) for x in thing] if isinstance(thing, list) else thing

    return walk(document)


def make_long(stack: Stack, people: dict[str, demo.DemoUser]) -> str:
    """The second demo store's twin with long names of stages, fields, roles, rules, members and
    customers; answers the admin's sign-in."""
    with psycopg.connect(stack.db_url, autocommit=True) as operator:
        shop = Shop(operator, (stack.supabase_url, stack.publishable_key))
        shop.create("华东汽车销售服务集团浦东新区金桥旗舰展厅暨新能源体验与交付中心")
        email = shop.person("欧阳上官司马诸葛亮(总部派驻门店数字化管理员)", "store_admin")
        for name, role in (
            ("阿卜杜热西提·阿卜杜克里木·买买提明", "advisor"),
            ("Bartholomew Featherstonehaugh-Cholmondel", "renewal"),
            ("何", "manager"),
        ):
            shop.person(name, role)
        for n in range(2):
            shop.customer(
                "阿卜杜热西提·阿卜杜克里木·买买提明",
                f"上海恒远国际建设工程总承包(集团)有限责任公司第{n + 1}分公司采购部",
            )
        shop.deal("test_drive")
        user = operator.execute(
            "select user_id from crm.members where store_id = %s and role = 'store_admin'",
            (shop.id,),
        ).fetchone()
        assert user
        _version, document = shop.published()
        with operator.transaction(), as_member(operator, user[0]):
            note = "按集团要求统一更换全部名称,请各展厅在本周五前完成核对并反馈意见" * 2
            operator.execute(
                "select api.publish_config(%s, %s, 1, %s, true)",
                (shop.id, Jsonb(lengthened(document)), note),
            )
    return email


def make_empty(stack: Stack) -> str:
    """A store as it begins: one admin, a preset, nothing else."""
    with psycopg.connect(stack.db_url, autocommit=True) as operator:
        shop = Shop(operator, (stack.supabase_url, stack.publishable_key))
        shop.create("新开的展厅")
        return shop.person("沈佳", "store_admin")


def tour(
    opened,
    base: str,
    stack: Stack,
    people: dict[str, demo.DemoUser],
    proxy: FaultProxy,
    folder: Path,
    wanted: tuple[str, ...],
) -> None:
    known = {"admin": people["admin"].email}
    for state in wanted or tuple(STATES):
        whose, context, language = STATES[state]
        if whose not in known:
            known[whose] = make_long(stack, people) if whose == "long" else make_empty(stack)
        app = App(opened, base, **{**DESKTOP, **context}).open("/admin/")
        app.shot(str(folder / f"{state}-0-sign-in.png"))
        app.sign_in(known[whose], demo.PASSWORD)
        app.see_id("sign-out")
        if language == "en":
            app.tap("language")
            app.tap("language")
        if state.startswith("long"):
            draft_of_long(app)
        if state.startswith("away"):
            proxy.weather = lambda path: ("refused",)
        walk(
            app,
            lambda name, app=app, state=state: app.shot(str(folder / f"{state}-{name}.png")),
            whole=not state.startswith("away"),
        )
        if state.startswith("away"):
            app.tap("nav-settings")
            app.type("setting-cut-off", "19:45")
            app.page.wait_for_timeout(2000)
            app.shot(str(folder / f"{state}-not-saved.png"))
            app.page.goto(f"{base}/admin/rules")
            app.ready()
            app.see_id("try-again")
            app.shot(str(folder / f"{state}-reloaded.png"))
            another = app.beside().open("/admin/")
            another.see_id("start-again")
            another.shot(str(folder / f"{state}-opened.png"))
            proxy.weather = lambda path: ()
        app.close()


def draft_of_long(app: App) -> None:
    """Some changes, so that the page of publishing has something to say."""
    app.tap("nav-stages")
    app.type("stage-name-0", "改名之后的第一个阶段也仍然是一个相当相当长的名字,用来看看版面")


def walk(app: App, shot: Callable[[str], None], *, whole: bool) -> None:
    """Every page, and what opens on it."""
    for page in PAGES:
        app.tap(f"nav-{page}")
        app.page.wait_for_selector(
            f"[flt-semantics-identifier='nav-{page}'][aria-current=true]", state="attached"
        )
        app.page.wait_for_timeout(900)
        shot(page)
        if not whole:
            continue
        if page == "forms":
            app.tap("field-2")
            shot("forms-open")
        if page == "rights":
            for view in ("roles", "member"):
                app.tap(f"view-{view}")
                shot(f"rights-{view}")
            if app.starting("member-").count():
                app.tap(app.starting("member-").first)
                app.page.wait_for_timeout(900)
                shot("rights-member-open")
        if page == "members" and app.starting("person-").count() > 1:
            app.tap(app.starting("person-").nth(1))
            shot("members-open")
            app.tap("close-person")
        if page == "duplicates" and app.id("pair-0").count():
            app.tap("pair-0")
            shot("duplicates-open")
        if page in (
            "settings",
            "rules",
            "history",
            "lists",
            "export",
            "publish",
            "stages",
            "imports",
        ):
            size = app.page.viewport_size or {"width": 1280, "height": 800}
            app.page.mouse.move(size["width"] * 0.4, size["height"] * 0.6)
            app.page.mouse.wheel(0, 3000)
            app.page.wait_for_timeout(400)
            shot(f"{page}-below")


def sheet(
    opened, folder: Path, names: list[str], target: Path, columns: int = 2, width: int = 900
) -> None:
    """Several pictures on one page, to look at more of them at once."""
    cells = "".join(
        f'<figure><img src="file://{folder / n}"><figcaption>{n}</figcaption></figure>'
        for n in names
    )
    page = opened.new_page(viewport={"width": columns * (width + 12), "height": 600})
    file = folder / "sheet.html"
    file.write_text(
        f"<style>body{{margin:4px;display:flex;flex-wrap:wrap;gap:6px}}figure{{margin:0}}img{{width:{width}px}}</style>{cells}",
        encoding="utf8",
    )
    page.goto(f"file://{file}")
    page.screenshot(path=str(target), full_page=True)
    page.close()
    file.unlink()
