"""A new invitation as a QR code, a link and a code: whatever is at hand to hand over."""

import io
from urllib.parse import urlsplit

import flet as ft
import segno

from shared.ui.text import use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified

QR_SIZE = 220  # dp; a phone's camera reads it from half a metre


def phone_address(panel_url: str) -> str:
    """Where the phone app is: the origin of the panel's own address."""
    panel = urlsplit(panel_url)
    return f"{panel.scheme}://{panel.netloc}"


def invitation_link(phone_url: str, code: str) -> str:
    """The code stands in the fragment, which no browser sends to a server, and nothing else does:
    no name and no number, in case the link is passed on."""
    return f"{phone_url}/#invitation={code}"


def qr_png(text: str) -> bytes:
    """A QR code on white with its quiet zone, which cameras need in a dark theme too."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=6, border=4)
    return out.getvalue()


@component
def InvitationCard(name: str, code: str, phone_url: str) -> ft.Control:
    """Shown once: only the code's hash is stored."""
    _ = use_text()
    link = invitation_link(phone_url, code)
    picture = ft.Image(qr_png(link), width=QR_SIZE, height=QR_SIZE, border_radius=8)
    words = ft.Column(
        [
            ft.Text(
                _("Invitation for %(name)s, shown once") % {"name": name},
                theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
            ),
            ft.Text(
                _("Scan this with the phone's camera, or send the link. It can be used once."),
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            identified("invitation-link", ft.Text(link)),
            ft.Row(
                [
                    identified(
                        "copy-link",
                        ft.FilledButton(
                            _("Copy the link"),
                            icon=ft.Icons.LINK,
                            action=ft.CopyToClipboard(link),
                            height=48,
                        ),
                    ),
                ]
            ),
            ft.Row(
                [
                    ft.Text(_("Or type this code in the app:"), size=13),
                    identified(
                        "invitation-code",
                        ft.Text(code, theme_style=ft.TextThemeStyle.TITLE_LARGE),
                    ),
                    ft.TextButton(_("Copy"), action=ft.CopyToClipboard(code), height=48),
                ],
                wrap=True,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
        ],
        spacing=12,
        expand=True,
    )
    qr = identified("invitation-qr", picture, label=_("QR code of the invitation"), image=True)
    return card(ft.Row([qr, words], spacing=24, vertical_alignment=ft.CrossAxisAlignment.START))
