"""A new customer in the store's form; the duplicate check speaks while the number is typed."""

import flet as ft

from mobile_app.customers.state import NewCustomer
from mobile_app.customers.widgets import DuplicateNotice, SaveUnlessKnown
from mobile_app.files.widgets import form_with_files
from mobile_app.session import use_session
from mobile_app.shell import page_view, scrolling
from shared.ui.feedback import ProblemBanner, act
from shared.ui.text import use_text
from shared.ui.view import screen
from shared.ui.widgets import bottom_bar, primary_button, text_button


@screen
def NewCustomerScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    name = f"new customer {_.language}"  # going back loses nothing that was typed
    state, _set = ft.use_state(lambda: session.kept(name, lambda: NewCustomer(session, _)))

    def leave() -> None:
        if state.saved:
            session.drop_kept(name)
            page.navigate(f"/customers/{state.saved}")

    ft.use_effect(leave, [state.saved])
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    if state.form is not None and state.already is not None and state.attaching is not None:
        first = [
            DuplicateNotice(state.already),
            form_with_files(state.form, state.attaching, keys=state.first, key="first"),
        ]
        blocks.append(
            ft.Column(first, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        )
        if state.unfolded:
            blocks.append(form_with_files(state.form, state.attaching, keys=state.rest, key="rest"))
        elif any(f.key in state.rest and f.access == "write" for f in state.form.fields()):
            blocks.append(
                text_button(
                    "more-fields",
                    _("More about this customer"),
                    act(state.unfold),
                    icon=ft.Icons.EXPAND_MORE,
                )
            )
    return page_view(
        ft.use_view_path(),
        _("New customer"),
        scrolling(blocks),
        bottom=bottom_bar(
            SaveUnlessKnown(
                state.already,
                primary_button("save-customer", _("Save"), act(state.save), icon=ft.Icons.CHECK),
                act(state.save_anyway),
            )
        ),
    )
