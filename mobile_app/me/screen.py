"""Me: language, look, text size, stores, signing out; the way to what is not sent yet."""

import flet as ft

from mobile_app.comments.widgets import MyComments
from mobile_app.observables import use_sync
from mobile_app.offline.sync import SyncState
from mobile_app.session import Session, use_session
from mobile_app.settings import AppSettings
from mobile_app.shell import scrolling, sync_text, tab_view, tabs_of
from mobile_app.targets.screen import MyTargets
from mobile_app.team.meeting_notes import MyTodos
from mobile_app.team.renewal_rates import shows_renewal_rates
from shared.domain.members import Membership
from shared.ui.feedback import Skeleton, act
from shared.ui.text import LANGUAGES, Texts, problem_text, use_text
from shared.ui.view import component, screen
from shared.ui.widgets import card, chips, secondary_button, section, text_button

SECTIONS = 20  # dp between them


@screen
def MeScreen() -> ft.View:
    session, sync, _ = use_session(), use_sync(), use_text()
    me = session.me
    if me is None:
        return tab_view("me", _("Me"), Skeleton(3))
    blocks: list[ft.Control] = [
        card(
            ft.Text(me.name, theme_style=ft.TextThemeStyle.TITLE_LARGE),
            ft.Text(
                f"{_.label(me.role_label)} · {me.store_name}", color=ft.Colors.ON_SURFACE_VARIANT
            ),
        ),
        *([own_numbers(_)] if is_specialist(session, me) else []),
        MyComments(),
        MyTodos(),
        MyTargets(),
        *([own_report(_)] if "team" not in tabs_of(session) else []),
        sync_section(_, me, sync),
        Appearance(session.settings),
        *([store_choice(_, session, me)] if len(session.memberships) > 1 else []),
        what_signing_out_does(_, sync),
        secondary_button("sign-out", _("Sign out"), act(session.sign_out), icon=ft.Icons.LOGOUT),
    ]
    return tab_view("me", _("Me"), scrolling(blocks, spacing=SECTIONS, on_demand=True))


def is_specialist(session: Session, me: Membership) -> bool:
    """Whoever renews policies and has no team, where the rates stand else."""
    return (
        "save_policy" in me.verbs
        and "team" not in tabs_of(session)
        and (shows_renewal_rates(session))
    )


def own_numbers(_: Texts) -> ft.Control:
    return section(
        _("Renewal"),
        text_button(
            "renewal-rates",
            _("Renewal rates"),
            lambda e: e.page.navigate("/me/renewals"),
            icon=ft.Icons.AUTORENEW,
        ),
    )


def own_report(_: Texts) -> ft.Control:
    return text_button(
        "my-report",
        _("My report"),
        lambda e: e.page.navigate("/me/report"),
        icon=ft.Icons.INSIGHTS,
    )


def sync_section(_: Texts, me: Membership, sync: SyncState) -> ft.Control:
    """How far phone and server are together, and the ways to what is not sent."""
    status = sync_text(_, sync)
    if sync.trouble and (sync.rejected or sync.pending or sync.trouble != "offline"):
        status += " · " + problem_text(_, sync.trouble)
    ways = [("open-waiting", _("View unsent entries"), "pending", ft.Icons.CLOUD_UPLOAD_OUTLINED)]
    if "decide_approval" in me.verbs:
        ways.append(("open-held", _("For your decision"), "quarantine", ft.Icons.INBOX_OUTLINED))
    ways.append(("open-device", _("This device"), "device", ft.Icons.PHONE_ANDROID))
    return section(
        _("Sync"),
        ft.Semantics(identifier="sync-status", content=ft.Text(status)),
        *(
            text_button(
                identifier, label, lambda e, page=page: e.page.navigate(f"/me/{page}"), icon=icon
            )
            for identifier, label, page, icon in ways
        ),
    )


@component
def Appearance(settings: AppSettings) -> ft.Control:
    _ = use_text()
    themes = [("system", _("Use device setting")), ("light", _("Light")), ("dark", _("Dark"))]
    scales = [("1.0", _("Normal")), ("1.3", _("Large")), ("1.6", _("Very large"))]
    return ft.Column(
        [
            section(
                _("Language"),
                chips(
                    "language",
                    list(LANGUAGES.items()),
                    settings.language,
                    lambda key: act(settings.choose_language, key),
                ),
            ),
            section(
                _("Appearance"),
                chips("theme", themes, settings.theme, lambda key: act(settings.choose_theme, key)),
            ),
            section(
                _("Text size"),
                chips(
                    "scale",
                    scales,
                    str(settings.text_scale),
                    lambda key: act(settings.choose_scale, key),
                ),
            ),
        ],
        spacing=SECTIONS,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def store_choice(_: Texts, session: Session, me: Membership) -> ft.Control:
    stores = [(str(m.store_id), m.store_name) for m in session.memberships]
    return section(
        _("Store"),
        chips("store", stores, str(me.store_id), lambda key: act(session.choose_store, key)),
    )


def what_signing_out_does(_: Texts, sync: SyncState) -> ft.Control:
    if unsent := sync.pending + sync.rejected:
        text = _("%(n)d not sent. They stay locked on this device until you sign in again.") % {
            "n": unsent
        }
    else:
        text = _("Signing out deletes customer data from this device.")
    return ft.Semantics(
        identifier="sealed" if unsent else "leaving",
        content=ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT),
    )
