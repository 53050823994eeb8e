"""Stages of a pipeline: drag to order, rename, colour, type; published in one act."""

import flet as ft

from admin.session import use_admin
from admin.shell import panel_view
from admin.stages.state import Stages
from shared.domain.config import STAGE_COLORS
from shared.ui.feedback import act
from shared.ui.parts import card, chips, icon_button, identified, primary_button, text_button
from shared.ui.text import Texts, use_text
from shared.ui.theme import is_dark, stage_color
from shared.ui.view import component, screen


def type_name(_: Texts, kind: str) -> str:
    return {"open": _("Open stage"), "won": _("Won"), "lost": _("Lost")}[kind]


@screen
def StagesScreen() -> ft.View:
    session, _ = use_admin(), use_text()
    state, _set = ft.use_state(lambda: Stages(session))
    ft.use_effect(lambda: state.take(), [session.me])
    config = session.config
    if config is None:
        return panel_view("stages", _("Stages"))
    pipelines = [(p.key, _.label(p.label)) for p in config.pipelines]
    rows = [StageRow(state, i, stage, key=stage.key) for i, stage in enumerate(state.rows)]
    status = (
        _("Published as version %(n)d. Phones have it at their next sync.") % {"n": state.published}
        if state.published
        else _("Not published yet")
        if state.changed
        else _("Version %(n)d") % {"n": session.config_version}
    )
    actions: list[ft.Control] = [
        identified("publish-status", ft.Text(status, color=ft.Colors.ON_SURFACE_VARIANT)),
        ft.Container(primary_button("publish", _("Publish"), act(state.publish), disabled=not state.changed or state.busy), width=140),
    ]
    listing = ft.ReorderableListView(
        rows, height=72 * len(rows) + 8, on_reorder=lambda e: state.reorder(e.old_index or 0, e.new_index or 0), show_default_drag_handles=True
    )
    reload = [text_button("reload", _("Load the published version"), act(state.reload))] if state.problem == "version_conflict" else []
    return panel_view(
        "stages", _("Stages"), chips("pipeline", pipelines, state.pipeline, lambda key: act(state.choose_pipeline, key)),
        card(listing, text_button("add-stage", _("Add a stage"), lambda e: state.add(_("New stage")), icon=ft.Icons.ADD), *reload), problem=state.problem, actions=actions,
    )  # fmt: skip


@component
def StageRow(state: Stages, index: int, stage, **_key) -> ft.Control:
    _ = use_text()
    dark = is_dark(ft.context.page)
    colors = ft.PopupMenuButton(
        content=ft.Container(width=28, height=28, border_radius=14, bgcolor=stage_color(stage.color, dark=dark)), tooltip=_("Colour"),
        items=[ft.PopupMenuItem(content=ft.Row([ft.Container(width=20, height=20, border_radius=10, bgcolor=stage_color(c, dark=dark)), ft.Text(c)]), on_click=lambda e, c=c: state.edit(index, color=c)) for c in STAGE_COLORS],
    )  # fmt: skip
    kinds = ft.SegmentedButton(
        segments=[ft.Segment(value=k, label=ft.Text(type_name(_, k))) for k in ("open", "won", "lost")], selected=[stage.type], show_selected_icon=False,
        on_change=lambda e: state.edit(index, type=next(iter(e.control.selected))),
    )  # fmt: skip
    name = identified(
        f"stage-name-{index}",
        ft.TextField(
            value=stage.label.get(_.language, _.label(stage.label)),
            dense=True,
            border_radius=10,
            label=_("Name"),
            on_change=lambda e: state.rename(index, _.language, e.control.value),
        ),
        expand=True,
    )
    return ft.Container(
        padding=ft.Padding.only(right=48, top=6, bottom=6),
        content=ft.Row(
            [
                identified(f"stage-color-{index}", colors, label=_("Colour"), value=stage.color), ft.Container(name, expand=True), identified(f"stage-type-{index}", kinds),
                icon_button(f"stage-up-{index}", ft.Icons.ARROW_UPWARD, _("Up"), act(state.move, index, -1)), icon_button(f"stage-down-{index}", ft.Icons.ARROW_DOWNWARD, _("Down"), act(state.move, index, 1)),
                icon_button(f"stage-remove-{index}", ft.Icons.DELETE_OUTLINE, _("Remove"), act(state.remove, index)),
            ],
            spacing=12,
        ),
    )  # fmt: skip
