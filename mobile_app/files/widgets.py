"""The files of a record as chips: a photo opens over the whole screen, a paper in a sheet, a voice
memo is heard where it stands."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.files.picker import AttachmentPicker
from mobile_app.files.viewer import AudioPlayback, Opened, is_drawable, seconds_of
from mobile_app.session import use_session
from shared.domain import media
from shared.domain.records import Attachment
from shared.ui.feedback import act
from shared.ui.form import FormState, FormView
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.theme import EDGE, GAP, TARGET, themes
from shared.ui.view import component
from shared.ui.widgets import chip, icon_button, identified, pending_icon, primary_button


@component
def FileChips(files: Sequence[Attachment], pending: Collection[UUID]) -> ft.Control:
    """Files side by side; `waiting`: ids of what is on this device only."""
    return ft.Row(
        [FileChip(f, f.id in pending, key=str(f.id)) for f in files],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
    )


@component
def FileChip(file: Attachment, pending: bool = False, data: bytes | None = None) -> ft.Control:
    """`data`: of a file that was only just chosen."""
    session = use_session()
    if file.kind == "voice":
        return MemoChip(
            session.kept("playing", lambda: AudioPlayback(session)), file, pending, data
        )
    return PaperChip(file, pending, data)


@component
def MemoChip(
    playing: AudioPlayback, file: Attachment, pending: bool, data: bytes | None = None
) -> ft.Control:
    """One tap plays, the next one stops."""
    _ = use_text()
    ft.on_unmounted(act(playing.leave, file.id))
    mine, length = playing.is_of(file.id), seconds_of(file)
    phase = playing.phase if mine else ""
    lasts = clock(length) if length else ""
    if phase == "sounds":
        words, icon = (
            f"{clock(playing.at)} / {lasts}" if lasts else clock(playing.at),
            ft.Icons.STOP_CIRCLE_OUTLINED,
        )
    elif phase == "fetching":
        words, icon = f"{playing.fetched * 100 // file.bytes} %", ft.Icons.STOP_CIRCLE_OUTLINED
    else:
        words, icon = (
            " · ".join(x for x in (_("Voice memo"), lasts) if x),
            ft.Icons.PLAY_CIRCLE_OUTLINE,
        )
    button = chip(
        f"file-{file.id}",
        words,
        selected=phase == "sounds",
        on_click=act(playing.toggle, file, data),
        icon=icon,
    )
    row = ft.Row(
        [button, *([pending_icon(_("Not sent yet"))] if pending else [])], tight=True, spacing=4
    )
    if mine and playing.problem:
        return ft.Column(
            [
                row,
                identified(
                    "memo-problem",
                    ft.Text(problem_text(_, playing.problem), color=ft.Colors.ERROR, size=12),
                ),
            ],
            spacing=4,
        )
    return row


def clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


@component
def PaperChip(file: Attachment, pending: bool, data: bytes | None) -> ft.Control:
    """A photo or another file; it is fetched when it is opened, and not before."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Opened(session, file, data))
    is_open, set_open = ft.use_state(False)

    def close(event: object = None) -> None:
        set_open(False)

    async def open_it(event: ft.ControlEvent) -> None:
        set_open(True)
        await act(state.load)(event)

    over = picture if file.kind == "photo" else paper
    ft.use_dialog(over(state, close) if is_open else None)
    icon = ft.Icons.IMAGE_OUTLINED if file.kind == "photo" else ft.Icons.ATTACH_FILE
    button = chip(f"file-{file.id}", kind_of(_, file), selected=False, on_click=open_it, icon=icon)
    return ft.Row(
        [button, *([pending_icon(_("Not sent yet"))] if pending else [])], tight=True, spacing=4
    )


def kind_of(_: Texts, file: Attachment) -> str:
    """Photo; for another file its type and how large it is."""
    if file.kind == "photo":
        return _("Photo")
    size = (
        f"{file.bytes / 1_048_576:.1f} MB"
        if file.bytes >= 1_048_576
        else f"{max(file.bytes // 1024, 1)} KB"
    )
    return " · ".join(x for x in (_("File"), media.ENDINGS.get(file.mime, "").upper(), size) if x)


def picture(state: Opened, close) -> ft.AlertDialog:
    """The whole screen, dark in the light look too, so that the picture is what one sees."""
    page = ft.context.page
    return ft.AlertDialog(
        content=ft.Container(
            Picture(state, close),
            width=page.width,
            height=page.height,
            theme=themes()[1],
            theme_mode=ft.ThemeMode.DARK,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOWEST,
        ),
        content_padding=0,
        inset_padding=0,
        actions_padding=0,
        bgcolor=ft.Colors.TRANSPARENT,
        shape=ft.RoundedRectangleBorder(radius=0),
        on_dismiss=close,
    )


@component
def Picture(state: Opened, close) -> ft.Control:
    """Two fingers enlarge it; one tap, the cross or the way back closes it."""
    _ = use_text()
    if state.data is not None and is_drawable(state.data):
        image = ft.Image(src=state.data, fit=ft.BoxFit.CONTAIN, expand=True)
        body: ft.Control = ft.InteractiveViewer(
            ft.GestureDetector(image, on_tap=close), min_scale=1, max_scale=6, expand=True
        )
        body = identified("picture", body, label=_("Photo"), image=True)
    elif state.data is not None:
        body = centred(
            ft.Icons.BROKEN_IMAGE_OUTLINED,
            _("This photo cannot be shown here. Save it to open it in another app."),
        )
    else:
        body = coming(_, state)
    bar = ft.Row(
        [
            icon_button(
                "close-file", ft.Icons.CLOSE, _("Close"), close, width=TARGET, height=TARGET
            ),
            ft.Container(expand=True),
            *(
                [
                    icon_button(
                        "save-file",
                        ft.Icons.DOWNLOAD,
                        _("Save the file"),
                        act(state.save),
                        width=TARGET,
                        height=TARGET,
                    )
                ]
                if state.data is not None
                else []
            ),
        ]
    )
    return ft.SafeArea(
        ft.Column(
            [bar, ft.Container(body, expand=True)],
            spacing=0,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        expand=True,
    )


def paper(state: Opened, close) -> ft.BottomSheet:
    return ft.BottomSheet(Paper(state), show_drag_handle=True, use_safe_area=True, on_dismiss=close)


@component
def Paper(state: Opened) -> ft.Control:
    """A file the app itself cannot show: what it is, and a way out of the app."""
    _ = use_text()
    parts: list[ft.Control] = [
        ft.Text(kind_of(_, state.file), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
        ft.Text(state.name, color=ft.Colors.ON_SURFACE_VARIANT, size=13),
        primary_button("save-file", _("Save the file"), act(state.save), icon=ft.Icons.DOWNLOAD)
        if state.data is not None
        else coming(_, state),
    ]
    return identified(
        "paper",
        ft.Container(
            ft.Column(
                parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
            padding=EDGE,
        ),
    )


def coming(_: Texts, state: Opened) -> ft.Control:
    """On its way, or why not."""
    if state.problem:
        retry = ft.TextButton(_("Try again"), on_click=act(state.load), height=TARGET)
        return ft.Column(
            [
                centred(ft.Icons.CLOUD_OFF, problem_text(_, state.problem)),
                ft.Row([identified("retry-file", retry)], alignment=ft.MainAxisAlignment.CENTER),
            ],
            alignment=ft.MainAxisAlignment.CENTER,
            tight=True,
        )
    share = state.fetched / state.file.bytes
    words = ft.Text(
        f"{int(share * 100)} %",
        color=ft.Colors.ON_SURFACE_VARIANT,
        size=12,
        text_align=ft.TextAlign.CENTER,
    )
    column = ft.Column(
        [ft.ProgressBar(value=share), words],
        spacing=GAP,
        alignment=ft.MainAxisAlignment.CENTER,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return identified("fetching", ft.Container(column, padding=EDGE * 2))


def centred(icon: ft.IconData, words: str) -> ft.Control:
    return ft.Container(
        ft.Column(
            [
                ft.Icon(icon, size=40, color=ft.Colors.ON_SURFACE_VARIANT),
                identified(
                    "file-problem",
                    ft.Text(words, text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE),
                ),
            ],
            spacing=12,
            tight=True,
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        ),
        padding=EDGE * 2,
        alignment=ft.Alignment.CENTER,
    )


def form_with_files(
    form: FormState, attaching: AttachmentPicker | None, **options: Any
) -> ft.Control:
    """A form whose file fields take files and open them."""
    if attaching is None:
        return FormView(form, **options)
    return FormView(
        form,
        attaching.choose,
        show_file=lambda value: PickedFile(attaching, value, key=value),
        **options,
    )


@component
def PickedFile(attaching: AttachmentPicker, value: str) -> ft.Control:
    """What a field of type file holds: to be opened when this device knows it, else said."""
    _ = use_text()
    found = attaching.find(value)
    if found is None:
        return ft.Row(
            [
                ft.Icon(ft.Icons.ATTACH_FILE, color=ft.Colors.ON_SURFACE_VARIANT),
                ft.Text(_("One file is attached"), expand=True),
            ],
            spacing=GAP,
        )
    file, data = found
    return FileChip(file, False, data, key=value)
