"""Check and publish: what I changed, what it would do, a note, one button."""

from typing import Any

import flet as ft

from admin.draft import Draft, use_draft
from admin.labels import change_text, value_text, where
from admin.publish.labels import impact_text, over_text, unfinished_text
from admin.publish.state import Publishing
from admin.session import use_admin
from admin.shell import panel_page, use_tab_state
from admin.widgets import small_chip
from shared.domain.differences import Difference
from shared.domain.impact import Impact
from shared.ui.feedback import EmptyState, Skeleton, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, primary_button, section, text_button, text_field

LOOK = {
    "refused": (ft.Icons.BLOCK, ft.Colors.ERROR),
    "warning": (ft.Icons.WARNING_AMBER_ROUNDED, ft.Colors.TERTIARY),
    "info": (ft.Icons.INFO_OUTLINE, ft.Colors.ON_SURFACE_VARIANT),
}
SHOWN = 60  # changes drawn at once


@component
def PublishScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Publishing, session)
    ft.use_effect(act(state.check), [draft.document, draft.base_version, session.me])
    title = _("Check and publish")
    if not draft.loaded:
        return panel_page(title, Skeleton(5))
    left: list[ft.Control] = [*PublishedMeanwhile(draft, _), Changes(draft)]
    right: list[ft.Control] = [Consequences(state, draft), Act(state, draft)]
    body = ft.Row(
        [
            ft.ListView(
                [*left, ft.Container(height=16)],
                expand=5,
                spacing=16,
                build_controls_on_demand=False,
            ),
            ft.ListView(
                [*right, ft.Container(height=16)],
                expand=6,
                spacing=16,
                build_controls_on_demand=False,
            ),
        ],
        expand=True,
        spacing=16,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    problem = draft.problem if draft.problem not in ("", "version_conflict") else state.problem
    return panel_page(title, body=body, problem=problem, again=act(state.check))


def PublishedMeanwhile(draft: Draft, _: Texts) -> list[ft.Control]:
    """Someone else published: what they changed, and what both of us touched."""
    if not draft.theirs and not draft.conflicts:
        return []
    who = draft.their_name or _("Another admin")
    lines: list[ft.Control] = [
        ft.Text(
            _(
                "%(name)s published version %(n)d in the meantime. Your changes were kept and "
                "applied on top of it."
            )
            % {"name": who, "n": draft.base_version},
            weight=ft.FontWeight.W_600,
        ),
        *(ft.Text("· " + change_text(_, c, draft.base, draft.base)) for c in draft.theirs[:20]),
    ]
    for i, clash in enumerate(draft.conflicts):
        lines.append(
            ft.Text(
                _("Both of you changed %(what)s:")
                % {"what": where(_, clash.path, draft.document, draft.base)},
                weight=ft.FontWeight.W_600,
            )
        )
        lines.append(
            ft.Row(
                [
                    text_button(
                        f"mine-{i}",
                        _("Mine: %(value)s")
                        % {"value": value_text(_, clash.path, clash.mine, draft.document)},
                        act(_Settle(draft, i, True).settle),
                    ),
                    text_button(
                        f"theirs-{i}",
                        _("Theirs: %(value)s")
                        % {"value": value_text(_, clash.path, clash.theirs, draft.base)},
                        act(_Settle(draft, i, False).settle),
                    ),
                ],
                wrap=True,
            )
        )
    if not draft.conflicts:
        lines.append(text_button("seen", _("Got it"), act(draft.seen), icon=ft.Icons.CHECK))
    box = ft.Container(
        ft.Column(lines, spacing=6),
        padding=16,
        border_radius=16,
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
    )
    return [identified("meanwhile", box, live_region=True)]


class _Settle:
    """One decision, as an action without arguments."""

    def __init__(self, draft: Draft, index: int, mine: bool) -> None:
        self.draft, self.clash, self.mine = draft, draft.conflicts[index], mine

    def settle(self) -> None:
        self.draft.settle(self.clash, mine=self.mine)


@component
def Changes(draft: Draft) -> ft.Control:
    _ = use_text()
    changes = draft.changes
    if not changes:
        return just_published(_, draft) if draft.published else nothing_to_publish(_)
    rows = [change_row(_, draft, i, change) for i, change in enumerate(changes[:SHOWN])]
    more = (
        [ft.Text(_("and %(n)d more") % {"n": len(changes) - SHOWN})] if len(changes) > SHOWN else []
    )
    trailing = text_button("discard", _("Discard all changes"), act(draft.discard))
    return card(
        section(
            _.many("%(n)d change", "%(n)d changes", len(changes)), *rows, *more, trailing=trailing
        ),
        identifier="changes",
    )


def just_published(_: Texts, draft: Draft) -> ft.Control:
    words = _("Published as version %(n)d. Phones update within a minute.") % {"n": draft.published}
    back = text_button(
        "take-back",
        _("Revert publication"),
        act(draft.restore, draft.published - 1),
        icon=ft.Icons.SETTINGS_BACKUP_RESTORE,
    )
    return card(
        ft.Row(
            [
                ft.Icon(ft.Icons.CHECK_CIRCLE, color=ft.Colors.PRIMARY),
                identified("publish-status", ft.Text(words, expand=True), expand=True),
                back,
            ]
        )
    )


def nothing_to_publish(_: Texts) -> ft.Control:
    return card(
        EmptyState(
            ft.Icons.DONE_ALL,
            _("Nothing to publish"),
            _("Changes made on the other pages are collected here until you publish them."),
        )
    )


def change_row(_: Texts, draft: Draft, i: int, change: Difference) -> ft.Control:
    icon = {
        "added": ft.Icons.ADD,
        "removed": ft.Icons.REMOVE,
        "moved": ft.Icons.SWAP_VERT,
        "changed": ft.Icons.EDIT_OUTLINED,
    }[change.kind]
    undo = text_button(f"take-back-{i}", _("Undo"), act(draft.revert_change, change))
    return ft.Row(
        [
            ft.Icon(icon, size=18, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Text(change_text(_, change, draft.base, draft.document), expand=True),
            *([] if change.kind == "moved" else [undo]),
        ],
        spacing=8,
        key=f"{'.'.join(change.path)}-{change.kind}",
    )


@component
def Consequences(state: Publishing, draft: Draft) -> ft.Control:
    """What people and records would notice."""
    _ = use_text()
    unfinished = draft.unfinished
    if unfinished:
        rows = [line("refused", unfinished_text(_, x, draft.document)) for x in unfinished[:20]]
        return card(section(_("Not finished yet"), *rows), identifier="unfinished")
    over = [
        line("warning", over_text(_, x, draft.document), f"over-{x.role}-{x.act}")
        for x in state.over
    ]
    if not draft.changes:
        rows = [
            ft.Text(
                _("Phones and records match what you see here."), color=ft.Colors.ON_SURFACE_VARIANT
            )
        ]
    elif state.checking or not state.is_checked:
        rows = [
            ft.Row(
                [
                    ft.Icon(ft.Icons.HOURGLASS_EMPTY, size=18, color=ft.Colors.ON_SURFACE_VARIANT),
                    ft.Text(_("Checking the impact…")),
                ]
            )
        ]
    elif not state.impacts:
        rows = [
            line(
                "info",
                _("No other effect on records or colleagues."),
            )
        ]
    else:
        rows = [c for i, x in enumerate(state.impacts) for c in impact_line(_, state, draft, i, x)]
    if over and draft.changes:
        agree = ft.Checkbox(
            label=_("Publish anyway. This is recorded in the version under my name."),
            value=state.over_anyway,
            on_change=lambda e: state.allow_over(bool(e.control.value)),
        )
        over = [*over, identified("over-anyway", agree)]
    return card(
        section(_("Effect of publishing"), *rows),
        *([section(_("Effort budget"), *over)] if over else []),
        identifier="impacts",
    )


def impact_line(
    _: Texts, state: Publishing, draft: Draft, index: int, x: Impact
) -> list[ft.Control]:
    text = impact_text(_, x, draft.base, draft.document)
    rows = len(x.ids) or len(x.rows)
    opening: list[ft.Control] = []
    if rows:
        words = _("Hide") if state.opened == index else _("Show")
        opening = [text_button(f"open-{index}", words, act(state.open, index))]
    found: list[ft.Control] = [
        line(
            x.level, text, f"impact-{x.kind}-{x.key or x.role or index}".replace("_", "-"), *opening
        )
    ]
    replacements = state.replacements(x)
    if replacements:
        picks = [
            small_chip(
                f"target-{index}-{i}",
                _.label(thing["label"]),
                selected=False,
                on_click=act(state.succeed, x, key),
            )
            for i, (key, thing) in enumerate(replacements)
        ]
        found.append(
            ft.Container(
                ft.Row(picks, wrap=True, spacing=6, run_spacing=6), padding=ft.Padding.only(left=34)
            )
        )
    if state.opened == index:
        values = {str(r.get("id")): r.get("value") for r in x.rows}
        for n in state.names:
            more = f" · {values[str(n.id)]}" if values.get(str(n.id)) is not None else ""
            found.append(
                ft.Container(
                    identified(f"record-{n.id}", ft.Text(n.text + more)),
                    padding=ft.Padding.only(left=34),
                )
            )
        if x.count > len(state.names):
            found.append(
                ft.Container(
                    ft.Text(
                        _("and %(n)d more") % {"n": x.count - len(state.names)},
                        color=ft.Colors.ON_SURFACE_VARIANT,
                    ),
                    padding=ft.Padding.only(left=34),
                )
            )
    return found


def line(level: str, text: str, identifier: str = "", *trailing: ft.Control) -> ft.Control:
    icon, ink = LOOK[level]
    words = ft.Text(text, expand=True)
    row = ft.Row(
        [ft.Icon(icon, size=20, color=ink), words, *trailing],
        spacing=10,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return identified(identifier, row) if identifier else row


@component
def Act(state: Publishing, draft: Draft) -> ft.Control:
    session, _ = use_admin(), use_text()
    if not draft.changes:
        return ft.Container()
    name = session.me.name if session.me else ""
    over: Any = (
        _("Over the effort budget, accepted by %(name)s.") % {"name": name}
        if state.over and state.over_anyway
        else ""
    )
    reasons = [
        *([_("Complete the items above first.")] if draft.unfinished else []),
        *([_("Resolve the conflicting changes first.")] if draft.conflicts else []),
        *([_("Fix the items marked red first.")] if state.refused else []),
        *(
            [_("Accept the effort budget overrun, or shorten the form.")]
            if state.over and not state.over_anyway
            else []
        ),
    ]
    return card(
        text_field(
            "note",
            _("Reason for this change (kept in the history)"),
            state.note,
            typed(state.write_note),
            max_length=200,
        ),
        *(ft.Text(x, color=ft.Colors.ERROR) for x in reasons),
        primary_button(
            "publish",
            _("Publish"),
            act(state.publish, over),
            icon=ft.Icons.PUBLISH,
            disabled=not state.may_publish,
        ),
    )
