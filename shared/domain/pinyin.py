"""Chinese words by their sound, as people type it to find them.

The library is read in at the first search, and without its phrase book: 47,000 phrases are 45 MB and 190,000 objects, through all of which
Python's full garbage collection walks in the middle of a tap (75 ms of 105; on a phone several times that). A name has the reading its signs have
most, as crm.pinyin_of gives it; a list is found by every reading.
"""

import os
import re
from typing import Any

_READ_SO = {
    "bi": "秘", "bo": "薄", "chong": "种重", "ge": "盖蓋", "he": "黑", "miao": "繆缪", "nai": "佴", "ou": "区區", "piao": "朴樸", "po": "繁", "qin": "覃",
    "qiu": "仇", "shan": "单單", "shao": "召", "she": "折", "tan": "澹", "xian": "洗", "xie": "解", "xun": "郇", "yu": "尉", "yue": "乐樂", "yun": "员員",
    "zeng": "曾", "zha": "查", "zhai": "祭翟",
}  # fmt: skip
SURNAMES = {sign: reading for reading, signs in _READ_SO.items() for sign in signs}  # where a name begins with them
LONGEST = 24  # signs of a name or a label that are looked at
ONE_BY_ONE: Any = list  # other signs stay, each for itself; the library's stub knows only words here


def _library():
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    os.environ.setdefault("PYPINYIN_NO_DICT_COPY", "true")
    import pypinyin

    return pypinyin


def pinyin_of(name: str) -> tuple[str, str]:
    """张三 → (zhangsan, zs), as crm.pinyin_of does on the server: Latin letters and digits stay, other signs go, surnames have their own reading."""
    library = _library()
    from pypinyin.contrib.tone_convert import to_normal

    signs = re.sub(r"[^\u4e00-\u9fa5A-Za-z0-9]", "", name[:LONGEST])
    readings = [(r if r.isascii() else to_normal(r)).lower() for r in library.lazy_pinyin(signs, style=library.Style.NORMAL, errors=ONE_BY_ONE)]
    if name[:1] in SURNAMES:
        readings[0] = SURNAMES[name[0]]
    return "".join(readings), "".join(r[:1] for r in readings)


def spelled(text: str, letters: str) -> bool:
    """Whether a label begins with these initials: ca, za → 长安; tsl → 特斯拉; sp → 宋 PLUS, for other letters stand as they are."""
    library = _library()
    shown = re.sub(r"\s", "", text[:LONGEST])
    readings = library.pinyin(shown, style=library.Style.FIRST_LETTER, heteronym=True, errors=ONE_BY_ONE)
    return len(letters) <= len(readings) and all(letter in (r.lower() for r in found) for letter, found in zip(letters, readings, strict=False))
