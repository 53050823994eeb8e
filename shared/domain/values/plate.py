"""Number plates: 沪A12345, 沪A·D12345, 粤Z1234港; dots of every kind, full width, remarks."""

import re

from shared.domain.values.blank import is_blank_plate
from shared.domain.values.parsed import (
    DASHES,
    DOTS,
    Parsed,
    is_error_cell,
    is_masked,
    is_of_another_column,
    plain,
    unframed,
)

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and O: they look like digits
PLATE_ENDINGS = "学警挂港澳领使应急"

_SHAPE = re.compile(
    rf"[{PROVINCES}][{PLATE_LETTERS}]"
    rf"([{PLATE_LETTERS}0-9]{{5,6}}|[{PLATE_LETTERS}0-9]{{4}}([{PLATE_ENDINGS}]|应急))"
    r"|使\d{6}|\d{6}使|WJ[\u4e00-\u9fff]?[0-9A-Z]{4,6}|[军空海北沈兰济南广成][A-Z][0-9A-Z]{5}"
)
_LATIN = re.compile(r"[A-Z0-9]{2,10}")
_BETWEEN = re.compile(rf"[\s{re.escape(DOTS)}\-_:~'’]")
_COLOUR = re.compile(r"(?<=\w)\s*(\([^()]*\)|[蓝绿黄黑白藍綠黃][色]?牌|新能源(车|車)?|\[[^\]]*\])$")
_LABEL = re.compile(r"^(车牌|車牌|牌照|号牌|號牌)(号码?|號碼?)?[:\s]*")
_TRADITIONAL = str.maketrans("滬遼魯蘇貴雲陝贛閩瓊寧粵", "沪辽鲁苏贵云陕赣闽琼宁粤")


def plate_text(text: str) -> str:
    """A plate as stored: capitals in half width, no spaces, dots, dashes or remarks."""
    cleaned = _COLOUR.sub("", DASHES.sub("-", plain(text)))
    return _BETWEEN.sub("", cleaned).upper()


def parse_plate(text: str) -> Parsed[str]:
    """A plate as it is stored. Codes: masked, error_cell, plate_shape (also one with I or O).
    Warnings: plate_shape, of a plate without a province."""
    cleaned = _LABEL.sub("", unframed(plain(text)))
    if is_error_cell(cleaned):
        return Parsed(code="error_cell")
    if is_blank_plate(cleaned):
        return Parsed()
    if is_masked(cleaned):
        return Parsed(code="masked")
    if is_of_another_column(cleaned):
        return Parsed(code="plate_shape")
    plate = plate_text(cleaned)
    if plate[:1] not in PROVINCES:
        plate = plate[:1].translate(_TRADITIONAL) + plate[1:]
    if _SHAPE.fullmatch(plate):
        return Parsed(plate)
    if _LATIN.fullmatch(plate) and re.search(r"\d", plate):
        return Parsed(plate, warning="plate_shape")
    return Parsed(code="plate_shape")


def plate_problem(text: str) -> str | None:
    """ "plate_shape" when it is no plate of today's shapes: 苏E12345, 沪AD12345, 粤Z1234港. A hint
    only."""
    return None if _SHAPE.fullmatch(text) else "plate_shape"


def plate_in_writing(plate: str) -> str:
    """A stored plate as written on the car: 沪A·12345."""
    return f"{plate[:2]}·{plate[2:]}" if plate[:1] in PROVINCES else plate
