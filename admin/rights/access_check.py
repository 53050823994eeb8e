"""The proof: every endpoint asked as every role for what it may not see; green, or red with the
field."""

import flet as ft

from admin.draft import Draft, use_draft
from admin.labels import where
from admin.rights.state import Rights
from shared.domain.access_check import Cell, Leak
from shared.ui.feedback import act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, primary_button, section


def endpoint_name(_: Texts, name: str) -> str:
    return {
        "today": _("Today's queue"),
        "customer_brief": _("Customer card"),
        "customers listed": _("List of customers"),
        "customers found": _("Search"),
        "duplicates by phone": _("Duplicate check by phone"),
        "duplicates by plate": _("Duplicate check by plate"),
        "funnel_report": _("Funnel"),
        "pending_approvals": _("Approvals"),
        "sync_pull": _("Data on the phone"),
        "a conflict": _("Conflict response"),
        "rights": _("Own rights"),
        "an import": _("Import preview"),
        "timeline": _("History"),
        "customers": _("Customers"),
        "deals": _("Deals"),
        "policies": _("Policies"),
        "vehicles": _("Vehicles"),
        "conversations": _("Conversations"),
        "companions": _("Companions"),
        "config": _("Configuration"),
    }.get(name, name.replace("_", " "))


def leak_text(_: Texts, leak: Leak, document) -> str:
    field = where(_, ("forms", leak.form, "fields", leak.key), document) if leak.key else ""
    return {
        "shown": _("the value of %(field)s was exposed"),
        "named": _("the name of %(field)s was exposed"),
        "found": _("%(field)s can be searched by its value"),
        "not_asked": _("no check is defined for it"),
        "failed": _("the check failed"),
    }[leak.how] % {"field": field}


@component
def AccessCheckTable(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    intro, start = what_it_asks(_), start_button(_, state)
    check = state.access_check
    if check is None:
        return card(intro, start)
    cells: list[Cell] = list(check.cells)
    return card(
        intro,
        start,
        section(
            _("Version %(n)d") % {"n": check.version},
            verdict(_, cells),
            *leak_lines(_, cells, draft),
            ft.Row([endpoints_by_role(_, cells, draft)], scroll=ft.ScrollMode.AUTO),
        ),
    )


def what_it_asks(_: Texts) -> ft.Control:
    return ft.Text(
        _(
            "Queries every list, search, report, history and download as each role, "
            "for every value that role must not see. Nothing is stored. This checks "
            "the published configuration; publishing checks what changed."
        ),
        color=ft.Colors.ON_SURFACE_VARIANT,
    )


def start_button(_: Texts, state: Rights) -> ft.Control:
    return ft.Container(
        primary_button(
            "prove",
            _("Run access check") if not state.busy else _("Checking every endpoint…"),
            act(state.check_access),
            disabled=state.busy,
            icon=ft.Icons.VERIFIED_USER_OUTLINED,
        ),
        width=260,
    )


def verdict(_: Texts, cells: list[Cell]) -> ft.Control:
    leaks = sum(len(c.leaks) for c in cells)
    words = (
        _("Passed: %(asked)d checks, no data exposed.") % {"asked": sum(c.asked for c in cells)}
        if not leaks
        else _("%(n)d leaks found. Publishing is blocked until they are fixed.") % {"n": leaks}
    )
    color = ft.Colors.ERROR if leaks else None
    return identified(
        "verdict", ft.Text(words, weight=ft.FontWeight.W_600, color=color), live_region=True
    )


def leak_lines(_: Texts, cells: list[Cell], draft: Draft) -> list[ft.Control]:
    """The first leaks in words."""
    lines: list[ft.Control] = [
        ft.Text(
            f"{where(_, ('roles', c.role), draft.base)} · {endpoint_name(_, c.endpoint)}{_.colon}"
            f"{leak_text(_, x, draft.base)}",
            color=ft.Colors.ERROR,
        )
        for c in cells
        for x in c.leaks
    ]
    return lines[:30]


def endpoints_by_role(_: Texts, cells: list[Cell], draft: Draft) -> ft.Control:
    """A row for each endpoint, a column for each role."""
    roles = list(dict.fromkeys(c.role for c in cells))
    by_cell = {(c.role, c.endpoint): c for c in cells}
    names = [
        ft.Container(
            ft.Text(
                where(_, ("roles", r), draft.base).split("「", 1)[-1].rstrip("」"),
                size=12,
                max_lines=2,
                text_align=ft.TextAlign.CENTER,
            ),
            width=92,
        )
        for r in roles
    ]
    rows = [
        ft.Row(
            [
                ft.Text(endpoint_name(_, endpoint), width=170, size=13, max_lines=1),
                *(cell_mark(_, by_cell.get((role, endpoint)), draft) for role in roles),
            ],
            spacing=0,
            height=30,
            key=endpoint,
        )
        for endpoint in dict.fromkeys(c.endpoint for c in cells)
    ]
    return ft.Column([ft.Row([ft.Container(width=170), *names], spacing=0), *rows], spacing=0)


def cell_mark(_: Texts, cell: Cell | None, draft: Draft) -> ft.Control:
    """Green, red with its leaks, or a dash for what was not asked."""
    if cell is None:
        icon, color, tip = ft.Icons.REMOVE, ft.Colors.OUTLINE, _("%(n)d checks") % {"n": 0}
    elif cell.leaks:
        icon, color = ft.Icons.ERROR, ft.Colors.ERROR
        tip = "\n".join(leak_text(_, x, draft.base) for x in cell.leaks)
    else:
        icon, color = ft.Icons.CHECK_CIRCLE, ft.Colors.GREEN_700
        tip = _("%(n)d checks") % {"n": cell.asked}
    mark = ft.Icon(icon, size=18, color=color)
    return ft.Container(mark, width=92, alignment=ft.Alignment.CENTER, tooltip=tip)
