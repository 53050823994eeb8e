"""Telephone numbers, however they are written.

Stored are 11 digits of a Chinese mobile, a landline with its area code and the zero in front, a
local number as it is, and +… abroad. The country is the caller's to say and is never guessed, and
digits are never picked out of a text that says something else: 1.38E+10, 138****1111 and
13800002O34 are no numbers.
"""

import re
import unicodedata

import phonenumbers  # the package phonenumberslite: 1 MB instead of 22

from shared.domain.values.blank import is_blank
from shared.domain.values.parsed import (
    DASHES,
    INVISIBLE,
    Parsed,
    is_error_cell,
    is_masked,
    is_scientific,
    plain,
)

_LABEL = re.compile(
    r"^((tel|telephone|phone|mobile|mob|cell|fon|联系手机|手机号?码?|手機號?碼?|移动电话|联系电话|聯絡電話|"
    r"行動電話|家庭电话|办公电话|电话号?码?|電話號?碼?|座机|固话|市話|行動)[1-9一二三]?(?!\d)[:.\s]*|[tmp][:.]\s*|"
    r"(手机号?码?|手機號?碼?|电话|電話|座机|tel|phone|mobile)[:.\s]*)",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"^(?P<number>.*\d[\d\s)]{5,})\s*(转|轉|分机|分機|內線|内线|ext\.?|extension|x|#|,)[:.\s]*"
    r"(?P<extension>\d{1,6})$",
    re.IGNORECASE,
)
_DASHED_EXTENSION = re.compile(
    r"^(?P<number>(\(?0\d{2,3}\)?[-\s]?)?[2-9]\d{6,7})-(?P<extension>\d{1,6})$"
)
# Dialled first for a cheaper line; no part of anybody's number.
_CHEAP_LINES = re.compile(r"^(12593|12520|1795[01]|1791[01]|1790[89]|11808)(?=1[3-9]\d{9}$|0)")
_DAY = re.compile(
    r"(19|20)\d\d([-/.\s])\d{1,2}\2\d{1,2}|(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
)
_BETWEEN = re.compile(r"[\s\-().·/]")
_APART = re.compile(r"[/、,;|\n\r&]+|或|和|及|\s+or\s+", re.IGNORECASE)
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0(10|2\d)[2-9]\d{7}|0[3-9]\d{2}[2-9]\d{6,7}")
_WITHOUT_ZERO = re.compile(r"(10|2\d)[2-9]\d{7}|[3-9]\d{2}[2-9]\d{6,7}")
_LOCAL = re.compile(r"[2-9]\d{6,7}")
_SERVICE = re.compile(r"[48]00\d{7}")
# With Hong Kong's or Macau's code a number looks like one of Guizhou that lost its zero.
_HONG_KONG_OR_MACAU = re.compile(r"85[23]\d{8}")
MAX_LENGTH = 15


def parse_phone(text: str, region: str = "CN") -> Parsed[str]:
    """A number as it is stored. Codes: scientific, masked, error_cell, format. Warnings:
    phone_several (`rest`: the others), phone_extension (`rest`), phone_words (`rest`: also the
    digits dialled before a number for a cheaper line), phone_zero (the area code had lost its
    zero), phone_plan (not of the country's plan)."""
    cleaned = DASHES.sub("-", plain(text))
    if is_error_cell(cleaned):
        return Parsed(code="error_cell")
    if is_blank(cleaned):
        return Parsed()
    if is_scientific(cleaned):
        return Parsed(code="scientific")
    if is_masked(cleaned) or re.search(r"\d[xX]{2,}", cleaned):  # 138XXXX1111
        return Parsed(code="masked")
    cleaned = _LABEL.sub("", re.sub(r"^(\+?\d{7,})\.0{1,2}$", r"\1", cleaned))
    cleaned = cleaned.strip(" ;,、。/\"'“”‘’「」[]<>")
    # 0919-2000001-1 without its dashes would be a number of eight digits
    said = _DASHED_EXTENSION.match(cleaned)
    if not said and (whole := _one(cleaned, region)).value is not None:
        return whole
    if said := said or _EXTENSION.match(cleaned):
        number = _one(said["number"], region)
        if number.value is not None:
            return Parsed(number.value, warning="phone_extension", rest=said["extension"])
    return _several(cleaned, region)


def _several(text: str, region: str) -> Parsed[str]:
    """The first of several numbers in one cell, or the one beside a few words."""
    for parts in (_APART.split(text), text.split()):
        found = [_with_words(part, region) for part in parts if part.strip()]
        if len(found) > 1 and all(part.value for part in found):
            mobiles = sorted(found, key=lambda p: not _MOBILE.fullmatch(p.value or ""))
            first = mobiles[0]
            others = [p for p in mobiles[1:] if p.value != first.value]
            if not others:
                return first
            rest = "、".join(dict.fromkeys(_told(p) for p in others))
            return Parsed(first.value, warning="phone_several", rest=rest)
    return _with_words(text, region)


def _told(number: Parsed[str]) -> str:
    """A number that is left out, with the words beside it."""
    words = f"({number.rest})" if number.warning == "phone_words" else ""
    return f"{number.value}{words}"


def _with_words(text: str, region: str) -> Parsed[str]:
    """One number, and what else was said beside it: 13800138001(本人), 12593 13800138001."""
    text = _LABEL.sub("", text.strip())
    number = _one(text, region)
    if number.value is not None:
        return number
    digits = _BETWEEN.sub("", text)
    if cheap := _CHEAP_LINES.match(digits):
        number = _one(digits[cheap.end() :], region)
        return Parsed(number.value, number.code, "phone_words" if number.value else "", cheap[0])
    words = re.fullmatch(
        r"(?P<before>[^\d+A-Za-z]*)(?P<number>\+?[\d\s\-]{7,})(?P<after>[^\dA-Za-z]*)", text
    )
    if words:
        number = _one(words["number"], region)
        said = (words["before"] + words["after"]).strip(" ():,.;-")
        if number.value and re.search(r"\w", said):
            return Parsed(number.value, warning="phone_words", rest=said)
    return Parsed(code="format")


def _one(text: str, region: str) -> Parsed[str]:
    digits = _BETWEEN.sub("", text.strip())
    if not re.fullmatch(r"\+?\d{5,20}", digits) or len(set(digits.lstrip("+"))) == 1:
        return Parsed(code="format")
    if _DAY.fullmatch(text.strip()):
        return Parsed(code="format")  # columns were mixed up: no number is made out of a day
    if re.search(r"\d/\d", text) and not re.fullmatch(r"0\d{2,3}/\d{7,8}", text.strip()):
        return Parsed(code="format")  # two numbers, or a day: 021/58881234 is the only slash
    if digits.startswith("00") and not digits.startswith("000"):
        digits = "+" + digits[2:]
    if digits.startswith("+86") or re.fullmatch(
        r"86(1[3-9]\d{9}|0\d{10,11}|(10|2\d)\d{8}|[3-9]\d{2}[2-9]\d{6,7})", digits
    ):
        found = _chinese(digits.lstrip("+")[2:])
        return Parsed(found.value, found.code)  # behind a country code no area code has its zero
    if digits.startswith("+"):
        return _abroad(digits, region)
    return _chinese(digits) if region == "CN" else _abroad(digits, region)


def _chinese(digits: str) -> Parsed[str]:
    if _MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits) or _SERVICE.fullmatch(digits):
        return Parsed(digits)
    if _LOCAL.fullmatch(digits):
        return Parsed(digits)
    if digits.startswith("0") and _MOBILE.fullmatch(digits[1:]):
        return Parsed(digits[1:])
    if _WITHOUT_ZERO.fullmatch(digits) and not _HONG_KONG_OR_MACAU.fullmatch(digits):
        return Parsed("0" + digits, warning="phone_zero")
    return Parsed(code="format")


def _abroad(digits: str, region: str) -> Parsed[str]:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return Parsed(code="format")
    said = digits.startswith("+")
    if phonenumbers.is_valid_number(number) or (said and phonenumbers.is_possible_number(number)):
        found = f"+{number.country_code}{number.national_number}"
        return Parsed(found) if len(found) <= MAX_LENGTH + 1 else Parsed(code="format")
    if said or not 6 <= len(digits) <= MAX_LENGTH:
        return Parsed(code="format")
    # local numbers, and numbers of a plan that changed since: as they were written
    local = len(digits) <= 8 and not digits.startswith("0")
    return Parsed(digits, warning="" if local else "phone_plan")


def phone_digits(text: str) -> str | None:
    """The number somebody typed as it is stored, or None when it is none, or several."""
    found = parse_phone(text)
    return found.value if found.warning in ("", "phone_zero") else None


def search_phone(text: str) -> str:
    """The digits of a number, or of a part of one, as they are looked for: in half width, without
    country code and separators; empty when the text is no number. As crm.search_phone."""
    half = unicodedata.normalize("NFKC", INVISIBLE.sub("", text))
    digits = re.sub(r"[ \t\n\r().·/\u2010-\u2015\u2043\u301c\ufe63-]", "", half)
    digits = re.sub(r"^(\+86(?=[0-9])|0086(?=[0-9]{5,}$))", "", digits)
    digits = re.sub(
        r"^86(?=(1[3-9][0-9]{9}|(10|2[0-9])[0-9]{8}|[3-9][0-9]{2}[2-9][0-9]{6,7})$)", "", digits
    )
    digits = re.sub(r"^00(?=[1-9][0-9]{7,}$)", "+", digits)  # 0012 is the end of a number
    return digits if re.fullmatch(r"\+?[0-9]{3,20}", digits) else ""


REGIONS = ("CN", "TW", "HK", "AU", "US", "GB")  # those the panel offers


def region_of_most(texts: list[str]) -> str:
    """The country whose rules most of these numbers obey, to be asked about and never taken for
    granted; China when none stands out."""
    sample = [plain(t) for t in texts if t][:200]
    scores = {region: sum(_is_valid(t, region) for t in sample) for region in REGIONS}
    if 2 * sum(parse_phone(t).value is not None for t in sample) >= len(sample):
        return "CN"
    return max(REGIONS, key=lambda region: scores[region])  # the first of equals


def _is_valid(text: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_valid_number(number)
        and phonenumbers.region_code_for_number(number) == region
    )
