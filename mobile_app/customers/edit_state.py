"""One record, new or changed, in the form the store shaped: customer, companion, vehicle, policy,
deal (F-89)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.files.picker import AttachmentPicker
from mobile_app.session import Session
from shared.domain.catalogue import FORM_TABLES, SAVE_VERBS
from shared.domain.records import CustomRecord
from shared.domain.values.day import next_year
from shared.ui.form import FormState

RIGHTS = {
    "companion": "save_customer"
}  # the verb a role must carry, where it is not the verb itself


def may_save(session: Session, form: str) -> bool:
    """Whether the role may write such a record at all, and has a field of it to write."""
    verb = RIGHTS.get(form, SAVE_VERBS[form])
    return (
        session.me is not None
        and session.me.may(verb)
        and bool(session.config and session.config.rights(form).writable)
    )


@ft.observable
@dataclass(eq=False)
class EditRecord:
    """`record_id` None: a new one of this customer. `renews`: the policy whose next year this
    is."""

    session: Session
    customer_id: UUID
    form: str
    record_id: UUID | None = None
    renews: UUID | None = None
    name: str = ""
    state: FormState | None = None
    attaching: AttachmentPicker | None = None
    vehicle: str | None = None
    vehicles: list[tuple[str, str]] = field(default_factory=list)
    pipeline: str = ""
    problem: str = ""
    loaded: bool = False
    saved: bool = False
    _version: int | None = None

    async def open(
        self, customer_id: UUID, form: str, record_id: UUID | None, renews: UUID | None
    ) -> None:
        """Another record in the same place begins again."""
        if (customer_id, form, record_id, renews) != (
            self.customer_id,
            self.form,
            self.record_id,
            self.renews,
        ):
            self.customer_id, self.form, self.record_id, self.renews = (
                customer_id,
                form,
                record_id,
                renews,
            )
            self.state, self.vehicle, self.problem, self.saved = None, None, "", False
        await self.load()

    async def load(self) -> None:
        config = self.session.config
        card = await self.session.local_store.replica.card(self.customer_id)
        if self.state is not None or config is None:
            return
        record: CustomRecord | None = None
        defaults: Mapping[str, Any] = {}
        if card is not None:
            self.name = card.customer.name or ""
            rows = (
                (card.customer,)
                if self.form == "customer"
                else getattr(card, FORM_TABLES[self.form])
            )
            record = next((r for r in rows if r.id == self.record_id), None)
            self.vehicles = [
                (str(v.id), v.plate or " ".join(x for x in (v.brand, v.series) if x) or "—")
                for v in card.vehicles
            ]
            if (
                self.renews is not None
                and (old := next((p for p in card.policies if p.id == self.renews), None))
                and old.expires_on
            ):
                defaults = {
                    "insurer": old.insurer,
                    "kind": old.kind,
                    "premium_fen": old.premium_fen,
                    "expires_on": next_year(old.expires_on).isoformat(),
                }
                defaults = {k: v for k, v in defaults.items() if v is not None}
            if self.form == "policy" and self.record_id is None and len(card.vehicles) == 1:
                self.vehicle = str(card.vehicles[0].id)
        if self.form == "deal":
            role = next(
                (r for r in config.roles if self.session.me and r.key == self.session.me.role), None
            )
            self.pipeline = getattr(role, "pipeline", None) or (
                config.pipelines[0].key if config.pipelines else ""
            )
        self.loaded = True
        if self.record_id is not None and record is None:
            self.problem = "not_found"
            return
        self._version = record.version if record else None
        self.state = self.session.form(
            self.form,
            record=record.flat() if record else {},
            creating=record is None,
            defaults=defaults,
        )
        self.attaching = (
            AttachmentPicker(self.session, self.state, card.attachments if card else ())
            if self.state
            else None
        )

    def choose_vehicle(self, key: str) -> None:
        self.vehicle = None if self.vehicle == key else key

    def choose_pipeline(self, key: str) -> None:
        self.pipeline = key

    async def save(self) -> None:
        """On disk, then back to the card; problems stay by their fields."""
        state = self.state
        if state is None or self.saved or not state.check():
            return
        changes = state.changes()
        if state.creating or changes:
            record_id = self.record_id or self.session.services.new_id()
            payload: dict[str, Any] = {"id": str(record_id), "set": changes}
            if self.form != "customer":
                payload["customer_id"] = str(self.customer_id)
            verb, base = SAVE_VERBS[self.form], self._version
            if self.renews is not None:
                verb, base, payload = (
                    "renew_policy",
                    None,
                    {**payload, "policy_id": str(self.renews)},
                )
            elif self.record_id is None:
                if self.form == "policy" and self.vehicle:
                    payload["vehicle_id"] = self.vehicle
                if self.form == "deal":
                    payload["pipeline"] = self.pipeline
            files = self.attaching.attachments_for(changes.values()) if self.attaching else ()
            await self.session.act(
                verb, payload, base_version=base, title=self.name, attachments=files
            )
        self.saved = True
