"""The whole story, newest first: this device's at once, older and finer from the server (S-05, F-17)."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import flet as ft

from mobile_app.customers.parts import ConversationLine, line
from mobile_app.customers.state import card_of_server
from mobile_app.offline.replica import Card
from mobile_app.session import Session, use_session
from mobile_app.shell import page_view
from shared.domain.config import StoreConfig
from shared.domain.problems import Problem
from shared.gateway import handovers as remote
from shared.gateway.handovers import StoryLine
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.form.view import value_text
from shared.ui.parts import MAX_ROWS, text_button
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen

PAGE = 50
# Values of our own that say something to a person; counters and clocks do not.
TELLING = {"owner_id", "renewal_owner_id", "pool", "stage", "status", "due_on", "assignee_id", "lost_reason", "removed_at"}


def is_told(line: StoryLine, config: StoreConfig | None) -> bool:
    form = config.forms.get(line.form) if config else None
    return line.kind == "created" or line.field in TELLING or bool(form and form.field(line.field or ""))


@ft.observable
@dataclass(eq=False)
class Story:
    session: Session
    customer_id: UUID
    card: Card | None = None
    lines: list[StoryLine] = field(default_factory=list)
    more: bool = False
    loaded: bool = False
    problem: str = ""

    async def load(self) -> None:
        self.card = await self.session.book.replica.card(self.customer_id)
        self.loaded = self.card is not None
        self.lines = []
        if self.card is None:
            try:
                self.card, _owner = await card_of_server(self.session, self.customer_id)  # for the files of his talks
            except Problem as problem:
                self.problem, self.loaded = problem.code, True
                return
        await self.older()

    async def older(self) -> None:
        before = self.lines[-1].id if self.lines else None
        try:
            page = await remote.story(self.session.services.gateway, self.session.store_id, self.customer_id, before=before)
            self.lines, self.more, self.problem = [*self.lines, *page], len(page) == PAGE, ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True


@screen
def StoryScreen() -> ft.View:
    session, _ = use_session(), use_text()
    customer_id = UUID(ft.use_route_params()["customer_id"])
    state, _set = ft.use_state(lambda: Story(session, customer_id))
    ft.use_effect(act(state.load), [])
    if not state.loaded:
        return page_view(ft.use_view_path(), _("Whole story"), Skeleton(5))
    rows: list[ft.Control] = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if state.lines:
        rows += [StoryRow(x, state.card, key=str(x.id)) for x in state.lines[:MAX_ROWS] if is_told(x, session.config)]
    elif state.card is not None:  # no network: what this device knows
        rows += [ConversationLine(c, state.card.waiting_ids, state.card.files_of(c.id), key=str(c.id)) for c in state.card.conversations[:MAX_ROWS]]
    if not rows:
        rows.append(EmptyState(ft.Icons.HISTORY, _("Nothing logged yet.")))
    if state.more and len(state.lines) < MAX_ROWS:
        rows.append(text_button("older", _("Older"), act(state.older), icon=ft.Icons.EXPAND_MORE))
    name = state.card.customer.name if state.card else None
    title = f"{_('Whole story')} · {name}" if name else _("Whole story")
    return page_view(ft.use_view_path(), title, ft.ListView(rows, expand=True, padding=EDGE))


@component
def StoryRow(row: StoryLine, card: Card | None) -> ft.Control:
    session, _ = use_session(), use_text()
    if row.conversation is not None:
        files = card.files_of(row.conversation.id) if card else ()
        return ConversationLine(row.conversation.model_copy(update={"author_name": row.actor_name}), card.waiting_ids if card else (), files)
    who = _("the rules") if row.by_system else row.actor_name
    when = " · ".join(x for x in (_.day(session.day(row.created_at), session.today), who) if x)
    icon = ft.Icons.ADD_CIRCLE_OUTLINE if row.kind == "created" else ft.Icons.EDIT_OUTLINED
    return line(icon, sentence(_, session.config, row, card, session.today), when)


def sentence(_: Texts, config: StoreConfig | None, row: StoryLine, card: Card | None, today: date) -> str:
    """One event in words: what was made, or which value became what."""
    names = {
        "customer": _("Customer"), "companion": _("Companion"), "vehicle": _("Car"), "policy": _("Policy"), "deal": _("Deal"), "conversation": _("Conversation"),
        "task": _("Task"), "approval": _("Request"), "handover": _("Handed over"), "link": _("Family"), "consent": _("Consent"), "reception": _("Reception"), "promise": _("Promise"),
    }  # fmt: skip
    thing = names.get(row.form, row.form)
    if row.kind == "created":
        return thing if row.form in ("handover", "consent", "reception") else _("%(thing)s added") % {"thing": thing}
    form = config.forms.get(row.form) if config else None
    definition = form.field(row.field or "") if form else None
    if definition is not None:
        level = definition.type_in(row.form) == "level"
        options = [(x.key, x.label) for x in config.levels] if level and config else None
        if definition.type_in(row.form) == "date":
            return f"{thing} · {_.label(definition.label)}:{day_of(_, row.old, today)} → {day_of(_, row.new, today)}"
        old, new = (value_text(_, definition, row.form, v, options) or "—" for v in (row.old, row.new))
        return f"{thing} · {_.label(definition.label)}:{old} → {new}"
    own = {
        "owner_id": _("Owner"), "renewal_owner_id": _("Renewal specialist"), "pool": _("Pool"), "stage": _("Stage"), "status": _("Status"), "due_on": _("Day"),
        "assignee_id": _("For whom"), "lost_reason": _("Reason"), "removed_at": _("Taken back"),
    }  # fmt: skip
    word = own.get(row.field or "", row.field or "")
    if row.field == "stage" and config:
        deal = next((d for d in card.deals if d.id == row.subject_id), None) if card else None
        stages = {s.key: _.label(s.label) for p in config.pipelines if deal is None or p.key == deal.pipeline for s in p.stages}
        return f"{thing} · {word}:{stages.get(str(row.old), '—')} → {stages.get(str(row.new), '—')}"
    if row.field == "lost_reason" and config:
        reasons = {r.key: _.label(r.label) for r in config.reasons}
        return f"{thing} · {word}:{reasons.get(str(row.new), '—')}"
    if row.field == "due_on":
        return f"{thing} · {word}:{day_of(_, row.old, today)} → {day_of(_, row.new, today)}"
    if row.field == "status":
        states = {
            "open": _("open"), "done": _("done"), "excused": _("excused"), "cancel_requested": _("with the manager"), "pending": _("with the manager"), "approved": _("approved"),
            "rejected": _("sent back"), "withdrawn": _("withdrawn"), "active": _("running"), "renewed": _("Renewed"), "lost": _("Not renewed"), "ended": _("Ended"), "kept": _("kept"),
        }  # fmt: skip
        return f"{thing} · {states.get(str(row.new), row.new)}"
    return f"{thing} · {word}"


def day_of(_: Texts, value: object, today: date) -> str:
    try:
        return _.day(date.fromisoformat(value), today) if isinstance(value, str) else "—"
    except ValueError:
        return "—"
