"""Photos and files for the fields of a form: chosen now, on this device with the operation that
saves the form."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.offline.attachments import LARGEST, NewAttachment
from mobile_app.session import Session
from shared.domain.media import media_type
from shared.domain.records import Attachment
from shared.ui.form import FormState

PHOTO_QUALITY = 60  # of the picker's own compression: 4 MB of a phone's camera become about 0.4


async def pick_photos(new_id: Callable[[], UUID]) -> tuple[tuple[NewAttachment, ...], str | None]:
    """Pictures, compressed by the picker, and the code of why others were left out. A picker is
    made for each use: one from before a dropped connection never answers."""
    found = await ft.FilePicker().pick_files(
        file_type=ft.FilePickerFileType.IMAGE,
        with_data=True,
        compression_quality=PHOTO_QUALITY,
        allow_multiple=True,
    )
    taken: list[NewAttachment] = []
    problem = None
    for data in (f.bytes for f in found if f.bytes):
        mime = media_type(data) or ""
        if len(data) > LARGEST:
            problem = "attachment_too_large"
        elif not mime.startswith("image/"):
            problem = "file_type"
        else:
            taken.append(NewAttachment("photo", mime, data, id=new_id()))
    return tuple(taken), problem


def as_file(new: NewAttachment, form: str) -> Attachment:
    """What was only just chosen, to be opened like any other file; its record is not saved yet."""
    nobody = UUID(int=0)
    return Attachment(
        id=new.id or nobody,
        customer_id=nobody,
        form=form,
        record_id=nobody,
        kind=new.kind,
        mime=new.mime,
        bytes=len(new.data),
    )


@dataclass
class AttachmentPicker:
    """The files of one form. The field holds the id its file will have; `attachments_for` are those
    that are still named when it is saved. `files`: what the customer's records have already."""

    session: Session
    form: FormState
    files: tuple[Attachment, ...] = ()
    problem: str = ""
    _held: dict[str, NewAttachment] = field(default_factory=dict)

    @classmethod
    def after(
        cls,
        before: "AttachmentPicker | None",
        session: Session,
        form: FormState,
        files: tuple[Attachment, ...] = (),
    ) -> "AttachmentPicker":
        """For a form that replaces another: files of fields in both forms stay."""
        return cls(session, form, files, _held=before._held if before else {})

    async def choose(self, key: str) -> None:
        """Ask for one photo or file; what is too large or of a kind nobody takes is said by the
        field."""
        found = await ft.FilePicker().pick_files(with_data=True, compression_quality=PHOTO_QUALITY)
        field_state = self.form.field(key)
        if field_state is None or not found or not (data := found[0].bytes):
            return
        if len(data) > LARGEST:
            field_state.problem = "attachment_too_large"
            return
        mime, attachment_id = media_type(data), self.session.services.new_id()
        if mime is None:
            field_state.problem = "file_type"
            return
        self._held[str(attachment_id)] = NewAttachment(
            "photo" if mime.startswith("image/") else "file", mime, data, id=attachment_id
        )
        field_state.problem = None
        self.form.set_value(key, str(attachment_id))

    def attachments_for(
        self, changes: Iterable[Any], *, of: tuple[str, UUID] | None = None
    ) -> tuple[NewAttachment, ...]:
        """`of`: (form, id) of the record they belong to, where that is not the operation's own."""
        going = (
            self._held[value] for value in changes if isinstance(value, str) and value in self._held
        )
        return tuple(replace(new, form=of[0], record_id=of[1]) if of else new for new in going)

    def find(self, value: str) -> tuple[Attachment, bytes | None] | None:
        """What a field's value stands for: (file, its bytes when it was only just chosen); None
        when this device does not know it."""
        if (new := self._held.get(value)) is not None:
            return as_file(new, self.form.form), new.data
        found = next((f for f in self.files if str(f.id) == value), None)
        return (found, None) if found else None
