"""Pairs on the left, the two side by side on the right: who stays, field by field; merges of late
with their undo."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import flet as ft

from admin.duplicates.state import SIDES, Duplicates
from admin.session import AdminSession, use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from admin.widgets import small_chip
from shared.domain.config import StoreConfig
from shared.domain.imports import cell_text
from shared.gateway.duplicates import Merge
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, pill, primary_button, section, text_button


def why_name(_: Texts, why: str) -> str:
    return {
        "phone": _("same number"),
        "plate": _("same plate"),
        "vin": _("same VIN"),
        "name": _("same name, number one digit apart"),
    }.get(why, why)


@component
def DuplicatesScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(Duplicates, session)
    use_fetch(state.load)
    if not state.loaded:
        return panel_page(_("Duplicates"), Skeleton(4))
    blocks: list[ft.Control] = []
    if state.done is not None:
        blocks.append(card(just_merged(_, state)))
    if state.pairs:
        blocks.append(pairs_and_merge(state))
    elif not state.problem:
        blocks.append(
            EmptyState(
                ft.Icons.MERGE_TYPE,
                _("No duplicates"),
                _("No two customers share a number, plate or VIN."),
            )
        )
    if state.merges:
        zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
        past = [past_merge(_, state, merge, zone) for merge in state.merges]
        blocks.append(card(section(_("Recently merged"), *past)))
    return panel_page(
        _("Duplicates"),
        *blocks,
        problem=state.problem,
        again=act(state.load),
        note=_("A person entered twice gets two tasks, two owners and half a history each."),
    )


def just_merged(_: Texts, state: Duplicates) -> ft.Control:
    words = ft.Text(_("Merged. Both histories are now combined."), expand=True)
    undo = text_button("undo-merge", _("Undo"), act(state.undo, state.done), icon=ft.Icons.UNDO)
    return ft.Row([words, undo])


def pairs_and_merge(state: Duplicates) -> ft.Control:
    """The pairs, and beside them the two of the chosen one."""
    rows = [
        PairRow(state, i, key=f"{p.one['id']}-{p.two['id']}") for i, p in enumerate(state.pairs)
    ]
    beside = [ft.Container(MergeCard(state, key=f"{state.chosen}"), expand=3)] if state.pair else []
    return ft.Row(
        [ft.Container(card(*rows, padding=8), expand=2), *beside],
        spacing=16,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def past_merge(_: Texts, state: Duplicates, merge: Merge, zone: ZoneInfo) -> ft.Control:
    words = ft.Text(
        f"{merge.created_at.astimezone(zone):%m-%d %H:%M} · {merge.winner_name or '–'} · "
        f"{merge.author_name or '–'}",
        expand=True,
    )
    if merge.undone_at:
        return ft.Row([words, pill(_("undone"))])
    undo = text_button(f"undo-{merge.id}", _("Undo"), act(state.undo, merge.id), icon=ft.Icons.UNDO)
    return ft.Row([words, undo])


@component
def PairRow(state: Duplicates, index: int, **_key) -> ft.Control:
    _ = use_text()
    pair = state.pairs[index]
    names = f"{pair.one.get('name') or '–'}  ·  {pair.two.get('name') or '–'}"
    return ft.Semantics(
        key=f"pair-{index}",
        identifier=f"pair-{index}",
        button=True,
        selected=index == state.chosen,
        label=names,
        content=ft.Container(
            ft.Column(
                [
                    ft.Text(
                        names,
                        weight=ft.FontWeight.W_600,
                        max_lines=1,
                        overflow=ft.TextOverflow.ELLIPSIS,
                    ),
                    ft.Row([pill(why_name(_, w)) for w in pair.reasons], wrap=True, spacing=6),
                ],
                spacing=6,
            ),
            padding=ft.Padding.symmetric(horizontal=12, vertical=10),
            border_radius=12,
            ink=True,
            on_click=act(state.choose, index),
            bgcolor=ft.Colors.SECONDARY_CONTAINER if index == state.chosen else None,
        ),
    )


def shown(_: Texts, state: Duplicates, side: dict[str, Any], key: str) -> str:
    config = state.session.config
    value = side.get(key, (side.get("custom") or {}).get(key))
    field = config.forms["customer"].field(key) if config else None
    if value is None or field is None or config is None:
        return "–"
    if field.type_in("customer") == "money":
        return f"{value / 100:,.0f}"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    labels = config.option_labels("customer", key)
    if isinstance(value, list):
        return _.comma.join(_.named(labels, str(x)) for x in value)
    return _.named(labels, value) if isinstance(value, str) else cell_text(value)


def short(words: str) -> str:
    return words if len(words) <= 14 else f"{words[:13]}…"


@component
def MergeCard(state: Duplicates, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    pair, config = state.pair, session.config
    if pair is None or config is None:
        return ft.Container()
    note = _(
        "The vehicles, policies, deals, tasks, conversations and history of both are "
        "kept. Missing values are filled in from the other."
    )
    merge = primary_button(
        "merge",
        _("Merge into one"),
        act(state.merge),
        icon=ft.Icons.MERGE_TYPE,
        disabled=state.busy,
    )
    return card(
        ft.Row(
            [merge_side(_, state, config, name) for name in SIDES],
            spacing=16,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        *(differing_field(_, state, config, key) for key in state.differing()),
        ft.Text(note, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row([ft.Container(identified("merge-box", merge), width=260)]),
    )


def since(session: AdminSession, one: dict[str, Any]) -> str:
    """The store's day on which an entry was made."""
    made = one.get("created_at")
    return f"{session.local(datetime.fromisoformat(made)):%Y-%m-%d}" if made else ""


def merge_side(_: Texts, state: Duplicates, config: StoreConfig, name: str) -> ft.Control:
    """One of the two: whose it is, since when, and whether it stays."""
    one = state.side(name)
    owner = state.names.get(str(one.get("owner_id")), "") or next(
        (_.label(p.label) for p in config.pools if p.key == one.get("pool")), "–"
    )
    facts = _("%(who)s, since %(day)s") % {
        "who": owner,
        "day": since(state.session, one),
    }
    keep = small_chip(
        f"keep-{name}",
        _("Keep this one"),
        selected=state.winner == name,
        on_click=lambda e: state.keep(name),
    )
    return ft.Container(
        ft.Column(
            [
                ft.Text(one.get("name") or "–", theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
                ft.Text(facts, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
                keep,
            ],
            spacing=6,
        ),
        expand=True,
    )


def differing_field(_: Texts, state: Duplicates, config: StoreConfig, key: str) -> ft.Control:
    """A field where the two differ: which value is taken."""
    field = config.forms["customer"].field(key)
    chips = [
        ft.Container(
            small_chip(
                f"take-{key.replace('_', '-')}-{name}",
                short(shown(_, state, state.side(name), key)),
                selected=(key in state.take) == (name != state.winner),
                on_click=lambda e, name=name: state.pick(key, of_other=name != state.winner),
            ),
            expand=True,
        )
        for name in SIDES
    ]
    title = ft.Text(
        _.label(field.label) if field else key,
        width=110,
        size=13,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return ft.Row([title, *chips], spacing=8)
