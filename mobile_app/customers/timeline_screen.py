"""The whole timeline, newest first: this device's at once, older and finer from the server (S-05,
F-17)."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import flet as ft

from mobile_app.comments.state import CustomerComments
from mobile_app.comments.widgets import CommentsBelow
from mobile_app.customers.state import card_of_server
from mobile_app.customers.widgets import ConversationLine, line
from mobile_app.session import Session, use_session
from mobile_app.shell import page_view
from shared.domain.card import Card
from shared.domain.config import FieldDefinition, StoreConfig
from shared.domain.labels import Label
from shared.domain.problems import Problem
from shared.gateway.timeline import TimelineEntry, timeline
from shared.ui.feedback import EmptyState, ProblemBanner, act, not_loaded
from shared.ui.form.view import value_text
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import MAX_ROWS, text_button

PAGE = 50
# Values of our own that say something to a person; counters and clocks do not.
TELLING = {
    "owner_id",
    "renewal_owner_id",
    "pool",
    "stage",
    "status",
    "due_on",
    "assignee_id",
    "lost_reason",
    "removed_at",
}


def is_told(line: TimelineEntry, config: StoreConfig | None) -> bool:
    form = config.forms.get(line.form) if config else None
    return (
        line.kind == "created"
        or line.field in TELLING
        or bool(form and form.field(line.field or ""))
    )


@ft.observable
@dataclass(eq=False)
class Timeline:
    session: Session
    customer_id: UUID
    card: Card | None = None
    lines: list[TimelineEntry] = field(default_factory=list)
    more: bool = False
    loaded: bool = False
    problem: str = ""

    async def load(self) -> None:
        self.card = await self.session.local_store.replica.card(self.customer_id)
        self.loaded = self.card is not None
        self.lines = []
        if self.card is None:
            try:
                self.card = await card_of_server(
                    self.session, self.customer_id
                )  # for the files of their conversations
            except Problem as problem:
                self.problem, self.loaded = problem.code, True
                return
        await self.older()

    async def older(self) -> None:
        before = self.lines[-1].id if self.lines else None
        try:
            page = await timeline(
                self.session.services.gateway,
                self.session.store_id,
                self.customer_id,
                before=before,
            )
            self.lines, self.more, self.problem = [*self.lines, *page], len(page) == PAGE, ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True


@screen
def TimelineScreen() -> ft.View:
    session, _ = use_session(), use_text()
    customer_id = UUID(ft.use_route_params()["customer_id"])
    state, _set = ft.use_state(lambda: Timeline(session, customer_id))
    comments, _set_comments = ft.use_state(lambda: CustomerComments(session, customer_id))
    ft.use_effect(act(state.load), [])
    ft.use_effect(act(comments.load), [])
    if not state.loaded:
        return page_view(
            ft.use_view_path(), _("Full history"), not_loaded(state.problem, act(state.load), 5)
        )
    rows: list[ft.Control] = (
        [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    )
    if state.lines:
        for x in state.lines[:MAX_ROWS]:
            if is_told(x, session.config):
                rows += [TimelineRow(x, state.card, key=str(x.id)), *comments_of(comments, x)]
    elif state.card is not None:  # no network: what this device knows
        rows += [
            ConversationLine(c, state.card.pending_ids, state.card.files_of(c.id), key=str(c.id))
            for c in state.card.conversations[:MAX_ROWS]
        ]
    if not rows:
        rows.append(EmptyState(ft.Icons.HISTORY, _("No conversations yet.")))
    if state.more and len(state.lines) < MAX_ROWS:
        rows.append(text_button("older", _("Older"), act(state.older), icon=ft.Icons.EXPAND_MORE))
    name = state.card.customer.name if state.card else None
    title = f"{_('Full history')} · {name}" if name else _("Full history")
    return page_view(ft.use_view_path(), title, ft.ListView(rows, expand=True, padding=EDGE))


def comments_of(comments: CustomerComments, row: TimelineEntry) -> list[ft.Control]:
    """What a manager said about a conversation, where there is something or one may."""
    talk = row.conversation
    if talk is None or not (comments.of(talk) or comments.may_write(talk)):
        return []
    is_open = comments.about == talk.id
    return [CommentsBelow(comments, talk, comments.of(talk), is_open, key=f"comments-{row.id}")]


@component
def TimelineRow(row: TimelineEntry, card: Card | None) -> ft.Control:
    session, _ = use_session(), use_text()
    if row.conversation is not None:
        files = card.files_of(row.conversation.id) if card else ()
        return ConversationLine(
            row.conversation.model_copy(update={"author_name": row.actor_name}),
            card.pending_ids if card else (),
            files,
        )
    who = _("the rules") if row.by_system else row.actor_name
    when = " · ".join(
        x for x in (_.day(session.clock.day(row.created_at), session.clock.today), who) if x
    )
    icon = ft.Icons.ADD_CIRCLE_OUTLINE if row.kind == "created" else ft.Icons.EDIT_OUTLINED
    return line(icon, sentence(_, session.config, row, card, session.clock.today), when)


def sentence(
    _: Texts, config: StoreConfig | None, row: TimelineEntry, card: Card | None, today: date
) -> str:
    """One event in words: what was made, or which value became what."""
    thing = form_name(_, row.form)
    if row.kind == "created":
        return (
            thing
            if row.form in ("transfer", "consent", "visit")
            else _("%(thing)s added") % {"thing": thing}
        )
    form = config.forms.get(row.form) if config else None
    definition = form.field(row.field or "") if form else None
    if config is not None and definition is not None:
        return f"{thing} · {field_change(_, config, row, definition, today)}"
    if row.field == "status":
        return f"{thing} · {status_name(_, row.new)}"
    word = column_name(_, row.field or "")
    if row.field == "due_on":
        return f"{thing} · {word}{_.colon}{day_of(_, row.old, today)} → {day_of(_, row.new, today)}"
    if row.field == "stage" and config:
        stages = stage_labels(config, row, card)
        old, new = (_.label(stages.get(str(x))) or "—" for x in (row.old, row.new))
        return f"{thing} · {word}{_.colon}{old} → {new}"
    if row.field == "lost_reason" and config:
        reason = _.label(config.labels("reasons").get(str(row.new))) or "—"
        return f"{thing} · {word}{_.colon}{reason}"
    return f"{thing} · {word}"


def form_name(_: Texts, form: str) -> str:
    return {
        "customer": _("Customer"),
        "companion": _("Companion"),
        "vehicle": _("Vehicle"),
        "policy": _("Policy"),
        "deal": _("Deal"),
        "conversation": _("Conversation"),
        "task": _("Task"),
        "approval": _("Request"),
        "transfer": _("Transferred"),
        "relationship": _("Family"),
        "consent": _("Consent"),
        "visit": _("Walk-in visit"),
        "promise": _("Promise"),
    }.get(form, form)


def column_name(_: Texts, column: str) -> str:
    """Of what the store's document has no field for."""
    return {
        "owner_id": _("Owner"),
        "renewal_owner_id": _("Renewal owner"),
        "pool": _("Pool"),
        "stage": _("Stage"),
        "status": _("Status"),
        "due_on": _("Day"),
        "assignee_id": _("Assignee"),
        "lost_reason": _("Reason"),
        "removed_at": _("Reverted"),
    }.get(column, column)


def status_name(_: Texts, status: object) -> object:
    """Of a task, a request, a policy or a promise."""
    return {
        "open": _("open"),
        "done": _("done"),
        "excused": _("excused"),
        "cancel_requested": _("waiting for approval"),
        "suspended": _("suspended"),
        "pending": _("waiting for approval"),
        "approved": _("approved"),
        "rejected": _("sent back"),
        "withdrawn": _("withdrawn"),
        "active": _("active"),
        "renewed": _("Renewed"),
        "lost": _("Not renewed"),
        "ended": _("Ended"),
        "kept": _("kept"),
    }.get(str(status), status)


def stage_labels(config: StoreConfig, row: TimelineEntry, card: Card | None) -> dict[str, Label]:
    """The stages of the deal's pipeline; of all of them when this device has not got the deal."""
    deal = next((d for d in card.deals if d.id == row.subject_id), None) if card else None
    everywhere = config.stage_labels()
    return everywhere | config.labels(f"stages.{deal.pipeline}") if deal else everywhere


def field_change(
    _: Texts, config: StoreConfig, row: TimelineEntry, definition: FieldDefinition, today: date
) -> str:
    """A field of the store's document: its label, what it was and what it became."""
    kind = definition.type_in(row.form)
    if kind == "date":
        old, new = day_of(_, row.old, today), day_of(_, row.new, today)
    else:
        old, new = (
            value_text(_, definition, row.form, v, config) or "—" for v in (row.old, row.new)
        )
    return f"{_.label(definition.label)}{_.colon}{old} → {new}"


def day_of(_: Texts, value: object, today: date) -> str:
    try:
        return _.day(date.fromisoformat(value), today) if isinstance(value, str) else "—"
    except ValueError:
        return "—"
