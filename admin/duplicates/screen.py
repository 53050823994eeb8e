"""Pairs on the left, the two side by side on the right: who stays, field by field; merges of late with their undo."""

from typing import Any
from zoneinfo import ZoneInfo

import flet as ft

from admin.duplicates.state import Duplicates
from admin.parts import small_chip
from admin.session import use_admin
from admin.shell import panel_page, use_kept, use_loaded
from shared.domain.imports import cell_text
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.parts import card, identified, pill, primary_button, section, text_button
from shared.ui.text import Texts, use_text
from shared.ui.view import component


def why_name(_: Texts, why: str) -> str:
    return {"phone": _("same number"), "plate": _("same plate"), "vin": _("same VIN"), "name": _("same name, number one digit apart")}.get(why, why)


@component
def DuplicatesScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_kept(Duplicates, session)
    use_loaded(state.load)
    if not state.loaded:
        return panel_page(_("Duplicates"), Skeleton(4))
    blocks: list[ft.Control] = []
    if state.done is not None:
        done = ft.Row(
            [
                ft.Text(_("Merged. Both histories stand together now."), expand=True),
                text_button("undo-merge", _("Undo"), act(state.undo, state.done), icon=ft.Icons.UNDO),
            ]
        )
        blocks.append(card(done))
    if not state.pairs and not state.problem:
        blocks.append(EmptyState(ft.Icons.MERGE_TYPE, _("No duplicates"), _("No two customers share a number, plate or VIN.")))
    elif state.pairs:
        rows = [PairRow(state, i, key=f"{p.one['id']}-{p.two['id']}") for i, p in enumerate(state.pairs)]
        beside = [ft.Container(MergeCard(state, key=f"{state.chosen}"), expand=3)] if state.pair else []
        blocks.append(ft.Row([ft.Container(card(*rows, padding=8), expand=2), *beside], spacing=16, vertical_alignment=ft.CrossAxisAlignment.START))
    zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    past = [
        ft.Row([
            ft.Text(f"{m.created_at.astimezone(zone):%m-%d %H:%M} · {m.winner_name or '–'} · {m.author_name or '–'}", expand=True),
            pill(_("undone")) if m.undone_at else text_button(f"undo-{m.id}", _("Undo"), act(state.undo, m.id), icon=ft.Icons.UNDO),
        ]) for m in state.merges
    ]  # fmt: skip
    if past:
        blocks.append(card(section(_("Merged of late"), *past)))
    return panel_page(
        _("Duplicates"),
        *blocks,
        problem=state.problem,
        again=act(state.load),
        note=_("One person twice: two calls, two owners, half a history each."),
    )


@component
def PairRow(state: Duplicates, place: int, **_key) -> ft.Control:
    _ = use_text()
    pair = state.pairs[place]
    names = f"{pair.one.get('name') or '–'}  ·  {pair.two.get('name') or '–'}"
    return ft.Semantics(
        key=f"pair-{place}", identifier=f"pair-{place}", button=True, selected=place == state.chosen, label=names,
        content=ft.Container(
            ft.Column([ft.Text(names, weight=ft.FontWeight.W_600, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS), ft.Row([pill(why_name(_, w)) for w in pair.why], wrap=True, spacing=6)], spacing=6),
            padding=ft.Padding.symmetric(horizontal=12, vertical=10), border_radius=12, ink=True, on_click=act(state.choose, place),
            bgcolor=ft.Colors.SECONDARY_CONTAINER if place == state.chosen else None,
        ),
    )  # fmt: skip


def shown(_: Texts, state: Duplicates, side: dict[str, Any], key: str) -> str:
    config = state.session.config
    value = side.get(key, (side.get("custom") or {}).get(key))
    field = config.forms["customer"].field(key) if config else None
    if value is None or field is None or config is None:
        return "–"
    if field.type_in("customer") == "level":
        level = config.level(value)
        return _.label(level.label) if level else str(value)
    if field.type_in("customer") == "money":
        return f"{value / 100:,.0f}"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    option = next((o for o in field.options or () if o.key == value), None)
    return _.label(option.label) if option else cell_text(value)


def short(words: str) -> str:
    return words if len(words) <= 14 else f"{words[:13]}…"


@component
def MergeCard(state: Duplicates, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    pair, config = state.pair, session.config
    if pair is None or config is None:
        return ft.Container()

    def side(name: str, one: dict[str, Any]) -> ft.Control:
        owner = state.names.get(str(one.get("owner_id")), "") or next((_.label(p.label) for p in config.pools if p.key == one.get("pool")), "–")
        words = [ft.Text(one.get("name") or "–", theme_style=ft.TextThemeStyle.TITLE_MEDIUM), ft.Text(_("with %(who)s, since %(day)s") % {"who": owner, "day": str(one.get("created_at", ""))[:10]}, size=13, color=ft.Colors.ON_SURFACE_VARIANT)]  # fmt: skip
        return ft.Container(
            ft.Column(
                [*words, small_chip(f"keep-{name}", _("This one stays"), selected=state.winner == name, on_click=lambda e: state.keep(name))],
                spacing=6,
            ),
            expand=True,
        )

    other = "two" if state.winner == "one" else "one"
    sides = {"one": pair.one, "two": pair.two}
    rows: list[ft.Control] = []
    for key in state.differing():
        field = config.forms["customer"].field(key)
        taken = key in state.take
        slug = key.replace("_", "-")
        chips = [
            ft.Container(small_chip(f"take-{slug}-{name}", short(shown(_, state, sides[name], key)), selected=taken == (name == other), on_click=lambda e, name=name, key=key: state.pick(key, of_other=name == other)), expand=True)
            for name in ("one", "two")
        ]  # fmt: skip
        rows.append(
            ft.Row([ft.Text(_.label(field.label) if field else key, width=110, size=13, color=ft.Colors.ON_SURFACE_VARIANT), *chips], spacing=8)
        )
    note = _("Cars, policies, deals, calls, talks and history of both stay. What one of them lacks is filled from the other.")
    return card(
        ft.Row([side("one", pair.one), side("two", pair.two)], spacing=16, vertical_alignment=ft.CrossAxisAlignment.START), *rows,
        ft.Text(note, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row([ft.Container(identified("merge-box", primary_button("merge", _("Merge into one"), act(state.merge), icon=ft.Icons.MERGE_TYPE, disabled=state.busy)), width=260)]),
    )  # fmt: skip
