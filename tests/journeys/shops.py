"""New stores of a new group for journeys that change a store's shape: nobody else's journey is
disturbed."""

import json
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from forecourt import demo
from tests.support.browser import DESKTOP, App


@dataclass
class Shop:
    """One store with people; the same person may work in several."""

    operator: psycopg.Connection
    supabase: tuple[str, str]
    group: UUID = field(default_factory=uuid4)
    id: UUID = field(default_factory=uuid4)

    def create(self, name: str, store: UUID | None = None) -> UUID:
        store = store or self.id
        self.operator.execute(
            "insert into crm.groups (id, name) values (%s, %s) on conflict do nothing",
            (self.group, f"{name}集团"),
        )
        self.operator.execute(
            "select crm.create_store(%s, %s, %s, %s)",
            (self.group, store, name, Jsonb(json.loads(demo.PRESET.read_text(encoding="utf8")))),
        )
        return store

    def person(self, name: str, role: str, *stores: UUID) -> str:
        """An account that belongs to the stores; answers its sign-in."""
        email = f"{uuid4().hex[:10]}@forecourt.example"
        user = demo.sign_up(*self.supabase, email)
        for store in stores or (self.id,):
            self.operator.execute(
                "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)",
                (store, user, role, name),
            )
        return email

    def customer(self, owner: str, name: str) -> UUID:
        """A customer of the member of that name."""
        customer = uuid4()
        self.operator.execute(
            "insert into crm.customers (store_id, id, owner_id, name, phone, source, level)"
            " select m.store_id, %s, m.user_id, %s, '13800002222', 'walk_in', 'potential' from "
            "crm.members m where m.store_id = %s and m.name = %s",
            (customer, name, self.id, owner),
        )
        return customer

    def deal(self, stage: str, store: UUID | None = None, **values: object) -> UUID:
        """A deal of the store's first customer owner at a stage of the new-car pipeline."""
        store, customer, deal = store or self.id, uuid4(), uuid4()
        self.operator.execute(
            "insert into crm.customers (store_id, id, pool, name, phone, source, level) values "
            "(%s, %s, 'market', '陆一鸣', '13800001111', 'walk_in', 'intent')",
            (store, customer),
        )
        columns = {
            "store_id": store,
            "id": deal,
            "customer_id": customer,
            "pipeline": "new_car",
            "stage": stage,
            "title": "汉 EV",
            **values,
        }
        names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.operator.execute(
            f"insert into crm.deals ({names}) values ({places})".encode(), list(columns.values())
        )
        return deal

    def published(self, store: UUID | None = None) -> tuple[int, dict]:
        row = self.operator.execute(
            "select v.version, v.document from crm.config_versions v where v.store_id = %s order "
            "by v.version desc limit 1",
            (store or self.id,),
        ).fetchone()
        assert row
        return row[0], row[1]


def panel(visit, email: str) -> App:
    """The panel, signed in."""
    app = visit(None, "/admin/", **DESKTOP)
    app.sign_in(email, demo.PASSWORD)
    app.see_id("nav-members")
    return app


def publish(app: App) -> None:
    """Check and publish, and see that it is done."""
    app.tap("to-publish")
    app.see_id("impacts")
    app.tap(
        app.page.locator("[flt-semantics-identifier='publish']:not(:has([aria-disabled=true]))")
    )
    app.see("已发布为第")
