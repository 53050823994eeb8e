"""Pipelines and stages: order, name, colour, kind, the ways between them, what a move asks for."""

from typing import Any

import flet as ft

from admin.draft import Draft, use_draft
from admin.labels import color_name, stage_type_name
from admin.session import use_admin
from admin.shell import NARROW, panel_page, use_fetch, use_tab_state
from admin.stages.state import Stages
from admin.widgets import (
    NameField,
    NameInLanguages,
    choices,
    handle,
    mover,
    ordered,
    small_chip,
    titled,
)
from shared.domain.config import STAGE_COLORS
from shared.domain.draft_merge import GONE
from shared.ui.feedback import Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import is_dark, stage_color
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, identified, section, text_button

ROW = 60  # px


@component
def StagesScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Stages, session)
    use_fetch(state.load, draft.base_version)
    title = _("Pipelines and stages")
    if not draft.loaded:
        return panel_page(title, Skeleton(5))
    left = ft.ListView(
        [PipelineChoice(state), StageList(state), Moves(state), ft.Container(height=16)],
        expand=True,
        spacing=16,
        build_controls_on_demand=False,
    )
    right = ft.Container(
        ft.ListView(
            [StageProperties(state), ft.Container(height=16)], build_controls_on_demand=False
        ),
        width=320,
    )
    body = ft.Row(
        [left, right], expand=True, spacing=16, vertical_alignment=ft.CrossAxisAlignment.STRETCH
    )
    return panel_page(
        title,
        body=body,
        problem=state.problem,
        again=act(state.load),
        note=_("The app uses only the kind of a stage, so you can name stages as you like."),
    )


@component
def PipelineChoice(state: Stages) -> ft.Control:
    draft, _ = use_draft(), use_text()
    here = state.here
    chips = [
        small_chip(
            f"pipeline-{p['key']}".replace("_", "-"),
            _.label(p["label"]),
            selected=p["key"] == here.get("key"),
            on_click=act(state.choose_pipeline, p["key"]),
        )
        for p in state.pipelines
    ]

    def add(_event: Any) -> None:
        state.add_pipeline(_("New pipeline"), _("New lead"), _("Won"), _("Lost"), _.language)

    name = NameField(
        draft,
        ("pipelines", here.get("key", ""), "label"),
        "pipeline-name",
        _("Name of the pipeline"),
        key=f"name-{here.get('key')}",
    )
    remove = icon_button(
        "remove-pipeline",
        ft.Icons.DELETE_OUTLINE,
        _("Remove this pipeline"),
        act(state.leave_pipeline),
    )
    return card(
        ft.Row(
            [
                ft.Row(chips, wrap=True, spacing=6, expand=True),
                text_button("add-pipeline", _("Add a pipeline"), add, icon=ft.Icons.ADD),
            ]
        ),
        ft.Row(
            [
                ft.Container(name, expand=True),
                *([remove] if len(state.pipelines) > 1 else []),
            ]
        ),
        *([other_pipelines(_, state)] if state.pipeline_leaves else []),
    )


def other_pipelines(_: Texts, state: Stages) -> ft.Control:
    """Where the deals of a pipeline that leaves may go."""
    replacements: list[ft.Control] = [
        small_chip(
            f"pipeline-target-{p['key']}".replace("_", "-"),
            _.label(p["label"]),
            selected=False,
            on_click=act(state.remove_pipeline, p["key"]),
        )
        for p in state.replacement_pipelines()
    ]
    question = _("This pipeline still has deals. Which pipeline should they move to?")
    return asked(question, replacements, state, _)


def asked(question: str, answers: list[ft.Control], state: Stages, _) -> ft.Control:
    lines: list[ft.Control] = [ft.Text(question, weight=ft.FontWeight.W_600)]
    if not answers:
        lines.append(
            ft.Text(_("There is no other one of this kind. Add one first."), color=ft.Colors.ERROR)
        )
    row = ft.Row(
        [*answers, text_button("stay", _("Keep it"), act(state.stay))],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )
    box = ft.Container(
        ft.Column([*lines, row], spacing=8),
        padding=12,
        border_radius=12,
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
    )
    return identified("replacements", box, live_region=True)


@component
def StageList(state: Stages) -> ft.Control:
    draft, _ = use_draft(), use_text()
    rows = [
        StageRow(state, i, s, len(state.stages), key=s["key"]) for i, s in enumerate(state.stages)
    ]
    asking: list[ft.Control] = []
    if state.leaving:
        name = next((_.label(s["label"]) for s in state.stages if s["key"] == state.leaving), "")
        question = _("%(stage)s has %(n)d deals. Which stage should they move to?") % {
            "n": state.deals_at(state.leaving),
            "stage": f"「{name}」",
        }
        replacements = [
            small_chip(
                f"target-{s['key']}".replace("_", "-"),
                _.label(s["label"]),
                selected=False,
                on_click=act(state.remove, state.leaving, s["key"]),
            )
            for s in state.replacements(state.leaving)
        ]
        asking = [asked(question, replacements, state, _)]
    add = text_button(
        "add-stage",
        _("Add a stage"),
        lambda e: state.add(_("New stage"), _.language),
        icon=ft.Icons.ADD,
    )
    return card(section(_("Stages, in order"), ordered(draft, state.path, rows, ROW), *asking, add))


def is_slim() -> bool:
    """A tablet: what does not fit into a row stands in the properties beside."""
    return (ft.context.page.width or 1280) < NARROW


def kinds(_: Texts, state: Stages, index: int, stage: dict[str, Any]) -> ft.Control:
    return ft.Row(
        [
            small_chip(
                f"stage-type-{index}-{k}",
                stage_type_name(_, k),
                selected=stage["type"] == k,
                on_click=lambda e, k=k: state.set_value(stage["key"], "type", k),
            )
            for k in ("open", "won", "lost")
        ],
        tight=True,
        spacing=4,
    )


@component
def StageRow(state: Stages, index: int, stage: dict[str, Any], count: int, **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    key, name = stage["key"], _.label(stage["label"])
    chosen, deals = state.chosen.get("key") == key, state.deals_at(key)
    field = NameField(
        draft,
        (*state.path, key, "label"),
        f"stage-name-{index}",
        _("Name"),
        bare=True,
        key=f"{state.path[1]}-{key}",
    )
    deal_count = ft.Text(
        _.many("%(n)d deal", "%(n)d deals", deals) if deals else "",
        size=12,
        width=64,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return ft.Container(
        height=ROW,
        padding=ft.Padding.symmetric(horizontal=4),
        border_radius=10,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None,
        on_click=act(state.choose, key),
        content=ft.Row(
            [
                handle(index),
                color_menu(_, state, index, stage),
                ft.Container(field, expand=True),
                deal_count,
                *([] if is_slim() else [kinds(_, state, index, stage)]),
                *mover(draft, state.path, index, count, "stage", name, (_("Up"), _("Down"))),
                icon_button(
                    f"stage-details-{index}",
                    ft.Icons.CHEVRON_RIGHT,
                    name + ": " + _("Details"),
                    act(state.choose, key),
                    icon_size=18,
                ),
                icon_button(
                    f"stage-remove-{index}",
                    ft.Icons.DELETE_OUTLINE,
                    f"{name}: {_('Remove')}",
                    act(state.leave, key),
                    icon_size=18,
                ),
            ],
            spacing=4,
        ),
    )


def color_menu(_: Texts, state: Stages, index: int, stage: dict[str, Any]) -> ft.Control:
    color, dark = stage.get("color", "blue"), is_dark(ft.context.page)

    def dot(c: str, size: int) -> ft.Control:
        return ft.Container(
            width=size, height=size, border_radius=size // 2, bgcolor=stage_color(c, dark=dark)
        )

    menu = ft.PopupMenuButton(
        content=dot(color, 26),
        tooltip=_("Colour"),
        items=[
            ft.PopupMenuItem(
                content=ft.Row([dot(c, 20), ft.Text(color_name(_, c))]),
                on_click=lambda e, c=c: state.set_value(stage["key"], "color", c),
            )
            for c in STAGE_COLORS
        ],
    )
    return identified(f"stage-color-{index}", menu, label=_("Colour"), value=color_name(_, color))


@component
def Moves(state: Stages) -> ft.Control:
    """From each stage to which: a tick allows the way."""
    _ = use_text()
    stages = state.stages
    width = max(64, min(96, 560 // max(1, len(stages))))

    def words(text: str, **properties: Any) -> ft.Control:
        return ft.Text(text, size=12, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS, **properties)

    corner = words(_("From ↓ to →"), color=ft.Colors.ON_SURFACE_VARIANT)
    names = [
        ft.Container(words(_.label(s["label"]), text_align=ft.TextAlign.CENTER), width=width)
        for s in stages
    ]
    rows = [
        ft.Row(
            [
                ft.Container(words(_.label(old["label"])), width=120),
                *(move_cell(_, state, old, new, width) for new in stages),
            ],
            spacing=0,
            key=old["key"],
        )
        for old in stages
    ]
    head = ft.Row([ft.Container(corner, width=120), *names], spacing=0)
    return card(
        section(
            _("Allowed moves"),
            ft.Row([ft.Column([head, *rows], spacing=0)], scroll=ft.ScrollMode.AUTO),
        )
    )


def move_cell(
    _: Texts, state: Stages, old: dict[str, Any], new: dict[str, Any], width: int
) -> ft.Control:
    """Whether a deal may move from one stage to another; a dash from a stage to itself."""
    if old["key"] == new["key"]:
        dash = ft.Icon(ft.Icons.REMOVE, size=16, color=ft.Colors.OUTLINE_VARIANT)
        return ft.Container(width=width, height=36, content=dash)
    allowed = state.may_move(old, new["key"])
    mark = ft.Icon(
        ft.Icons.CHECK_BOX if allowed else ft.Icons.CHECK_BOX_OUTLINE_BLANK,
        size=20,
        color=ft.Colors.PRIMARY if allowed else ft.Colors.OUTLINE,
    )
    identifier = f"move-{old['key']}-{new['key']}".replace("_", "-")
    return ft.Semantics(
        key=identifier,
        identifier=identifier,
        label=f"{_.label(old['label'])} → {_.label(new['label'])}",
        checked=allowed,
        content=ft.Container(
            mark,
            width=width,
            height=36,
            ink=True,
            border_radius=8,
            alignment=ft.Alignment.CENTER,
            on_click=act(state.flip_move, old["key"], new["key"]),
        ),
    )


@component
def StageProperties(state: Stages) -> ft.Control:
    """What moving a deal to the open stage asks for."""
    draft, _ = use_draft(), use_text()
    stage = state.chosen
    if not stage:
        return ft.Container()
    fields = [
        (f["key"], _.label(f["label"]))
        for f in draft.document.get("forms", {}).get("deal", {}).get("fields", ())
    ]

    def need(chosen: list[str]) -> None:
        state.set_value(stage["key"], "required", chosen or GONE)

    name = NameInLanguages(
        draft,
        (*state.path, stage["key"], "label"),
        "stage-label",
        _("Name"),
        key=f"label-{stage['key']}",
    )
    kind = titled(_("Kind"), kinds(_, state, state.stages.index(stage), stage))
    add = text_button(
        "add-item",
        _("Add an item"),
        lambda e: state.add_item(_("New item"), _.language),
        icon=ft.Icons.ADD,
    )
    return card(
        section(_.label(stage["label"]) or _("Stage")),
        name,
        *([kind] if is_slim() else []),
        titled(
            _("Required before a deal enters this stage"),
            choices("stage-required", fields, stage.get("required", ()), need),
        ),
        titled(
            _("Must be ticked before a deal enters this stage"), *checklist(_, state, draft), add
        ),
        identifier="stage-properties",
    )


def checklist(_: Texts, state: Stages, draft: Draft) -> list[ft.Control]:
    """What is to be ticked, in its order."""
    stage = state.chosen
    path, items = (*state.path, stage["key"], "checklist"), stage.get("checklist", [])
    return [
        ft.Row(
            [
                ft.Container(
                    NameField(
                        draft,
                        (*path, item["key"], "label"),
                        f"item-{i}",
                        _("Checklist item"),
                        key=f"{stage['key']}-{item['key']}",
                    ),
                    expand=True,
                ),
                *mover(
                    draft,
                    path,
                    i,
                    len(items),
                    "item",
                    _.label(item["label"]),
                    (_("Up"), _("Down")),
                ),
                icon_button(
                    f"item-remove-{i}",
                    ft.Icons.DELETE_OUTLINE,
                    _("Remove"),
                    act(state.remove_item, item["key"]),
                    icon_size=18,
                ),
            ],
            spacing=0,
            key=item["key"],
        )
        for i, item in enumerate(items)
    ]
