"""A record in its generated form."""

from uuid import UUID

import flet as ft

from mobile_app.customers.edit_state import EditRecord
from mobile_app.files.widgets import form_with_files
from mobile_app.session import Session, use_session
from mobile_app.shell import page_view, scrolling
from shared.domain.catalogue import SAVE_VERBS
from shared.ui.feedback import ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import screen
from shared.ui.widgets import bottom_bar, chips, primary_button, section


def titles(_: Texts, form: str, new: bool) -> str:
    words = {
        "customer": (_("New customer"), _("Edit customer")),
        "companion": (_("New companion"), _("Edit companion")),
        "vehicle": (_("New vehicle"), _("Edit vehicle")),
        "policy": (_("New policy"), _("Edit policy")),
        "deal": (_("New deal"), _("Edit deal")),
    }[form]
    return words[0 if new else 1]


@screen
def EditScreen() -> ft.View:
    """/customers/:customer_id/edit/:form/:record_id, where record_id is "new", an id, or "next-"
    and the policy whose next year it is."""
    session, _ = use_session(), use_text()
    page, params = ft.context.page, ft.use_route_params()
    form = params["form"] if params["form"] in SAVE_VERBS else "customer"
    wanted = params["record_id"]

    customer_id = UUID(params["customer_id"])
    renews = UUID(wanted.removeprefix("next-")) if wanted.startswith("next-") else None
    record_id = None if wanted == "new" or renews else UUID(wanted)
    state, _set = ft.use_state(lambda: EditRecord(session, customer_id, form, record_id, renews))
    ft.use_effect(
        act(state.open, customer_id, form, record_id, renews), [customer_id, form, wanted]
    )

    def leave() -> None:
        if state.saved:
            page.navigate(f"/customers/{params['customer_id']}")

    ft.use_effect(leave, [state.saved])
    title = titles(_, form, state.record_id is None)
    if state.state is None or state.form != form:
        return page_view(
            ft.use_view_path(),
            title,
            ProblemBanner(state.problem) if state.problem else Skeleton(4),
        )
    blocks: list[ft.Control] = [
        *([ProblemBanner(state.problem)] if state.problem else []),
        *belongs_to(_, session, state),
        form_with_files(state.state, state.attaching),
    ]
    return page_view(
        ft.use_view_path(),
        f"{title} · {state.name}" if state.name else title,
        scrolling(blocks),
        bottom=bottom_bar(
            primary_button("save-record", _("Save"), act(state.save), icon=ft.Icons.CHECK)
        ),
    )


def belongs_to(_: Texts, session: Session, state: EditRecord) -> list[ft.Control]:
    """The pipeline of a new deal, the car of a new policy."""
    if state.record_id is not None:
        return []
    if state.form == "deal" and session.config and len(session.config.pipelines) > 1:
        pipelines = [(p.key, _.label(p.label)) for p in session.config.pipelines]
        choice = chips(
            "pipeline", pipelines, state.pipeline, lambda key: act(state.choose_pipeline, key)
        )
        return [section(_("Pipeline"), choice)]
    if state.form == "policy" and state.renews is None and state.vehicles:
        choice = chips(
            "vehicle", state.vehicles, state.vehicle, lambda key: act(state.choose_vehicle, key)
        )
        return [section(_("Vehicle"), choice)]
    return []
