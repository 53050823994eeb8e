"""Versions: who published what, compare, restore in one click; where a document comes from and goes to."""

from zoneinfo import ZoneInfo

import flet as ft

from admin.draft import use_draft
from admin.history.state import History
from admin.session import use_admin
from admin.shell import panel_page, use_kept, use_loaded
from admin.words import change_text, where
from shared.domain import presets
from shared.ui.feedback import Skeleton, act
from shared.ui.parts import card, chip, chips, identified, pill, primary_button, section, text_button
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component


@component
def HistoryScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_kept(History, session)
    use_loaded(state.load, draft.base_version)
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
        files = await ft.FilePicker().pick_files(file_type=ft.FilePickerFileType.CUSTOM, allowed_extensions=["json"], with_data=True)
        if files and files[0].bytes is not None:
            await act(state.take_file, files[0].bytes)()

    async def save(_event) -> None:
        await ft.FilePicker().save_file(file_name="forecourt-store.json", src_bytes=state.file())

    begin = [
        chip(f"preset-{k}".replace("_", "-"), _.label(presets.label(k)), selected=False, on_click=act(state.take_preset, k)) for k in presets.KEYS
    ]
    stores = [chip(f"from-{s}", name, selected=False, icon=ft.Icons.STOREFRONT, on_click=act(state.take_store, s)) for s, name in state.others[:8]]
    said = []
    if state.said:
        said = [
            identified(
                "taken",
                ft.Text(_("It is in your draft now. Look through the changes, then publish; undo takes it back."), color=ft.Colors.PRIMARY),
                live_region=True,
            ),
            text_button("look", _("Check and publish"), lambda e: e.page.navigate("/publish")),
        ]
    return card(
        section(_("Begin from a preset"), ft.Row(begin, wrap=True, spacing=8, run_spacing=8)),
        *([section(_("Copy from another store"), ft.Row(stores, wrap=True, spacing=8, run_spacing=8))] if stores else []),
        ft.Row(
            [
                text_button("export", _("Save as a file"), save, icon=ft.Icons.DOWNLOAD),
                text_button("import", _("Take from a file"), pick, icon=ft.Icons.UPLOAD_FILE), *said,
            ],
            wrap=True,
        ),
    )  # fmt: skip


def note_text(_: Texts, note: str) -> str:
    """What a version was for: its author's words; of the first, which has no author (crm.create_store), ours."""
    return _("Began from a preset") if note == "preset" else note


@component
def Versions(state: History) -> ft.Control:
    draft, _ = use_draft(), use_text()
    zone = ZoneInfo(state.session.me.time_zone if state.session.me else "Asia/Shanghai")
    rows: list[ft.Control] = []
    for v in state.versions[:50]:
        now = v.version == draft.base_version
        head: list[ft.Control] = [
            ft.Text(_("Version %(n)d") % {"n": v.version}, weight=ft.FontWeight.W_600, width=86),
            ft.Text(f"{v.published_at.astimezone(zone):%Y-%m-%d %H:%M}", width=130, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Text(v.author_name or "—", width=90, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Text(note_text(_, v.note), expand=True, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS, color=ft.Colors.ON_SURFACE_VARIANT),
        ]
        if now:
            head.append(pill(_("In use"), tone="good"))
        if v.version > 1:
            head.append(text_button(f"compare-{v.version}", _("What changed"), act(state.compare, v.version)))
        if not now:
            head += [
                text_button(f"take-{v.version}", _("Take as draft"), act(state.take_version, v.version)),
                text_button(f"restore-{v.version}", _("Restore"), act(state.restore, v.version), icon=ft.Icons.SETTINGS_BACKUP_RESTORE),
            ]
        rows.append(ft.Row(head, spacing=10, key=f"v{v.version}", height=48))
        if state.compared == v.version:
            changes, old, new = state.between(v.version)
            words: list[ft.Control] = [ft.Text("· " + change_text(_, c, old, new)) for c in changes[:60]]
            words = words or [ft.Text(_("Nothing changed."))]
            box = ft.Container(ft.Column(words, spacing=4), padding=ft.Padding.only(left=96, bottom=8))
            rows.append(identified(f"changes-{v.version}", box))
    return card(section(_("Published versions"), *rows), identifier="versions")


@component
def ToMany(state: History) -> ft.Control:
    """A preset, this store's document or only its last change, to many stores; each store answers for itself."""
    draft, _ = use_draft(), use_text()
    sources = [("this", _("This store's configuration")), *([("last", _("Only what the last version changed"))] if draft.base_version > 1 else [])]
    sources += [(f"preset:{k}", _.label(presets.label(k))) for k in presets.KEYS]
    everyone = len(state.chosen) == len(state.others)
    stores = [
        chip("all-stores", _("All stores"), selected=everyone, on_click=act(state.choose_all)),
        *(chip(f"to-{s}", name, selected=s in state.chosen, on_click=act(state.choose, s)) for s, name in state.others[:100]),
    ]
    report: list[ft.Control] = []
    if state.deliveries:
        done = sum(d.state in ("published", "same") for d in state.deliveries)
        report.append(
            identified(
                "delivery-count",
                ft.Text(_("%(done)d of %(n)d stores have it") % {"done": done, "n": len(state.deliveries)}, weight=ft.FontWeight.W_600),
                live_region=True,
            )
        )
        for d in sorted(state.deliveries, key=lambda d: d.state != "refused"):  # who needs something done comes first
            words = {
                "waiting": _("waits"), "published": _("published as version %(n)d") % {"n": d.version}, "same": _("has it already"),
                "refused": _("refused: %(why)s") % {"why": f"{_place(_, d.at, draft.base)}{problem_text(_, d.code)}" if d.code else ""},
            }[d.state]  # fmt: skip
            icon, ink = {
                "waiting": (ft.Icons.SCHEDULE, ft.Colors.ON_SURFACE_VARIANT), "published": (ft.Icons.CHECK_CIRCLE, ft.Colors.PRIMARY),
                "same": (ft.Icons.CHECK, ft.Colors.ON_SURFACE_VARIANT), "refused": (ft.Icons.BLOCK, ft.Colors.ERROR),
            }[d.state]  # fmt: skip
            report.append(
                ft.Row(
                    [
                        ft.Icon(icon, size=18, color=ink),
                        ft.Text(d.name, width=200),
                        identified(f"delivery-{d.store_id}", ft.Text(words), expand=True),
                    ],
                    spacing=10,
                )
            )
    store = state.session.me.store_name if state.session.me else ""
    note = {"this": _("Taken over from %(store)s") % {"store": store}, "last": _("The group's last change")}.get(
        state.source, _("Began from a preset")
    )
    button = primary_button(
        "deliver",
        _.many("Publish to %(n)d store", "Publish to %(n)d stores", len(state.chosen)),
        act(state.deliver, note),
        disabled=state.busy or not state.chosen,
    )
    return card(
        section(_("Publish to many stores"), ft.Text(_("Members and records stay as they are in each store. A store that cannot take it says why."), color=ft.Colors.ON_SURFACE_VARIANT)),
        chips("source", sources, state.source, lambda key: act(state.choose_source, key)),
        ft.Row(stores, wrap=True, spacing=8, run_spacing=8),
        ft.Row([ft.Container(button, width=280)]), *report, identifier="to-many",
    )  # fmt: skip


def _place(_, at: str, document) -> str:
    form, dot, key = at.partition(".")
    return where(_, ("forms", form, "fields", key), document) + ": " if dot else ""
