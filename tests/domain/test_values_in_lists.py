"""Values as people and programs write them into lists: each is read as what it says, told with a
doubt, or refused with its reason. No value is made of digits that say something else."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.values.blank import is_blank_plate, is_ditto
from shared.domain.values.clock import parse_time
from shared.domain.values.day import parse_day
from shared.domain.values.number import parse_money
from shared.domain.values.phone import parse_phone
from shared.domain.values.plate import parse_plate
from shared.domain.values.text import clean_text, parse_name, parse_text
from shared.domain.values.vin import parse_vin

SHANGHAI = ZoneInfo("Asia/Shanghai")
THE_DAY, THE_NEXT = date(2026, 11, 3), date(2026, 11, 4)


@pytest.mark.parametrize(
    ("text", "number", "warning", "rest"),
    [
        ("1259313800138001", "13800138001", "phone_words", "12593"),
        ("12593 138 0013 8001", "13800138001", "phone_words", "12593"),
        ("17951-13900139001", "13900139001", "phone_words", "17951"),
        ("1795102158881234", "02158881234", "phone_words", "17951"),
        ("58881234-801", "58881234", "phone_extension", "801"),
        ("58881234转801", "58881234", "phone_extension", "801"),
        ("62345678-0", "62345678", "phone_extension", "0"),
        ("13800138001 转 12", "13800138001", "phone_extension", "12"),
        ("手机1：13800138001", "13800138001", "", ""),
        ("电话2:13800138001", "13800138001", "", ""),
        ("M:13800138001", "13800138001", "", ""),
        ("Mob. 13800138001", "13800138001", "", ""),
        ("「13800138001」", "13800138001", "", ""),
        ("手机13800138001/座机021-58881234", "13800138001", "phone_several", "02158881234"),
        (
            "13800138001（本人）、13900139001（配偶）",
            "13800138001",
            "phone_several",
            "13900139001(配偶)",
        ),
        ("王先生13800138001", "13800138001", "phone_words", "王先生"),
        ("微信:13800138001", "13800138001", "phone_words", "微信"),
        ("86-755-26001234", "075526001234", "", ""),
        ("86 512 65551234", "051265551234", "", ""),
        ("+86 (010) 6222 1234", "01062221234", "", ""),
        ("+853 6612 3456", "+85366123456", "", ""),
        ("00886-2-2712-3456", "+886227123456", "", ""),
        ("755-88881234", "075588881234", "phone_zero", ""),
    ],
)
def test_a_number_beside_other_words_and_signs(text, number, warning, rest):
    found = parse_phone(text)
    assert (found.value, found.warning, found.rest) == (number, warning, rest)


@pytest.mark.parametrize(
    "text",
    [
        "85291234567",
        "852 9123 4567",
        "(852)91234567",
        "853-66123456",
        "886912345678",
        "138-0013-800",
        "138 0013 80011",
        "138oo138ooo",
        "l3800138001",
        "13800138001/2",
        "1,380,013,8001",
        "138....1234",
        "138    1234",
        "138____1234",
        "138？？？？1234",
        "停机",
        "QQ 12345",
        "一三八〇〇一三八〇〇一",
        "6222021234567890123",
    ],
)
def test_no_number_is_completed_or_moved_to_another_country(text):
    assert parse_phone(text).value is None and parse_phone(text).code


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("沪A12345新能源", "沪A12345"),
        ("沪AD12345（新能源）", "沪AD12345"),
        ("沪A12345;", "沪A12345"),
        ("“沪A12345”", "沪A12345"),
        ("车牌：沪A12345", "沪A12345"),
        ("號牌號碼 粵B12345", "粤B12345"),
        ("粤Z·F023澳", "粤ZF023澳"),
        ("使014 001", "使014001"),
    ],
)
def test_a_plate_beside_other_words_and_signs(text, plate):
    assert (parse_plate(text).value, parse_plate(text).warning) == (plate, "")


@pytest.mark.parametrize("text", ["临时", "待上牌（临）", "未上户", "待上户", "未落籍"])
def test_no_plate_yet_in_more_words(text):
    assert is_blank_plate(text)


@pytest.mark.parametrize("read", [parse_plate, parse_vin])
@pytest.mark.parametrize(
    "text",
    ["2026-11-03", "2026/11/3", "20261103", "2026年11月3日", "13800138001", "138 0013 8001"],
)
def test_no_plate_or_frame_number_is_made_of_a_day_or_a_phone_number(read, text):
    assert read(text).value is None and read(text).code


@pytest.mark.parametrize(
    "text",
    [
        "VIN：LFV2A21K8H4123456",
        "车架号LFV2A21K8H4123456",
        "車架號碼: lfv2a21k8h4123456",
        "*LFV2A21K8H4123456*",
        "“LFV2A21K8H4123456”",
    ],
)
def test_a_frame_number_with_its_label_or_in_signs(text):
    assert parse_vin(text).value == "LFV2A21K8H4123456"


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("12万8千", 128_000),
        ("1万5千元", 15_000),
        ("2万3百", 20_300),
        ("-1万5千", -15_000),
        ("5百", 500),
        ("1.5百万", 1_500_000),
        ("3仟元", 3_000),
    ],
)
def test_a_sum_in_more_than_one_unit(text, yuan):
    assert parse_money(text).value == yuan * 100


@pytest.mark.parametrize("text", ["12万8", "2千5", "1万2万", "5千3万", "12-15万", "一万二"])
def test_no_sum_is_made_of_half_a_word(text):
    assert parse_money(text).value is None and parse_money(text).code


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-03 16:30:00+00", THE_NEXT),
        ("2026/11/03 16:30:00Z", THE_NEXT),
        ("2026/11/03 16:30:00 +0000", THE_NEXT),
        ("20261103T163000Z", THE_NEXT),
        ("Tue, 03 Nov 2026 16:30:00 GMT", THE_NEXT),
        ("Nov 03, 2026 16:30 UTC", THE_NEXT),
        ("2026-11-03T23:30:00-05:00", THE_NEXT),
        ("2026-11-03 23:30 GMT+8", THE_DAY),
        ("Tue Nov 03 2026 23:30:00 GMT+0800 (中国标准时间)", THE_DAY),
        ("2026-11-03T23:30:00+08:00[Asia/Shanghai]", THE_DAY),
        ("2026年11月3日上午9点半", THE_DAY),
        ("2026年11月3日 傍晚6点", THE_DAY),
        ("2026-11-03 清晨6点一刻", THE_DAY),
        ("2026-11-03 24:00", THE_DAY),
        ("2026-11-03.", THE_DAY),
        ("二〇二六年十一月廿三日", date(2026, 11, 23)),
        ("中華民國一一五年十一月三日", THE_DAY),
    ],
)
def test_a_day_with_its_time_is_the_stores_day(text, day):
    assert parse_day(text, zone=SHANGHAI).value == day


@pytest.mark.parametrize(
    "text",
    ["2026-11-03 25:00", "2026-11-03 12:75", "2026-11-03 24:01", "2026-11-31T08:00:00Z", "11/3"],
)
def test_no_day_with_a_time_that_cannot_be(text):
    assert parse_day(text, zone=SHANGHAI).code


@pytest.mark.parametrize("text", ["同上", "（同上）", "同前", "〃", "″", "”", "ditto", "同上行"])
def test_a_cell_that_points_at_another(text):
    assert is_ditto(text)


@pytest.mark.parametrize("text", ["上海同上贸易", "同", "''", '""', "上"])
def test_a_cell_that_only_looks_so(text):
    assert not is_ditto(text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("张\u200b三", "张三"),
        ("张三\u200f", "张三"),
        ("\u202e张三", "张三"),
        ("张三\ufeff", "张三"),
        ("张\u00ad三", "张三"),
        ("张\u00a0三", "张 三"),
        ("张\x00三", "张三"),
        ("张三\ud83d", "张三"),
        ("张三😀", "张三😀"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("𠮷田", "𠮷田"),
    ],
)
def test_signs_nobody_sees_are_no_part_of_a_text(text, stored):
    assert clean_text(text) == stored


@pytest.mark.parametrize("read", [parse_name, parse_text])
def test_what_could_not_be_read_is_never_stored(read):
    assert (read("张\ufffd三").value, read("张\ufffd三").code) == (None, "garbled")


@pytest.mark.parametrize(
    "name",
    [
        "张?",
        "13800138001",
        "2026-11-03",
        "46330",
        "沪A12345",
        "å¼ ä¸‰",
        "锟斤拷",
        "&#24352;&#19977;",
        "张\ue000三",
        "张**",
        "张三/李四",
        "王先生、李女士",
    ],
)
def test_what_is_hardly_a_name_is_told(name):
    found = parse_name(name)
    assert (found.value, found.warning) == (name, "name_odd")


@pytest.mark.parametrize(
    "name",
    ["张三", "José", "Ørsted", "欧阳·娜娜", "上海第2汽修厂", "A总", "7天酒店", "使", "Na", "𠮷田"],
)
def test_names_are_names(name):
    assert parse_name(name).warning == ""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("9点", "09:00"),
        ("9：30", "09:30"),
        ("09:30:15", "09:30"),
        ("上午9:30", "09:30"),
        ("早上8点一刻", "08:15"),
        ("下午3点半", "15:30"),
        ("下午15:00", "15:00"),
        ("15时30分", "15:30"),
        ("3:30 PM", "15:30"),
        ("12:00 AM", "00:00"),
        ("12:30 pm", "12:30"),
        ("晚上8点", "20:00"),
        ("中午12点", "12:00"),
        ("中午1点", "13:00"),
        ("凌晨12点", "00:00"),
        ("8点整", "08:00"),
    ],
)
def test_a_time_is_read_as_a_clock_shows_it(text, time):
    assert parse_time(text).value == time


@pytest.mark.parametrize(
    "text",
    ["24:00", "25:10", "9:75", "上午15:00", "晚上12点", "13点AM", "0.625", "下午", "半"],
)
def test_no_time_is_made_of_what_no_clock_shows(text):
    assert parse_time(text).code == "format"


@given(st.times(), st.sampled_from(["%H:%M", "%H:%M:%S", "%I:%M %p", "%H时%M分"]))
def test_a_time_is_read_in_every_spelling(clock, form):
    assert parse_time(clock.strftime(form)).value == f"{clock:%H:%M}"
