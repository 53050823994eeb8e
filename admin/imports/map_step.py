"""Step two: which sheet, what each column fills, and what its words mean."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import flet as ft

from admin.imports.column_mapping import ColumnMapping
from admin.imports.import_options import OVERWRITE, ImportOptions
from admin.imports.labels import choice_name, target_name
from admin.imports.open_file import OpenFile
from admin.imports.reader import Sheet
from admin.imports.state import ImportList
from admin.session import use_admin
from admin.widgets import chip_of, small_chip, titled
from shared.domain import imports
from shared.domain.config import StoreConfig
from shared.domain.imports import REQUIRED_TARGETS, targets
from shared.ui.feedback import act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    chips,
    identified,
    pill,
    primary_button,
    section,
    text_field,
)

WORDS_SHOWN = 60  # words of one column, each with its own choice; the others get one together
Choices = list[tuple[str, str]]


@component
def MapStep(
    state: ImportList, file: OpenFile, columns: ColumnMapping, options: ImportOptions
) -> ft.Control:
    session, _ = use_admin(), use_text()
    config, sheet = session.config, file.sheet
    if config is None or sheet is None:
        return ft.Container()
    return card(
        *saved_columns(_, columns, sheet),
        ft.Row([check_button(_, state)]),
        facts_of_sheet(_, state, sheet),
        match_columns(_, columns, sheet, config),
        *([match_stages(_, columns, config)] if columns.kind == "deals" else []),
        *words_to_match(_, columns, config),
        existing_customers(_, options, config),
        new_customers(_, columns, options, config),
        writing_of_list(_, columns),
        name_of_mapping(_, columns),
    )


def dropdown(
    identifier: str,
    label: str,
    value: str,
    options: Choices,
    choose: Callable[[str], Any],
    width: int = 220,
) -> ft.Control:
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


def wrapped(controls: list[ft.Control]) -> ft.Control:
    return ft.Row(controls, wrap=True, spacing=12, run_spacing=12)


def slug_of(target: str) -> str:
    return target.replace(".", "-").replace("_", "-")


def saved_columns(_: Texts, columns: ColumnMapping, sheet: Sheet) -> list[ft.Control]:
    """The saved mappings that fit, where there is a choice."""
    fitting = [(s.name, s.name) for s in columns.fitting(sheet)]
    if len(fitting) < 2:
        return []
    return [
        section(
            _("Saved column matching"), chip_of("mapping", fitting, columns.name, columns.choose)
        )
    ]


def check_button(_: Texts, state: ImportList) -> ft.Control:
    return ft.Container(
        primary_button(
            "preview",
            _("Check all rows") if not state.busy else _("One moment …"),
            act(state.preview),
            disabled=bool(state.columns.missing) or state.busy,
        ),
        width=220,
    )


def match_columns(
    _: Texts, columns: ColumnMapping, sheet: Sheet, config: StoreConfig
) -> ft.Control:
    """For each target the column that fills it."""
    headings = [("", _("– skip –")), *((h, h) for h in sheet.headings)]
    boxes: list[ft.Control] = [
        dropdown(
            f"map-{slug_of(target)}",
            target_name(_, config, target)
            + (" *" if target in REQUIRED_TARGETS[columns.kind] else ""),
            columns.mapping.columns.get(target, ""),
            headings,
            partial(columns.map_column, target),
            300,
        )
        for target in targets(columns.kind, config)
    ]
    return section(_("2 · Match columns"), wrapped(boxes), *columns_left(_, columns, sheet))


def match_stages(_: Texts, columns: ColumnMapping, config: StoreConfig) -> ft.Control:
    """The pipeline deals go to, and which of its stages each word of the list means."""
    pipelines = [(p.key, _.label(p.label)) for p in config.pipelines]
    pipeline = config.pipeline(columns.mapping.pipeline) or config.pipelines[0]
    stages = [("", "–"), *((s.key, _.label(s.label)) for s in pipeline.stages)]
    known = columns.mapping.values.get("deal.stage", {})
    return section(
        _("Pipeline and stages"),
        dropdown(
            "import-pipeline",
            _("Pipeline"),
            pipeline.key,
            pipelines,
            lambda v: columns.change(pipeline=v),
        ),
        wrapped(
            [
                dropdown(
                    f"stage-value-{n}",
                    text,
                    known.get(text, ""),
                    stages,
                    partial(columns.map_value, "deal.stage", text),
                )
                for n, text in enumerate(columns.stage_values())
            ]
        ),
    )


def existing_customers(_: Texts, options: ImportOptions, config: StoreConfig) -> ft.Control:
    """By what a customer who is there is found, and what the list may change of them."""
    ways = [
        ("update", _("Overwrite with the file")),
        ("join", _("Fill in empty fields only")),
        ("skip", _("Leave unchanged")),
    ]
    keys = [
        ("phone", _("Phone number and name")),
        ("plate", _("Plate")),
        ("vin", _("VIN")),
        ("policy_number", _("Policy number")),
    ]
    matches: list[ft.Control] = [
        small_chip(
            f"match-{slug_of(k)}",
            n,
            selected=k in options.match,
            on_click=lambda e, k=k: options.flip_match(k),
        )
        for k, n in keys
    ]
    overwritten: list[ft.Control] = [
        small_chip(
            f"overwrite-{k}",
            target_name(_, config, f"customer.{k}"),
            selected=k in options.overwrite,
            on_click=lambda e, k=k: options.flip_overwrite(k),
        )
        for k in OVERWRITE
    ]
    way = chip_of("duplicates", ways, options.duplicates, partial(options.set_value, "duplicates"))
    return section(
        _("Existing customers"),
        titled(_("Matched by"), ft.Row(matches, wrap=True, spacing=6)),
        titled(_("Next action"), way),
        titled(_("Can be updated"), ft.Row(overwritten, spacing=6)),
    )


def new_customers(
    _: Texts, columns: ColumnMapping, options: ImportOptions, config: StoreConfig
) -> ft.Control:
    """Whose a new customer is, and what the list does not say about them."""

    def choice(key: str, label: str, choices: Choices, width: int = 220) -> ft.Control:
        return dropdown(
            f"import-{slug_of(key)}",
            label,
            getattr(options, key),
            choices,
            partial(options.set_value, key),
            width,
        )

    people = [("", _("– nobody –")), *columns.members]
    pools = [("", _("– none –")), *((p.key, _.label(p.label)) for p in config.pools)]
    source = config.forms["customer"].field("source")
    sources = [(o.key, _.label(o.label)) for o in (source.options if source else None) or ()]
    nameless = text_field(
        "import-default-name",
        _("Name for rows without one"),
        columns.mapping.defaults.get("customer.name", ""),
        typed(partial(columns.set_default, "customer.name")),
        dense=True,
    )
    return section(
        _("For new customers"),
        wrapped(
            [
                choice("pool", _("Add to pool"), pools),
                choice("owner", _("Owner"), people),
                choice("renewal_owner", _("Renewal owner"), people),
                choice(
                    "level", _("Level"), [(x.key, _.label(x.label)) for x in config.levels], 160
                ),
                choice("source", _("Source"), sources, 160),
                phone_region(_, columns),
                ft.Container(nameless, width=260),
            ]
        ),
    )


def phone_region(_: Texts, columns: ColumnMapping) -> ft.Control:
    return dropdown(
        "import-region",
        _("Phone number region"),
        columns.mapping.phone_region,
        [
            ("CN", _("China")),
            ("TW", _("Taiwan")),
            ("HK", _("Hong Kong")),
            ("AU", _("Australia")),
            ("US", _("United States")),
            ("GB", _("United Kingdom")),
        ],
        lambda v: columns.change(phone_region=v),
        180,
    )


def writing_of_list(_: Texts, columns: ColumnMapping) -> ft.Control:
    """The order of its days, and whose numbers it holds."""
    orders = [
        ("", _("– ask row by row –")),
        ("dmy", _("day/month/year")),
        ("mdy", _("month/day/year")),
        ("ymd", _("year/month/day")),
    ]
    system = text_field(
        "import-system",
        _("System these numbers come from"),
        columns.mapping.source_system,
        typed(lambda v: columns.change(source_system=v[:40])),
        hint_text="DMS",
        dense=True,
    )
    return section(
        _("Formats in this file"),
        ft.Row(
            [
                dropdown(
                    "import-date-order",
                    _("Dates like 03/05/2027"),
                    columns.mapping.date_order,
                    orders,
                    lambda v: columns.change(date_order=v),
                ),
                ft.Container(system, width=320),
            ],
            wrap=True,
            spacing=12,
        ),
    )


def name_of_mapping(_: Texts, columns: ColumnMapping) -> ft.Control:
    named = text_field(
        "mapping-name",
        _("Save the column matching as"),
        columns.name,
        typed(columns.rename),
        hint_text=os.path.splitext(columns.file.name)[0],
        dense=True,
    )
    return ft.Row([ft.Container(named, width=300)])


def facts_of_sheet(_: Texts, state: ImportList, sheet: Sheet) -> ft.Control:
    """Which sheet and which row of headings, and what of the file is no record."""
    file = state.file
    choices: list[ft.Control] = []
    if len(file.sheets) > 1:
        names = [
            (name, name if visible else _("%(name)s (hidden)") % {"name": name})
            for name, visible in file.sheets
        ]
        choices.append(chips("sheet", names, file.sheet_name, act(state.choose_sheet)))
    choices.append(
        dropdown(
            "heading-row",
            _("Header row"),
            str(sheet.heading_row),
            file.heading_choices(),
            lambda row: act(state.choose_heading_row, row)(None),
            420,
        )
    )
    if sheet.hidden:
        choices.append(
            small_chip(
                "with-hidden",
                _("Also import the %(n)d hidden rows") % {"n": len(sheet.hidden)},
                selected=file.with_hidden,
                on_click=lambda e: file.flip_hidden(),
            )
        )
    return section(
        _("Sheet and header row"),
        ft.Row(choices, wrap=True, spacing=12),
        *(
            ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT)
            for note in notes_on_sheet(_, state.columns, sheet)
        ),
    )


def notes_on_sheet(_: Texts, columns: ColumnMapping, sheet: Sheet) -> list[str]:
    """What of the sheet is no record, and what looks wrong with it."""
    notes = [
        _("Row %(n)d is skipped: %(text)s") % {"n": left.number, "text": left.text}
        for left in sheet.left[:20]
    ]
    if len(sheet.left) > 20:
        notes.append(_("and %(n)d more rows that are not records") % {"n": len(sheet.left) - 20})
    for code, note in (
        ("unclosed_quote", _("Unclosed quotation mark in row %(rows)s.")),
        ("extra_cells", _("More cells than the header in row %(rows)s.")),
    ):
        if rows := "、".join(str(n) for n in sorted(sheet.broken) if sheet.broken[n] == code):
            notes.append(note % {"rows": rows[:60]})
    if region := columns.region_to_ask():
        notes.append(
            _("Many numbers seem to be from another country (%(region)s). Choose it below.")
            % {"region": region}
        )
    return notes


def columns_left(_: Texts, columns: ColumnMapping, sheet: Sheet) -> list[ft.Control]:
    """The columns that fill nothing, with what stands in them."""
    summary: list[ft.Control] = []
    for heading in columns.unmatched:
        sample = next((str(row[heading]) for row in sheet.rows[:50] if row.get(heading)), "")
        words = f"{heading}{_.colon}{sample[:40]}" if sample else heading
        summary.append(pill(words))
    if not summary:
        return []
    title = ft.Text(_("Columns that are not imported"), color=ft.Colors.ON_SURFACE_VARIANT)
    return [identified("unmatched", title), ft.Row(summary, wrap=True, spacing=6, run_spacing=6)]


def words_to_match(_: Texts, columns: ColumnMapping, config: StoreConfig) -> list[ft.Control]:
    """Words the store does not have: what each means, how often it stands there, and one choice for
    all that nobody decided about."""
    rows = [
        control
        for target, texts in columns.unknown_words()
        for control in unknown_words(_, columns, config, target, texts)
    ]
    return [section(_("Values to match"), *rows)] if rows else []


def unknown_words(
    _: Texts, columns: ColumnMapping, config: StoreConfig, target: str, texts: dict[str, int]
) -> list[ft.Control]:
    """The unknown words of one column; texts: each with the number of its rows."""
    keys = dict.fromkeys(
        (imports.choices(config, columns.mapping, columns.owners, target) or {}).values()
    )
    options = [
        ("?", _("– not decided –")),
        ("-", _("– skip –")),
        *((key, choice_name(_, config, columns.members, target, key)) for key in keys),
    ]
    known, others = columns.mapping.values.get(target, {}), columns.mapping.others.get(target)
    boxes: list[ft.Control] = [
        dropdown(
            f"value-{slug_of(target)}-{n}",
            f"{text} ({count})",
            shown_choice(known.get(text)),
            options,
            lambda k, text=text: columns.map_value(target, text, chosen(k)),
        )
        for n, (text, count) in enumerate(list(texts.items())[:WORDS_SHOWN])
    ]
    boxes.append(
        dropdown(
            f"others-{slug_of(target)}",
            _("All other values"),
            shown_choice(others),
            options,
            lambda k: columns.map_others(target, chosen(k)),
        )
    )
    summary = _("%(field)s: %(n)d values the store does not have") % {
        "field": target_name(_, config, target),
        "n": len(texts),
    }
    return [ft.Text(summary), wrapped(boxes)]


def shown_choice(key: str | None) -> str:
    return "?" if key is None else key or "-"


def chosen(key: str) -> str | None:
    return None if key in ("?", "") else "" if key == "-" else key
