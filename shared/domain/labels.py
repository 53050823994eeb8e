"""Labels a store wrote itself, in its languages; and text shapes every screen shares."""

import re
from typing import Annotated

import phonenumbers  # the package phonenumberslite: 1 MB instead of 22
from pydantic import StringConstraints

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Label = dict[str, str]


def label_text(label: Label | None, language: str) -> str:
    """The label in a language, else in Chinese, else whatever there is."""
    if not label:
        return ""
    return label.get(language) or label.get("zh_CN") or next(iter(label.values()), "")


def money_text(fen: int | None) -> str:
    """分 as people write it: ¥12,500 below ten thousand 元 ×10, 19.98万 above, 2.35亿 for a hundred million and more."""
    if fen is None:
        return "—"
    yuan = fen / 100
    if yuan >= 100_000_000:
        return f"{yuan / 100_000_000:,.2f}".rstrip("0").rstrip(".") + "亿"
    if yuan >= 100_000:
        return f"{yuan / 10_000:,.2f}".rstrip("0").rstrip(".") + "万"
    return f"¥{yuan:,.0f}" if yuan == int(yuan) else f"¥{yuan:,.2f}"


def phone_digits(text: str) -> str | None:
    """A phone number as stored (11 digits for China, +… abroad), or None when it is none. Full-width digits and spaces parse."""
    cleaned = text.strip()
    if not cleaned:
        return None
    try:
        number = phonenumbers.parse(cleaned, "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(number.national_number) if number.country_code == 86 else f"+{number.country_code}{number.national_number}"


def plate_text(text: str) -> str:
    """A plate as stored: capitals, no spaces, dots or dashes."""
    return re.sub(r"[\s·.\-]", "", text).upper()


def initials_of(text: str) -> str:
    """The first letters of a label's pinyin: 特斯拉 → tsl, for searching a list."""
    from pypinyin import Style, lazy_pinyin  # its tables take 0.2 s to load: not before the first search

    return "".join(part[0] for part in lazy_pinyin(text[:24], style=Style.FIRST_LETTER) if part).lower()
