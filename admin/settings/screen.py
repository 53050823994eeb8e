"""Store settings: the day, the calendar, the limits, the budget, the order of the queue, what
counts as a burst."""

from typing import Any

import flet as ft

from admin.attributes import PlainText, attributes
from admin.draft import Draft, use_draft
from admin.labels import attribute_name
from admin.session import use_admin
from admin.settings.calendar import Calendar
from admin.settings.store_rules import Approvals, AtTheDoor, Clocks, DayParts
from admin.shell import panel_page
from admin.widgets import NumberField, choices, titled, toggle
from shared.domain.config import BurstThreshold, QueueOrder
from shared.domain.draft_merge import GONE
from shared.domain.effort_budget import LIMITS
from shared.ui.feedback import Skeleton
from shared.ui.text import LANGUAGES, Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, section

NUMBERS = ("snooze_limit", *(setting for setting, _default in LIMITS.values()))
HALF = 320
ELSEWHERE = (
    "cut_off",
    "approve_lost",
    "approve_level_down",
    "duplicate_shows",
)  # each has its own place on the page


@component
def SettingsScreen() -> ft.Control:
    _admin, draft, _ = use_admin(), use_draft(), use_text()
    if not draft.loaded:
        return panel_page(_("Store settings"), Skeleton(5))
    return panel_page(
        _("Store settings"),
        Days(),
        Calendar(),
        Clocks(),
        Approvals(),
        AtTheDoor(),
        DayParts(),
        Limits(),
        Queue(),
    )


@component
def Days() -> ft.Control:
    draft, _ = use_draft(), use_text()
    languages = [(k, name) for k, name in LANGUAGES.items()]
    spoken = draft.at(("store", "languages"))
    return card(
        section(
            _("Store hours and languages"),
            ft.Row(
                [
                    ft.Container(
                        PlainText(
                            draft,
                            ("settings", "cut_off"),
                            "setting-cut-off",
                            _("Day ends at"),
                            key="cut_off",
                        ),
                        width=HALF,
                    ),
                    ft.Container(
                        PlainText(
                            draft,
                            ("store", "time_zone"),
                            "setting-time-zone",
                            _("Time zone"),
                            key="time_zone",
                        ),
                        width=HALF,
                    ),
                ],
                spacing=16,
                wrap=True,
            ),
            ft.Text(
                _(
                    "A task that was sent back must be done by the end of the day. "
                    "Otherwise it counts as missed and comes first tomorrow."
                ),
                size=12,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            titled(
                _("Languages"),
                choices(
                    "language-of",
                    languages,
                    () if spoken is GONE else spoken,
                    lambda x: draft.set_value(("store", "languages"), x) if x else None,
                ),
            ),
        )
    )


@component
def Limits() -> ft.Control:
    """Every setting that is a number or a yes; one that a newer version knows shows by its key."""
    draft, _ = use_draft(), use_text()
    stored = draft.document.get("settings", {})
    flags = [
        toggle(
            f"setting-{k}".replace("_", "-"),
            attribute_name(_, k),
            v,
            lambda yes, k=k: draft.set_value(("settings", k), yes),
        )
        for k, v in stored.items()
        if isinstance(v, bool) and k not in ELSEWHERE
    ]
    note = ft.Text(
        _("A form that takes longer than this can be published only if you accept the overrun."),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    boxes = [*number_settings(_, draft, stored), *text_settings(_, draft, stored)]
    return card(
        section(
            _("Limits and effort budget"),
            ft.Row(boxes, wrap=True, spacing=16, run_spacing=12),
            *flags,
            note,
        )
    )


def number_settings(_: Texts, draft: Draft, stored: dict[str, Any]) -> list[ft.Control]:
    hints = {setting: str(default) for setting, default in LIMITS.values()} | {"snooze_limit": "3"}
    others = [
        k
        for k, v in stored.items()
        if isinstance(v, int) and not isinstance(v, bool) and k not in NUMBERS
    ]
    return [
        ft.Container(
            NumberField(
                draft,
                ("settings", k),
                f"setting-{k}".replace("_", "-"),
                attribute_name(_, k),
                hint=hints.get(k, ""),
                key=k,
            ),
            width=HALF,
        )
        for k in (*NUMBERS, *others)
    ]


def text_settings(_: Texts, draft: Draft, stored: dict[str, Any]) -> list[ft.Control]:
    return [
        ft.Container(
            PlainText(
                draft,
                ("settings", k),
                f"setting-{k}".replace("_", "-"),
                attribute_name(_, k),
                key=k,
            ),
            width=HALF,
        )
        for k, v in stored.items()
        if isinstance(v, str) and k not in ELSEWHERE
    ]


@component
def Queue() -> ft.Control:
    """Points that order the queue, and what the manager is notified of."""
    draft, _ = use_draft(), use_text()
    queue = list(attributes(_, draft, ("queue",), QueueOrder, "queue"))
    burst = list(attributes(_, draft, ("burst",), BurstThreshold, "burst"))
    return card(
        section(
            _("Queue order (most points first)"),
            ft.Row(queue, wrap=True, spacing=12, run_spacing=12),
        ),
        section(
            _("Alert: outcomes without dialling"),
            ft.Row(burst, wrap=True, spacing=12, run_spacing=12),
        ),
    )
