"""Finding in the whole store by what the store marked searchable: for roles that see more than
their own data (F-14, fields.md 2.2)."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from mobile_app.session import Session
from shared.domain.config import FieldRights
from shared.ui.feedback import act
from shared.ui.form import FormState, FormView
from shared.ui.text import use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component
from shared.ui.widgets import chips, primary_button, section, text_button

LEAST = (
    "number",
    "money",
    "formula",
    "date",
)  # asked as "at least" and "from"; the rest as what it is
COLUMNS = ("level", "source")


@ft.observable
@dataclass(eq=False)
class Filter:
    """What is looked for. `form` is the customer form cut to what one may look at, every field of
    it open to be filled in."""

    session: Session
    form: FormState | None = None
    sort: str = "created_at"
    sorts: tuple[str, ...] = ()
    _kinds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.session.config
        if config is None or "customer" not in config.forms:
            return
        readable = config.rights("customer").readable
        keys = [
            f.key
            for f in config.forms["customer"].fields
            if f.key in readable and (f.key in COLUMNS or f.searchable)
        ]
        self._kinds = {
            key: f.type_in("customer") for key in keys if (f := config.forms["customer"].field(key))
        }
        fields = tuple(
            f.model_copy(
                update={
                    "label": {k: f"{v} ≥" for k, v in f.label.items()},
                    "required": False,
                    "type": "number" if self._kinds[f.key] == "formula" else f.type,
                }
            )
            if self._kinds.get(f.key) in LEAST
            # whoever was given an option that is gone can still be found by it
            else f.model_copy(
                update={"options": (*f.options, *config.retired_options("customer", f.key))}
            )
            if f.options is not None
            else f
            for f in config.forms["customer"].fields
        )
        asking = config.model_copy(
            update={
                "forms": {
                    **config.forms,
                    "customer": config.forms["customer"].model_copy(update={"fields": fields}),
                },
                "access": {
                    **config.access,
                    "customer": FieldRights(readable=tuple(keys), writable=tuple(keys)),
                },
            }
        )
        people = [(str(p.id), p.name) for p in self.session.people]
        self.form = FormState(
            asking, "customer", self.session.clock.today, only=keys, complete=False, people=people
        )
        self.sorts = (
            "created_at",
            *(("next_contact_on",) if "next_contact_on" in readable else ()),
            *(k for k in keys if self._kinds[k] in LEAST),
        )

    @property
    def asked(self) -> list[dict[str, Any]]:
        """As api.find_customers takes it."""
        chosen = self.form.changes() if self.form else {}
        ops = {
            key: "in" if isinstance(value, list) else "min" if self._kinds[key] in LEAST else "eq"
            for key, value in chosen.items()
        }
        return [{"key": key, "op": ops[key], "value": value} for key, value in chosen.items()]

    @property
    def active(self) -> bool:
        return bool(self.asked) or self.sort != "created_at"

    def sort_by(self, key: str) -> None:
        self.sort = key

    def clear(self) -> None:
        self.sort = "created_at"
        self.__post_init__()


@component
def FilterPanel(state: Filter, on_show) -> ft.Control:
    """The questions, the order, and two buttons."""
    _ = use_text()
    if state.form is None:
        return ft.Container()
    config = state.form.config

    def name(key: str) -> str:
        if key == "created_at":
            return _("Newest")
        found = config.forms["customer"].field(key)
        return _.label(found.label).removesuffix(" ≥") if found else _("Next contact")

    async def clear() -> None:
        state.clear()
        await on_show()

    order = chips(
        "sort",
        [(key, name(key)) for key in state.sorts],
        state.sort,
        lambda key: act(state.sort_by, key),
    )
    buttons = ft.Row(
        [
            text_button("filter-clear", _("Clear"), act(clear)),
            ft.Container(primary_button("filter-show", _("Show"), act(on_show)), expand=True),
        ]
    )
    return ft.Container(
        ft.Column(
            [FormView(state.form), section(_("Sort by"), order), buttons],
            spacing=GAP * 2,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=8),
    )
