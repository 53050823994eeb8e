"""The store's phrases for an outcome, those this person uses most first."""

import json
from dataclasses import dataclass, field

import flet as ft

from mobile_app.session import Session
from shared.domain.config import Phrase
from shared.domain.conversations import phrases_for


@ft.observable
@dataclass(eq=False)
class Phrases:
    session: Session
    fitting: tuple[Phrase, ...] = ()
    _uses: dict[str, int] = field(default_factory=dict)

    async def load(self, outcome: str) -> None:
        config, replica = self.session.config, self.session.local_store.replica
        if not self._uses:
            self._uses = json.loads(await replica.recall("phrases") or "{}")
        if config is not None:
            self.fitting = phrases_for(config, outcome, self._uses)

    async def count(self, phrase: Phrase, text: str) -> None:
        """It was used once more, on this device."""
        key = phrase.text.get("zh_CN") or text
        self._uses = {**self._uses, key: self._uses.get(key, 0) + 1}
        await self.session.local_store.replica.remember(
            "phrases", json.dumps(self._uses, ensure_ascii=False)
        )
