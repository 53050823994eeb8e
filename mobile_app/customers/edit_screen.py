"""A record in its generated form."""

from uuid import UUID

import flet as ft

from mobile_app.customers.edit_state import VERBS, EditRecord
from mobile_app.files.view import form_with_files
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import ProblemBanner, Skeleton, act
from shared.ui.parts import chips, docked, primary_button, section
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


def titles(_: Texts, form: str, new: bool) -> str:
    words = {
        "customer": (_("New customer"), _("Edit customer")), "companion": (_("New companion"), _("Edit companion")), "vehicle": (_("New car"), _("Edit car")),
        "policy": (_("New policy"), _("Edit policy")), "deal": (_("New deal"), _("Edit deal")),
    }[form]  # fmt: skip
    return words[0 if new else 1]


@screen
def EditScreen() -> ft.View:
    """/customers/:customer_id/edit/:form/:record_id, where record_id is "new", an id, or "next-" and the policy whose next year it is."""
    session, _ = use_session(), use_text()
    page, given = ft.context.page, ft.use_route_params()
    form = given["form"] if given["form"] in VERBS else "customer"
    wanted = given["record_id"]

    customer_id = UUID(given["customer_id"])
    renews = UUID(wanted.removeprefix("next-")) if wanted.startswith("next-") else None
    record_id = None if wanted == "new" or renews else UUID(wanted)
    state, _set = ft.use_state(lambda: EditRecord(session, customer_id, form, record_id, renews))
    ft.use_effect(act(state.open, customer_id, form, record_id, renews), [customer_id, form, wanted])

    def leave() -> None:
        if state.saved:
            page.navigate(f"/customers/{given['customer_id']}")

    ft.use_effect(leave, [state.saved])
    title = titles(_, form, state.record_id is None)
    if state.state is None or state.form != form:
        return page_view(ft.use_view_path(), title, ProblemBanner(state.problem) if state.problem else Skeleton(4))
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    if form == "deal" and state.record_id is None and session.config and len(session.config.pipelines) > 1:
        options = [(p.key, _.label(p.label)) for p in session.config.pipelines]
        blocks.append(section(_("Pipeline"), chips("pipeline", options, state.pipeline, lambda key: act(state.choose_pipeline, key))))
    if form == "policy" and state.record_id is None and state.renews is None and state.vehicles:
        blocks.append(section(_("Car"), chips("vehicle", state.vehicles, state.vehicle, lambda key: act(state.choose_vehicle, key))))
    blocks.append(form_with_files(state.state, state.attaching))
    body = ft.ListView(
        [ft.Container(ft.Column(blocks, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)],
        expand=True,
        build_controls_on_demand=False,
    )
    return page_view(
        ft.use_view_path(), f"{title} · {state.name}" if state.name else title, body,
        bottom=docked(primary_button("save-record", _("Save"), act(state.save), icon=ft.Icons.CHECK)),
    )  # fmt: skip
