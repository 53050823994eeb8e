"""What a store decides once: the clocks of its levels, what must be approved, who hears of a duplicate, parts of the day, what is asked at the door."""

from typing import Any

import flet as ft

from admin.attributes import attribute
from admin.draft import Draft, use_draft
from admin.parts import FIELD, chip_of, choices, titled, toggle
from admin.words import attribute_name
from shared.domain.config import DAY_PARTS, DayPart, Level, Reception
from shared.domain.drafting import GONE
from shared.ui.feedback import typed
from shared.ui.parts import card, identified, section
from shared.ui.text import Texts, use_text
from shared.ui.view import component

CLOCKS = ("cadence_days", "reassign_after_days", "demote_after_days", "demote_to")


@component
def Clocks() -> ft.Control:
    """The defaults a to e of a store: how often a level is called, when it is nobody's any more, when it falls and where to (S-20, S-25 … S-27)."""
    draft, _ = use_draft(), use_text()
    rows = []
    for level in draft.document.get("levels", ()):
        path = ("levels", level["key"])
        fields = [
            attribute(_, draft, (*path, name), name, Level.model_fields[name].annotation, f"level-{level['key']}-{name}".replace("_", "-"))
            for name in CLOCKS
        ]
        name = ft.Text(_.label(level["label"]), width=110, weight=ft.FontWeight.W_600, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)
        rows.append(ft.Row([name, *(ft.Container(f, width=168) for f in fields if f is not None)], spacing=12, wrap=True, key=level["key"]))
    note = ft.Text(
        _("The clock starts when a customer enters the level and stops at his first deal. Any talk in which somebody was reached counts as a call, a visit too."),
        size=12, color=ft.Colors.ON_SURFACE_VARIANT,
    )  # fmt: skip
    return card(section(_("Clocks of the levels"), *rows, note))


@component
def Approvals() -> ft.Control:
    draft, _ = use_draft(), use_text()
    shown = draft.at(("settings", "duplicate_shows"))
    ways = [("days", _("Only how long ago somebody spoke to him")), ("owner", _("Also whose customer he is"))]
    return card(
        section(
            _("Approval and duplicates"),
            *(
                toggle(f"setting-{key}".replace("_", "-"), words, draft.at(("settings", key)) is True, lambda yes, key=key: draft.put(("settings", key), True if yes else GONE))
                for key, words in (("approve_lost", _("A manager must agree before a deal is lost")), ("approve_level_down", _("A manager must agree before a level is lowered")))
            ),
            titled(_("Who enters a colleague's customer is told"), chip_of("duplicate-shows", ways, "owner" if shown == "owner" else "days", lambda k: draft.put(("settings", "duplicate_shows"), k if k == "owner" else GONE))),
        )
    )  # fmt: skip


@component
def DayParts() -> ft.Control:
    """When "in the morning" is, for the hour a customer prefers (F-04)."""
    draft, _ = use_draft(), use_text()
    held = draft.at(("day_parts",))
    parts: list[dict[str, Any]] = [p.model_dump() for p in DAY_PARTS] if held is GONE else list(held)
    field = next((f for f in draft.document.get("forms", {}).get("customer", {}).get("fields", ()) if f["key"] == "preferred_time"), {})
    names = {o["key"]: _.label(o["label"]) for o in field.get("options") or ()}
    rows = []
    for part in parts:
        hours = [time_field(_, draft, parts, part, edge) for edge in ("start", "end")]
        rows.append(ft.Row([ft.Text(names.get(part["key"]) or str(part["key"]), width=110), *hours], spacing=12, key=part["key"]))
    return card(section(_("Parts of the day"), *rows))


def time_field(_: Texts, draft: Draft, parts: list[dict[str, Any]], part: dict[str, Any], edge: str) -> ft.Control:
    """09:00; anything else is told at the field and again before publishing."""
    value = str(part.get(edge) or "")

    def changed(text: str) -> None:
        after = [{**p, edge: text} if p["key"] == part["key"] else p for p in parts]
        draft.put(("day_parts",), after, topic=("day_parts", part["key"], edge))

    try:
        DayPart.model_validate({**part, "start": value, "end": value})
        problem = None
    except ValueError:
        problem = _("A time like 09:00, please.")
    box = ft.TextField(value=value, label=attribute_name(_, edge), error=problem, on_change=typed(changed), **FIELD)
    return identified(f"day-{part['key']}-{edge}", ft.Container(box, width=150))


@component
def AtTheDoor() -> ft.Control:
    """What is asked of someone who walks in, and what must be answered (S-14)."""
    draft, _ = use_draft(), use_text()
    held = draft.document.get("reception") or Reception().model_dump(mode="json")
    fields = [
        (f["key"], _.label(f["label"])) for f in draft.document.get("forms", {}).get("customer", {}).get("fields", ()) if f.get("type") != "formula"
    ]
    asked = [x for x in fields if x[0] in held.get("fields", ())]

    def put(part: str):
        def chosen(keys: list[str]) -> None:
            after = {**held, part: keys}
            draft.put(("reception",), {**after, "required": [k for k in after["required"] if k in after["fields"]]})

        return chosen

    return card(
        section(
            _("At the door"),
            titled(_("Asked of someone who walks in"), choices("door-field", fields, held.get("fields", ()), put("fields"))),
            titled(_("Must be answered"), choices("door-required", asked, held.get("required", ()), put("required"))),
        )
    )  # fmt: skip
