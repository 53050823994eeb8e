"""What goes with a conversation beside its words: photos, voice memos, the files of its forms."""

from dataclasses import dataclass

import flet as ft

from mobile_app.conversations.recording import Recording
from mobile_app.files.picker import AttachmentPicker, pick_photos
from mobile_app.offline.attachments import NewAttachment
from mobile_app.session import Session
from shared.domain.records import Customer


@ft.observable
@dataclass(eq=False)
class ConversationAttachments:
    """`of_form` and `of_facts`: the files of the conversation's own fields and of the customer's
    that it asks for. `problem`: why a photo was left out."""

    session: Session
    customer: Customer
    recording: Recording
    photos: tuple[NewAttachment, ...] = ()
    of_form: AttachmentPicker | None = None
    of_facts: AttachmentPicker | None = None
    problem: str = ""

    async def take_photo(self) -> None:
        """A picture, compressed by the picker, kept on this device until it is sent; one that is
        too large is said, not swallowed."""
        found, problem = await pick_photos(self.session.services.new_id)
        self.photos, self.problem = (*self.photos, *found), problem or ""

    def drop_photos(self) -> None:
        self.photos = ()

    @property
    def has_any(self) -> bool:
        return bool(self.photos or self.recording.phase or self.recording.memos)

    async def collect(self) -> tuple[NewAttachment, ...]:
        """All of it, to be saved. Saved while they were still speaking: what was said is kept."""
        if self.recording.phase == "recording":
            await self.recording.end()
        files = (*self.photos, *self.recording.memos)
        if self.of_form is not None:
            files += self.of_form.attachments_for(self.of_form.form.changes().values())
        if self.of_facts is not None:
            files += self.of_facts.attachments_for(
                self.of_facts.form.changes().values(), of=("customer", self.customer.id)
            )
        return files
