"""A plate is typed on its own keyboard: provinces first, then capitals and digits without I
and O."""

from collections.abc import Callable
from typing import Any

import flet as ft

from shared.domain.values.plate import PLATE_ENDINGS, PLATE_LETTERS, PROVINCES, plate_problem
from shared.ui.feedback import typed
from shared.ui.form.state import FieldState
from shared.ui.text import use_text
from shared.ui.theme import EDGE, TARGET
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified, primary_button

KEYS_IN_A_ROW = 7  # 48 dp each on the narrowest phone
LONGEST = 8


@component
def PlateField(
    identifier: str,
    label: str,
    field_state: FieldState,
    on_text: Callable[[str], Any],
    on_leave: Callable[[], Any],
    hint: str,
    problem: str | None,
) -> ft.Control:
    """The box takes a plate pasted or typed with the phone's own keyboard too; the button opens
    ours."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)

    def close(event: Any) -> None:
        set_open(False)
        on_leave()

    sheet = ft.BottomSheet(
        content=PlateKeys(identifier, field_state, on_text, close),
        show_drag_handle=True,
        use_safe_area=True,
        on_dismiss=close,
    )
    ft.use_dialog(sheet if is_open else None)
    odd = field_state.text and plate_problem(str(field_state.value or ""))
    box = ft.TextField(
        label=label,
        value=field_state.text,
        on_change=typed(on_text),
        on_blur=lambda e: on_leave(),
        error=problem,
        helper=_("Unusual plate format. It can still be saved.")
        if odd and len(field_state.text) >= 7
        else hint or None,
        capitalization=ft.TextCapitalization.CHARACTERS,
        autocorrect=False,
        border_radius=12,
        border_color=ft.Colors.OUTLINE,
        expand=True,
    )
    keys = icon_button(
        f"{identifier}-keys",
        ft.Icons.KEYBOARD_OUTLINED,
        _("Plate keyboard"),
        lambda e: set_open(True),
        width=TARGET,
        height=TARGET,
    )
    return ft.Row(
        [ft.Container(identified(identifier, box), expand=True), keys],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


@component
def PlateKeys(
    identifier: str, field_state: FieldState, on_text: Callable[[str], Any], on_close: Callable
) -> ft.Control:
    """The keyboard; which keys it shows follows from how far the plate is."""
    _ = use_text()
    text = str(field_state.value or "")
    keys = keys_after(text)
    rows = [
        ft.Row(
            [
                *(
                    plate_key(f"{identifier}-key-{sign}", sign, text, on_text)
                    for sign in keys[n : n + KEYS_IN_A_ROW]
                ),
                *(ft.Container(expand=1) for _gap in range(n + KEYS_IN_A_ROW - len(keys))),
            ],
            spacing=4,
        )
        for n in range(0, len(keys), KEYS_IN_A_ROW)
    ]
    head = ft.Row(
        [
            ft.Text(
                text or _("Plate"),
                size=24,
                expand=True,
                weight=ft.FontWeight.W_600 if text else None,
            ),
            icon_button(
                f"{identifier}-back",
                ft.Icons.BACKSPACE_OUTLINED,
                _("Delete one"),
                lambda e: on_text(text[:-1]),
                width=TARGET,
                height=TARGET,
            ),
        ]
    )
    done = primary_button(f"{identifier}-keys-done", _("Done"), on_close)
    return ft.Container(ft.Column([head, *rows, done], tight=True, spacing=4), padding=EDGE)


def keys_after(text: str) -> str:
    """The signs that may follow what is typed of a plate."""
    if not text:
        return PROVINCES
    if len(text) == 1:
        return PLATE_LETTERS
    return "0123456789" + PLATE_LETTERS + (PLATE_ENDINGS[:5] if len(text) >= 6 else "")


def plate_key(identifier: str, sign: str, text: str, on_text: Callable[[str], Any]) -> ft.Control:
    return ft.Semantics(
        key=sign,
        identifier=identifier,
        button=True,
        expand=1,
        content=ft.Container(
            ft.Text(sign, size=18),
            height=TARGET,
            alignment=ft.Alignment.CENTER,
            border_radius=8,
            ink=True,
            bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
            on_click=lambda e: on_text((text + sign)[:LONGEST]),
        ),
    )
