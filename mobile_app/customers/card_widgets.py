"""What hangs on a customer: facts, companions, family, deals, cars and policies by year,
consent."""

import flet as ft

from mobile_app.customers.edit_state import may_save
from mobile_app.customers.state import OpenCustomer
from mobile_app.customers.widgets import DealLine, PolicyLine, VehicleLine, line
from mobile_app.files.widgets import FileChip, FileChips
from mobile_app.session import Session, use_session
from shared.domain.card import Card
from shared.domain.records import Customer, CustomRecord, Policy
from shared.ui.feedback import act, typed
from shared.ui.form.view import value_text
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    chips,
    identified,
    primary_button,
    secondary_button,
    section,
    text_button,
    text_field,
)

HEAD = ("name", "phone", "level", "next_contact_on", "do_not_call", "need")  # stand in the brief


def adder(_: Texts, state: OpenCustomer, form: str) -> ft.Control | None:
    """＋ beside a section's title, for members who may create such a record."""
    if not may_save(state.session, form):
        return None
    name = {
        "companion": _("New companion"),
        "vehicle": _("New vehicle"),
        "policy": _("New policy"),
        "deal": _("New deal"),
    }[form]
    go = lambda e: e.page.navigate(f"/customers/{state.customer_id}/edit/{form}/new")  # noqa: E731
    return text_button(f"add-{form}", name, go, icon=ft.Icons.ADD)


def opener(state: OpenCustomer, form: str, record_id: object):
    if not may_save(state.session, form):
        return None
    return lambda e: e.page.navigate(f"/customers/{state.customer_id}/edit/{form}/{record_id}")


def with_papers(line: ft.Control, found: Card, record: CustomRecord) -> ft.Control:
    """A record's line and, below it, the files its own fields name: for those too who may not open
    its form."""
    named = {str(value) for value in record.custom.values()}
    files = [f for f in found.files_of(record.id) if str(f.id) in named]
    if not files:
        return line
    return ft.Column(
        [
            line,
            ft.Container(
                FileChips(files, found.pending_ids), padding=ft.Padding.only(left=30, bottom=8)
            ),
        ],
        spacing=0,
        key=str(record.id),
    )


@component
def Known(state: OpenCustomer, found: Card) -> ft.Control:
    """Every other field of the store's form that has a value."""
    session, _ = use_session(), use_text()
    config, rows = session.config, []
    if config is None:
        return ft.Container(height=0)
    for definition in config.forms["customer"].fields:
        value = found.customer.value(definition.key)
        if definition.key not in HEAD and definition.type_in("customer") == "file" and value:
            attachment = next((f for f in found.attachments if str(f.id) == str(value)), None)
            shown = (
                FileChip(attachment, attachment.id in found.pending_ids, key=str(value))
                if attachment
                else ft.Text(_("One file is attached"))
            )
            rows.append(
                ft.Column(
                    [
                        ft.Text(
                            _.label(definition.label), size=12, color=ft.Colors.ON_SURFACE_VARIANT
                        ),
                        shown,
                    ],
                    spacing=4,
                )
            )
        elif definition.key not in HEAD and value not in (None, "", []):
            rows.append(
                line(
                    ft.Icons.LABEL_OUTLINE,
                    value_text(_, definition, "customer", value, config),
                    _.label(definition.label),
                )
            )
    return section(_("Known"), *rows) if rows else ft.Container(height=0)


@component
def Companions(state: OpenCustomer, found: Card) -> ft.Control:
    """Who comes along; their influence as it is now, the visits keep what it was then (S-15)."""
    session, _ = use_session(), use_text()
    form, add = (
        session.config.forms.get("companion") if session.config else None,
        adder(_, state, "companion"),
    )
    rows: list[ft.Control] = []
    for one in found.companions:
        notes = [
            value_text(_, d, "companion", one.value(k), session.config)
            for k in ("relation", "influence", "phone")
            if session.config and form and (d := form.field(k)) and one.value(k)
        ]
        row = line(
            ft.Icons.PERSON_OUTLINE,
            one.name or "—",
            " · ".join(notes),
            on_click=opener(state, "companion", one.id),
            identifier=f"companion-{one.id}",
        )
        rows.append(with_papers(row, found, one))
    if not rows and add is None:
        return ft.Container(height=0)
    return section(_("Companions"), *rows, trailing=add)


@component
def Family(state: OpenCustomer, found: Card, linking: bool) -> ft.Control:
    """Other customers of one household (S-64)."""
    session, _ = use_session(), use_text()
    config = session.config
    form = config.forms.get("companion") if config else None
    relation = form.field("relation") if form else None
    labels = {o.key: _.label(o.label) for o in relation.options or ()} if relation else {}
    names = config.option_labels("companion", "relation") if config else {}
    rows: list[ft.Control] = [
        line(
            ft.Icons.FAMILY_RESTROOM,
            one.other_name or _("A colleague's customer"),
            _.named(names, one.relation),
            identifier=f"link-{one.other_id}",
            on_click=(lambda e, one=one: e.page.navigate(f"/customers/{one.other_id}"))
            if one.other_name
            else None,
        )
        for one in found.relationships
    ]
    may = may_save(session, "companion") and bool(labels)
    if linking:
        rows.append(
            chips(
                "relation",
                list(labels.items()),
                state.relation,
                lambda key: act(state.choose_relation, key),
            )
        )
        rows.append(
            text_field(
                "other",
                _("Name, pinyin, plate, last digits"),
                state.other_query,
                typed(state.find_colleagues_customer),
                prefix_icon=ft.Icons.SEARCH,
            )
        )
        rows += [
            line(
                ft.Icons.PERSON_ADD_ALT,
                c.name or "—",
                c.phone or "",
                on_click=act(state.link, c),
                identifier=f"other-{c.id}",
            )
            for c in state.found
        ]
    if not rows and not may:
        return ft.Container(height=0)
    return section(
        _("Family"),
        *rows,
        trailing=text_button("add-link", _("Link"), act(state.begin_link), icon=ft.Icons.ADD_LINK)
        if may
        else None,
    )


@component
def Deals(state: OpenCustomer, found: Card) -> ft.Control:
    _ = use_text()
    add = adder(_, state, "deal")
    if not found.deals and add is None:
        return ft.Container(height=0)
    return section(
        _("Deals"),
        *[
            with_papers(DealLine(d, d.id in found.pending_ids, key=str(d.id)), found, d)
            for d in found.deals[:10]
        ],
        trailing=add,
    )


@component
def CarsByYear(state: OpenCustomer, found: Card, losing: str) -> ft.Control:
    """Each car with its years of insurance, the newest first; policies without a car below
    (F-32)."""
    _ = use_text()
    rows: list[ft.Control] = []
    for car in found.vehicles:
        rows.append(
            with_papers(
                VehicleLine(car, opener(state, "vehicle", car.id), key=str(car.id)), found, car
            )
        )
        rows += [
            with_papers(PolicyYear(state, p, losing == str(p.id), key=str(p.id)), found, p)
            for p in found.policies
            if p.vehicle_id == car.id
        ]
    cars = {v.id for v in found.vehicles}
    rows += [
        with_papers(PolicyYear(state, p, losing == str(p.id), key=str(p.id)), found, p)
        for p in found.policies
        if p.vehicle_id not in cars
    ]
    adders = [a for a in (adder(_, state, "vehicle"), adder(_, state, "policy")) if a]
    if not rows and not adders:
        return ft.Container(height=0)
    return section(
        _("Vehicles and policies"),
        *rows,
        trailing=ft.Row(adders, tight=True, spacing=0) if adders else None,
    )


@component
def PolicyYear(state: OpenCustomer, policy: Policy, losing: bool) -> ft.Control:
    """One year, and what becomes of it: renewed into the next, or lost with a memory (First 9)."""
    session, _ = use_session(), use_text()
    parts: list[ft.Control] = [PolicyLine(policy, opener(state, "policy", policy.id))]
    if policy.status == "active" and may_save(session, "policy") and not losing:
        parts.append(
            ft.Row(
                [
                    text_button(
                        f"renew-{policy.id}",
                        _("Renewed"),
                        lambda e: e.page.navigate(
                            f"/customers/{state.customer_id}/edit/policy/next-{policy.id}"
                        ),
                        icon=ft.Icons.AUTORENEW,
                    ),
                    text_button(
                        f"lose-{policy.id}",
                        _("Not renewed"),
                        act(state.begin_loss, str(policy.id)),
                        icon=ft.Icons.SENTIMENT_DISSATISFIED_OUTLINED,
                    ),
                ],
                spacing=0,
            )
        )
    if losing:
        reasons = (
            [(r.key, _.label(r.label)) for r in session.config.reasons_for("lost")]
            if session.config
            else []
        )
        parts.append(
            card(
                ft.Text(_("Why was it lost?"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
                chips("lost-why", reasons, state.reason, lambda key: act(state.choose_reason, key)),
                text_field(
                    "lost-insurer", _("Current insurer"), state.insurer, typed(state.set_insurer)
                ),
                text_field(
                    "lost-price",
                    _("Competitor's price (yuan)"),
                    state.price,
                    typed(state.set_price),
                    keyboard_type=ft.KeyboardType.NUMBER,
                ),
                primary_button(
                    "save-loss",
                    _("Save"),
                    act(state.lose),
                    disabled=state.reason is None,
                    icon=ft.Icons.CHECK,
                ),
                text_button("stop-loss", _("Back"), act(state.begin_loss, str(policy.id))),
            )
        )
    return ft.Container(
        ft.Column(parts, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(left=24),
    )


@component
def Consents(state: OpenCustomer, found: Card, noting: bool) -> ft.Control:
    """What they allowed and took back; the last word counts (S-67)."""
    session, _ = use_session(), use_text()
    config = session.config
    purposes = {p.key: _.label(p.label) for p in config.consents} if config else {}
    if config is None or not (purposes or found.consents):
        return ft.Container(height=0)
    names = config.labels("consents")
    latest = {c.purpose: c for c in reversed(found.consents)}
    rows: list[ft.Control] = [
        line(
            ft.Icons.CHECK_CIRCLE_OUTLINE if c.granted else ft.Icons.BLOCK,
            f"{_.named(names, key)} · "
            + (_("consent given") if c.granted else _("consent withdrawn")),
            " · ".join(
                x
                for x in (_.day(session.clock.day(c.stated_at), session.clock.today), c.source)
                if x
            ),
        )
        for key, c in latest.items()
    ]
    if noting:
        may_allow = may_allow_calls(session, found.customer, state.purpose)
        rows += noting_consent(_, state, purposes, may_allow)
    add = (
        text_button(
            "note-consent", _("Record"), act(state.begin_consent), icon=ft.Icons.EDIT_OUTLINED
        )
        if session.me is not None and session.me.may("save_customer")
        else None
    )
    return identified("consents", section(_("Consent"), *rows, trailing=add))


def may_allow_calls(session: Session, customer: Customer, purpose: str) -> bool:
    """What stopped the calls is allowed again by who decides requests, never by the caller
    alone."""
    if customer.consent_withdrawn_at is None:
        return True
    consents = session.config.consents if session.config else ()
    if not any(p.key == purpose and p.needed_for_calls for p in consents):
        return True
    return session.me is not None and session.me.may("decide_approval")


def noting_consent(
    _: Texts, state: OpenCustomer, purposes: dict[str, str], may_allow: bool
) -> list[ft.Control]:
    """What for, and what they said."""
    warning = ft.Text(
        _("Only a manager can allow calls again."), size=12, color=ft.Colors.ON_SURFACE_VARIANT
    )
    withdraws = secondary_button(
        "consent-back", _("Record withdrawal"), act(state.note_consent, False)
    )
    buttons: list[ft.Control] = [ft.Container(withdraws, expand=1)]
    if may_allow:
        allows = primary_button("consent-given", _("Record consent"), act(state.note_consent, True))
        buttons.append(ft.Container(allows, expand=1))
    return [
        *([] if may_allow else [warning]),
        chips(
            "purpose",
            list(purposes.items()),
            state.purpose,
            lambda key: act(state.choose_purpose, key),
        ),
        ft.Row(buttons, spacing=12),
    ]
