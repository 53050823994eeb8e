"""The import page: one step below the other, each saying what it needs."""

import os
from functools import partial
from zoneinfo import ZoneInfo

import flet as ft

from admin.imports.state import ImportList
from admin.parts import chip_of, small_chip, titled
from admin.session import use_admin
from admin.shell import panel_page, use_kept, use_loaded
from shared.domain.imports import NEEDED, TARGETS
from shared.domain.labels import label_text
from shared.ui.feedback import act, typed
from shared.ui.parts import card, chips, identified, pill, primary_button, section, text_button, text_field
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import ConnectionContext, component

SHOWN = 50  # refused rows on the page; the file holds all


def kind_name(_: Texts, kind: str) -> str:
    return {"customers": _("Customers"), "policies": _("Policies with customers"), "deals": _("Deals with customers")}[kind]


def target_name(_: Texts, config, target: str) -> str:
    """What a column fills, in the store's own words."""
    form, _dot, key = target.partition(".")
    special = {
        "key": _("Number in the list"),
        "customer.family_name": _("Family name"),
        "deal.key": _("Deal number"),
        "deal.stage": _("Stage"),
        "deal.owner": _("Owner"),
        "deal.stage_on": _("Day of the stage"),
    }
    definition = config.forms[form].field(key) if form in config.forms else None
    return special.get(target) or (f"{label_text(config.forms[form].label, _.language)} · {_.label(definition.label)}" if definition else target)


@component
def ImportsScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_kept(ImportList, session)
    use_loaded(state.load)
    blocks: list[ft.Control] = [PickStep(state)]
    if state.sheet is not None and state.step == "map":
        blocks.append(MapStep(state))
    if state.step in ("preview", "running", "stopped", "done"):
        blocks.append(ResultStep(state))
    if state.runs:
        blocks.append(Past(state))
    return panel_page(_("Import"), *blocks, problem=state.problem, again=act(state.load))


def counts_text(_: Texts, counts: dict[str, int]) -> str:
    return " · ".join([
        _("%(n)d new") % {"n": counts.get("created", 0)}, _("%(n)d changed") % {"n": counts.get("updated", 0)},
        _("%(n)d the same") % {"n": counts.get("unchanged", 0)}, _("%(n)d refused") % {"n": counts.get("refused", 0)},
    ])  # fmt: skip


@component
def Past(state: ImportList) -> ft.Control:
    """Imports so far, each with its way back."""
    session, _ = use_admin(), use_text()
    zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    lines: list[ft.Control] = []
    for n, run in enumerate(state.runs[:10]):
        counts = counts_text(_, {"created": run.created, "updated": run.updated, "unchanged": run.unchanged, "refused": run.refused})
        words = ft.Text(f"{run.created_at.astimezone(zone):%Y-%m-%d %H:%M} · {run.file_name} · {counts} · {run.author_name or ''}", expand=True)
        if run.reverted_at is not None:
            way = pill(_("Taken back, %(n)d kept") % {"n": run.kept} if run.kept else _("Taken back"))
        elif state.asked == run.id:
            way = ft.Row(
                [ft.Text(_("Take everything of it back?")), text_button("revert-yes", _("Take back"), act(state.revert)), text_button("revert-no", _("Cancel"), act(state.ask_revert, None))]
                if not state.busy else [ft.ProgressRing(width=18, height=18, stroke_width=2), ft.Text(_("Taking back …"))], tight=True
            )  # fmt: skip
        else:
            way = text_button(f"revert-{n}", _("Take back …"), act(state.ask_revert, run.id), icon=ft.Icons.UNDO)
        lines.append(ft.Row([words, way], spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER))
    if state.reverted is not None:
        told = _("Taken back: %(taken)d records gone, %(changed)d as before.") % {"taken": state.reverted.taken, "changed": state.reverted.changed}
        if state.reverted.kept:
            names = "、".join(r.name or "–" for r in state.reverted.rows[:10])
            told += " " + _("%(n)d customers stay, because somebody worked on them since: %(names)s") % {"n": state.reverted.kept, "names": names}
        lines.insert(0, identified("revert-result", ft.Text(told, color=ft.Colors.PRIMARY)))
    return card(section(_("Imports so far"), *lines))


@component
def PickStep(state: ImportList) -> ft.Control:
    session, _ = use_admin(), use_text()
    page = ft.context.page

    async def uploaded(event) -> None:
        if event.error:
            state.problem, state.busy = "file_unreadable", False
        elif event.progress == 1.0 and state.uploading:
            stored, state.uploading = state.uploading, ""
            await act(state.open, session.services.uploads / stored, stored.split("__", 1)[-1])()

    # made anew for a browser that came back: one of its life before does not answer any more
    picker = ft.use_memo(lambda: ft.FilePicker(on_upload=uploaded), [ft.use_context(ConnectionContext).epoch])

    async def pick(_event) -> None:
        files = await picker.pick_files(file_type=ft.FilePickerFileType.CUSTOM, allowed_extensions=["csv", "xlsx", "txt"])
        if files:
            name = f"{session.services.new_id()}__{os.path.basename(files[0].name)}"  # names come from the client: ours in front
            state.busy, state.uploading = True, name
            await picker.upload([ft.FilePickerUploadFile(upload_url=page.get_upload_url(name, 600), id=files[0].id, name=files[0].name)])

    kinds = [(k, kind_name(_, k)) for k in TARGETS]
    found = (
        ft.Text(
            _("%(name)s: %(rows)d rows, %(columns)d columns")
            % {"name": state.file_name, "rows": len(state.sheet.rows), "columns": len(state.sheet.headings)}
        )
        if state.sheet
        else ft.Text(_("CSV or XLSX, up to 20 MB and 100,000 rows."), color=ft.Colors.ON_SURFACE_VARIANT)
    )
    return card(
        section(
            _("1 · What and which file"), chips("kind", kinds, state.kind, lambda key: act(state.choose_kind, key)),
            ft.Row([ft.Container(primary_button("pick-file", _("Choose a file") if not state.busy else _("One moment …"), pick, icon=ft.Icons.UPLOAD_FILE, disabled=state.busy), width=220), identified("file-facts", found)], spacing=16),
        )
    )  # fmt: skip


@component
def MapStep(state: ImportList) -> ft.Control:
    session, _ = use_admin(), use_text()
    config, sheet = session.config, state.sheet
    if config is None or sheet is None:
        return ft.Container()

    def dropdown(identifier: str, label: str, value: str, options: list[tuple[str, str]], choose, width: int = 300) -> ft.Control:
        shown = next((text for key, text in options if key == value), "")
        box = ft.Dropdown(
            label=label,
            value=value or None,
            width=width,
            dense=True,
            options=[ft.DropdownOption(key=k or " ", text=t) for k, t in options],
            on_select=lambda e: choose((e.control.value or "").strip()),
        )
        return identified(identifier, box, label=label, value=shown)

    columns = [("", _("– leave out –")), *((h, h) for h in sheet.headings)]
    boxes = []
    for target in TARGETS[state.kind]:
        needed = " *" if target in NEEDED[state.kind] else ""
        boxes.append(
            dropdown(
                f"map-{target}".replace(".", "-").replace("_", "-"),
                target_name(_, config, target) + needed,
                state.mapping.columns.get(target, ""),
                columns,
                lambda heading, target=target: state.map_column(target, heading),
            )
        )
    people = [("", _("– nobody –")), *state.members]
    levels = [(x.key, _.label(x.label)) for x in config.levels]
    source = config.forms["customer"].field("source")
    sources = [(o.key, _.label(o.label)) for o in (source.options if source else None) or ()]
    choices = [
        dropdown(
            "import-pool",
            _("Into the pool"),
            state.pool,
            [("", _("– none –")), *((p.key, _.label(p.label)) for p in config.pools)],
            lambda v: state.put("pool", v),
            220,
        ),
        dropdown("import-owner", _("Owner"), state.owner, people, lambda v: state.put("owner", v), 220),
        dropdown("import-renewal-owner", _("Renewal owner"), state.renewal_owner, people, lambda v: state.put("renewal_owner", v), 220),
        dropdown("import-level", _("Level"), state.level, levels, lambda v: state.put("level", v), 160),
        dropdown("import-source", _("Source"), state.source, sources, lambda v: state.put("source", v), 160),
        dropdown(
            "import-region",
            _("Phone numbers of"),
            state.mapping.phone_region,
            [
                ("CN", _("China")),
                ("TW", _("Taiwan")),
                ("HK", _("Hong Kong")),
                ("AU", _("Australia")),
                ("US", _("United States")),
                ("GB", _("United Kingdom")),
            ],
            lambda v: state.set_mapping(phone_region=v),
            180,
        ),
    ]
    nameless = text_field(
        "import-default-name",
        _("Name where the list has none"),
        state.mapping.defaults.get("customer.name", ""),
        typed(partial(state.set_default, "customer.name")),
        dense=True,
    )
    choices.append(ft.Container(nameless, width=260))
    go_on = ft.Container(
        primary_button("preview", _("Check all rows") if not state.busy else _("One moment …"), act(state.preview), disabled=bool(state.missing) or state.busy), width=220
    )  # fmt: skip
    parts: list[ft.Control] = [ft.Row([go_on]), section(_("2 · Which column is what"), ft.Row(boxes, wrap=True, spacing=12, run_spacing=12))]
    if state.kind == "deals":
        pipelines = [(p.key, _.label(p.label)) for p in config.pipelines]
        pipeline = config.pipeline(state.mapping.pipeline) or config.pipelines[0]
        stages = [("", "–"), *((s.key, _.label(s.label)) for s in pipeline.stages)]
        known = state.mapping.values.get("deal.stage", {})
        maps = [
            dropdown(f"stage-value-{n}", text, known.get(text, ""), stages, lambda key, text=text: state.map_value("deal.stage", text, key), 220)
            for n, text in enumerate(state.stage_values())
        ]
        parts.append(
            section(
                _("Pipeline and stages"),
                dropdown("import-pipeline", _("Pipeline"), pipeline.key, pipelines, lambda v: state.set_mapping(pipeline=v), 220),
                ft.Row(maps, wrap=True, spacing=12, run_spacing=12),
            )
        )
    if maps := state.value_maps():
        rows = []
        for target, texts in maps:
            form, _dot, key = target.partition(".")
            definition = config.forms[form].field(key)
            options = levels if key == "level" else [(o.key, _.label(o.label)) for o in (definition.options if definition else None) or ()]
            slug = target.replace(".", "-").replace("_", "-")
            of_target = state.mapping.values.get(target, {})
            rows += [
                dropdown(
                    f"value-{slug}-{n}", f"{target_name(_, config, target)}: {text}", of_target.get(text, ""), [("", _("– leave out –")), *options], lambda k, text=text, target=target: state.map_value(target, text, k), 220
                )
                for n, text in enumerate(texts)
            ]  # fmt: skip
        parts.append(section(_("Words of the list that are not ours"), ft.Row(rows, wrap=True, spacing=12, run_spacing=12)))
    fitting = [s.name for s in state.fitting(sheet)]
    if len(fitting) > 1:
        parts.insert(0, section(_("Saved columns"), chip_of("mapping", [(n, n) for n in fitting], state.mapping_name, state.choose_mapping)))
    ways = [("update", _("Take the list's word")), ("join", _("Fill only what is empty")), ("skip", _("Leave him as he is"))]
    keys = [("phone", _("Number and name")), ("plate", _("Plate")), ("vin", _("VIN")), ("policy_number", _("Policy number"))]
    parts.append(
        section(
            _("A customer who is there already"), titled(_("is found by"), ft.Row([small_chip(f"match-{k}".replace("_", "-"), n, selected=k in state.match, on_click=act(state.flip_match, k)) for k, n in keys], wrap=True, spacing=6)),
            titled(_("and then"), chip_of("duplicates", ways, state.duplicates, lambda v: state.put("duplicates", v))),
        )
    )  # fmt: skip
    parts.append(section(_("For new customers"), ft.Row(choices, wrap=True, spacing=12, run_spacing=12)))
    named = text_field(
        "mapping-name", _("Keep these columns as"), state.mapping_name, typed(partial(state.put, "mapping_name")), hint_text=os.path.splitext(state.file_name)[0], dense=True
    )  # fmt: skip
    parts.append(ft.Row([ft.Container(named, width=300)]))
    return card(*parts)


@component
def ResultStep(state: ImportList) -> ft.Control:
    session, _ = use_admin(), use_text()
    if session.config is None or state.sheet is None:
        return ft.Container()
    step = {"preview": Checked, "running": Running, "stopped": Stopped, "done": Finished}[state.step]
    return card(section(_("3 · Result"), step(state), *([Problems(state)] if state.problems else [])))


def wide(*controls: ft.Control) -> ft.Control:
    return ft.Column(list(controls), spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def Checked(state: ImportList) -> ft.Control:
    """What the file would do, before anything is written."""
    _ = use_text()
    total, bad = len(state.sheet.rows) if state.sheet else 0, len({p.row for p in state.problems})
    facts = _("%(good)d of %(total)d rows can be taken, %(bad)d cannot.") % {"good": total - bad, "total": total, "bad": bad}
    first = _("Of the first rows: %(counts)s") % {"counts": counts_text(_, state.counts)}
    go = primary_button("commit", _("Import %(n)d rows") % {"n": state.good_rows}, act(state.commit), disabled=state.busy or not state.good_rows)
    return wide(
        identified("import-facts", ft.Text(facts, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)),
        *([ft.Text(first, color=ft.Colors.ON_SURFACE_VARIANT)] if state.counts else []),
        ft.Row([ft.Container(go, width=260), text_button("map-again", _("Change the columns"), act(state.map_again), icon=ft.Icons.EDIT)]),
    )


@component
def Running(state: ImportList) -> ft.Control:
    _ = use_text()
    words = _("%(done)d of %(total)d rows") % {"done": state.done_rows, "total": state.good_rows}
    stop = text_button(
        "cancel-import", _("Stop") if not state.stopping else _("Stops after these rows …"), act(state.stop), icon=ft.Icons.STOP_CIRCLE_OUTLINED
    )
    return wide(
        ft.ProgressBar(value=state.done_rows / max(state.good_rows, 1), bar_height=8, border_radius=4),
        ft.Row([identified("import-progress", ft.Text(words, theme_style=ft.TextThemeStyle.TITLE_MEDIUM), live_region=True), stop], spacing=12),
        ft.Text(_("You may look at other pages meanwhile; this goes on."), color=ft.Colors.ON_SURFACE_VARIANT),
    )  # fmt: skip


@component
def Stopped(state: ImportList) -> ft.Control:
    _ = use_text()
    words = _("Stopped after %(done)d of %(total)d rows. Go on, or take back below what came in.") % {
        "done": state.done_rows,
        "total": state.good_rows,
    }
    go = primary_button("commit", _("Go on with %(n)d rows") % {"n": state.good_rows - state.done_rows}, act(state.commit), disabled=state.busy)
    return wide(
        identified("import-stopped", ft.Text(words, theme_style=ft.TextThemeStyle.TITLE_MEDIUM), live_region=True),
        ft.Text(counts_text(_, state.counts), color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row([ft.Container(go, width=260), text_button("another", _("Another file"), act(state.again), icon=ft.Icons.RESTART_ALT)]),
    )  # fmt: skip


@component
def Finished(state: ImportList) -> ft.Control:
    _ = use_text()
    counts = {**state.counts, "refused": len({p.row for p in state.problems})}  # here before, and by the server
    done = [ft.Icon(ft.Icons.CHECK_CIRCLE, color=ft.Colors.PRIMARY), identified("import-result", ft.Text(counts_text(_, counts), theme_style=ft.TextThemeStyle.TITLE_MEDIUM), live_region=True)]  # fmt: skip
    note = _("What was refused stands below. Save it as a file, mend it there and import that file: nothing comes twice.")
    return wide(
        ft.Row(done, spacing=8),
        *([ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT)] if state.problems else []),
        text_button("another", _("Another file"), act(state.again), icon=ft.Icons.RESTART_ALT),
    )


@component
def Problems(state: ImportList) -> ft.Control:
    """The first rows that cannot be taken, and all of them as a file."""
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    headings = (_("Row"), _("Field"), _("Problem"), _("Value"))

    def name(field: str) -> str:
        return target_name(_, config, field)

    def sentence(code: str) -> str:
        return problem_text(_, code)

    async def download(_event) -> None:
        words = state.error_file(headings, name, sentence)
        name_of_file = f"{os.path.splitext(state.file_name)[0]}-" + _("not imported") + ".csv"
        await ft.FilePicker().save_file(file_name=name_of_file, src_bytes=words.encode("utf8"))

    lines = [
        ft.DataRow(cells=[ft.DataCell(ft.Text(x, width=w, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)) for x, w in ((str(p.row), 56), (name(p.field), 150), (sentence(p.code), 330), (p.value, 190))])
        for p in state.problems[:SHOWN]
    ]  # fmt: skip
    more = [ft.Text(_("and %(n)d more, all of them in the file") % {"n": len(state.problems) - SHOWN}, color=ft.Colors.ON_SURFACE_VARIANT)]
    return wide(
        text_button("error-file", _("Save the error file"), download, icon=ft.Icons.DOWNLOAD),
        ft.Row([ft.DataTable(columns=[ft.DataColumn(label=ft.Text(x)) for x in headings], rows=lines)], scroll=ft.ScrollMode.AUTO),
        *(more if len(state.problems) > SHOWN else []),
    )
