"""The script beside the call and the quote text to copy, wherever a conversation is logged: one tap
away, without a network (F-36, F-41)."""

import flet as ft

from mobile_app.conversations.call_texts import CallTexts
from shared.ui.feedback import act
from shared.ui.text import use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import chip


@component
def CallAids(texts: CallTexts, outcome: str | None) -> ft.Control:
    _ = use_text()
    scripts, quote = texts.scripts(outcome), texts.quote
    row: list[ft.Control] = []
    if scripts:
        row.append(
            chip(
                "script",
                _("Call script"),
                selected=texts.script_is_shown,
                on_click=act(texts.toggle_script),
                icon=ft.Icons.RECORD_VOICE_OVER_OUTLINED,
            )
        )
    if quote:
        row.append(
            chip(
                "copy-quote",
                _("Copy the quote"),
                selected=False,
                on_click=act(texts.say_copied),
                icon=ft.Icons.COPY,
                action=ft.CopyToClipboard(quote),
            )
        )
    if not row:
        return ft.Container(height=0)
    parts: list[ft.Control] = [ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)]
    if texts.script_is_shown and scripts:
        script, text = scripts[0]
        words = ft.Column(
            [
                ft.Text(_.label(script.label), weight=ft.FontWeight.W_600),
                ft.Text(text, selectable=True),
            ],
            spacing=4,
        )
        parts.append(
            ft.Semantics(identifier=f"script-{script.key}".replace("_", "-"), content=words)
        )
    return ft.Column(parts, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
