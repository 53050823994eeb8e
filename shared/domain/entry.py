"""What people type, read as values: money in 元 or 万, numbers in any width, plates, frame numbers (F-89)."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and O: they look like digits
PLATE_ENDINGS = "学警挂港澳领使应急"

_UNITS = {"万": 10_000, "w": 10_000, "W": 10_000, "亿": 100_000_000, "千": 1_000, "k": 1_000, "K": 1_000}
_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9, *range(10)], strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def number_of(text: str) -> int | float | None:
    """The number somebody typed, full-width or with separators, or None when it is none."""
    plain = _plain(text)
    factor = 1
    if plain and plain[-1] in _UNITS:
        factor, plain = _UNITS[plain[-1]], plain[:-1]
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", plain):
        return None
    try:
        found = Decimal(plain) * factor
    except InvalidOperation:
        return None
    return int(found) if found == found.to_integral_value() else float(found)


def money_of(text: str) -> int | None:
    """分 from what was typed in 元: 12500, ¥12,500.50, 19.98万; None when it is no amount. More than two decimals are no money."""
    plain = _plain(text).lstrip("¥¥").removesuffix("元")
    found = number_of(plain)
    if found is None:
        return None
    fen = Decimal(str(found)) * 100
    return int(fen) if fen == fen.to_integral_value() else None


def money_typed(fen: int) -> str:
    """分 as it is edited: 12500, 12500.50."""
    return str(fen // 100) if fen % 100 == 0 else f"{fen / 100:.2f}"


def vin_problem(text: str) -> str | None:
    """What a reader of a frame number should look at again: "vin_letters" (I, O, Q never occur), "vin_length" (17), "vin_check"
    (the ninth sign does not fit the others); None when it is right. A hint only: old and foreign cars have other numbers."""
    vin = text.strip().upper()
    if re.search("[IOQ]", vin):
        return "vin_letters"
    if len(vin) != 17 or not vin.isalnum():
        return "vin_length"
    total = sum(_VIN_VALUES.get(sign, 0) * weight for sign, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return None if vin[8] == "0123456789X"[total % 11] else "vin_check"


def plate_problem(text: str) -> str | None:
    """ "plate_shape" when it is no plate of today's shapes: 苏E12345, 沪AD12345, 粤Z1234港. A hint only."""
    shape = rf"[{PROVINCES}][{PLATE_LETTERS}]([{PLATE_LETTERS}0-9]{{5,6}}|[{PLATE_LETTERS}0-9]{{4}}[{PLATE_ENDINGS}])"
    return None if re.fullmatch(shape, text) else "plate_shape"


def _plain(text: str) -> str:
    return re.sub(r"[\s,,]", "", unicodedata.normalize("NFKC", text))
