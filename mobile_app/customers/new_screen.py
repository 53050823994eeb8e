"""A new customer: name, source, level; the duplicate check speaks while the number is typed."""

import flet as ft

from mobile_app.customers.state import NewCustomer
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import ProblemBanner, act, field_problem
from shared.ui.parts import chips, docked, primary_button, section, text_button, text_field
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def NewCustomerScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    state, _set = ft.use_state(lambda: NewCustomer(session))
    config = session.config

    def leave() -> None:
        if state.saved:
            page.navigate(f"/customers/{state.saved}")

    ft.use_effect(leave, [state.saved])

    async def typing_phone(event) -> None:
        await act(state.type_phone, event.control.value)()

    def put(key: str):
        return lambda e: state.put(key, e.control.value)

    def choose(key: str):
        return lambda option: lambda e: state.put(key, option)

    form = config.forms["customer"] if config else None
    writable = config.rights("customer").writable if config else ()
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []

    def label(key: str) -> str:
        definition = form.field(key) if form else None
        text = _.label(definition.label) if definition else key
        return f"{text} *" if config and key in config.rights("customer").required else text

    if "name" in writable:
        blocks.append(
            text_field("name", label("name"), str(state.values.get("name", "")), put("name"), problem=field_problem(_, state.problems, "name"))
        )
    if "phone" in writable:
        blocks.append(
            text_field(
                "phone",
                label("phone"),
                str(state.values.get("phone", "")),
                typing_phone,
                problem=field_problem(_, state.problems, "phone"),
                keyboard_type=ft.KeyboardType.PHONE,
            )
        )
    if state.mine:
        known, name = state.mine
        text = ft.Text(_("Already your customer: %(name)s") % {"name": name}, expand=True, color=ft.Colors.ON_TERTIARY_CONTAINER)
        blocks.append(notice(ft.Row([text, text_button("open-duplicate", _("Open"), lambda e: page.navigate(f"/customers/{known}"))])))
    elif state.elsewhere_days is not None:
        words = (
            _("Already with a colleague, last contact today.")
            if state.elsewhere_days == 0
            else _("Already with a colleague, last contact %(days)d days ago.") % {"days": state.elsewhere_days}
        )
        blocks.append(notice(ft.Text(words, color=ft.Colors.ON_TERTIARY_CONTAINER)))
    for key in ("source", "level"):
        if key in writable and config and form:
            definition = form.field(key)
            options = (
                [(x.key, _.label(x.label)) for x in config.levels]
                if key == "level"
                else [(o.key, _.label(o.label)) for o in (definition.options if definition else None) or ()]
            )
            blocks.append(section(label(key), chips(key, options, state.values.get(key), choose(key), problem=field_problem(_, state.problems, key))))
    if "need" in writable:
        blocks.append(
            text_field(
                "need",
                label("need"),
                str(state.values.get("need", "")),
                put("need"),
                problem=field_problem(_, state.problems, "need"),
                multiline=True,
                min_lines=2,
                max_lines=4,
            )
        )
    body = ft.ListView(
        [ft.Container(ft.Column(blocks, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)],
        expand=True,
        build_controls_on_demand=False,
    )
    return page_view(
        ft.use_view_path(), _("New customer"), body, bottom=docked(primary_button("save-customer", _("Save"), act(state.save), icon=ft.Icons.CHECK))
    )


def notice(content: ft.Control) -> ft.Control:
    return ft.Semantics(
        identifier="duplicate", live_region=True, content=ft.Container(content, padding=12, border_radius=12, bgcolor=ft.Colors.TERTIARY_CONTAINER)
    )
