"""Frame numbers (VIN, ISO 3779)."""

import re

from shared.domain.values.blank import is_blank
from shared.domain.values.parsed import (
    Parsed,
    is_error_cell,
    is_masked,
    is_of_another_column,
    is_scientific,
    plain,
    unframed,
)

_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
        [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9, *range(10)],
        strict=True,
    )
)
_LABEL = re.compile(
    r"^(vin(码|碼|号|no\.?)?|车架号?码?|車架號?碼?|底盘号|底盤號)[:.\s]*", re.IGNORECASE
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Where the ninth sign checks the others: China (L) and North America (1 to 5).
_CHECKED = "L12345"


def vin_text(text: str) -> str:
    """A frame number as stored: capitals in half width, without spaces and dashes."""
    return re.sub(r"[\s\-‐–—_.:]", "", plain(text)).upper()


def parse_vin(text: str) -> Parsed[str]:
    """A frame number as it is stored. Codes: scientific, masked, error_cell, vin_letters (I, O, Q
    never occur), vin_length (more than 17 or fewer than 6), format. Warnings: vin_length,
    vin_check."""
    cleaned = _LABEL.sub("", unframed(plain(text)))
    if is_error_cell(cleaned):
        return Parsed(code="error_cell")
    if is_blank(cleaned):
        return Parsed()
    if is_scientific(cleaned):
        return Parsed(code="scientific")
    if is_masked(cleaned):
        return Parsed(code="masked")
    if is_of_another_column(cleaned):
        return Parsed(code="format")
    vin = vin_text(cleaned)
    if not re.fullmatch(r"[A-Z0-9]+", vin):
        return Parsed(code="format")
    if not 6 <= len(vin) <= 17:
        return Parsed(code="vin_length")
    doubt = vin_problem(vin)
    if doubt == "vin_letters":
        return Parsed(code="vin_letters")
    if doubt == "vin_check" and vin[0] not in _CHECKED:
        doubt = None
    return Parsed(vin, warning=doubt or "")


def vin_problem(text: str) -> str | None:
    """What a reader of a frame number should look at again: "vin_letters" (I, O, Q never occur),
    "vin_length" (17), "vin_check" (the ninth sign does not fit the others); None when it is right.
    A hint only: old and foreign cars have other numbers."""
    vin = vin_text(text)
    if re.search("[IOQ]", vin):
        return "vin_letters"
    if len(vin) != 17 or not re.fullmatch(r"[A-Z0-9]+", vin):
        return "vin_length"
    total = sum(_VALUES.get(sign, 0) * weight for sign, weight in zip(vin, _WEIGHTS, strict=True))
    return None if vin[8] == "0123456789X"[total % 11] else "vin_check"
