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


MONEY_UNITS = {  # (from so many 元, 元 in the unit, how it is written)
    "zh_CN": ((100_000_000, 100_000_000, "{}亿"), (100_000, 10_000, "{}万")),
    "zh_TW": ((100_000_000, 100_000_000, "{}億"), (100_000, 10_000, "{}萬")),
    "en": ((1_000_000, 1_000_000, "¥{}M"),),
}


def money_text(fen: int | None, language: str = "zh_CN") -> str:
    """分 as people of a language write it: ¥12,500 below a hundred thousand 元, 19.98万 above, 2.35亿 for a hundred million and more; ¥199,800 and
    ¥1.25M in English."""
    if fen is None:
        return "—"
    yuan = fen / 100
    for least, unit, written in MONEY_UNITS[language]:
        if yuan >= least:
            return written.format(f"{yuan / unit:,.2f}".rstrip("0").rstrip("."))
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
