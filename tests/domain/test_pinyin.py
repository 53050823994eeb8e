"""Words by their sound, on the phone."""

import subprocess
import sys

import pytest

from shared.domain.pinyin import pinyin_of, spelled


def test_a_name_has_its_sound_and_initials():
    assert pinyin_of("张三丰") == ("zhangsanfeng", "zsf")
    assert pinyin_of("曾国重")[1].split()[0] == "zgz"
    assert pinyin_of("单小曾")[0].split()[:2] == ["shanxiaoceng", "danxiaoceng"]
    assert pinyin_of("乐毅")[0].split() == ["yueyi", "leyi"]
    assert pinyin_of("阿里·买买提") == ("alimaimaiti maimaiti", "almmt mmt")


@pytest.mark.parametrize(
    ("text", "letters", "found"),
    [
        ("特斯拉", "tsl", True),
        ("长安", "ca", True),
        ("长安", "zhang", False),
        ("重庆", "cq", True),
        ("宋 PLUS", "sp", True),
        ("汉", "hh", False),
    ],
)
def test_a_label_is_found_by_the_initials_of_every_reading(text, letters, found):
    assert spelled(text, letters) is found


def test_the_phrase_book_stays_on_the_disk():
    """With it a full garbage collection took 75 ms, in the middle of a tap."""
    code = (
        "from shared.domain.pinyin import pinyin_of; pinyin_of('张三'); import sys; "
        "print('pypinyin.phrases_dict' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )
