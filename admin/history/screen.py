"""Versions: who published what, compare, restore in one click; where a document comes from and goes
to."""

from zoneinfo import ZoneInfo

import flet as ft

from admin.draft import Draft, use_draft
from admin.history.state import Delivery, History
from admin.labels import change_text, where
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from shared.domain import presets
from shared.ui.feedback import Skeleton, act
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    chip,
    chips,
    identified,
    pill,
    primary_button,
    section,
    text_button,
)


@component
def HistoryScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(History, session)
    use_fetch(state.load, draft.base_version)
    if not state.loaded or not draft.loaded:
        return panel_page(_("Versions"), Skeleton(5))
    return panel_page(
        _("Versions"),
        Begin(state),
        *([Versions(state)] if state.versions else []),
        *([ToMany(state)] if state.others else []),
        problem=state.problem,
        again=act(state.load),
    )


@component
def Begin(state: History) -> ft.Control:
    """Take a whole document as the draft; nothing is published by it."""
    _ = use_text()

    async def pick(_event) -> None:
        files = await ft.FilePicker().pick_files(
            file_type=ft.FilePickerFileType.CUSTOM, allowed_extensions=["json"], with_data=True
        )
        if files and files[0].bytes is not None:
            await act(state.take_file, files[0].bytes)()

    async def save(_event) -> None:
        await ft.FilePicker().save_file(file_name="forecourt-store.json", src_bytes=state.file())

    return card(
        section(_("Start from a preset"), preset_chips(_, state)),
        *([section(_("Copy from another store"), store_chips(state))] if state.others else []),
        ft.Row(
            [
                text_button("export", _("Save as a file"), save, icon=ft.Icons.DOWNLOAD),
                text_button("import", _("Import from a file"), pick, icon=ft.Icons.UPLOAD_FILE),
                *(now_in_draft(_) if state.notice else []),
            ],
            wrap=True,
        ),
    )


def preset_chips(_: Texts, state: History) -> ft.Control:
    chips = [
        chip(
            f"preset-{k}".replace("_", "-"),
            _.label(presets.label(k)),
            selected=False,
            on_click=act(state.take_preset, k),
        )
        for k in presets.KEYS
    ]
    return ft.Row(chips, wrap=True, spacing=8, run_spacing=8)


def store_chips(state: History) -> ft.Control:
    chips = [
        chip(
            f"from-{s}",
            name,
            selected=False,
            icon=ft.Icons.STOREFRONT,
            on_click=act(state.take_store, s),
        )
        for s, name in state.others[:8]
    ]
    return ft.Row(chips, wrap=True, spacing=8, run_spacing=8)


def now_in_draft(_: Texts) -> list[ft.Control]:
    words = _("Added to your draft. Review the changes, then publish, or select Undo.")
    return [
        identified("taken", ft.Text(words, color=ft.Colors.PRIMARY), live_region=True),
        text_button("open-publish", _("Check and publish"), lambda e: e.page.navigate("/publish")),
    ]


def note_text(_: Texts, note: str) -> str:
    """What a version was for: its author's words; of the first, which has no author
    (crm.create_store), ours."""
    return _("Started from a preset") if note == "preset" else note


@component
def Versions(state: History) -> ft.Control:
    draft, _ = use_draft(), use_text()
    zone = ZoneInfo(state.session.me.time_zone if state.session.me else "Asia/Shanghai")
    rows: list[ft.Control] = []
    for v in state.versions[:50]:
        now = v.version == draft.base_version
        head: list[ft.Control] = [
            ft.Text(_("Version %(n)d") % {"n": v.version}, weight=ft.FontWeight.W_600, width=86),
            ft.Text(
                f"{v.published_at.astimezone(zone):%Y-%m-%d %H:%M}",
                width=130,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            ft.Text(v.author_name or "—", width=90, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Text(
                note_text(_, v.note),
                expand=True,
                max_lines=2,
                overflow=ft.TextOverflow.ELLIPSIS,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
        ]
        if now:
            head.append(pill(_("In use"), tone="good"))
        if v.version > 1:
            head.append(
                text_button(
                    f"compare-{v.version}", _("What changed"), act(state.compare, v.version)
                )
            )
        if not now:
            head += [
                text_button(
                    f"take-{v.version}", _("Use as draft"), act(state.take_version, v.version)
                ),
                text_button(
                    f"restore-{v.version}",
                    _("Restore"),
                    act(state.restore, v.version),
                    icon=ft.Icons.SETTINGS_BACKUP_RESTORE,
                ),
            ]
        rows.append(ft.Row(head, spacing=10, key=f"v{v.version}", height=48))
        if state.compared == v.version:
            changes, old, new = state.between(v.version)
            words: list[ft.Control] = [
                ft.Text("· " + change_text(_, c, old, new)) for c in changes[:60]
            ]
            words = words or [ft.Text(_("Nothing changed."))]
            box = ft.Container(
                ft.Column(words, spacing=4), padding=ft.Padding.only(left=96, bottom=8)
            )
            rows.append(identified(f"changes-{v.version}", box))
    return card(section(_("Published versions"), *rows), identifier="versions")


@component
def ToMany(state: History) -> ft.Control:
    """A preset, this store's document or only its last change, to many stores; each store answers
    for itself."""
    draft, _ = use_draft(), use_text()
    everyone = len(state.chosen) == len(state.others)
    stores = [
        chip("all-stores", _("All stores"), selected=everyone, on_click=act(state.choose_all)),
        *(
            chip(f"to-{s}", name, selected=s in state.chosen, on_click=act(state.choose, s))
            for s, name in state.others[:100]
        ),
    ]
    button = primary_button(
        "deliver",
        _.many("Publish to %(n)d store", "Publish to %(n)d stores", len(state.chosen)),
        act(state.deliver, note_of_source(_, state)),
        disabled=state.busy or not state.chosen,
    )
    words = _(
        "Members and records of each store stay the same. If a store cannot accept "
        "the configuration, the reason is shown."
    )
    return card(
        section(_("Publish to many stores"), ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT)),
        chips("source", sources(_, draft), state.source, lambda key: act(state.choose_source, key)),
        ft.Row(stores, wrap=True, spacing=8, run_spacing=8),
        ft.Row([ft.Container(button, width=280)]),
        *(deliveries(_, state, draft) if state.deliveries else []),
        identifier="to-many",
    )


def sources(_: Texts, draft: Draft) -> list[tuple[str, str]]:
    """What may be published to other stores."""
    last = [("last", _("Only the changes of the latest version"))] if draft.base_version > 1 else []
    shipped = [(f"preset:{k}", _.label(presets.label(k))) for k in presets.KEYS]
    return [("this", _("This store's configuration")), *last, *shipped]


def note_of_source(_: Texts, state: History) -> str:
    """What the stores' history says of the version."""
    store = state.session.me.store_name if state.session.me else ""
    return {
        "this": _("Copied from %(store)s") % {"store": store},
        "last": _("Latest group change"),
    }.get(state.source, _("Started from a preset"))


def deliveries(_: Texts, state: History, draft: Draft) -> list[ft.Control]:
    """How many stores have it, and what each answered: who needs something done comes first."""
    done = sum(d.state in ("published", "same") for d in state.deliveries)
    words = _("Live in %(done)d of %(n)d stores") % {"done": done, "n": len(state.deliveries)}
    count = ft.Text(words, weight=ft.FontWeight.W_600)
    return [
        identified("delivery-count", count, live_region=True),
        *(
            delivery_row(_, d, draft)
            for d in sorted(state.deliveries, key=lambda d: d.state != "refused")
        ),
    ]


def delivery_row(_: Texts, delivery: Delivery, draft: Draft) -> ft.Control:
    why = (
        f"{_where(_, delivery.at, draft.base)}{problem_text(_, delivery.code)}"
        if delivery.code
        else ""
    )
    words = {
        "waiting": _("waiting"),
        "published": _("published as version %(n)d") % {"n": delivery.version},
        "same": _("up to date"),
        "refused": _("rejected: %(why)s") % {"why": why},
    }[delivery.state]
    icon, ink = {
        "waiting": (ft.Icons.SCHEDULE, ft.Colors.ON_SURFACE_VARIANT),
        "published": (ft.Icons.CHECK_CIRCLE, ft.Colors.PRIMARY),
        "same": (ft.Icons.CHECK, ft.Colors.ON_SURFACE_VARIANT),
        "refused": (ft.Icons.BLOCK, ft.Colors.ERROR),
    }[delivery.state]
    return ft.Row(
        [
            ft.Icon(icon, size=18, color=ink),
            ft.Text(delivery.name, width=200),
            identified(f"delivery-{delivery.store_id}", ft.Text(words), expand=True),
        ],
        spacing=10,
    )


def _where(_, at: str, document) -> str:
    form, dot, key = at.partition(".")
    return where(_, ("forms", form, "fields", key), document) + _.colon if dot else ""
