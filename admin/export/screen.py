"""The export page: what, which columns, why, and what left before."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import flet as ft

from admin.export.state import Export
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from admin.widgets import FIELD, chip_of, small_chip, titled
from shared.domain.config import StoreConfig
from shared.domain.exports import Column
from shared.gateway.exports import ExportRun
from shared.ui.feedback import Skeleton, act, field_problem, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    icon_button,
    identified,
    primary_button,
    secondary_button,
    section,
    text_field,
)


def column_name(_: Texts, config, form: str, key: str) -> str:
    """The store's label of a field; our label for other columns."""
    plain = {
        "owner_id": _("Owner"),
        "pool": _("Pool"),
        "renewal_owner_id": _("Renewal owner"),
        "last_contact_at": _("Last contact"),
        "created_at": _("Created"),
        "id": _("Number"),
        "customer_id": _("Customer number"),
        "status": _("Status"),
        "pipeline": _("Pipeline"),
        "stage": _("Stage"),
        "stage_at": _("Stage since"),
        "closed_at": _("Closed"),
        "lost_reason": _("Reason"),
        "author_id": _("Author"),
        "method": _("Method"),
        "outcome": _("Outcome"),
        "reached": _("Reached"),
        "occurred_at": _("When"),
    }
    of, field = (
        ("customer", key.removeprefix("customer.")) if key.startswith("customer.") else (form, key)
    )
    definition = config.forms[of].field(field) if of in config.forms else None
    if definition is None:
        return plain.get(key, key)
    words = _.label(definition.label)
    return (
        f"{_.label(config.forms['customer'].label)} · {words}"
        if key.startswith("customer.")
        else words
    )


@component
def ExportScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(Export, session)
    use_fetch(state.load)
    config = session.config
    if not state.loaded or config is None:
        return panel_page(_("Export"), Skeleton(5))
    forms = [(k, _.label(f.label)) for k, f in config.forms.items()]
    what = chip_of("export-form", forms, state.form, state.choose_form)
    blocks: list[ft.Control] = [
        card(section(_("1 · What to export"), what, *saved_layouts(_, state))),
        card(section(_("2 · Reason and file"), Make(state))),
        card(section(_("3 · Columns and their order"), Columns(state))),
    ]
    if state.runs:
        zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
        lines = [ft.Text(run_text(_, run, dict(forms), zone), size=13) for run in state.runs[:30]]
        blocks.append(card(identified("export-log", section(_("Export log"), *lines))))
    return panel_page(
        _("Export"),
        *blocks,
        problem=state.problem,
        again=act(state.load),
        note=_(
            "Only columns you can see are offered. Masked numbers stay masked, and "
            "every export is logged."
        ),
    )


def saved_layouts(_: Texts, state: Export) -> list[ft.Control]:
    chips: list[ft.Control] = [
        small_chip(
            f"layout-{i}",
            name,
            selected=name == state.layout_name,
            on_click=lambda e, name=name: state.choose_layout(name),
        )
        for i, name in enumerate(x.name for x in state.layouts if x.form == state.form)
    ]
    return [titled(_("Saved layouts"), ft.Row(chips, wrap=True, spacing=6))] if chips else []


def run_text(_: Texts, run: ExportRun, forms: dict[str, str], zone: ZoneInfo) -> str:
    """One export of the past: when, whose, what, why and the file's mark."""
    parts = [
        f"{run.created_at.astimezone(zone):%Y-%m-%d %H:%M}",
        run.author_name or "–",
        forms.get(run.form, run.form),
        _("%(n)d rows") % {"n": run.rows},
        run.reason,
    ]
    if run.sha256:
        parts += [str(run.file_name), f"{run.sha256[:12]}…"]
    return " · ".join(parts)


@component
def Columns(state: Export) -> ft.Control:
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    chosen = [c.key for c in state.columns]
    rows = [column_row(_, state, config, i, column) for i, column in enumerate(state.columns)]
    rest: list[ft.Control] = [
        small_chip(
            f"column-{k}".replace("_", "-").replace(".", "-"),
            column_name(_, config, state.form, k),
            selected=False,
            on_click=lambda e, k=k: state.flip(k),
        )
        for k in state.offered()
        if k not in chosen
    ]
    more = ft.Row(rest, wrap=True, spacing=6, run_spacing=6)
    return ft.Row(
        [
            ft.Container(ft.Column(rows, spacing=4), expand=3),
            ft.Container(titled(_("Not exported: tap to add"), more), expand=2),
        ],
        spacing=24,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def column_row(_: Texts, state: Export, config: StoreConfig, i: int, column: Column) -> ft.Control:
    name = ft.Text(
        column_name(_, config, state.form, column.key),
        width=170,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    heading = ft.TextField(
        value=column.heading,
        hint_text=_("Custom heading"),
        on_change=typed(partial(state.rename, column.key)),
        **FIELD,
    )
    return ft.Row(
        [
            ft.Text(f"{i + 1}", width=24, size=12, color=ft.Colors.OUTLINE),
            name,
            ft.Container(identified(f"heading-{i}", heading), expand=True),
            icon_button(
                f"column-up-{i}",
                ft.Icons.ARROW_UPWARD,
                _("Up"),
                act(state.move, i, -1),
                icon_size=18,
                disabled=i == 0,
            ),
            icon_button(
                f"column-down-{i}",
                ft.Icons.ARROW_DOWNWARD,
                _("Down"),
                act(state.move, i, 1),
                icon_size=18,
                disabled=i == len(state.columns) - 1,
            ),
            icon_button(
                f"column-out-{i}",
                ft.Icons.CLOSE,
                _("Do not export"),
                act(state.flip, column.key),
                icon_size=18,
            ),
        ],
        spacing=4,
        key=column.key,
    )


@component
def Make(state: Export) -> ft.Control:
    session, _ = use_admin(), use_text()
    save = ft.FilePicker()
    if session.config is None:
        return ft.Container()

    async def download(_event: Any) -> None:
        await save.save_file(file_name=state.file_name, src_bytes=state.file)

    layout = text_field(
        "layout-name",
        _("Name of this layout"),
        state.layout_name,
        typed(partial(state.set_value, "layout_name")),
        problem=field_problem(_, state.problems, "layout_name"),
        dense=True,
    )
    keep = secondary_button("save-layout", _("Save the layout"), act(state.save_layout))
    kinds = [("xlsx", "Excel (XLSX)"), ("csv", "CSV")]
    reason = text_field(
        "export-reason",
        _("Reason"),
        state.reason,
        typed(partial(state.set_value, "reason")),
        problem=field_problem(_, state.problems, "reason"),
        hint_text=_("Recipient and purpose"),
    )
    actions = ft.Row(
        [
            chip_of("export-kind", kinds, state.kind, partial(state.set_value, "kind")),
            ft.Container(make_button(_, state, session.config), width=240),
            ft.Container(layout, width=240),
            ft.Container(keep, width=170),
        ],
        spacing=12,
        wrap=True,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return ft.Column(
        [reason, actions, *([made_file(_, state, download)] if state.file else [])],
        spacing=12,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def make_button(_: Texts, state: Export, config: StoreConfig) -> ft.Control:
    headings = {k: column_name(_, config, state.form, k) for k in state.offered()}
    form = _.label(config.forms[state.form].label)
    words = _("%(n)d rows …") % {"n": state.count} if state.busy else _("Create the file")
    return primary_button(
        "make-export",
        words,
        act(state.make, headings, _("Yes"), _("No"), form),
        icon=ft.Icons.DOWNLOAD,
        disabled=state.busy or not state.columns,
    )


def made_file(_: Texts, state: Export, download: Any) -> ft.Control:
    words = _("%(name)s: %(n)d rows, recorded in the log.") % {
        "name": state.file_name,
        "n": state.count,
    }
    save = primary_button("download-export", _("Save the file"), download, icon=ft.Icons.SAVE_ALT)
    return ft.Row(
        [identified("export-facts", ft.Text(words)), ft.Container(save, width=180)], spacing=16
    )
