"""Store settings: the day, the limits, the budget, the order of the queue, what counts as a burst."""

import flet as ft

from admin.attributes import PlainText, attributes
from admin.draft import use_draft
from admin.parts import NumberField, choices, titled, toggle
from admin.session import use_admin
from admin.settings.store_rules import Approvals, AtTheDoor, Clocks, DayParts
from admin.shell import panel_page
from admin.words import attribute_name
from shared.domain.budget import LIMITS
from shared.domain.config import Burst, QueueOrder
from shared.domain.drafting import GONE
from shared.ui.feedback import Skeleton
from shared.ui.parts import card, section
from shared.ui.text import LANGUAGES, use_text
from shared.ui.view import component

NUMBERS = ("snooze_limit", *(setting for setting, _default in LIMITS.values()))
HALF = 320
ELSEWHERE = ("cut_off", "approve_lost", "approve_level_down", "duplicate_shows")  # each has its own place on the page


@component
def SettingsScreen() -> ft.Control:
    _admin, draft, _ = use_admin(), use_draft(), use_text()
    if not draft.loaded:
        return panel_page(_("Store settings"), Skeleton(5))
    return panel_page(_("Store settings"), Days(), Clocks(), Approvals(), AtTheDoor(), DayParts(), Limits(), Queue())


@component
def Days() -> ft.Control:
    draft, _ = use_draft(), use_text()
    languages = [(k, name) for k, name in LANGUAGES.items()]
    spoken = draft.at(("store", "languages"))
    return card(
        section(
            _("The store's day and languages"),
            ft.Row(
                [
                    ft.Container(PlainText(draft, ("settings", "cut_off"), "setting-cut-off", _("Day ends at"), key="cut_off"), width=HALF),
                    ft.Container(PlainText(draft, ("store", "time_zone"), "setting-time-zone", _("Time zone"), key="time_zone"), width=HALF),
                ],
                spacing=16, wrap=True,
            ),
            ft.Text(_("A task sent back must be done before the day ends; after that it is first tomorrow and counts as missed."), size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            titled(_("Languages"), choices("language-of", languages, () if spoken is GONE else spoken, lambda x: draft.put(("store", "languages"), x) if x else None)),
        )
    )  # fmt: skip


@component
def Limits() -> ft.Control:
    """Every setting that is a number or a yes; one that a newer version knows shows by its key."""
    draft, _ = use_draft(), use_text()
    held = draft.document.get("settings", {})
    hints = {setting: str(default) for setting, default in LIMITS.values()} | {"snooze_limit": "3"}
    numbers = [*NUMBERS, *(k for k, v in held.items() if isinstance(v, int) and not isinstance(v, bool) and k not in NUMBERS)]
    fields = [
        ft.Container(
            NumberField(draft, ("settings", k), f"setting-{k}".replace("_", "-"), attribute_name(_, k), hint=hints.get(k, ""), key=k), width=HALF
        )
        for k in numbers
    ]
    flags = [
        toggle(f"setting-{k}".replace("_", "-"), attribute_name(_, k), v, lambda yes, k=k: draft.put(("settings", k), yes))
        for k, v in held.items()
        if isinstance(v, bool) and k not in ELSEWHERE
    ]
    texts = [
        ft.Container(PlainText(draft, ("settings", k), f"setting-{k}".replace("_", "-"), attribute_name(_, k), key=k), width=HALF)
        for k, v in held.items() if isinstance(v, str) and k not in ELSEWHERE
    ]  # fmt: skip
    note = ft.Text(
        _("A form that asks for more than these seconds can be published only with your explicit consent."),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return card(section(_("Limits and tap budget"), ft.Row([*fields, *texts], wrap=True, spacing=16, run_spacing=12), *flags, note))


@component
def Queue() -> ft.Control:
    """Points that put a task where it stands, and what the manager is told of."""
    draft, _ = use_draft(), use_text()
    queue = list(attributes(_, draft, ("queue",), QueueOrder, "queue"))
    burst = list(attributes(_, draft, ("burst",), Burst, "burst"))
    return card(
        section(_("Order of the queue (points, the highest first)"), ft.Row(queue, wrap=True, spacing=12, run_spacing=12)),
        section(_("Told to the manager: outcomes without dialling"), ft.Row(burst, wrap=True, spacing=12, run_spacing=12)),
    )  # fmt: skip
