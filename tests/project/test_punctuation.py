"""Chinese text has full-width punctuation: in the catalogues, the presets and the loading page."""

import json
import re

import pytest

from forecourt.settings import ROOT
from forecourt.text import load

CHINESE = "\u3001-\u303f\u3400-\u9fff\uff01-\uff60“”"
PLACEHOLDER = r"%\(\w+\)[ds]|%%|\{[^{}\n]*\}"
# A half-width sign that follows Chinese or is followed by it. Codes such as ( ) and ?, *, + have
# a space in front; digits stand on both sides of the signs of times and numbers.
WRONG = re.compile(rf"(?<=[{CHINESE}\ue000])[,:;!?()]|(?<=[^\s\\])[,:;!?()](?=[{CHINESE}])")


def wrong_in(text: str) -> list[str]:
    plain = re.sub(PLACEHOLDER, "\ue000", text)
    return [plain[max(0, m.start() - 6) : m.end() + 6] for m in WRONG.finditer(plain)]


def chinese_texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return [
            text
            for key, value in node.items()
            for text in ([value] if key in ("zh_CN", "zh_TW") else chinese_texts(value))
        ]
    return [text for x in node for text in chinese_texts(x)] if isinstance(node, list) else []


@pytest.mark.parametrize("language", ["zh_CN", "zh_TW"])
def test_of_the_catalogues(language):
    strings = [
        text
        for message in load(language)
        if message.id
        for text in ([message.string] if isinstance(message.string, str) else message.string or ())
    ]
    assert len(strings) > 1000
    assert [t for t in strings if wrong_in(t)] == []


@pytest.mark.parametrize("preset", sorted((ROOT / "shared/presets").glob("*.json")), ids=str)
def test_of_the_presets(preset):
    texts = chinese_texts(json.loads(preset.read_text(encoding="utf8")))
    assert texts
    assert [t for t in texts if wrong_in(t)] == []


def test_of_the_loading_page():
    words = re.findall(r'"([^"\n]*)"', (ROOT / "web_client/words.js").read_text(encoding="utf8"))
    assert [t for t in words if wrong_in(t)] == []


def test_the_rule_itself():
    assert wrong_in("已保存,下一个") and wrong_in("最多(秒)") and wrong_in("%(what)s:新增")
    assert not wrong_in("已保存，下一个") and not wrong_in("请写 ?、*、+ 或 {2,5}")
    assert not wrong_in("请填写 09:00 这样的时间") and not wrong_in("最多 100,000 行")
