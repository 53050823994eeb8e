"""Labels a store wrote itself, in its languages; and sums of money as every screen shows them."""

from typing import Annotated

from pydantic import StringConstraints

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Label = dict[str, str]


def label_text(label: Label | None, language: str) -> str:
    """The label in a language, else in Chinese, else whatever there is."""
    if not label:
        return ""
    return label.get(language) or label.get("zh_CN") or next(iter(label.values()), "")


MONEY_UNITS = {  # (from so many 元, 元 in the unit, how it is written), the smallest first
    "zh_CN": (
        (100_000, 10_000, "{}万"),
        (100_000_000, 100_000_000, "{}亿"),
        (1_000_000_000_000, 1_000_000_000_000, "{}万亿"),
    ),
    "zh_TW": (
        (100_000, 10_000, "{}萬"),
        (100_000_000, 100_000_000, "{}億"),
        (1_000_000_000_000, 1_000_000_000_000, "{}兆"),
    ),
    "en": ((1_000_000, 1_000_000, "¥{}M"),),
}


def money_text(fen: int | None, language: str = "zh_CN") -> str:
    """分 as people of a language write it.

    ¥12,500 below a hundred thousand 元, 19.98万 above, 2.35亿 for a hundred million and more;
    ¥199,800 and ¥1.25M in English.
    """
    if fen is None:
        return "—"
    yuan = fen / 100
    (least, size, written), *larger = MONEY_UNITS[language]
    if yuan < least:
        return f"¥{yuan:,.0f}" if yuan == int(yuan) else f"¥{yuan:,.2f}"
    for next_least, next_size, next_written in larger:
        # by the sum as it would be shown: 9999.9999万 is 1亿, never 10,000万
        if round(yuan / size, 2) * size >= next_least:
            size, written = next_size, next_written
    return written.format(f"{yuan / size:,.2f}".rstrip("0").rstrip("."))
