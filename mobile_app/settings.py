"""Language, look and text size on this device, and the store that was worked in last."""

import json
from dataclasses import dataclass
from uuid import UUID

import flet as ft

from mobile_app.services import Preferences

LANGUAGES = ("zh_CN", "zh_TW", "en")
THEMES = ("system", "light", "dark")
SCALES = (0.8, 2.0)  # the smallest and the largest text


@ft.observable
@dataclass(eq=False)
class AppSettings:
    """Kept among the device's preferences. `wanted_store`: the store to enter at the next sign-in;
    the one that was entered is what is kept."""

    preferences: Preferences
    language: str = "zh_CN"
    theme: str = "system"
    text_scale: float = 1.0
    problem: str = ""
    _wanted_store: str = ""
    _store: str | None = None

    async def read(self) -> None:
        """What a browser stored is anybody's text: only values this app wrote are taken over."""
        try:
            stored = json.loads(await self.preferences.get("settings") or "{}")
        except ValueError:
            return
        if not isinstance(stored, dict):
            return
        if (language := stored.get("language")) in LANGUAGES:
            self.language = language
        if (theme := stored.get("theme")) in THEMES:
            self.theme = theme
        scale = stored.get("text_scale")
        if isinstance(scale, int | float) and SCALES[0] <= scale <= SCALES[1]:
            self.text_scale = float(scale)
        self._wanted_store = str(stored.get("store_id"))

    @property
    def wanted_store(self) -> str:
        return self._wanted_store

    def want_store(self, store_id: UUID) -> None:
        self._wanted_store = str(store_id)

    def entered_store(self, store_id: UUID | None) -> None:
        self._store = str(store_id) if store_id else None

    async def choose_language(self, language: str) -> None:
        self.language = language
        await self.keep()

    async def choose_theme(self, theme: str) -> None:
        self.theme = theme
        await self.keep()

    async def choose_scale(self, scale: str) -> None:
        self.text_scale = float(scale)
        await self.keep()

    async def keep(self) -> None:
        chosen = {
            "language": self.language,
            "theme": self.theme,
            "text_scale": self.text_scale,
            "store_id": self._store,
        }
        await self.preferences.set("settings", json.dumps(chosen))
