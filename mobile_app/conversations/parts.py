"""The sheet in which a conversation is logged: outcome, words, level, next date; below them what is rarer."""

import flet as ft

from mobile_app.conversations.recording import Recording
from mobile_app.conversations.state import FACE_TO_FACE, LogConversation, Said
from mobile_app.files.attaching import as_file
from mobile_app.files.view import FileChip, form_with_files
from mobile_app.session import use_session
from shared.domain import conversations
from shared.domain.config import Level
from shared.ui.feedback import act, field_problem, typed
from shared.ui.form import FormView
from shared.ui.form.view import value_text
from shared.ui.parts import DateChips, chip, chips, icon_button, identified, primary_button, section, text_button, text_field
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.theme import GAP, TARGET
from shared.ui.view import component

MOST_PHRASES = 6


def method_name(_: Texts, method: str) -> str:
    return {
        "call": _("Call"), "visit": _("Visit"), "wechat": _("WeChat"), "sms": _("SMS"), "test_drive": _("Test drive"), "quote": _("Quote"),
        "order": _("Car order"), "delivery": _("Delivery"),
    }[method]  # fmt: skip


@component
def LogPanel(state: LogConversation, with_methods: bool = False) -> ft.Control:
    """Outcome chips drive what follows: not reached is saved by the chip itself; reached opens words, level and date."""
    session, _ = use_session(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    parts: list[ft.Control] = []
    if with_methods:
        methods = [m for m in conversations.METHODS if conversations.outcomes_for(config, m, state.role)]
        parts.append(
            section(_("How"), chips("method", [(m, method_name(_, m)) for m in methods], state.method, lambda key: act(state.choose_method, key)))
        )
    outcomes = [(o.key, _.label(o.label)) for o in state.outcomes]
    problem = field_problem(_, state.problems, "outcome")
    parts.append(section(_("Outcome"), chips("outcome", outcomes, state.outcome, lambda key: act(state.choose_outcome, key), problem=problem)))
    chosen = state.chosen
    if chosen is None:
        return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    if chosen.effect == "lost":
        parts.append(Reasons(state))
    parts.append(Words(state, state.said))
    if chosen.reached:
        if "level" in config.rights("customer").writable:
            problem = field_problem(_, state.problems, "level")
            parts.append(
                section(_("Level"), level_chips(_, state, config.levels), *([ft.Text(problem, color=ft.Colors.ERROR, size=12)] if problem else []))
            )
        parts.append(NextContact(state))
        if state.deal_move is not None:
            stage = _("The deal goes on: %(stage)s") % {"stage": _.label(state.deal_move[1].label)}
            parts.append(chip("move-deal", stage, selected=state.moves, on_click=act(state.toggle_move), icon=ft.Icons.TRENDING_FLAT))
        parts.append(Promises(state))
        if state.facts is not None:
            parts.append(section(_("Worth asking now"), form_with_files(state.facts, state.fact_files)))
        if state.method in FACE_TO_FACE:
            parts.append(Present(state))
    if state.form is not None and state.form.shown:
        parts.append(form_with_files(state.form, state.attaching))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def Words(state: LogConversation, said: Said) -> ft.Control:
    """What was said: the keyboard's own microphone dictates into it; phrases in one tap, a photo beside."""
    _ = use_text()
    box = text_field(
        "words", _("What was said"), said.text, typed(state.set_words), problem=field_problem(_, state.problems, "words"), multiline=True, min_lines=2,
        max_lines=6, autofocus=not state.phrases,
    )  # fmt: skip
    row: list[ft.Control] = [
        chip(
            f"phrase-{n}", _.label(p.text), selected=False, on_click=act(state.add_phrase, p),
            icon=ft.Icons.EVENT_AVAILABLE if p.promise_days is not None else None,
        )
        for n, p in enumerate(state.phrases[:MOST_PHRASES])
    ]  # fmt: skip
    photo = icon_button("photo", ft.Icons.PHOTO_CAMERA_OUTLINED, _("Add a photo"), act(state.take_photo), width=TARGET, height=TARGET)
    parts: list[ft.Control] = [box]
    if row:
        parts.append(ft.Row(row, scroll=ft.ScrollMode.HIDDEN, spacing=GAP))
    if state.photos:
        held = ft.Text(
            _.many("%(n)d photo, sent when there is a network", "%(n)d photos, sent when there is a network", len(state.photos)), expand=True
        )
        parts.append(
            ft.Row(
                [
                    ft.Icon(ft.Icons.IMAGE_OUTLINED),
                    held,
                    icon_button("drop-photos", ft.Icons.CLOSE, _("Leave the photos out"), act(state.drop_photos)),
                ]
            )
        )
        chosen = [FileChip(as_file(p, "conversation"), False, p.data, key=str(p.id)) for p in state.photos]
        parts.append(ft.Row(chosen, wrap=True, spacing=GAP, run_spacing=GAP))
    if problem := field_problem(_, state.problems, "photo"):
        parts.append(ft.Text(problem, color=ft.Colors.ERROR, size=12))
    tools: list[ft.Control] = [photo]
    if state.recording is not None:
        record = icon_button("record", ft.Icons.MIC_NONE, _("Voice memo"), act(state.recording.ask), width=TARGET, height=TARGET)
        tools.insert(0, record)
        parts.insert(0, ft.memo(VoiceMemo)(state.recording))  # above the box: the question has to be seen at once
    return section(_("Words"), *parts, trailing=ft.Row(tools, spacing=0, tight=True))


@component
def VoiceMemo(state: Recording) -> ft.Control:
    """First the question, then the recording, then what is kept."""
    _ = use_text()
    parts: list[ft.Control] = []
    if state.problem:
        parts.append(ft.Text(problem_text(_, state.problem), color=ft.Colors.ERROR, size=13))
    if state.phase == "asking":
        agrees = chip("record-agreed", _("He agrees: record"), selected=False, on_click=act(state.begin), icon=ft.Icons.MIC)
        declines = chip("record-declined", _("He would rather not"), selected=False, on_click=act(state.decline))
        parts += [ft.Text(_("May this be recorded? Ask the customer first.")), ft.Row([agrees, declines], wrap=True, spacing=GAP, run_spacing=GAP)]
    elif state.phase == "recording":
        words = _("Recording: %(n)d s") % {"n": state.seconds}
        stop = icon_button("record-stop", ft.Icons.STOP_CIRCLE_OUTLINED, _("Stop"), act(state.end), width=TARGET, height=TARGET)
        parts.append(ft.Row([ft.Icon(ft.Icons.MIC, color=ft.Colors.ERROR), ft.Text(words, expand=True), stop]))
    if state.memos:
        held = _.many("%(n)d voice memo, sent when there is a network", "%(n)d voice memos, sent when there is a network", len(state.memos))
        drop = icon_button("drop-memos", ft.Icons.CLOSE, _("Leave the voice memos out"), act(state.drop), width=TARGET, height=TARGET)
        parts.append(ft.Row([ft.Icon(ft.Icons.GRAPHIC_EQ), identified("memos", ft.Text(held), expand=True), drop]))
        chosen = [FileChip(as_file(m, "conversation"), False, m.data, key=str(m.id)) for m in state.memos]
        parts.append(ft.Row(chosen, wrap=True, spacing=GAP, run_spacing=GAP))
    return ft.Column(parts, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH) if parts else ft.Container(height=0)


def level_chips(_: Texts, state: LogConversation, levels: tuple[Level, ...]) -> ft.Control:
    """Each level with its definition under it, and whether it is the same, up or down; unchanged is stored too (S-21)."""
    ranks = {level.key: level.rank for level in levels}
    here = ranks.get(state.customer.level or "")

    def sign(rank: int) -> ft.IconData | None:
        if here is None:
            return None
        return ft.Icons.ARROW_UPWARD if rank > here else ft.Icons.ARROW_DOWNWARD if rank < here else ft.Icons.DRAG_HANDLE

    return ft.Row(
        [
            chip(
                f"level-{level.key}".replace("_", "-"), _.label(level.label), selected=level.key == state.level, on_click=act(state.choose_level, level.key),
                icon=sign(level.rank), note=_.label(level.definition),
            )
            for level in levels
        ],
        wrap=True, spacing=GAP, run_spacing=GAP,
    )  # fmt: skip


@component
def NextContact(state: LogConversation) -> ft.Control:
    """The day is chosen already; beside it stands why."""
    session, _ = use_session(), use_text()
    chosen = state.chosen
    if state.customer.do_not_call or (chosen and chosen.effect == "do_not_call"):
        return section(_("Next contact"), ft.Text(_("Asked not to be called: no call is planned."), color=ft.Colors.ON_SURFACE_VARIANT))
    suggested, config = state.suggested, session.config
    level = config.level(state.level) if config else None
    why = {
        "cadence": lambda: _("%(level)s: every %(days)d days") % {"level": _.label(level.label) if level else "", "days": suggested.days},
        "outcome": lambda: _("%(outcome)s: after %(days)d days") % {"outcome": _.label(chosen.label) if chosen else "", "days": suggested.days},
        "promise": lambda: _("A promise falls due"),
        "": lambda: _("No day is planned for this level."),
    }[suggested.why]()
    form = config.forms.get("customer") if config else None
    definition = form.field("preferred_time") if form else None
    if definition and state.customer.preferred_time:
        why += " · " + _("best time: %(time)s") % {"time": value_text(_, definition, "customer", state.customer.preferred_time)}
    return section(
        _("Next contact"),
        DateChips("next", state.next_on, session.today, state.choose_next, suggested.on),
        identified("next-why", ft.Text(why, size=12, color=ft.Colors.ON_SURFACE_VARIANT)),
    )


@component
def Promises(state: LogConversation) -> ft.Control:
    """What was promised, by a day: it stays in the brief until it is kept."""
    session, _ = use_session(), use_text()
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(ft.Icons.EVENT_AVAILABLE, size=20, color=ft.Colors.PRIMARY),
                ft.Text(f"{p.words} · {_.day(p.due_on, session.today)}", expand=True),
                icon_button(
                    f"drop-promise-{n}", ft.Icons.CLOSE, _("Leave this promise out"), act(state.drop_promise, p.id), width=TARGET, height=TARGET
                ),
            ]
        )
        for n, p in enumerate(state.promises)
    ]
    if state.promise_words is None:
        rows.append(text_button("start-promise", _("Promise something"), act(state.start_promise), icon=ft.Icons.ADD))
    else:
        rows.append(text_field("promise-words", _("What is promised"), state.promise_words, typed(state.set_promise), max_length=200, autofocus=True))
        days = [(1, _("Tomorrow")), (3, _("In 3 days")), (7, _("In a week"))]
        rows.append(
            ft.Row([chip(f"promise-in-{n}", label, selected=False, on_click=act(state.add_promise, n)) for n, label in days], wrap=True, spacing=GAP)
        )
    return ft.Column(rows, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def Reasons(state: LogConversation) -> ft.Control:
    """Why it ended: the reason, the closer one under it, and who has it now (F-37)."""
    session, _ = use_session(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    of = {r.key: r for r in config.reasons}
    chosen = of.get(state.reason or "")
    parent = chosen.parent if chosen and chosen.parent else state.reason

    def row(identifier: str, reasons, on) -> ft.Control:
        return chips(identifier, [(r.key, _.label(r.label)) for r in reasons], on, lambda key: act(state.choose_reason, key))

    problem = field_problem(_, state.problems, "reason")
    parts: list[ft.Control] = [row("reason", config.reasons_for("lost"), parent)]
    if problem:
        parts.append(ft.Text(problem, color=ft.Colors.ERROR, size=12))
    if parent and (closer := config.reasons_for("lost", parent)):
        parts += [ft.Text(_("More exactly"), size=12, color=ft.Colors.ON_SURFACE_VARIANT), row("reason", closer, state.reason)]
    if state.task is not None and state.task.subject_form == "policy" and state.reason:
        parts.append(text_field("lost-insurer", _("Who insures him now"), state.lost_insurer, typed(state.set_insurer), max_length=80))
        parts.append(
            text_field(
                "lost-price",
                _("At what price"),
                state.lost_price,
                typed(state.set_price),
                problem=field_problem(_, state.problems, "lost_price"),
                suffix=_("yuan"),
                keyboard_type=ft.KeyboardType.NUMBER,
            )
        )
    return section(_("Why"), *parts)


@component
def Present(state: LogConversation) -> ft.Control:
    """Who came along (S-15)."""
    _ = use_text()
    row = [
        chip(f"present-{n}", c.name or "—", selected=c.id in state.present, on_click=act(state.toggle_present, c.id))
        for n, c in enumerate(state.companions)
    ]
    parts: list[ft.Control] = [
        ft.Row([*row, chip("new-companion", _("Someone new"), selected=False, on_click=act(state.start_newcomer), icon=ft.Icons.PERSON_ADD_OUTLINED)], wrap=True, spacing=GAP, run_spacing=GAP)
    ]  # fmt: skip
    if state.newcomer is not None:
        parts += [FormView(state.newcomer), primary_button("add-companion", _("Add"), act(state.add_newcomer))]
    return section(_("Came along"), *parts)
