"""Comments below a conversation of the history, and one's own on Me (S-54)."""

import flet as ft

from mobile_app.comments.state import CustomerComments, OwnComments
from mobile_app.session import use_local_data, use_session
from mobile_app.team.counted_rows import moment
from shared.domain.comments import Comment
from shared.domain.records import Conversation
from shared.ui.feedback import ProblemBanner, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import (
    MAX_ROWS,
    card,
    identified,
    primary_button,
    section,
    text_button,
    text_field,
)

INDENT, LONGEST = 30, 500  # dp: as the files below a conversation; letters, as the database has it


def saved_words(_: Texts, problem: str) -> str:
    return _("No connection. Nothing was saved.") if problem == "offline" else ""


@component
def CommentsBelow(
    state: CustomerComments, conversation: Conversation, rows: tuple[Comment, ...], is_open: bool
) -> ft.Control:
    """What was said about it; for who leads the store, the way to say something."""
    session, _ = use_session(), use_text()
    parts: list[ft.Control] = []
    for comment in rows[:MAX_ROWS]:
        seen = _("read") if comment.acknowledged_at else _("not read yet")
        head = f"{comment.author} · {moment(session, _, comment.created_at)} · {seen}"
        words = ft.Column(
            [
                ft.Text(comment.notes, size=13),
                ft.Text(head, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ],
            spacing=2,
        )
        parts.append(identified(f"comment-{comment.id}", words))
    if is_open:
        parts.append(CommentForm(state, state.typed, key="form"))
    elif state.may_write(conversation):
        begin = act(state.begin, conversation.id)
        parts.append(
            text_button(
                f"comment-on-{conversation.id}",
                _("Comment"),
                begin,
                icon=ft.Icons.ADD_COMMENT_OUTLINED,
            )
        )
    return ft.Container(
        ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(left=INDENT, bottom=GAP),
    )


@component
def CommentForm(state: CustomerComments, words: str) -> ft.Control:
    """`words` is an argument so that each letter draws this again."""
    _ = use_text()
    parts: list[ft.Control] = [
        text_field(
            "comment-notes",
            _("Comment for the author"),
            words,
            typed(state.type),
            multiline=True,
            max_lines=4,
            max_length=LONGEST,
        ),
        primary_button("send-comment", _("Send"), act(state.send), disabled=not words.strip()),
        text_button("cancel-comment", _("Cancel"), act(state.cancel)),
    ]
    if state.problem:
        parts.insert(0, ProblemBanner(state.problem, words=saved_words(_, state.problem)))
    return card(*parts)


@component
def MyComments() -> ft.Control:
    """What was said about one's own conversations. Nothing where there is nothing."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: OwnComments(session))
    use_local_data(state.load)
    if not state.rows:
        return ft.Container(height=0)
    blocks: list[ft.Control] = []
    if state.problem:
        blocks.append(ProblemBanner(state.problem, words=saved_words(_, state.problem)))
    blocks += [CommentCard(state, c, key=str(c.id)) for c in state.rows[:MAX_ROWS]]
    return identified("my-comments", section(_("Comments on your conversations"), *blocks))


@component
def CommentCard(state: OwnComments, comment: Comment) -> ft.Control:
    session, _ = use_session(), use_text()
    about = " · ".join(
        x
        for x in (
            comment.author,
            comment.customer_name,
            _("conversation of %(at)s") % {"at": moment(session, _, comment.occurred_at)},
        )
        if x
    )
    parts: list[ft.Control] = [
        ft.Text(comment.notes),
        ft.Text(about, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
    ]
    if comment.customer_id is not None:
        parts.append(
            text_button(
                f"comment-customer-{comment.id}",
                _("Open the customer"),
                lambda e: e.page.navigate(f"/customers/{comment.customer_id}"),
            )
        )
    parts.append(
        primary_button(
            f"acknowledge-{comment.id}", _("I have read it"), act(state.acknowledge, comment.id)
        )
    )
    return card(*parts)
