"""The export page: what, which columns, why, and what left before."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import flet as ft

from admin.export.state import Export
from admin.parts import FIELD, chip_of, small_chip, titled
from admin.session import use_admin
from admin.shell import panel_page, use_kept, use_loaded
from shared.ui.feedback import Skeleton, act, field_problem, typed
from shared.ui.parts import card, icon_button, identified, primary_button, secondary_button, section, text_field
from shared.ui.text import Texts, use_text
from shared.ui.view import component


def column_name(_: Texts, config, form: str, key: str) -> str:
    """The store's own word for a field; ours for what is no field."""
    plain = {
        "owner_id": _("Owner"), "pool": _("Pool"), "renewal_owner_id": _("Renewal owner"), "last_contact_at": _("Last contact"), "created_at": _("Since"), "id": _("Number"),
        "customer_id": _("Customer number"), "status": _("State"), "pipeline": _("Pipeline"), "stage": _("Stage"), "stage_at": _("Stage since"), "closed_at": _("Closed"),
        "lost_reason": _("Reason"), "author_id": _("Author"), "method": _("Method"), "outcome": _("Outcome"), "reached": _("Reached"), "occurred_at": _("When"),
    }  # fmt: skip
    of, field = ("customer", key.removeprefix("customer.")) if key.startswith("customer.") else (form, key)
    definition = config.forms[of].field(field) if of in config.forms else None
    if definition is None:
        return plain.get(key, key)
    words = _.label(definition.label)
    return f"{_.label(config.forms['customer'].label)} · {words}" if key.startswith("customer.") else words


@component
def ExportScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_kept(Export, session)
    use_loaded(state.load)
    config = session.config
    if not state.loaded or config is None:
        return panel_page(_("Export"), Skeleton(5))
    forms = [(k, _.label(f.label)) for k, f in config.forms.items()]
    layouts = [x.name for x in state.layouts if x.form == state.form]
    what = [
        chip_of("export-form", forms, state.form, state.choose_form),
        *([titled(_("Saved layouts"), ft.Row([small_chip(f"layout-{i}", n, selected=n == state.layout_name, on_click=lambda e, n=n: state.choose_layout(n)) for i, n in enumerate(layouts)], wrap=True, spacing=6))] if layouts else []),
    ]  # fmt: skip
    blocks: list[ft.Control] = [
        card(section(_("1 · What"), *what)), card(section(_("2 · Why, and the file"), Make(state))), card(section(_("3 · Which columns, in which order"), Columns(state))),
    ]  # fmt: skip
    zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    lines = [
        ft.Text(
            f"{r.created_at.astimezone(zone):%Y-%m-%d %H:%M} · {r.author_name or '–'} · {dict(forms).get(r.form, r.form)} · " + _("%(n)d rows") % {"n": r.rows} + f" · {r.reason}" + (f" · {r.file_name} · {r.sha256[:12]}…" if r.sha256 else ""), size=13
        ) for r in state.runs[:30]
    ]  # fmt: skip
    if lines:
        blocks.append(card(identified("export-log", section(_("What left so far"), *lines))))
    return panel_page(
        _("Export"),
        *blocks,
        problem=state.problem,
        again=act(state.load),
        note=_("What you may not see is not offered; masked numbers stay masked; every export is written down."),
    )


@component
def Columns(state: Export) -> ft.Control:
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    chosen = [c.key for c in state.columns]
    rest = [k for k in state.offered() if k not in chosen]
    rows: list[ft.Control] = [
        ft.Row([
            ft.Text(f"{i + 1}", width=24, size=12, color=ft.Colors.OUTLINE), ft.Text(column_name(_, config, state.form, c.key), width=170, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Container(identified(f"heading-{i}", ft.TextField(value=c.heading, hint_text=_("Own heading"), on_change=typed(partial(state.rename, c.key)), **FIELD)), expand=True),
            icon_button(f"column-up-{i}", ft.Icons.ARROW_UPWARD, _("Up"), act(state.move, i, -1), icon_size=18, disabled=i == 0),
            icon_button(f"column-down-{i}", ft.Icons.ARROW_DOWNWARD, _("Down"), act(state.move, i, 1), icon_size=18, disabled=i == len(chosen) - 1),
            icon_button(f"column-out-{i}", ft.Icons.CLOSE, _("Leave out"), act(state.flip, c.key), icon_size=18),
        ], spacing=4, key=c.key) for i, c in enumerate(state.columns)
    ]  # fmt: skip
    more = ft.Row(
        [
            small_chip(
                f"column-{k}".replace("_", "-").replace(".", "-"),
                column_name(_, config, state.form, k),
                selected=False,
                on_click=lambda e, k=k: state.flip(k),
            )
            for k in rest
        ],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )
    return ft.Row([
        ft.Container(ft.Column(rows, spacing=4), expand=3), ft.Container(titled(_("Not in the file: tap to take it in"), more), expand=2),
    ], spacing=24, vertical_alignment=ft.CrossAxisAlignment.START)  # fmt: skip


@component
def Make(state: Export) -> ft.Control:
    session, _ = use_admin(), use_text()
    config = session.config
    save = ft.FilePicker()
    if config is None:
        return ft.Container()
    headings = {k: column_name(_, config, state.form, k) for k in state.offered()}

    async def download(_event: Any) -> None:
        await save.save_file(file_name=state.file_name, src_bytes=state.file)

    name = text_field(
        "layout-name",
        _("Name of this layout"),
        state.layout_name,
        typed(partial(state.put, "layout_name")),
        problem=field_problem(_, state.problems, "layout_name"),
        dense=True,
    )
    parts: list[ft.Control] = [
        text_field("export-reason", _("Reason"), state.reason, typed(partial(state.put, "reason")), problem=field_problem(_, state.problems, "reason"), hint_text=_("For whom and for what")),
        ft.Row([
            chip_of("export-kind", [("xlsx", "Excel (XLSX)"), ("csv", "CSV")], state.kind, lambda k: state.put("kind", k)),
            ft.Container(primary_button("make-export", _("Make the file") if not state.busy else _("%(n)d rows …") % {"n": state.count}, act(state.make, headings, _("Yes"), _("No"), _.label(config.forms[state.form].label)), icon=ft.Icons.DOWNLOAD, disabled=state.busy or not state.columns), width=240),
            ft.Container(name, width=240), ft.Container(secondary_button("save-layout", _("Keep the layout"), act(state.save_layout)), width=170),
        ], spacing=12, wrap=True, vertical_alignment=ft.CrossAxisAlignment.CENTER),
    ]  # fmt: skip
    if state.file:
        parts.append(ft.Row([
            identified("export-facts", ft.Text(_("%(name)s: %(n)d rows, written down in the log.") % {"name": state.file_name, "n": state.count})),
            ft.Container(primary_button("download-export", _("Save the file"), download, icon=ft.Icons.SAVE_ALT), width=180),
        ], spacing=16))  # fmt: skip
    return ft.Column(parts, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
