"""Step three: what the rows would do, the import on its way, and what came of it."""

import os

import flet as ft

from admin.imports.checked_rows import CheckedRows
from admin.imports.labels import counts_text, effect_text, target_name
from admin.imports.state import ImportList
from admin.session import use_admin
from shared.domain.imports import RowProblem
from shared.domain.labels import label_text
from shared.ui.feedback import act
from shared.ui.text import problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, primary_button, section, text_button

SHOWN = 50  # refused rows on the page; the file holds all


@component
def ResultStep(state: ImportList, rows: CheckedRows) -> ft.Control:
    session, _ = use_admin(), use_text()
    if session.config is None or state.file.sheet is None:
        return ft.Container()
    step = {"preview": Checked, "running": Running, "stopped": Stopped, "done": Finished}[
        state.step
    ]
    return card(
        section(
            _("3 · Result"),
            step(state, rows),
            *([Problems(state, rows)] if rows.problems else []),
            *([Effects(rows)] if rows.effects and state.step == "preview" else []),
            *([Doubts(rows)] if rows.warnings else []),
        )
    )


def wide(*controls: ft.Control) -> ft.Control:
    return ft.Column(list(controls), spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def Checked(state: ImportList, rows: CheckedRows) -> ft.Control:
    """What the file would do, before anything is written."""
    _ = use_text()
    sheet, bad = state.file.sheet, len({p.row for p in rows.problems})
    total = len(sheet.rows) if sheet else 0
    facts = _("%(good)d of %(total)d rows can be imported, %(bad)d cannot.") % {
        "good": total - bad,
        "total": total,
        "bad": bad,
    }
    first = _("In the first 200 rows: %(counts)s") % {"counts": counts_text(_, rows.counts)}
    open_words = state.columns.undecided()
    go = primary_button(
        "commit",
        _("Import %(n)d rows") % {"n": rows.good},
        act(state.commit),
        disabled=state.busy or not rows.good,
    )
    return wide(
        identified("import-facts", ft.Text(facts, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)),
        *([ft.Text(first, color=ft.Colors.ON_SURFACE_VARIANT)] if rows.counts else []),
        *(
            [
                ft.Text(
                    _("%(n)d values are not matched yet; rows with them are rejected.")
                    % {"n": open_words},
                    color=ft.Colors.ERROR,
                )
            ]
            if open_words
            else []
        ),
        ft.Row(
            [
                ft.Container(go, width=260),
                text_button(
                    "map-again", _("Change columns"), act(state.map_again), icon=ft.Icons.EDIT
                ),
            ]
        ),
    )


@component
def Running(state: ImportList, rows: CheckedRows) -> ft.Control:
    _ = use_text()
    words = _("%(done)d of %(total)d rows") % {"done": rows.done, "total": rows.good}
    stop = text_button(
        "cancel-import",
        _("Stop") if not rows.stopping else _("Stopping after these rows …"),
        lambda e: rows.stop(),
        icon=ft.Icons.STOP_CIRCLE_OUTLINED,
    )
    return wide(
        ft.ProgressBar(value=rows.done / max(rows.good, 1), bar_height=8, border_radius=4),
        ft.Row(
            [
                identified(
                    "import-progress",
                    ft.Text(words, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
                    live_region=True,
                ),
                stop,
            ],
            spacing=12,
        ),
        ft.Text(
            _("You can use other pages meanwhile; the import continues."),
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
    )


@component
def Stopped(state: ImportList, rows: CheckedRows) -> ft.Control:
    _ = use_text()
    words = _(
        "Stopped after %(done)d of %(total)d rows. Continue, or revert the imported rows below."
    ) % {
        "done": rows.done,
        "total": rows.good,
    }
    go = primary_button(
        "commit",
        _("Continue with %(n)d rows") % {"n": rows.good - rows.done},
        act(state.commit),
        disabled=state.busy,
    )
    return wide(
        identified(
            "import-stopped",
            ft.Text(words, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
            live_region=True,
        ),
        ft.Text(counts_text(_, rows.counts), color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row(
            [
                ft.Container(go, width=260),
                text_button(
                    "another", _("Import another file"), act(state.again), icon=ft.Icons.RESTART_ALT
                ),
            ]
        ),
    )


@component
def Finished(state: ImportList, rows: CheckedRows) -> ft.Control:
    _ = use_text()
    counts = {
        **rows.counts,
        "refused": len({p.row for p in rows.problems}),
    }  # here before, and by the server
    done = [
        ft.Icon(ft.Icons.CHECK_CIRCLE, color=ft.Colors.PRIMARY),
        identified(
            "import-result",
            ft.Text(counts_text(_, counts), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
            live_region=True,
        ),
    ]
    note = _(
        "Rejected rows are listed below. Save them as a file, correct it and import it: "
        "nothing is imported twice."
    )
    return wide(
        ft.Row(done, spacing=8),
        *([ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT)] if rows.problems else []),
        text_button(
            "another", _("Import another file"), act(state.again), icon=ft.Icons.RESTART_ALT
        ),
    )


@component
def Problems(state: ImportList, rows: CheckedRows) -> ft.Control:
    """The first rows that cannot be taken, and all of them as a file."""
    session, _ = use_admin(), use_text()
    config, sheet = session.config, state.file.sheet
    if config is None or sheet is None:
        return ft.Container()
    headings = (_("Row"), _("Field"), _("Problem"), _("Value"))

    def name(field: str) -> str:
        return target_name(_, config, field)

    def sentence(code: str) -> str:
        return problem_text(_, code)

    async def download(_event) -> None:
        words = rows.error_file(sheet, headings, name, sentence)
        name_of_file = f"{os.path.splitext(state.file.name)[0]}-" + _("not imported") + ".csv"
        await ft.FilePicker().save_file(file_name=name_of_file, src_bytes=words.encode("utf8"))

    lines = [
        ft.DataRow(
            cells=[
                ft.DataCell(ft.Text(x, width=w, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS))
                for x, w in (
                    (str(p.row), 56),
                    (name(p.field), 150),
                    (sentence(p.code), 330),
                    (p.value, 190),
                )
            ]
        )
        for p in rows.problems[:SHOWN]
    ]
    more = [
        ft.Text(
            _("and %(n)d more, all of them in the file") % {"n": len(rows.problems) - SHOWN},
            color=ft.Colors.ON_SURFACE_VARIANT,
        )
    ]
    return wide(
        text_button("error-file", _("Save the error file"), download, icon=ft.Icons.DOWNLOAD),
        ft.Row(
            [ft.DataTable(columns=[ft.DataColumn(label=ft.Text(x)) for x in headings], rows=lines)],
            scroll=ft.ScrollMode.AUTO,
        ),
        *(more if len(rows.problems) > SHOWN else []),
    )


@component
def Doubts(rows: CheckedRows) -> ft.Control:
    """Values that were read with a doubt: what stood there, and how it was read."""
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    by_code: dict[tuple[str, str], list[RowProblem]] = {}
    for warning in rows.warnings:
        by_code.setdefault((warning.field, warning.code), []).append(warning)
    lines: list[ft.Control] = []
    for (target, code), found in by_code.items():
        places = "、".join(
            f"{w.row} ({' → '.join(x for x in (w.value, w.rest) if x)})" for w in found[:SHOWN]
        )
        words = _("%(field)s, %(n)d rows: %(sentence)s %(rows)s") % {
            "field": target_name(_, config, target),
            "n": len(found),
            "sentence": problem_text(_, code),
            "rows": places,
        }
        lines.append(ft.Text(words, selectable=True))
    return identified("doubts", wide(section(_("Please review these"), *lines)))


@component
def Effects(rows: CheckedRows) -> ft.Control:
    """What becomes of each of the first rows: what is created, and field by field what changes."""
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    lines = []
    summary = [a for a in rows.effects if a.made or a.changes]
    for answer in summary[:SHOWN]:
        made = [
            _("new: %(form)s") % {"form": label_text(config.forms[f].label, _.language)}
            for f in answer.made
            if f in config.forms
        ]
        changed = [effect_text(_, config, change) for change in answer.changes]
        cells = (str(answer.row), answer.found or "", " · ".join([*made, *changed]))
        lines.append(
            ft.DataRow(
                cells=[
                    ft.DataCell(ft.Text(x, width=w, max_lines=3))
                    for x, w in zip(cells, (56, 150, 520), strict=True)
                ]
            )
        )
    headings = (_("Row"), _("Customer"), _("Result"))
    more = [
        ft.Text(
            _("and %(n)d more rows") % {"n": len(summary) - SHOWN},
            color=ft.Colors.ON_SURFACE_VARIANT,
        )
    ]
    return identified(
        "effects",
        wide(
            ft.Row(
                [
                    ft.DataTable(
                        columns=[ft.DataColumn(label=ft.Text(x)) for x in headings], rows=lines
                    )
                ],
                scroll=ft.ScrollMode.AUTO,
            ),
            *(more if len(summary) > SHOWN else []),
        ),
    )
