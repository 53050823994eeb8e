"""Check and publish: what I changed, what it would do, a note, one button."""

from typing import Any

import flet as ft

from admin.draft import Draft, use_draft
from admin.parts import small_chip
from admin.publish.state import Publishing
from admin.publish.words import impact_text, over_text, unfinished_text
from admin.session import use_admin
from admin.shell import panel_page, use_kept
from admin.words import change_text, value_text, where
from shared.domain.impact import Impact
from shared.ui.feedback import EmptyState, Skeleton, act, typed
from shared.ui.parts import card, identified, primary_button, section, text_button, text_field
from shared.ui.text import Texts, use_text
from shared.ui.view import component

LOOK = {
    "refused": (ft.Icons.BLOCK, ft.Colors.ERROR),
    "warning": (ft.Icons.WARNING_AMBER_ROUNDED, ft.Colors.TERTIARY),
    "info": (ft.Icons.INFO_OUTLINE, ft.Colors.ON_SURFACE_VARIANT),
}
SHOWN = 60  # changes drawn at once


@component
def PublishScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_kept(Publishing, session)
    ft.use_effect(act(state.check), [draft.document, draft.base_version, session.me])
    title = _("Check and publish")
    if not draft.loaded:
        return panel_page(title, Skeleton(5))
    left: list[ft.Control] = [*Meanwhile(draft, _), Changes(draft)]
    right: list[ft.Control] = [Consequences(state, draft), Act(state, draft)]
    body = ft.Row(
        [
            ft.ListView([*left, ft.Container(height=16)], expand=5, spacing=16, build_controls_on_demand=False),
            ft.ListView([*right, ft.Container(height=16)], expand=6, spacing=16, build_controls_on_demand=False),
        ],
        expand=True, spacing=16, vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip
    problem = draft.problem if draft.problem not in ("", "version_conflict") else state.problem
    return panel_page(title, body=body, problem=problem, again=act(state.check))


def Meanwhile(draft: Draft, _: Texts) -> list[ft.Control]:
    """Someone else published: what he changed, and what both of us touched."""
    if not draft.theirs and not draft.clashes:
        return []
    who = draft.their_name or _("Another admin")
    lines: list[ft.Control] = [
        ft.Text(_("%(name)s published version %(n)d meanwhile. Your changes are kept and stand on top of it.") % {"name": who, "n": draft.base_version}, weight=ft.FontWeight.W_600),
        *(ft.Text("· " + change_text(_, c, draft.base, draft.base)) for c in draft.theirs[:20]),
    ]  # fmt: skip
    for i, clash in enumerate(draft.clashes):
        lines.append(
            ft.Text(_("Both of you changed %(what)s:") % {"what": where(_, clash.path, draft.document, draft.base)}, weight=ft.FontWeight.W_600)
        )
        lines.append(
            ft.Row(
                [
                    text_button(f"mine-{i}", _("Mine: %(value)s") % {"value": value_text(_, clash.path, clash.mine, draft.document)}, act(_Settle(draft, i, True).settle)),
                    text_button(f"theirs-{i}", _("Theirs: %(value)s") % {"value": value_text(_, clash.path, clash.theirs, draft.base)}, act(_Settle(draft, i, False).settle)),
                ],
                wrap=True,
            )
        )  # fmt: skip
    if not draft.clashes:
        lines.append(text_button("seen", _("Understood"), act(draft.seen), icon=ft.Icons.CHECK))
    box = ft.Container(ft.Column(lines, spacing=6), padding=16, border_radius=16, bgcolor=ft.Colors.TERTIARY_CONTAINER)
    return [identified("meanwhile", box, live_region=True)]


class _Settle:
    """One decision, as an action without arguments."""

    def __init__(self, draft: Draft, place: int, mine: bool) -> None:
        self.draft, self.clash, self.mine = draft, draft.clashes[place], mine

    def settle(self) -> None:
        self.draft.settle(self.clash, mine=self.mine)


@component
def Changes(draft: Draft) -> ft.Control:
    _ = use_text()
    changes = draft.changes
    if not changes:
        if draft.published:
            words = _("Published as version %(n)d. Phones have it within a minute.") % {"n": draft.published}
            back = text_button("take-back", _("Take it back"), act(draft.restore, draft.published - 1), icon=ft.Icons.SETTINGS_BACKUP_RESTORE)
            return card(
                ft.Row(
                    [
                        ft.Icon(ft.Icons.CHECK_CIRCLE, color=ft.Colors.PRIMARY),
                        identified("publish-status", ft.Text(words, expand=True), expand=True),
                        back,
                    ]
                )
            )
        return card(
            EmptyState(ft.Icons.DONE_ALL, _("Nothing to publish"), _("What you change on the pages on the left gathers here until you publish it."))
        )
    rows = [
        ft.Row(
            [
                ft.Icon(
                    {"added": ft.Icons.ADD, "removed": ft.Icons.REMOVE, "moved": ft.Icons.SWAP_VERT, "changed": ft.Icons.EDIT_OUTLINED}[c.kind],
                    size=18, color=ft.Colors.ON_SURFACE_VARIANT,
                ),
                ft.Text(change_text(_, c, draft.base, draft.document), expand=True),
                *([] if c.kind == "moved" else [text_button(f"take-back-{i}", _("Undo"), act(draft.take_back, c))]),
            ],
            spacing=8, key=f"{'.'.join(c.path)}-{c.kind}",
        )
        for i, c in enumerate(changes[:SHOWN])
    ]  # fmt: skip
    more = [ft.Text(_("and %(n)d more") % {"n": len(changes) - SHOWN})] if len(changes) > SHOWN else []
    trailing = text_button("discard", _("Give up all changes"), act(draft.discard))
    return card(section(_.many("%(n)d change", "%(n)d changes", len(changes)), *rows, *more, trailing=trailing), identifier="changes")


@component
def Consequences(state: Publishing, draft: Draft) -> ft.Control:
    """What people and records would notice."""
    _ = use_text()
    unfinished = draft.unfinished
    if unfinished:
        rows = [line("refused", unfinished_text(_, x, draft.document)) for x in unfinished[:20]]
        return card(section(_("Not finished yet"), *rows), identifier="unfinished")
    over = [line("warning", over_text(_, x, draft.document), f"over-{x.role}-{x.act}") for x in state.over]
    if not draft.changes:
        rows = [ft.Text(_("Phones and records are as you see them."), color=ft.Colors.ON_SURFACE_VARIANT)]
    elif state.checking or not state.is_checked:
        rows = [ft.Row([ft.Icon(ft.Icons.HOURGLASS_EMPTY, size=18, color=ft.Colors.ON_SURFACE_VARIANT), ft.Text(_("Checking what this would do…"))])]
    elif not state.impacts:
        rows = [line("info", _("Nothing that records or colleagues would notice, except the change itself."))]
    else:
        rows = [c for i, x in enumerate(state.impacts) for c in impact_line(_, state, draft, i, x)]
    if over and draft.changes:
        agree = ft.Checkbox(
            label=_("Publish it all the same. This is written into the version under my name."),
            value=state.over_anyway,
            on_change=lambda e: state.allow_over(bool(e.control.value)),
        )
        over = [*over, identified("over-anyway", agree)]
    return card(section(_("What publishing does"), *rows), *([section(_("Tap budget"), *over)] if over else []), identifier="impacts")


def impact_line(_: Texts, state: Publishing, draft: Draft, place: int, x: Impact) -> list[ft.Control]:
    text = impact_text(_, x, draft.base, draft.document)
    rows = len(x.ids) or len(x.rows)
    opening: list[ft.Control] = []
    if rows:
        words = _("Hide") if state.opened == place else _("Show them")
        opening = [text_button(f"open-{place}", words, act(state.open, place))]
    found: list[ft.Control] = [line(x.level, text, f"impact-{x.kind}-{x.key or x.role or place}".replace("_", "-"), *opening)]
    heirs = state.heirs(x)
    if heirs:
        picks = [
            small_chip(f"heir-{place}-{i}", _.label(thing["label"]), selected=False, on_click=act(state.succeed, x, key))
            for i, (key, thing) in enumerate(heirs)
        ]
        found.append(ft.Container(ft.Row(picks, wrap=True, spacing=6, run_spacing=6), padding=ft.Padding.only(left=34)))
    if state.opened == place:
        values = {str(r.get("id")): r.get("value") for r in x.rows}
        for n in state.names:
            more = f" · {values[str(n.id)]}" if values.get(str(n.id)) is not None else ""
            found.append(ft.Container(identified(f"record-{n.id}", ft.Text(n.text + more)), padding=ft.Padding.only(left=34)))
        if x.count > len(state.names):
            found.append(
                ft.Container(
                    ft.Text(_("and %(n)d more") % {"n": x.count - len(state.names)}, color=ft.Colors.ON_SURFACE_VARIANT),
                    padding=ft.Padding.only(left=34),
                )
            )
    return found


def line(level: str, text: str, identifier: str = "", *trailing: ft.Control) -> ft.Control:
    icon, ink = LOOK[level]
    words = ft.Text(text, expand=True)
    row = ft.Row([ft.Icon(icon, size=20, color=ink), words, *trailing], spacing=10, vertical_alignment=ft.CrossAxisAlignment.START)
    return identified(identifier, row) if identifier else row


@component
def Act(state: Publishing, draft: Draft) -> ft.Control:
    session, _ = use_admin(), use_text()
    if not draft.changes:
        return ft.Container()
    name = session.me.name if session.me else ""
    over: Any = _("Over the tap budget, agreed by %(name)s.") % {"name": name} if state.over and state.over_anyway else ""
    reasons = [
        *([_("Finish what is listed above first.")] if draft.unfinished else []),
        *([_("Decide where both of you changed the same.")] if draft.clashes else []),
        *([_("Mend what is marked red first.")] if state.refused else []),
        *([_("Agree to the tap budget, or make the form shorter.")] if state.over and not state.over_anyway else []),
    ]
    return card(
        text_field("note", _("What is this change for? (for the history)"), state.note, typed(state.write_note), max_length=200),
        *(ft.Text(x, color=ft.Colors.ERROR) for x in reasons),
        primary_button("publish", _("Publish"), act(state.publish, over), icon=ft.Icons.PUBLISH, disabled=not state.may_publish),
    )  # fmt: skip
