"""Photos and files for the fields of a form: chosen now, on this device with the operation that saves the form."""

import mimetypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.offline.attachments import LARGEST, NewAttachment
from mobile_app.session import Session
from shared.domain.records import Attachment
from shared.ui.form import FormState

PHOTO_QUALITY = 60  # of the picker's own compression: 4 MB of a phone's camera become about 0.4


async def pick_photos(new_id: Callable[[], UUID]) -> tuple[NewAttachment, ...]:
    """Pictures, compressed by the picker. A picker is made for each use: one from before a dropped connection never answers."""
    found = await ft.FilePicker().pick_files(
        file_type=ft.FilePickerFileType.IMAGE, with_data=True, compression_quality=PHOTO_QUALITY, allow_multiple=True
    )
    return tuple(NewAttachment("photo", mime_of(f.name, "image/jpeg"), f.bytes, id=new_id()) for f in found if f.bytes)


def as_file(new: NewAttachment, form: str) -> Attachment:
    """What was only just chosen, to be opened like any other file; its record is not saved yet."""
    nobody = UUID(int=0)
    return Attachment(id=new.id or nobody, customer_id=nobody, form=form, record_id=nobody, kind=new.kind, mime=new.mime, bytes=len(new.data))


def mime_of(name: str, otherwise: str = "application/octet-stream") -> str:
    return mimetypes.guess_type(name)[0] or otherwise


@dataclass
class Attaching:
    """The files of one form. The field holds the id its file will have; `going_with` are those that are still named when it is saved.
    `files`: what the customer's records have already."""

    session: Session
    form: FormState
    files: tuple[Attachment, ...] = ()
    problem: str = ""
    _held: dict[str, NewAttachment] = field(default_factory=dict)

    @classmethod
    def after(cls, before: "Attaching | None", session: Session, form: FormState, files: tuple[Attachment, ...] = ()) -> "Attaching":
        """For a form that takes another's place: what was chosen for the fields of both stays."""
        return cls(session, form, files, _held=before._held if before else {})

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

    def going_with(self, changes: Iterable[Any], *, of: tuple[str, UUID] | None = None) -> tuple[NewAttachment, ...]:
        """`of`: (form, id) of the record they belong to, where that is not the operation's own."""
        going = (self._held[value] for value in changes if isinstance(value, str) and value in self._held)
        return tuple(replace(new, form=of[0], record_id=of[1]) if of else new for new in going)

    def find(self, value: str) -> tuple[Attachment, bytes | None] | None:
        """What a field's value stands for: (file, its bytes when it was only just chosen); None when this device does not know it."""
        if (new := self._held.get(value)) is not None:
            return as_file(new, self.form.form), new.data
        found = next((f for f in self.files if str(f.id) == value), None)
        return (found, None) if found else None
