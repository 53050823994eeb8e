"""Whether somebody is in the local data already: the check that speaks while a number is typed, and
what a new customer begins with (F-15)."""

import asyncio
from dataclasses import dataclass
from typing import Any

import flet as ft

from mobile_app.session import Session
from shared.domain.config import StoreConfig
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote
from shared.ui.form import FormState
from shared.ui.text import Texts

SEARCH_PAUSE = 0.3  # seconds without a key before the server is asked


@dataclass(frozen=True)
class Elsewhere:
    """A colleague's customer, as much as the store lets one know."""

    days: int
    who: str | None = None
    pooled: bool = False


@ft.observable
@dataclass(eq=False)
class DuplicateCheck:
    """Watches the phone field of `form`. `known`: in one's own data; `elsewhere`: a colleague looks
    after them. It warns, and asks before a colleague's customer is entered again (`must_ask`);
    nothing is blocked."""

    session: Session
    texts: Texts
    form: FormState
    known: Customer | None = None
    elsewhere: Elsewhere | None = None
    asked: bool = False
    asked_about: str = ""  # the number of a colleague's customer that was to be saved
    problem: str = ""
    _typed: int = 0
    _searching: asyncio.Future | None = None

    def __post_init__(self) -> None:
        self.form.watch(self._changed)

    def _changed(self, key: str) -> None:
        if key == "phone":
            self._typed += 1
            self.known, self.elsewhere, self.asked = None, None, False
            self._searching = asyncio.ensure_future(
                self._search(self.form.value("phone"), self._typed)
            )

    async def _search(self, digits: str | None, typed: int) -> None:
        """My own data at once, without a network; a colleague's from the server, if it answers."""
        if not digits or len(digits) < 7:
            return
        mine = await self.session.local_store.replica.duplicates(phone=digits)
        if typed != self._typed:
            return
        if mine:
            self.known = mine[0]
            return
        await asyncio.sleep(SEARCH_PAUSE)
        if typed != self._typed:
            return
        try:
            found = await remote.duplicates(
                self.session.services.gateway, self.session.store_id, phone=digits
            )
        except Problem:
            return  # offline: the server warns when it hears of it, and nothing is blocked by it
        if typed == self._typed:
            if found.mine:
                self.known = Customer(id=found.mine[0].id, name=found.mine[0].name)
            elif found.elsewhere:
                self.elsewhere = Elsewhere(
                    int(found.elsewhere.get("days") or 0),
                    found.elsewhere.get("who"),
                    bool(found.elsewhere.get("pooled")),
                )

    @property
    def _is_colleagues(self) -> bool:
        return self.elsewhere is not None and not self.elsewhere.pooled

    @property
    def is_asking(self) -> bool:
        """Whether this number is a colleague's customer's and it was not said yet that a second
        one is wanted."""
        number = str(self.form.value("phone") or "")
        return bool(number) and number == self.asked_about and self._is_colleagues

    def must_ask(self) -> bool:
        """Called before saving: whether to ask first, since two entries of one person are two
        people's quarrel. The question stands until it is answered or the number changes."""
        if self._is_colleagues:
            self.asked_about = str(self.form.value("phone") or "")
        return self._is_colleagues

    async def ask_for_him(self) -> None:
        """Join instead of a block: the manager hears that they are here, with what was said; the
        colleague keeps them until then."""
        if self.asked:
            return
        notes = str(self.form.value("need") or "")
        payload = {
            "id": str(self.session.services.new_id()),
            "phone": self.form.value("phone"),
            **({"notes": notes} if notes else {}),
        }
        await self.session.act(
            "request_transfer", payload, title=str(self.form.value("name") or "")
        )
        self.asked = True
        _ = self.texts
        self.session.notices.say(_("Your request was sent to the manager."))


def start_values(config: StoreConfig) -> dict[str, Any]:
    """What a new customer is until somebody says otherwise: the lowest level that is no pool's, the
    store's first source."""
    ranked = sorted(config.levels, key=lambda level: level.rank)
    level = next((x.key for x in ranked if not x.pool), ranked[0].key if ranked else None)
    source = config.forms["customer"].field("source")
    options = [o.key for o in source.options or ()] if source else []
    return {
        k: v for k, v in {"level": level, "source": options[0] if options else None}.items() if v
    }
