"""What a parser of values answers: a value, or why there is none, or a value to look at again."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """`value` without a code was understood; neither of both: nothing was written there. `warning`
    stands beside a value that was read with a doubt, and `rest` is what was left out of it. The
    sentences of the codes are in shared/ui/text.py."""

    value: T | None = None
    code: str = ""
    warning: str = ""
    rest: str = ""


# Zero width signs, marks of direction, soft hyphens: copied from web pages and chats, seen by
# nobody.
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\x00]")
DASHES = re.compile(r"[‐‑‒–—―−〜～﹣－⁃]")
DOTS = "·•・‧∙⋅●․ㆍᐧ｡。･．."
_FORMULA = re.compile(r'^=\s*"(.*)"$', re.DOTALL)


@lru_cache(maxsize=8192)  # a cell is asked several times, a column repeats its words
def plain(text: str) -> str:
    """The text in half width, without invisible signs and outer spaces; a cell that a program wrote
    as ="0123" or '0123, to keep its zeros, is what it shows."""
    cleaned = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).strip()
    if quoted := _FORMULA.match(cleaned):
        cleaned = quoted[1].strip()
    return cleaned.removeprefix("'") if cleaned[1:2].isdigit() else cleaned


_FRAME = re.compile(r"^([*\"'“”‘’「」|]+)(.*?)([*\"'“”‘’「」|]+)$", re.DOTALL)


def unframed(text: str) -> str:
    """A code without the signs some programs print around it, for a scanner or as a quotation:
    *LFV…*, “沪A12345”; and without a sign behind it that ends a sentence or a list."""
    framed = _FRAME.match(text)
    return (framed[2] if framed else text).strip(" ;；,，、。")


SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+")


def is_scientific(text: str) -> bool:
    """1.38E+10: the digits of a long number are gone for good."""
    return SCIENTIFIC.fullmatch(text.replace(" ", "")) is not None


def is_masked(text: str) -> bool:
    """138****1111: masked by another system."""
    return bool(re.search(r"[*●○★■□◼•]{2,}|[0-9A-Za-z\u4e00-\u9fff]\*|\*[0-9A-Za-z]", text))


_DAY = re.compile(
    r"(19|20)\d\d([-/.])\d{1,2}\2\d{1,2}( .*)?|(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    r"|\d{4}年\d{1,2}月\d{1,2}[日号號]?"
)
_MOBILE = re.compile(r"(\+?86[- ]?)?1[3-9]\d(\d{8}|[- ]\d{4}[- ]\d{4})")


def is_of_another_column(text: str) -> bool:
    """Whether a day or a mobile number stands where a plate or a frame number should: no code is
    made out of its digits."""
    return bool(_DAY.fullmatch(text) or _MOBILE.fullmatch(text))


ERROR_CELL = re.compile(
    r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|GETTING_DATA|SPILL!|CALC!|FIELD!|BLOCKED!|#+)",
    re.IGNORECASE,
)


def is_error_cell(text: str) -> bool:
    """#N/A, #REF!, ####: a formula that failed, or a column too narrow when it was printed."""
    return ERROR_CELL.fullmatch(text.strip()) is not None
