"""Plain text: names, remarks, model series."""

import re
import unicodedata
from typing import Any

from shared.domain.json_values import is_array, is_object
from shared.domain.values.blank import is_blank, is_blank_name
from shared.domain.values.parsed import Parsed, is_error_cell
from shared.domain.values.plate import PROVINCES, plate_problem, plate_text

# NUL, other control signs (not tab and line end) and half a surrogate pair: Postgres takes none of
# them, and a whole call would be refused for one.
_IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Marks of direction and signs without width come along from web pages and chats: nobody sees them,
# and two equal names are two. Joiners stay: families of emoji and some scripts are written with
# them.
_UNSEEN = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_FIXED_SPACES = re.compile(r"[\u00a0\u202f]")
_HALF = {n: n - 0xFEE0 for a, z in ("０９", "ＡＺ", "ａｚ") for n in range(ord(a), ord(z) + 1)}
GARBLED = "\ufffd"  # stands where bytes could not be read
# A sign the file's encoding could not write, bytes read in a wrong one, a masked name, two people
# in one cell.
_HARDLY_A_NAME = re.compile(
    r"[?？*＊●\ue000-\uf8ff\x80-\x9f]|[\u00c0-\u00ff][\u0080-\u00bf]|锟斤拷|烫烫|&(#\d+|nbsp|amp);"
    r"|[\u4e00-\u9fff]{2}[/、;；，,|][\u4e00-\u9fff]{2}",
    re.IGNORECASE,
)
_FORMULA_SIGNS = "=+-@\t\r＝＋－＠"


def clean_text(text: str) -> str:
    """The text without signs no database keeps and without those nobody sees."""
    return _FIXED_SPACES.sub(" ", _UNSEEN.sub("", _IMPOSSIBLE.sub("", text)))


def clean_values(value: Any) -> Any:
    """A JSON value with every text in it cleaned so."""
    if isinstance(value, str):
        return clean_text(value)
    if is_array(value):
        return [clean_values(item) for item in value]
    if is_object(value):
        return {key: clean_values(item) for key, item in value.items()}
    return value


def parse_text(text: str) -> Parsed[str]:
    """Words as they stand. Codes: error_cell, garbled."""
    if is_error_cell(text):
        return Parsed(code="error_cell")
    if is_blank(text):
        return Parsed()
    return Parsed(code="garbled") if GARBLED in text else Parsed(clean_text(text).strip())


def parse_name(text: str) -> Parsed[str]:
    """The name of a person or a firm. Codes as of parse_text. Warning name_odd: a number, a day or
    a plate stands there, two people do, or signs were lost on the way."""
    if is_error_cell(text):
        return Parsed(code="error_cell")
    if is_blank_name(text):
        return Parsed()
    if GARBLED in text:
        return Parsed(code="garbled")
    name = clean_text(text).strip().translate(_HALF)
    odd = (
        _HARDLY_A_NAME.search(name)
        or not any(sign.isalpha() for sign in name)
        or (name[:1] in PROVINCES and plate_problem(plate_text(name)) is None)
    )
    return Parsed(name or None, warning="name_odd" if name and odd else "")


def escape_formula(text: str) -> str:
    """A cell no spreadsheet will run: formulas begin with = + - @, also full width, tab or return
    (ASVS 1.2.10)."""
    first = text.lstrip(" \n\u00a0\u3000")[:1]
    return f"'{text}" if first and first in _FORMULA_SIGNS else text


def unescape_formula(text: str) -> str:
    """The text of a cell that escape_formula made safe."""
    return text[1:] if text[:1] == "'" and escape_formula(text[1:]) == text else text


def full_name(given: str, family: str) -> str:
    """Two columns of a name as one: 三丰 + 张 → 张三丰, Jose + Fritz → Jose Fritz."""
    if not (given and family):
        return (given or family).strip()
    return (
        f"{family}{given}"
        if re.fullmatch(r"[\u3400-\u9fff\U00020000-\U0003ffff·]+", family + given)
        else f"{given} {family}"
    )


# Signs no search looks at; the same stand in crm.search_name and crm.search_plate.
UNSEARCHED = re.compile("[ \t\n\r·•・‧∙⋅●․ㆍᐧ｡。．._'’`\u200b-\u200f\u2010-\u2015\u2043\ufeff-]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_SMALL = {capital: capital + 32 for capital in range(65, 91)}  # ASCII only, as Postgres in "C"


def search_name(text: str) -> str:
    """A name as it is looked for: small letters without accents in half width, no dots, spaces or
    dashes. As crm.search_name."""
    letters = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return UNSEARCHED.sub("", unicodedata.normalize("NFKC", letters)).translate(_SMALL)


def search_plate(text: str) -> str:
    """A plate, or a part of one, as plates are stored. As crm.search_plate."""
    signs = re.sub("[:~]", "", unicodedata.normalize("NFKC", text))
    return UNSEARCHED.sub("", signs).translate({k + 32: k for k in _SMALL})
