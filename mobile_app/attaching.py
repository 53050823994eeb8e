"""Photos and files for the fields of a form: chosen now, on this device with the operation that saves the form."""

import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import flet as ft

from mobile_app.offline.attachments import LARGEST, NewAttachment
from mobile_app.session import Session
from shared.ui.form import FormState

PHOTO_QUALITY = 60  # of the picker's own compression: 4 MB of a phone's camera become about 0.4


async def pick_photos() -> tuple[NewAttachment, ...]:
    """Pictures, compressed by the picker. A picker is made for each use: one from before a dropped connection never answers."""
    found = await ft.FilePicker().pick_files(
        file_type=ft.FilePickerFileType.IMAGE, with_data=True, compression_quality=PHOTO_QUALITY, allow_multiple=True
    )
    return tuple(NewAttachment("photo", mime_of(f.name, "image/jpeg"), f.bytes) for f in found if f.bytes)


def mime_of(name: str, otherwise: str = "application/octet-stream") -> str:
    return mimetypes.guess_type(name)[0] or otherwise


@dataclass
class Attaching:
    """The files of one form. The field holds the id its file will have; `going_with` are those that are still named when it is saved."""

    session: Session
    form: FormState
    problem: str = ""
    _held: dict[str, NewAttachment] = field(default_factory=dict)

    async def choose(self, key: str) -> None:
        """Ask for one photo or file; what is too large is said by the field."""
        found = await ft.FilePicker().pick_files(with_data=True, compression_quality=PHOTO_QUALITY)
        held = self.form.field(key)
        if held is None or not found or not (data := found[0].bytes):
            return
        if len(data) > LARGEST:
            held.problem = "attachment_too_large"
            return
        mime, attachment_id = mime_of(found[0].name), self.session.services.new_id()
        self._held[str(attachment_id)] = NewAttachment("photo" if mime.startswith("image/") else "file", mime, data, id=attachment_id)
        held.problem = None
        self.form.put(key, str(attachment_id))

    def going_with(self, changes: Iterable[Any]) -> tuple[NewAttachment, ...]:
        return tuple(self._held[value] for value in changes if isinstance(value, str) and value in self._held)
