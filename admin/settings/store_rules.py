"""What a store decides once: the clocks of its levels, what must be approved, who hears of a
duplicate, parts of the day, what is asked at the door."""

from typing import Any

import flet as ft

from admin.attributes import Attribute, attribute
from admin.draft import Draft, use_draft
from admin.labels import attribute_name
from admin.widgets import FIELD, chip_of, choices, titled, toggle
from shared.domain.config import DAY_PARTS, DayPart, Level, VisitForm
from shared.domain.draft_merge import GONE
from shared.ui.feedback import typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, section

CLOCKS = ("cadence_days", "reassign_after_days", "demote_after_days", "demote_to")


@component
def Clocks() -> ft.Control:
    """The defaults a to e of a store: how often a level is called, when it is nobody's any more,
    when it falls and where to (S-20, S-25 … S-27)."""
    draft, _ = use_draft(), use_text()
    rows = []
    for level in draft.document.get("levels", ()):
        fields = [
            attribute(
                _,
                Attribute(
                    draft,
                    ("levels", level["key"], name),
                    f"level-{level['key']}-{name}".replace("_", "-"),
                ),
                Level.model_fields[name].annotation,
            )
            for name in CLOCKS
        ]
        name = ft.Text(
            _.label(level["label"]),
            width=110,
            weight=ft.FontWeight.W_600,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
        rows.append(
            ft.Row(
                [name, *(ft.Container(f, width=168) for f in fields if f is not None)],
                spacing=12,
                wrap=True,
                key=level["key"],
            )
        )
    note = ft.Text(
        _(
            "The clock starts when a customer enters the level and stops at their first deal. Any "
            "conversation that reached the customer counts, visits included."
        ),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return card(section(_("Level time limits"), *rows, note))


@component
def Approvals() -> ft.Control:
    draft, _ = use_draft(), use_text()
    shown = draft.at(("settings", "duplicate_shows"))
    ways = [
        ("days", _("Only how long ago the customer was contacted")),
        ("owner", _("Also the owner's name")),
    ]
    return card(
        section(
            _("Approval and duplicates"),
            *(
                toggle(
                    f"setting-{key}".replace("_", "-"),
                    words,
                    draft.at(("settings", key)) is True,
                    lambda yes, key=key: draft.set_value(("settings", key), True if yes else GONE),
                )
                for key, words in (
                    ("approve_lost", _("Marking a deal as lost needs a manager's approval")),
                    ("approve_level_down", _("Lowering a level needs a manager's approval")),
                )
            ),
            titled(
                _("Shown when someone adds a colleague's customer"),
                chip_of(
                    "duplicate-shows",
                    ways,
                    "owner" if shown == "owner" else "days",
                    lambda k: draft.set_value(
                        ("settings", "duplicate_shows"), k if k == "owner" else GONE
                    ),
                ),
            ),
        )
    )


@component
def DayParts() -> ft.Control:
    """When "in the morning" is, for the hour a customer prefers (F-04)."""
    draft, _ = use_draft(), use_text()
    stored = draft.at(("day_parts",))
    parts: list[dict[str, Any]] = (
        [p.model_dump() for p in DAY_PARTS] if stored is GONE else list(stored)
    )
    field = next(
        (
            f
            for f in draft.document.get("forms", {}).get("customer", {}).get("fields", ())
            if f["key"] == "preferred_time"
        ),
        {},
    )
    names = {o["key"]: _.label(o["label"]) for o in field.get("options") or ()}
    rows = []
    for part in parts:
        hours = [time_field(_, draft, parts, part, edge) for edge in ("start", "end")]
        rows.append(
            ft.Row(
                [ft.Text(names.get(part["key"]) or str(part["key"]), width=110), *hours],
                spacing=12,
                key=part["key"],
            )
        )
    return card(section(_("Times of day"), *rows))


def time_field(
    _: Texts, draft: Draft, parts: list[dict[str, Any]], part: dict[str, Any], edge: str
) -> ft.Control:
    """09:00; anything else is reported at the field and again before publishing."""
    value = str(part.get(edge) or "")

    def changed(text: str) -> None:
        after = [{**p, edge: text} if p["key"] == part["key"] else p for p in parts]
        draft.set_value(("day_parts",), after, topic=("day_parts", part["key"], edge))

    try:
        DayPart.model_validate({**part, "start": value, "end": value})
        problem = None
    except ValueError:
        problem = _("Enter a time such as 09:00.")
    box = ft.TextField(
        value=value, label=attribute_name(_, edge), error=problem, on_change=typed(changed), **FIELD
    )
    return identified(f"day-{part['key']}-{edge}", ft.Container(box, width=150))


@component
def AtTheDoor() -> ft.Control:
    """What a walk-in is asked, and which answers are required (S-14)."""
    draft, _ = use_draft(), use_text()
    stored = draft.document.get("visit") or VisitForm().model_dump(mode="json")
    fields = [
        (f["key"], _.label(f["label"]))
        for f in draft.document.get("forms", {}).get("customer", {}).get("fields", ())
        if f.get("type") != "formula"
    ]
    asked = [x for x in fields if x[0] in stored.get("fields", ())]

    def put(part: str):
        def chosen(keys: list[str]) -> None:
            after = {**stored, part: keys}
            draft.set_value(
                ("visit",),
                {**after, "required": [k for k in after["required"] if k in after["fields"]]},
            )

        return chosen

    return card(
        section(
            _("Walk-in visit"),
            titled(
                _("Asked at a walk-in visit"),
                choices("door-field", fields, stored.get("fields", ()), put("fields")),
            ),
            titled(
                _("Answer required"),
                choices("door-required", asked, stored.get("required", ()), put("required")),
            ),
        )
    )
