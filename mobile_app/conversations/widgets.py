"""The sheet in which a conversation is logged: outcome, words, level, next date; below them what is
rarer."""

from collections.abc import Sequence

import flet as ft

from mobile_app.conversations.attachments import ConversationAttachments
from mobile_app.conversations.companions import Company
from mobile_app.conversations.deal_moves import DealMoves
from mobile_app.conversations.loss import Loss
from mobile_app.conversations.next_contact import NextContactPlan
from mobile_app.conversations.notes_draft import NotesDraft
from mobile_app.conversations.phrases import Phrases
from mobile_app.conversations.promises import LONGEST, DraftPromises
from mobile_app.conversations.recording import Recording
from mobile_app.conversations.state import FACE_TO_FACE, LogConversation
from mobile_app.files.picker import as_file
from mobile_app.files.widgets import FileChip, form_with_files
from mobile_app.offline.attachments import NewAttachment
from mobile_app.session import use_session
from shared.domain import conversations
from shared.domain.config import Level, Stage, StoreConfig
from shared.ui.feedback import act, field_problem, typed
from shared.ui.form import FormView
from shared.ui.form.view import value_text
from shared.ui.names import method_name
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.theme import GAP, TARGET
from shared.ui.view import component
from shared.ui.widgets import (
    DateChips,
    chip,
    chips,
    icon_button,
    identified,
    primary_button,
    section,
    text_button,
    text_field,
)

MOST_PHRASES = 6


@component
def LogPanel(
    state: LogConversation, plan: NextContactPlan, with_methods: bool = False
) -> ft.Control:
    """Outcome chips drive what follows: not reached is saved by the chip itself; reached opens
    words, level and date. `plan` is an argument so that another level draws this again: fields of
    the store may depend on it."""
    session, _ = use_session(), use_text()
    config, chosen = session.config, state.chosen
    if config is None:
        return ft.Container()
    parts: list[ft.Control] = [method_choice(_, config, state)] if with_methods else []
    parts.append(outcome_choice(_, state))
    if chosen is not None:
        if chosen.effect == "lost":
            parts.append(Reasons(state, state.loss))
        parts.append(NotesField(state, state.notes, state.phrases, state.attachments))
        if chosen.reached:
            parts += what_comes_next(_, config, state, plan)
            parts += asked_now(_, state)
        if state.form is not None and state.form.shown:
            parts.append(form_with_files(state.form, state.attachments.of_form))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def method_choice(_: Texts, config: StoreConfig, state: LogConversation) -> ft.Control:
    methods = [
        (m, method_name(_, m))
        for m in conversations.METHODS
        if conversations.outcomes_for(config, m, state.role)
    ]
    choice = chips("method", methods, state.method, lambda key: act(state.choose_method, key))
    return section(_("Method"), choice)


def outcome_choice(_: Texts, state: LogConversation) -> ft.Control:
    return section(
        _("Outcome"),
        chips(
            "outcome",
            [(o.key, _.label(o.label)) for o in state.outcomes],
            state.outcome,
            lambda key: act(state.choose_outcome, key),
            problem=field_problem(_, state.problems, "outcome"),
        ),
    )


def what_comes_next(
    _: Texts, config: StoreConfig, state: LogConversation, plan: NextContactPlan
) -> list[ft.Control]:
    """The level, the day, the deal that goes on, what was promised."""
    found: list[ft.Control] = []
    if "level" in config.rights("customer").writable:
        problem = field_problem(_, state.problems, "level")
        found.append(
            section(
                _("Level"),
                level_chips(_, state, plan, config.levels),
                *([ft.Text(problem, color=ft.Colors.ERROR, size=12)] if problem else []),
            )
        )
    found.append(NextContact(state, plan, state.promises))
    if (proposed := state.deal_moves.proposed(state.chosen)) is not None:
        found.append(DealGoesOn(state.deal_moves, proposed[1]))
    found.append(Promises(state.promises))
    return found


def asked_now(_: Texts, state: LogConversation) -> list[ft.Control]:
    """Facts nobody knows yet; face to face, who came along."""
    found: list[ft.Control] = []
    if state.facts is not None:
        form = form_with_files(state.facts, state.attachments.of_facts)
        found.append(section(_("Ask now"), form))
    if state.method in FACE_TO_FACE:
        found.append(CompanionsPresent(state.company))
    return found


@component
def DealGoesOn(moves: DealMoves, stage: Stage) -> ft.Control:
    _ = use_text()
    return chip(
        "move-deal",
        _("The deal moves to: %(stage)s") % {"stage": _.label(stage.label)},
        selected=moves.wanted,
        on_click=act(moves.toggle),
        icon=ft.Icons.TRENDING_FLAT,
    )


@component
def NotesField(
    state: LogConversation,
    notes: NotesDraft,
    phrases: Phrases,
    attachments: ConversationAttachments,
) -> ft.Control:
    """What was said: the keyboard's own microphone dictates into it; phrases in one tap, a photo
    beside."""
    _ = use_text()
    box = text_field(
        "notes",
        _("Conversation notes"),
        notes.text,
        typed(state.set_notes),
        problem=field_problem(_, state.problems, "notes"),
        multiline=True,
        min_lines=2,
        max_lines=6,
        autofocus=not phrases.fitting,
    )
    # the memo stands above the box: its question has to be seen at once
    parts: list[ft.Control] = [ft.memo(VoiceMemo)(attachments.recording), box]
    if phrases.fitting:
        parts.append(phrase_row(_, state, phrases))
    if attachments.photos:
        parts += chosen_photos(_, attachments)
    if attachments.problem:
        problem = problem_text(_, attachments.problem)
        parts.append(ft.Text(problem, color=ft.Colors.ERROR, size=12))
    size = {"width": TARGET, "height": TARGET}
    record = icon_button(
        "record", ft.Icons.MIC_NONE, _("Voice memo"), act(attachments.recording.ask), **size
    )
    photo = icon_button(
        "photo",
        ft.Icons.PHOTO_CAMERA_OUTLINED,
        _("Add a photo"),
        act(attachments.take_photo),
        **size,
    )
    tools = ft.Row([record, photo], spacing=0, tight=True)
    return section(_("Notes"), *parts, trailing=tools)


def phrase_row(_: Texts, state: LogConversation, phrases: Phrases) -> ft.Control:
    row: list[ft.Control] = [
        chip(
            f"phrase-{n}",
            _.label(p.text),
            selected=False,
            on_click=act(state.add_phrase, p),
            icon=ft.Icons.EVENT_AVAILABLE if p.promise_days is not None else None,
        )
        for n, p in enumerate(phrases.fitting[:MOST_PHRASES])
    ]
    return ft.Row(row, scroll=ft.ScrollMode.HIDDEN, spacing=GAP)


def chosen_photos(_: Texts, attachments: ConversationAttachments) -> list[ft.Control]:
    photos = attachments.photos
    summary = _.many(
        "%(n)d photo, sent when you are online",
        "%(n)d photos, sent when you are online",
        len(photos),
    )
    drop = icon_button(
        "drop-photos",
        ft.Icons.CLOSE,
        _("Remove the photos"),
        act(attachments.drop_photos),
    )
    return [
        ft.Row([ft.Icon(ft.Icons.IMAGE_OUTLINED), ft.Text(summary, expand=True), drop]),
        file_chips(photos),
    ]


def file_chips(files: Sequence[NewAttachment]) -> ft.Control:
    """What was only just made or chosen, to be opened before it is saved."""
    return ft.Row(
        [FileChip(as_file(f, "conversation"), False, f.data, key=str(f.id)) for f in files],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
    )


@component
def VoiceMemo(state: Recording) -> ft.Control:
    """First the question, then the recording, then what is kept."""
    _ = use_text()
    parts: list[ft.Control] = []
    if state.problem:
        parts.append(ft.Text(problem_text(_, state.problem), color=ft.Colors.ERROR, size=13))
    if state.phase == "asking":
        parts += recording_question(_, state)
    elif state.phase == "recording":
        parts.append(running_recording(_, state))
    if state.memos:
        parts += kept_memos(_, state)
    return (
        ft.Column(parts, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        if parts
        else ft.Container(height=0)
    )


def recording_question(_: Texts, state: Recording) -> list[ft.Control]:
    agrees = chip(
        "record-agreed",
        _("Customer agrees: record"),
        selected=False,
        on_click=act(state.begin),
        icon=ft.Icons.MIC,
    )
    declines = chip(
        "record-declined", _("Customer declines"), selected=False, on_click=act(state.decline)
    )
    return [
        ft.Text(_("Ask the customer for consent before you record.")),
        ft.Row([agrees, declines], wrap=True, spacing=GAP, run_spacing=GAP),
    ]


def running_recording(_: Texts, state: Recording) -> ft.Control:
    words = _("Recording: %(n)d s") % {"n": state.seconds}
    stop = icon_button(
        "record-stop",
        ft.Icons.STOP_CIRCLE_OUTLINED,
        _("Stop"),
        act(state.end),
        width=TARGET,
        height=TARGET,
    )
    return ft.Row([ft.Icon(ft.Icons.MIC, color=ft.Colors.ERROR), ft.Text(words, expand=True), stop])


def kept_memos(_: Texts, state: Recording) -> list[ft.Control]:
    summary = _.many(
        "%(n)d voice memo, sent when you are online",
        "%(n)d voice memos, sent when you are online",
        len(state.memos),
    )
    drop = icon_button(
        "drop-memos",
        ft.Icons.CLOSE,
        _("Remove the voice memos"),
        act(state.drop),
        width=TARGET,
        height=TARGET,
    )
    head = [
        ft.Icon(ft.Icons.GRAPHIC_EQ),
        identified("memos", ft.Text(summary), expand=True),
        drop,
    ]
    return [ft.Row(head), file_chips(state.memos)]


def level_chips(
    _: Texts, state: LogConversation, plan: NextContactPlan, levels: Sequence[Level]
) -> ft.Control:
    """Each level with its definition under it, and whether it is the same, up or down; unchanged is
    stored too (S-21)."""
    here = next((x.rank for x in levels if x.key == state.customer.level), None)

    def sign(rank: int) -> ft.IconData | None:
        if here is None:
            return None
        if rank == here:
            return ft.Icons.DRAG_HANDLE
        return ft.Icons.ARROW_UPWARD if rank > here else ft.Icons.ARROW_DOWNWARD

    return ft.Row(
        [
            chip(
                f"level-{level.key}".replace("_", "-"),
                _.label(level.label),
                selected=level.key == plan.level,
                on_click=act(state.choose_level, level.key),
                icon=sign(level.rank),
                note=_.label(level.definition),
            )
            for level in levels
        ],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
    )


@component
def NextContact(
    state: LogConversation, plan: NextContactPlan, promises: DraftPromises
) -> ft.Control:
    """The day is chosen already; beside it stands why. `promises` is an argument so that a promise
    draws this again: it may be the reason."""
    session, _ = use_session(), use_text()
    chosen = state.chosen
    if state.customer.do_not_call or (chosen and chosen.effect == "do_not_call"):
        return section(
            _("Next contact"),
            ft.Text(
                _("The customer asked not to be called, so no call is planned."),
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
        )
    suggested = plan.suggested
    reason = why_that_day(_, session.config, plan, suggested)
    return section(
        _("Next contact"),
        DateChips(
            "next",
            plan.day,
            session.clock.today,
            plan.choose_day,
            suggested.on,
            plan.last_day,
        ),
        identified("next-why", ft.Text(reason, size=12, color=ft.Colors.ON_SURFACE_VARIANT)),
        *closed_day_warning(_, plan),
    )


def closed_day_warning(_: Texts, plan: NextContactPlan) -> list[ft.Control]:
    """The day is kept all the same: it may be agreed with the customer."""
    closed = plan.closed_name
    if closed is None:
        return []
    name = _.label(closed)
    words = _("The store is closed on this day.")
    if name:
        words = _("The store is closed on this day: %(name)s.") % {"name": name}
    return [identified("next-closed", ft.Text(words, size=12, color=ft.Colors.ERROR))]


def why_that_day(
    _: Texts,
    config: StoreConfig | None,
    plan: NextContactPlan,
    suggested: conversations.NextDate,
) -> str:
    level, outcome = config.level(plan.level) if config else None, plan.outcome
    if suggested.reason == "cadence":
        reason = _("%(level)s: every %(days)d days") % {
            "level": _.label(level.label) if level else "",
            "days": suggested.days,
        }
    elif suggested.reason == "outcome":
        reason = _("%(outcome)s: after %(days)d days") % {
            "outcome": _.label(outcome.label) if outcome else "",
            "days": suggested.days,
        }
    elif suggested.reason == "promise":
        reason = _("A promise is due")
    else:
        reason = _("No contact is planned for this level.")
    form = config.forms.get("customer") if config else None
    definition = form.field("preferred_time") if form else None
    preferred = plan.customer.preferred_time
    if config and definition and preferred:
        reason += " · " + _("best time: %(time)s") % {
            "time": value_text(_, definition, "customer", preferred, config)
        }
    return reason


@component
def Promises(promises: DraftPromises) -> ft.Control:
    """What was promised, by a day: it stays in the brief until it is kept."""
    session, _ = use_session(), use_text()
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(ft.Icons.EVENT_AVAILABLE, size=20, color=ft.Colors.PRIMARY),
                ft.Text(f"{p.notes} · {_.day(p.due_on, session.clock.today)}", expand=True),
                icon_button(
                    f"drop-promise-{n}",
                    ft.Icons.CLOSE,
                    _("Remove this promise"),
                    act(promises.drop, p.id),
                    width=TARGET,
                    height=TARGET,
                ),
            ]
        )
        for n, p in enumerate(promises.made)
    ]
    if promises.notes is None:
        rows.append(
            text_button("start-promise", _("Add a promise"), act(promises.start), icon=ft.Icons.ADD)
        )
    else:
        rows.append(
            text_field(
                "promise-words",
                _("What did you promise?"),
                promises.notes,
                typed(promises.set_notes),
                max_length=LONGEST,
                autofocus=True,
            )
        )
        days = [(1, _("Tomorrow")), (3, _("In 3 days")), (7, _("In a week"))]
        rows.append(
            ft.Row(
                [
                    chip(f"promise-in-{n}", label, selected=False, on_click=act(promises.add, n))
                    for n, label in days
                ],
                wrap=True,
                spacing=GAP,
            )
        )
    return ft.Column(rows, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def Reasons(state: LogConversation, loss: Loss) -> ft.Control:
    """Why it ended: the reason, the closer one under it, and who has it now (F-37)."""
    session, _ = use_session(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    of = {r.key: r for r in config.reasons}
    chosen = of.get(loss.reason or "")
    parent = chosen.parent if chosen and chosen.parent else loss.reason

    def row(identifier: str, reasons, on) -> ft.Control:
        return chips(
            identifier,
            [(r.key, _.label(r.label)) for r in reasons],
            on,
            lambda key: act(state.choose_reason, key),
        )

    problem = field_problem(_, state.problems, "reason")
    parts: list[ft.Control] = [row("reason", config.reasons_for("lost"), parent)]
    if problem:
        parts.append(ft.Text(problem, color=ft.Colors.ERROR, size=12))
    if parent and (closer := config.reasons_for("lost", parent)):
        parts += [
            ft.Text(_("Specific reason"), size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            row("reason", closer, loss.reason),
        ]
    if state.task is not None and state.task.subject_form == "policy" and loss.reason:
        parts.append(
            text_field(
                "lost-insurer",
                _("Current insurer"),
                loss.insurer,
                typed(loss.set_insurer),
                max_length=80,
            )
        )
        parts.append(
            text_field(
                "lost-price",
                _("Competitor's price"),
                loss.price,
                typed(loss.set_price),
                problem=field_problem(_, state.problems, "lost_price"),
                suffix=_("yuan"),
                keyboard_type=ft.KeyboardType.NUMBER,
            )
        )
    return section(_("Reason"), *parts)


@component
def CompanionsPresent(company: Company) -> ft.Control:
    """Who came along (S-15)."""
    _ = use_text()
    row = [
        chip(
            f"present-{n}",
            c.name or "—",
            selected=c.id in company.present,
            on_click=act(company.toggle, c.id),
        )
        for n, c in enumerate(company.known)
    ]
    parts: list[ft.Control] = [
        ft.Row(
            [
                *row,
                chip(
                    "new-companion",
                    _("Someone new"),
                    selected=False,
                    on_click=act(company.start_newcomer),
                    icon=ft.Icons.PERSON_ADD_OUTLINED,
                ),
            ],
            wrap=True,
            spacing=GAP,
            run_spacing=GAP,
        )
    ]
    if company.form is not None:
        parts += [
            FormView(company.form),
            primary_button("add-companion", _("Add"), act(company.add_newcomer)),
        ]
    if company.problem:
        parts.append(ft.Text(problem_text(_, company.problem), color=ft.Colors.ERROR, size=12))
    return section(_("Companions present"), *parts)
