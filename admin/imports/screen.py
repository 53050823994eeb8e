"""The import page: one step below the other, each saying what it needs."""

from typing import get_args
from zoneinfo import ZoneInfo

import flet as ft

from admin.imports.column_mapping import ColumnMapping
from admin.imports.labels import counts_text, kind_name
from admin.imports.map_step import MapStep
from admin.imports.open_file import OpenFile
from admin.imports.result_step import ResultStep
from admin.imports.state import ENDINGS, ImportList
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from shared.domain.imports import Kind
from shared.gateway.imports import ImportRun, Reverted
from shared.ui.feedback import act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, chips, identified, pill, primary_button, section, text_button


@component
def ImportsScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(ImportList, session)
    use_fetch(state.load)
    blocks: list[ft.Control] = [PickStep(state, state.file, state.columns)]
    if state.step == "map":
        blocks.append(MapStep(state, state.file, state.columns, state.options))
    if state.step in ("preview", "running", "stopped", "done"):
        blocks.append(ResultStep(state, state.rows))
    if state.runs:
        blocks.append(Past(state))
    return panel_page(_("Import"), *blocks, problem=state.problem, again=act(state.load))


@component
def Past(state: ImportList) -> ft.Control:
    """Earlier imports; each can be reverted."""
    session, _ = use_admin(), use_text()
    zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    lines: list[ft.Control] = [
        past_import(_, state, n, run, zone) for n, run in enumerate(state.runs[:10])
    ]
    if state.reverted is not None:
        words = ft.Text(reverted_text(_, state.reverted), color=ft.Colors.PRIMARY)
        lines.insert(0, identified("revert-result", words))
    return card(section(_("Past imports"), *lines))


def past_import(_: Texts, state: ImportList, n: int, run: ImportRun, zone: ZoneInfo) -> ft.Control:
    counts = {
        "created": run.created,
        "updated": run.updated,
        "unchanged": run.unchanged,
        "refused": run.refused,
    }
    words = ft.Text(
        f"{run.created_at.astimezone(zone):%Y-%m-%d %H:%M} · {run.file_name} · "
        f"{counts_text(_, counts)} · {run.author_name or ''}",
        expand=True,
    )
    return ft.Row(
        [words, way_back(_, state, n, run)],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def way_back(_: Texts, state: ImportList, n: int, run: ImportRun) -> ft.Control:
    """Reverting an import: offered, asked about, under way or done."""
    if run.reverted_at is not None:
        return pill(_("Reverted, %(n)d kept") % {"n": run.kept} if run.kept else _("Reverted"))
    if state.asked != run.id:
        return text_button(
            f"revert-{n}", _("Revert …"), act(state.ask_revert, run.id), icon=ft.Icons.UNDO
        )
    if state.busy:
        wait = ft.ProgressRing(width=18, height=18, stroke_width=2)
        return ft.Row([wait, ft.Text(_("Reverting …"))], tight=True)
    return ft.Row(
        [
            ft.Text(_("Revert this import?")),
            text_button("revert-yes", _("Revoke"), act(state.revert)),
            text_button("revert-no", _("Cancel"), act(state.ask_revert, None)),
        ],
        tight=True,
    )


def reverted_text(_: Texts, reverted: Reverted) -> str:
    summary = _("Reverted: %(taken)d records removed, %(changed)d restored.") % {
        "taken": reverted.taken,
        "changed": reverted.changed,
    }
    if not reverted.kept:
        return summary
    kept = _("%(n)d customers were kept because they have been changed since: %(names)s") % {
        "n": reverted.kept,
        "names": _.comma.join(r.name or "–" for r in reverted.rows[:10]),
    }
    return f"{summary} {kept}"


@component
def PickStep(state: ImportList, file: OpenFile, columns: ColumnMapping) -> ft.Control:
    _ = use_text()

    async def pick(_event: object) -> None:
        files = await ft.FilePicker().pick_files(
            file_type=ft.FilePickerFileType.CUSTOM,
            allowed_extensions=list(ENDINGS),
            with_data=True,
        )
        for file in files[:1]:
            await act(state.open, file.bytes or b"", file.name)()

    button = primary_button(
        "pick-file",
        _("Choose a file") if not state.busy else _("One moment …"),
        pick,
        icon=ft.Icons.UPLOAD_FILE,
        disabled=state.busy,
    )
    kinds = [(k, kind_name(_, k)) for k in get_args(Kind)]
    return card(
        section(
            _("1 · What to import, and the file"),
            chips("kind", kinds, columns.kind, lambda key: act(state.choose_kind, key)),
            ft.Row([ft.Container(button, width=220), facts_of_file(_, file)], spacing=16),
        )
    )


def facts_of_file(_: Texts, file: OpenFile) -> ft.Control:
    if file.sheet is None:
        words = _("CSV or XLSX, up to 20 MB and 100,000 rows.")
        return identified("file-facts", ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT))
    words = _("%(name)s: %(rows)d rows, %(columns)d columns") % {
        "name": file.name,
        "rows": len(file.sheet.rows),
        "columns": len(file.sheet.headings),
    }
    return identified("file-facts", ft.Text(words))
