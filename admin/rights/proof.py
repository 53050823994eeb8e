"""The proof: every exit asked as every role for what it may not see; green, or red with the field."""

import flet as ft

from admin.draft import use_draft
from admin.rights.state import Rights
from admin.words import where
from shared.domain.proof import Cell, Leak
from shared.ui.feedback import act
from shared.ui.parts import card, identified, primary_button, section
from shared.ui.text import Texts, use_text
from shared.ui.view import component


def exit_name(_: Texts, name: str) -> str:
    return {
        "today": _("Today's queue"), "customer_brief": _("Customer card"), "customers listed": _("List of customers"), "customers found": _("Search"), "duplicates by phone": _("Duplicate check by phone"),
        "duplicates by plate": _("Duplicate check by plate"), "funnel_report": _("Funnel"), "pending_approvals": _("Approvals"), "sync_pull": _("What a phone holds"), "a conflict": _("An answer to a conflict"),
        "rights": _("Own rights"), "an import": _("Import preview"), "timeline": _("History"), "customers": _("Customers"), "deals": _("Deals"), "policies": _("Policies"), "vehicles": _("Vehicles"),
        "conversations": _("Conversations"), "companions": _("Companions"), "config": _("Configuration"),
    }.get(name, name.replace("_", " "))  # fmt: skip


def leak_text(_: Texts, leak: Leak, document) -> str:
    field = where(_, ("forms", leak.form, "fields", leak.key), document) if leak.key else ""
    return {
        "shown": _("%(field)s was shown"), "named": _("%(field)s was named"), "found": _("%(field)s could be found by its value"),
        "not_asked": _("nobody described how to ask it"), "failed": _("it failed while it was asked"),
    }[leak.how] % {"field": field}  # fmt: skip


@component
def ProofTable(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    start = ft.Container(
        primary_button(
            "prove",
            _("Prove it") if not state.busy else _("Asking every exit…"),
            act(state.prove),
            disabled=state.busy,
            icon=ft.Icons.VERIFIED_USER_OUTLINED,
        ),
        width=260,
    )
    intro = ft.Text(
        _(
            "Each role asks every list, search, report, history and download of the server for every value it may not see. Nothing is stored. What is published is proved; publishing proves again what changed."
        ),
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    proof = state.proof
    if proof is None:
        return card(intro, start)
    cells: list[Cell] = list(proof.cells)
    roles, exits = list(dict.fromkeys(c.role for c in cells)), list(dict.fromkeys(c.exit for c in cells))
    by_place = {(c.role, c.exit): c for c in cells}
    leaks = sum(len(c.leaks) for c in cells)
    verdict = (
        _("All green: %(asked)d questions, nothing seen that should not be.") % {"asked": sum(c.asked for c in cells)}
        if not leaks
        else _("%(n)d leaks. Publishing is blocked until they are mended.") % {"n": leaks}
    )
    head = ft.Row(
        [
            ft.Container(width=170),
            *(
                ft.Container(
                    ft.Text(where(_, ("roles", r), draft.base).split("「", 1)[-1].rstrip("」"), size=12, max_lines=2, text_align=ft.TextAlign.CENTER),
                    width=92,
                )
                for r in roles
            ),
        ],
        spacing=0,
    )
    rows: list[ft.Control] = []
    for exit_ in exits:
        marks: list[ft.Control] = []
        for role in roles:
            cell = by_place.get((role, exit_))
            good = cell is not None and not cell.leaks
            icon = ft.Icon(
                ft.Icons.CHECK_CIRCLE if good else ft.Icons.ERROR if cell else ft.Icons.REMOVE,
                size=18,
                color=ft.Colors.GREEN_700 if good else ft.Colors.ERROR if cell else ft.Colors.OUTLINE,
            )
            tip = (
                "\n".join(leak_text(_, x, draft.base) for x in cell.leaks)
                if cell and cell.leaks
                else _("%(n)d questions") % {"n": cell.asked if cell else 0}
            )
            marks.append(ft.Container(icon, width=92, alignment=ft.Alignment.CENTER, tooltip=tip))
        rows.append(ft.Row([ft.Text(exit_name(_, exit_), width=170, size=13, max_lines=1), *marks], spacing=0, height=30, key=exit_))
    red = [
        ft.Text(f"{where(_, ('roles', c.role), draft.base)} · {exit_name(_, c.exit)}: {leak_text(_, x, draft.base)}", color=ft.Colors.ERROR)
        for c in cells
        for x in c.leaks
    ][:30]
    return card(
        intro,
        start,
        section(
            _("Version %(n)d") % {"n": proof.version},
            identified("verdict", ft.Text(verdict, weight=ft.FontWeight.W_600, color=ft.Colors.ERROR if leaks else None), live_region=True),
            *red,
            ft.Row([ft.Column([head, *rows], spacing=0)], scroll=ft.ScrollMode.AUTO),
        ),
    )
