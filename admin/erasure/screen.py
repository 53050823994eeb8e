"""A look-up, what would go and what stays, a reason, and a second confirmation."""

import flet as ft

from admin.erasure.state import Erasure
from admin.session import use_admin
from admin.shell import panel_page, use_tab_state
from admin.widgets import chip_of, small_chip, titled
from shared.gateway.erasure import ErasurePreview
from shared.ui.feedback import EmptyState, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, primary_button, text_button, text_field


def erasure_reason(_: Texts, reason: str) -> str:
    return {
        "asked": _("The person asked for it"),
        "consent_withdrawn": _("Consent was withdrawn"),
        "purpose_ended": _("The data is no longer needed"),
        "unlawful": _("The data should not have been collected"),
    }.get(reason, reason)


@component
def ErasureScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(Erasure, session)
    blocks: list[ft.Control] = [card(search_line(_, state))]
    if state.erased:
        blocks.append(card(identified("erased", ft.Text(_("Erased.")), live_region=True)))
    if state.found == []:
        blocks.append(EmptyState(ft.Icons.PERSON_SEARCH, _("Nobody found")))
    if state.found:
        blocks.append(card(found_people(state)))
    if state.preview is not None:
        blocks += [card(*what_goes(_, state, state.preview)), card(*confirmation(_, state))]
    return panel_page(
        _("Erase a person"),
        *blocks,
        problem=state.problem,
        note=_("For people who ask to be forgotten. It cannot be undone."),
    )


def search_line(_: Texts, state: Erasure) -> ft.Control:
    words = text_field(
        "customer-words",
        _("Customer name or phone"),
        state.query,
        typed(state.type_query),
        dense=True,
        on_submit=act(state.search),
    )
    search = text_button("search", _("Search"), act(state.search), icon=ft.Icons.SEARCH)
    return ft.Row([ft.Container(words, expand=True), search])


def found_people(state: Erasure) -> ft.Control:
    return ft.Row(
        [
            small_chip(
                f"customer-{i}",
                " · ".join(x for x in (customer.name, customer.phone) if x) or "–",
                selected=state.customer is not None and state.customer.id == customer.id,
                on_click=act(state.choose, customer),
            )
            for i, customer in enumerate(state.found or ())
        ],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )


def what_goes(_: Texts, state: Erasure, preview: ErasurePreview) -> list[ft.Control]:
    """What is erased, what ends, and what the store keeps."""
    counts = preview.counts
    goes = _(
        "Name, numbers, needs, own fields and history; the words of %(talks)d conversations; "
        "%(cars)d vehicles; %(people)d companions; %(files)d files."
    ) % {
        "talks": counts.get("conversations", 0),
        "cars": counts.get("vehicles", 0),
        "people": counts.get("companions", 0),
        "files": counts.get("attachments", 0),
    }
    lines = [titled(_("Erased"), identified("erasure-goes", ft.Text(goes)))]
    if preview.merged:
        merged = _.many(
            "Also %(n)d record that was merged into this one.",
            "Also %(n)d records that were merged into this one.",
            preview.merged,
        )
        lines.append(ft.Text(merged))
    ends = _.many(
        "%(n)d open task ends; requests are withdrawn.",
        "%(n)d open tasks end; requests are withdrawn.",
        preview.open_tasks,
    )
    kept = _(
        "Numbers and days of conversations and visits, %(deals)d deals with their amounts and "
        "stages, and every figure of past days. Nothing there names the person."
    ) % {"deals": counts.get("deals", 0)}
    name = state.customer.name if state.customer else None
    head = ft.Text(name or "–", theme_style=ft.TextThemeStyle.TITLE_MEDIUM)
    return [head, *lines, titled(_("Ends"), ft.Text(ends)), titled(_("Stays"), ft.Text(kept))]


def confirmation(_: Texts, state: Erasure) -> list[ft.Control]:
    """Why, and twice that it is meant."""
    reasons = [(key, erasure_reason(_, key)) for key in state.choices]
    why = titled(_("Why"), chip_of("erasure-reason", reasons, state.reason, state.choose_reason))
    if not state.confirming:
        ask = primary_button(
            "ask-erase",
            _("Erase…"),
            act(state.ask),
            icon=ft.Icons.PERSON_REMOVE_OUTLINED,
            disabled=not state.reason,
        )
        return [why, ft.Row([ft.Container(ask, width=260)])]
    warning = ft.Text(
        _(
            "This cannot be undone: not by an undo, a restored version or an import. Backups made "
            "before still hold the person."
        ),
        color=ft.Colors.ERROR,
    )
    erase = primary_button(
        "erase",
        _("Erase for good"),
        act(state.erase),
        icon=ft.Icons.DELETE_FOREVER,
        disabled=state.busy,
    )
    keep = text_button("keep-customer", _("Cancel"), act(state.drop))
    return [why, warning, ft.Row([ft.Container(erase, width=260), keep])]
