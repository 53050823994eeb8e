"""Me → Device: whether the data here is safe, installing the app, reminders, and unsent work as a
file."""

from typing import Any

import flet as ft

from mobile_app.device import use_device
from mobile_app.me.device_state import Device, megabytes
from mobile_app.me.pending_widgets import verb_name
from mobile_app.observables import use_sync
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import ProblemBanner, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import identified, secondary_button, section

QUIET = ft.Colors.ON_SURFACE_VARIANT


def told(_: Texts, verb: str, title: str, payload: dict[str, Any]) -> str:
    """An unsent operation in one line of the exported text."""
    words = (payload.get("notes") or "").replace("\n", " ")
    return " · ".join(part for part in (verb_name(_, verb), title, words) if part)


@screen
def DeviceScreen() -> ft.View:
    session, device, _ = use_session(), use_device(), use_text()
    state, _set = ft.use_state(
        lambda: Device(session, _, lambda verb, title, payload: told(_, verb, title, payload))
    )
    ft.use_effect(act(state.look), [])
    parts: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    if device.persisted is not None:
        parts.append(KeptData(state, device.persisted, device.install))
    if device.used is not None:
        parts.append(Space(megabytes(device.used), device.has_little_room))
    if device.install:
        parts.append(Installation(state, device.install))
    if device.reminders not in ("", "unsupported"):
        parts.append(Reminders(state, device.reminders))
    parts.append(UnsentWork(state))
    column = ft.Column(parts, spacing=24, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return page_view(
        ft.use_view_path(),
        _("This device"),
        ft.ListView([ft.Container(column, padding=EDGE)], expand=True),
    )


def mark(identifier: str, icon: ft.IconData, text: str, *, good: bool) -> ft.Control:
    """A state in one line."""
    color = ft.Colors.PRIMARY if good else ft.Colors.ERROR
    return identified(
        identifier,
        ft.Row([ft.Icon(icon, color=color, size=20), ft.Text(text, expand=True)], spacing=12),
    )


def hint(text: str) -> ft.Control:
    return ft.Text(text, size=13, color=QUIET)


@component
def KeptData(state: Device, persisted: bool, install: str) -> ft.Control:
    """Whether the browser promised to keep the data, and how to ask for it."""
    _ = use_text()
    if persisted:
        return section(
            _("Data on this device"),
            mark(
                "kept-data",
                ft.Icons.VERIFIED_USER_OUTLINED,
                _("The browser keeps this app's data until you delete it."),
                good=True,
            ),
        )
    answer = [hint(_("The browser has not agreed yet."))] if state.asked_to_keep else []
    way = (
        []
        if install == "installed"
        else [hint(_("Most browsers agree once the app is installed."))]
    )
    return section(
        _("Data on this device"),
        mark(
            "kept-data",
            ft.Icons.WARNING_AMBER_OUTLINED,
            _("The browser may delete this app's data when the phone runs low on space."),
            good=False,
        ),
        hint(
            _(
                "Unsent entries would be lost. Allow the browser to keep the data: it costs "
                "nothing "
                "and shares nothing."
            )
        ),
        secondary_button("keep-data", _("Keep the data"), act(state.keep_data)),
        *answer,
        *way,
    )


@component
def Space(used: str, little: bool) -> ft.Control:
    _ = use_text()
    text = (
        _("%(used)s used, almost no space left") % {"used": used}
        if little
        else _("%(used)s used, enough space left") % {"used": used}
    )
    parts = [
        mark(
            "space",
            ft.Icons.WARNING_AMBER_OUTLINED if little else ft.Icons.SD_STORAGE_OUTLINED,
            text,
            good=not little,
        )
    ]
    if little:
        parts.append(
            hint(_("Delete photos or apps you do not need, before the phone runs out of space."))
        )
    return section(_("Storage"), *parts)


@component
def Installation(state: Device, install: str) -> ft.Control:
    _ = use_text()
    if install == "installed":
        done = mark("installed", ft.Icons.INSTALL_MOBILE, _("The app is installed."), good=True)
        return section(_("Installation"), done)
    if install == "ios":
        return section(_("Installation"), IosSteps())
    return section(
        _("Installation"),
        hint(_("You can then open it from the home screen in full screen, even offline.")),
        secondary_button(
            "install", _("Install the app"), act(state.install), icon=ft.Icons.INSTALL_MOBILE
        ),
    )


@component
def IosSteps() -> ft.Control:
    """Safari has no prompt: what to tap, with the signs Safari shows."""
    _ = use_text()
    steps = [
        (ft.Icons.IOS_SHARE, _("Tap the Share button in Safari.")),
        (ft.Icons.ADD_BOX_OUTLINED, _("Choose “Add to Home Screen”, then “Add”.")),
        (ft.Icons.HOME_OUTLINED, _("Open the app from the home screen.")),
    ]
    rows: list[ft.Control] = [
        ft.Row([ft.Icon(icon, color=ft.Colors.PRIMARY), ft.Text(text, expand=True)], spacing=12)
        for icon, text in steps
    ]
    return identified("ios-steps", ft.Column(rows, spacing=12))


@component
def Reminders(state: Device, reminders: str) -> ft.Control:
    _ = use_text()
    what = hint(
        _(
            "This device reminds you of scheduled calls while the app is open or in "
            "the background. A closed app cannot remind you."
        )
    )
    if reminders == "granted":
        done = mark("reminders", ft.Icons.NOTIFICATIONS_ACTIVE_OUTLINED, _("On"), good=True)
        return section(_("Reminders"), done, what)
    if reminders == "denied":
        off = mark(
            "reminders",
            ft.Icons.NOTIFICATIONS_OFF_OUTLINED,
            _("Off. Allow notifications for this site in the browser settings."),
            good=False,
        )
        return section(_("Reminders"), off, what)
    return section(
        _("Reminders"),
        what,
        secondary_button("allow-reminders", _("Allow reminders"), act(state.allow_reminders)),
    )


@component
def UnsentWork(state: Device) -> ft.Control:
    """For a phone that cannot send any more."""
    sync, _ = use_sync(), use_text()
    unsent = sync.pending + sync.rejected
    return section(
        _("Unsent entries"),
        hint(
            _(
                "If this phone can no longer send, save the unsent entries as a "
                "file. Give it to your manager, or load it on another device with "
                "your own account. The file contains customer data: delete it "
                "afterwards."
            )
        ),
        secondary_button(
            "export-unsent",
            _("Save as a file: %(n)d unsent") % {"n": unsent},
            act(state.export),
            icon=ft.Icons.SAVE_ALT,
            disabled=not unsent,
        ),
        secondary_button(
            "read-unsent", _("Load a file"), act(state.take_over), icon=ft.Icons.FILE_OPEN
        ),
    )
