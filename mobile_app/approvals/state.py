"""The manager's inbox: who cannot do what, and the decision (S-07…S-09, F-44)."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.gateway import tasks as remote
from shared.gateway.tasks import PendingApproval
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class Approvals:
    session: Session
    texts: Texts
    rows: list[PendingApproval] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    rejecting: str = ""
    remark: str = ""
    remark_problem: str = ""
    picked: list[str] = field(default_factory=list)
    _decided: set[str] = field(default_factory=set)

    async def load(self) -> None:
        """What waits; own decisions that are still on their way are left out."""
        try:
            found = await remote.pending_approvals(
                self.session.services.gateway, self.session.store_id
            )
            self.problem = ""
        except Problem as problem:
            self.problem, self.loaded = problem.code, True
            return
        self.rows, self.loaded = [r for r in found if str(r.id) not in self._decided], True

    async def approve(self, approval_id: str) -> None:
        await self._decide(approval_id, "approve", "")

    def pick(self, approval_id: str) -> None:
        self.picked = (
            [x for x in self.picked if x != approval_id]
            if approval_id in self.picked
            else [*self.picked, approval_id]
        )

    async def approve_picked(self) -> None:
        """All that were picked, in one tap (F-44); each is its own operation, so one that was
        decided meanwhile stops no other."""
        chosen, self.picked = [r for r in self.rows if str(r.id) in self.picked], []
        for row in chosen:
            await self._decide(str(row.id), "approve", "")
        if len(chosen) > 1:
            _ = self.texts
            self.session.notices.say(_("%(n)d approved") % {"n": len(chosen)})

    def start_reject(self, approval_id: str) -> None:
        self.rejecting, self.remark, self.remark_problem = approval_id, "", ""

    def stop_reject(self) -> None:
        self.rejecting = ""

    def set_remark(self, text: str) -> None:
        self.remark, self.remark_problem = text, ""

    async def reject(self, approval_id: str) -> None:
        if not self.remark.strip():
            self.remark_problem = "required"
            return
        await self._decide(approval_id, "reject", self.remark.strip())

    async def _decide(self, approval_id: str, decision: str, remark: str) -> None:
        row = next((r for r in self.rows if str(r.id) == approval_id), None)
        if row is None:
            return
        self._decided.add(approval_id)
        payload = {
            "id": approval_id,
            "customer_id": str(row.customer_id),
            "decision": decision,
            **({"remark": remark} if remark else {}),
        }
        await self.session.act("decide_approval", payload, title=row.name or "")
        self.rows, self.rejecting, self.remark = (
            [r for r in self.rows if str(r.id) != approval_id],
            "",
            "",
        )
        _ = self.texts
        self.session.notices.say(
            _("Approved: %(name)s") % {"name": row.name or ""}
            if decision == "approve"
            else _("Sent back: %(name)s") % {"name": row.name or ""}
        )
