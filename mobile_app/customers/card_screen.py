"""A customer on one screen: what is agreed, what was said, cars, policies, deals, people."""

from uuid import UUID

import flet as ft

from mobile_app.customers.parts import ConversationLine, DealLine, PolicyLine, VehicleLine, line
from mobile_app.customers.state import OpenCustomer
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.parts import card, docked, mark_waiting, pill, primary_button, section
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def CustomerScreen() -> ft.View:
    session, _ = use_session(), use_text()
    customer_id = UUID(ft.use_route_params()["customer_id"])
    state, _set = ft.use_state(lambda: OpenCustomer(session, customer_id))
    ft.use_effect(act(state.load), [session.revision])
    route = ft.use_view_path()
    found, config = state.card, session.config
    if found is None or config is None:
        body = (
            [Skeleton(4)]
            if not state.loaded
            else [ProblemBanner(state.problem, act(state.load)), EmptyState(ft.Icons.PERSON_OFF_OUTLINED, _("Not here"))]
        )
        return page_view(route, _("Customer"), *body)
    customer = found.customer
    level = config.level(customer.level)
    pills = [pill(_.label(level.label), tone="good")] if level else []
    if customer.next_contact_on:
        pills.append(
            pill(
                _("Next: %(day)s") % {"day": _.day(customer.next_contact_on, session.today)},
                tone="urgent" if customer.next_contact_on < session.today else "neutral",
            )
        )
    if customer.do_not_call:
        pills.append(pill(_("Do not call"), tone="urgent", icon=ft.Icons.PHONE_DISABLED))
    head = card(
        ft.Row(
            [
                ft.Semantics(
                    identifier="customer-name",
                    expand=True,
                    content=ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.HEADLINE_SMALL, max_lines=3),
                ),
                *([mark_waiting(_("Not sent yet"))] if found.waiting else []),
            ]
        ),
        ft.Text(customer.phone or _("No phone number"), color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        *([ft.Text(_("Owner: %(name)s") % {"name": state.owner_name}, size=12, color=ft.Colors.ON_SURFACE_VARIANT)] if state.owner_name else []),
    )
    blocks: list[ft.Control] = [head]
    facts = []
    for key in (f.key for f in config.forms["customer"].fields if f.key not in ("name", "phone", "level", "next_contact_on", "do_not_call")):
        definition, value = config.forms["customer"].field(key), customer.value(key)
        if definition is None or value in (None, "", []):
            continue
        facts.append(line(ft.Icons.LABEL_OUTLINE, shown_value(_, definition, "customer", value), _.label(definition.label)))
    if facts:
        blocks.append(section(_("Known"), *facts))
    if found.companions:
        people = [line(ft.Icons.PERSON_OUTLINE, c.name or "—", companion_note(_, config, c)) for c in found.companions]
        blocks.append(section(_("Companions"), *people))
    if found.deals:
        blocks.append(section(_("Deals"), *[DealLine(d, d.id in found.waiting_ids, key=str(d.id)) for d in found.deals[:10]]))
    if found.vehicles or found.policies:
        blocks.append(
            section(
                _("Cars and policies"),
                *[VehicleLine(v, key=str(v.id)) for v in found.vehicles[:5]],
                *[PolicyLine(p, key=str(p.id)) for p in found.policies[:6]],
            )
        )
    talks = [ConversationLine(c, c.id in found.waiting_ids, key=str(c.id)) for c in found.conversations[:50]]
    blocks.append(section(_("Conversations"), *(talks or [ft.Text(_("Nothing logged yet."), color=ft.Colors.ON_SURFACE_VARIANT)])))
    may_log = session.me is not None and session.me.may("log_conversation")
    may_dial = bool(customer.phone) and "*" not in (customer.phone or "") and not customer.do_not_call
    buttons = []
    if may_log:
        buttons.append(
            primary_button("log", _("Log a conversation"), lambda e: e.page.navigate(f"/customers/{customer.id}/log"), icon=ft.Icons.EDIT_NOTE)
        )
    if may_dial:
        call = ft.OutlinedButton(
            _("Call"),
            icon=ft.Icons.CALL,
            height=48,
            expand=True,
            action=ft.OpenUrl(f"tel:{customer.phone}"),
            on_click=lambda e: e.page.navigate(f"/customers/{customer.id}/log"),
        )
        buttons.append(ft.Semantics(identifier="call", content=ft.Row([call])))
    return page_view(
        route, customer.name or _("Customer"), ft.ListView([ft.Container(ft.Column(blocks, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)], expand=True),
        bottom=docked(*buttons) if buttons else None,
    )  # fmt: skip


def shown_value(_, definition, form: str, value) -> str:
    """A field's value in words: the option's label, 元, a day, yes or no."""
    from shared.domain.labels import money_text

    kind = definition.type_in(form)
    options = {o.key: _.label(o.label) for o in definition.options or ()}
    if kind == "money":
        return money_text(int(value))
    if kind == "bool":
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return "、".join(options.get(v, str(v)) for v in value)
    return options.get(value, str(value)) if isinstance(value, str) else str(value)


def companion_note(_, config, companion) -> str:
    form = config.forms.get("companion")
    words = []
    for key in ("relation", "influence"):
        definition = form.field(key) if form else None
        if definition and companion.value(key):
            words.append(shown_value(_, definition, "companion", companion.value(key)))
    return " · ".join(words)
