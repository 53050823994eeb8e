"""Chinese words by their sound, as people type it to find them.

The library is read in at the first search, and without its phrase book: 47,000 phrases are 45 MB
and 190,000 objects, through all of which Python's full garbage collection walks in the middle of a
tap (75 ms of 105; on a phone several times that). A name has the reading its signs have most, as
crm.pinyin_of gives it; a list is found by every reading.
"""

import os
import re
import unicodedata
from typing import Any

_READINGS = {
    "bi": "秘",
    "bo": "薄",
    "chong": "种重",
    "ge": "盖蓋",
    "he": "黑",
    "kan": "阚闞",
    "miao": "繆缪",
    "nai": "佴",
    "nie": "乜",
    "ou": "区區",
    "piao": "朴樸",
    "po": "繁",
    "qin": "覃",
    "qiu": "仇",
    "shan": "单單",
    "shao": "召",
    "she": "折",
    "tan": "澹",
    "xian": "洗",
    "xie": "解",
    "xun": "郇",
    "yu": "尉",
    "yue": "乐樂",
    "yun": "员員",
    "zeng": "曾",
    "zha": "查",
    "zhai": "祭翟",
}
SURNAMES = {
    sign: reading for reading, signs in _READINGS.items() for sign in signs
}  # where a name begins with them
# Another reading that names have; as crm.pinyin.other_reading.
_OTHER_READINGS = {
    "bi": "费費",
    "bo": "柏",
    "bu": "卜",
    "chan": "单單",
    "chang": "長长",
    "chen": "沈",
    "cheng": "盛",
    "chong": "種",
    "du": "都",
    "fu": "宓",
    "gou": "句",
    "gu": "賈贾",
    "hang": "行",
    "ji": "奇",
    "jiang": "強强",
    "jiao": "覺觉",
    "jie": "颉頡",
    "ju": "車车",
    "jue": "角",
    "jun": "隽雋",
    "kuai": "会會",
    "mu": "牟",
    "nai": "能",
    "nuo": "娜",
    "shen": "参參諶谌",
    "sheng": "晟",
    "shuo": "数",
    "tiao": "調调",
    "wei": "隗",
    "xi": "茜郄",
    "xiang": "降",
    "xie": "叶",
    "xin": "莘",
    "xing": "省",
    "yao": "么",
    "yu": "蔚谷",
    "zang": "藏",
    "zhao": "朝",
    "zhuan": "传傳",
}
OTHERS = {sign: reading for reading, signs in _OTHER_READINGS.items() for sign in signs}
COMPOUND_SURNAMES = {
    "万俟": ("mo", "qi"),
    "萬俟": ("mo", "qi"),
    "单于": ("chan", "yu"),
    "單于": ("chan", "yu"),
    "长孙": ("zhang", "sun"),
    "長孫": ("zhang", "sun"),
}
RARE = {"𠮷": "ji"}  # what the library does not have
MOST_SPELLINGS = 4  # beside the first
_HANZI = r"\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_ACCENTS = re.compile("[\u0300-\u036f]")
LONGEST = 24  # signs of a name or a label that are looked at
ONE_BY_ONE: Any = (
    list  # other signs stay, each for itself; the library's stub knows only words here
)


def _library():
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    os.environ.setdefault("PYPINYIN_NO_DICT_COPY", "true")
    import pypinyin

    return pypinyin


def pinyin_of(name: str) -> tuple[str, str]:
    """张三 → (zhangsan, zs), as crm.pinyin_of does on the server: Latin letters and digits stay,
    without accents, other signs go, surnames have their own reading. Behind the first spelling
    stand those with another reading of one sign, and the parts behind a dot or a space: 乐毅 →
    (yueyi leyi, yy ly), 阿里·买买提 → (alimaimaiti maimaiti, almmt mmt)."""
    folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", name[:LONGEST]))
    # a sign that no reading is known for goes, and what was composed for it stays one sign
    signs = list(unicodedata.normalize("NFKC", folded))
    usual = _usual_readings(signs)
    first = list(usual)
    if signs and signs[0] in SURNAMES:
        first[0] = SURNAMES[signs[0]]
    if compound := COMPOUND_SURNAMES.get("".join(signs[:2])):
        first[:2] = compound
    spellings = [first]
    words = [first]
    for n, sign in enumerate(signs):
        for other in (usual[n], SURNAMES.get(sign), OTHERS.get(sign)):
            spelling = [*first[:n], other or "", *first[n + 1 :]]
            if other and spelling not in spellings and len(spellings) <= MOST_SPELLINGS:
                spellings.append(spelling)
                words.append(spelling)
        if n and usual[n] and not usual[n - 1]:
            words.append(first[n:])
    return (
        " ".join("".join(word) for word in words),
        " ".join("".join(reading[:1] for reading in word) for word in words),
    )


def _usual_readings(signs: list[str]) -> list[str]:
    """The reading each sign has most; empty for what is neither hanzi, Latin letter nor digit."""
    library = _library()
    from pypinyin.contrib.tone_convert import to_normal

    found: list[str] = []
    for sign in signs:
        if re.fullmatch("[A-Za-z0-9]", sign):
            found.append(sign.lower())
        elif re.fullmatch(f"[{_HANZI}]", sign):
            said = library.lazy_pinyin(sign, style=library.Style.NORMAL, errors=ONE_BY_ONE)[0]
            plain = RARE.get(sign) or (said if said.isascii() else to_normal(said)).lower()
            found.append(plain if re.fullmatch("[a-z]+", plain) else "")
        else:
            found.append("")
    return found


def spelled(text: str, letters: str) -> bool:
    """Whether a label begins with these initials: ca, za → 长安; tsl → 特斯拉; sp → 宋 PLUS.

    Letters stand as they are.
    """
    library = _library()
    shown = re.sub(r"\s", "", text[:LONGEST])
    readings = library.pinyin(
        shown, style=library.Style.FIRST_LETTER, heteronym=True, errors=ONE_BY_ONE
    )
    return len(letters) <= len(readings) and all(
        letter in (r.lower() for r in found)
        for letter, found in zip(letters, readings, strict=False)
    )
