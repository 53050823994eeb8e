"""The many spellings of "nothing"."""

import re
from functools import lru_cache

from shared.domain.values.parsed import plain

_SIGNS = re.compile(r"[\s\-_/\\.,、。·—–‐~*?|+:;'\"“”‘’「」()\[\]{}<>=]*")
_WORDS = {
    *(
        "无",
        "無",
        "暂无",
        "暫無",
        "没有",
        "沒有",
        "未知",
        "不详",
        "不詳",
        "未填",
        "未填写",
        "未填寫",
    ),
    *("空", "空白", "空值", "待补", "待補", "待补充", "待補充", "待定", "待填", "未提供", "未登记"),
    *("未登記", "不清楚", "不知道", "未留", "无信息", "無資料", "无数据", "暂缺", "缺", "略"),
    *("暂未填写", "暂未提供", "未录入", "尚无", "尚無", "暂时没有"),
    *("n/a", "na", "n.a", "n.a.", "nil", "null", "none", "nan", "nat", "undefined", "unknown"),
    *("not available", "not applicable", "tbd", "blank", "empty", "(blank)", "0000-00-00"),
    *("0000/00/00", "0000-00-00 00:00:00", "<na>", "<null>"),
}
# Short Latin words are somebody's name too: Na, Nan, None.
_NAMES = {"na", "nan", "none", "nil", "nat", "blank", "empty", "略", "缺", "空"}
_DITTO = re.compile(
    r"[(\[]?(同上|同前|同左|同右|如上|〃|″|′′|ditto|same as above)(行|格|一行|述|面)?[)\]]?[.。]?"
    r"|[\"”〞]"
)
_NO_PLATE = re.compile(
    r"(暂|暫|尚)?(未|无|無|没|沒|待)(有)?(上|挂|掛|办|辦)?(牌|车牌|車牌|牌照|号牌|號牌)(照|车|車)?"
    r"((临|臨)(时|時)?牌?)?|(未|待)(上|落)(户|戶|籍)|"
    r"未上|(待上|上)牌中|(临|臨)(时|時)?(牌|号牌|號牌|车牌|車牌|牌照)?|新[车車](未上牌)?|裸[车車]"
)


@lru_cache(maxsize=8192)
def is_blank(text: str) -> bool:
    """Whether a cell says that there is nothing: empty, -, 无, 暂无, N/A, null, 未知 …"""
    words = plain(text).lower()
    if _SIGNS.fullmatch(words):
        return True
    inner = words.strip("()[]{}<>\"' ")
    return words in _WORDS or inner in _WORDS


def is_ditto(text: str) -> bool:
    """Whether a cell points at the one above: 同上, 〃. What that one says is not guessed."""
    return _DITTO.fullmatch(plain(text).lower()) is not None


def is_blank_name(text: str) -> bool:
    """As is_blank, for the name of a person."""
    words = plain(text).lower()
    return is_blank(text) and words.strip("()[]{}<>\"' ") not in _NAMES


def is_blank_plate(text: str) -> bool:
    """As is_blank, for a plate: 未上牌, 待上牌, 临牌, 新车."""
    words = re.sub(r"[\s()]", "", plain(text))
    return is_blank(text) or _NO_PLATE.fullmatch(words) is not None
