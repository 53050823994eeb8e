"""Words in the language of this user: gettext catalogues, no global state (the admin is one process
for many people)."""

import functools
import gettext
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import flet as ft

from shared.domain.labels import Label, label_text, money_text
from shared.ui.problems import SENTENCES, UNKNOWN

LANGUAGES = {"zh_CN": "简体中文", "zh_TW": "繁體中文", "en": "English"}
LOCALE = Path(__file__).parent / "locale"
WEEKDAYS = {"zh_CN": "一二三四五六日", "zh_TW": "一二三四五六日"}


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("forecourt", LOCALE, [language])


@dataclass(frozen=True)
class Texts:
    """One language, and the names its user knows. Called with an English phrase it answers the
    user's; `_ = use_text()` keeps extraction simple."""

    language: str = "zh_CN"
    people: Mapping[str, str] = field(
        default_factory=dict, hash=False
    )  # names of the store's members by id, where they are known

    def __call__(self, phrase: str) -> str:
        return _catalogue(self.language).gettext(phrase)

    def many(self, one: str, several: str, n: int) -> str:
        return _catalogue(self.language).ngettext(one, several, n) % {"n": n}

    @property
    def colon(self) -> str:
        """Between a name and its value."""
        return ": " if self.language == "en" else "："

    @property
    def comma(self) -> str:
        """Between the items of a list."""
        return ", " if self.language == "en" else "、"

    def aside(self, text: str) -> str:
        """After a word, in parentheses."""
        return f" ({text})" if self.language == "en" else f"（{text}）"

    def label(self, label: Label | None) -> str:
        """What the store wrote, in this language."""
        return label_text(label, self.language)

    def named(self, labels: Mapping[str, Label], key: str | None) -> str:
        """What a choice is called; its key only where no document ever named it."""
        return self.label(labels.get(key or "")) or key or ""

    def money(self, fen: int | None) -> str:
        """分, as this language writes sums."""
        return money_text(fen, self.language)

    def day(self, day: date | None, today: date) -> str:
        """今天, 明天, 昨天, else 11月24日 周二 (with the year when it is another one)."""
        _ = self
        if day is None:
            return _("No date")
        near = {0: _("Today"), 1: _("Tomorrow"), -1: _("Yesterday")}.get((day - today).days)
        if near:
            return near
        if self.language == "en":
            return f"{day:%a} {day.day} {day:%b}" + (
                f" {day.year}" if day.year != today.year else ""
            )
        year = f"{day.year}年" if day.year != today.year else ""
        return (
            f"{year}{day.month}月{day.day}日 周{WEEKDAYS[self.language][day.weekday()]}"
            if not year
            else f"{year}{day.month}月{day.day}日"
        )

    def days(self, first: date, last: date, today: date) -> str:
        """11月23日 – 11月29日, 23 Nov – 29 Nov; with the year when it is another one."""

        def one(day: date) -> str:
            is_other = day.year != today.year
            if self.language == "en":
                return f"{day.day} {day:%b}" + (f" {day.year}" if is_other else "")
            return f"{day.year}年" * is_other + f"{day.month}月{day.day}日"

        return f"{one(first)} – {one(last)}"

    def month(self, day: date) -> str:
        """2026年11月, Nov 2026."""
        return f"{day:%b} {day.year}" if self.language == "en" else f"{day.year}年{day.month}月"


TextContext = ft.create_context(Texts())


def use_text() -> Texts:
    """The words of the user who sees this component."""
    return ft.use_context(TextContext)


def flutter_locale(language: str) -> ft.LocaleConfiguration:
    """What Flutter's own widgets (the calendar, 返回) speak."""
    locales = {
        "zh_CN": ft.Locale("zh", "CN", "Hans"),
        "zh_TW": ft.Locale("zh", "TW", "Hant"),
        "en": ft.Locale("en"),
    }
    supported = [
        ft.Locale("zh"),
        ft.Locale("zh", script_code="Hans"),
        ft.Locale("zh", script_code="Hant"),
        *locales.values(),
    ]
    return ft.LocaleConfiguration(current_locale=locales[language], supported_locales=supported)


def problem_text(_: Texts, code: str, field: str | None = None) -> str:
    """The sentence for a code of supabase/error_codes.md; with a field's label in front when one is
    known."""
    sentence = _(SENTENCES.get(code, UNKNOWN))
    return f"{field}{_.colon}{sentence}" if field else sentence
