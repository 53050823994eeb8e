"""What a person does about this device: keep its data, install the app, save unsent work."""

from dataclasses import dataclass

import flet as ft

from mobile_app import browser
from mobile_app.offline import unsent
from mobile_app.session import Session
from shared.domain.problems import OtherUser, Rejected
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class Device:
    session: Session
    texts: Texts
    describe: unsent.Describe
    problem: str = ""
    busy: bool = False
    asked_to_keep: bool = False  # and the browser answered

    async def keep_data(self) -> None:
        await browser.ask_to_keep(self.session)
        self.asked_to_keep = True

    async def look(self) -> None:
        """What the browser says now."""
        self.session.device.learn(await browser.ask("device"))
        await browser.look_at_storage(self.session)

    async def install(self) -> None:
        self.session.device.learn(await browser.ask("install"))

    async def allow_reminders(self) -> None:
        self.session.device.learn(await browser.ask("allow_reminders"))

    async def export(self) -> None:
        """Save everything unsent as a file; the queue stays as it is."""
        if self.busy:
            return
        self.busy, self.problem = True, ""
        try:
            local_store = self.session.local_store
            data = await unsent.export(local_store.database, local_store.attachments, self.describe)
            name = unsent.exported_name(self.session.clock.now())
            await ft.FilePicker().save_file(file_name=name, src_bytes=data)
        finally:
            self.busy = False

    async def take_over(self) -> None:
        """Read such a file back, from another device or another build."""
        self.problem = ""
        found = await ft.FilePicker().pick_files(with_data=True)
        if found and found[0].bytes:
            await self._take_over(found[0].bytes)

    async def _take_over(self, data: bytes) -> None:
        local_store = self.session.local_store
        try:
            taken = await unsent.take_over(
                local_store.database, local_store.attachments, local_store.outbox, data
            )
        except OtherUser as other:
            raise Rejected("unsent_of_another") from other  # the session itself is not in doubt
        self.session.changes.tell()
        local_store.sync.wake()
        _ = self.texts
        self.session.notices.say(
            _("Loaded %(n)d entries. %(known)d were already here.")
            % {"n": taken.added, "known": taken.known}
        )


def megabytes(count: int) -> str:
    """For people: 1.2 GB, 340 MB, 3 MB."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f} GB"
    return f"{max(round(count / 1e6), 1)} MB"
