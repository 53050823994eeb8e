"""Why a customer, a deal or a policy is lost, and to whom."""

from dataclasses import dataclass
from typing import Any

import flet as ft

from shared.domain.values.number import money_of


@ft.observable
@dataclass(eq=False)
class Loss:
    """`insurer` and `price`: who insures the car now, and for how much; as typed."""

    reason: str | None = None
    insurer: str = ""
    price: str = ""

    def set_insurer(self, text: str) -> None:
        self.insurer = text

    def set_price(self, text: str) -> None:
        self.price = text

    def problems(self) -> dict[str, str]:
        is_wrong = bool(self.price.strip()) and money_of(self.price) is None
        return {"lost_price": "type"} if is_wrong else {}

    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = {"reason": self.reason}
        if self.insurer.strip():
            found["insurer"] = self.insurer.strip()
        if (price := money_of(self.price)) is not None:
            found["price_fen"] = price
        return found
