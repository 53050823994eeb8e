"""One parser for each kind of value: every spelling of a value is read as that value, and what says
something else is refused with its reason."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.values.blank import is_blank, is_blank_name, is_blank_plate
from shared.domain.values.day import from_serial, order_of, parse_day, to_serial
from shared.domain.values.number import (
    money_typed,
    parse_money,
    parse_number,
    parse_percent,
    parse_year,
)
from shared.domain.values.phone import parse_phone, region_of_most, search_phone
from shared.domain.values.plate import (
    PLATE_ENDINGS,
    PLATE_LETTERS,
    PROVINCES,
    parse_plate,
    plate_in_writing,
)
from shared.domain.values.text import clean_text, escape_formula, search_name, unescape_formula
from shared.domain.values.vin import parse_vin

SHANGHAI = ZoneInfo("Asia/Shanghai")
FULL = str.maketrans(
    "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ-/.:,",
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＪＫＬＭＮＰＱＲＳＴＵＶＷＸＹＺ－／．：，",
)
mobiles = st.builds(
    lambda second, rest: f"1{second}{rest:09}",
    st.integers(3, 9),
    st.integers(0, 999_999_999).filter(lambda n: len(set(str(n))) > 1),
)
landlines = st.one_of(
    st.builds(
        lambda area, n: f"{area}{n}",
        st.sampled_from(["010", "021", "025", "0755", "0512", "0571"]),
        st.integers(20_000_001, 88_999_998),
    ),
    st.builds(lambda n: f"0919{n}", st.integers(2_000_001, 8_999_998)),
)
days = st.dates(date(1970, 1, 1), date(2069, 12, 31))
plates = st.builds(
    lambda p, c, rest: f"{p}{c}{rest}",
    st.sampled_from(PROVINCES[:-1]),
    st.sampled_from(PLATE_LETTERS),
    st.one_of(
        st.text(PLATE_LETTERS + "0123456789", min_size=5, max_size=6),
        st.builds(
            lambda four, end: four + end,
            st.text(PLATE_LETTERS + "0123456789", min_size=4, max_size=4),
            st.sampled_from([e for e in PLATE_ENDINGS if e not in "应急"]),
        ),
    ),
)


def spellings_of_phone(number: str) -> list[str]:
    area = 3 if number[1] in "12" and number[0] == "0" else 4
    if number[0] == "1":
        parts = (number[:3], number[3:7], number[7:])
        own = [*(sign.join(parts) for sign in (" ", "-", "–", ".", "·", "－")), f"0{number}"]
        own += [f"86{number}", f"86-{number}", f"{number}.0", f"手机:{number}"]
        abroad = number
    else:
        own = [
            form.format(number[:area], number[area:])
            for form in ("{}-{}", "{} {}", "({}){}", "({}) {}", "{}—{}", "{}/{}")
        ]
        abroad = number[1:]
    return [
        number,
        *own,
        *(f"{code}{abroad}" for code in ("+86", "+86 ", "0086", "0086 ", "+86-", "＋86")),
        number.translate(FULL),
        f' ="{number}" ',
        f"'{number}",
        f"\u202d{number}\u202c",
        f"tel:{number}",
    ]


@given(st.one_of(mobiles, landlines))
def test_a_number_is_read_in_every_spelling(number):
    for spelling in spellings_of_phone(number):
        found = parse_phone(spelling)
        assert (found.value, found.code, found.warning) == (number, "", ""), spelling


@given(mobiles, st.sampled_from("*＊xX"), st.integers(3, 5), st.integers(2, 4))
def test_a_number_with_hidden_signs_is_no_number(number, sign, first, width):
    hidden = number[:first] + sign * width + number[first + width :]
    assert parse_phone(hidden).code == "masked"


@given(mobiles, mobiles, st.sampled_from(["/", "、", ",", "，", ";", " ", "\n", " 或 ", "|"]))
def test_of_several_numbers_the_first_is_taken_and_the_others_are_told(one, two, between):
    found = parse_phone(f"{one}{between}{two}")
    assert found.value == one
    assert (found.warning, found.rest) == (("phone_several", two) if one != two else ("", ""))


@given(
    landlines, st.integers(1, 9999), st.sampled_from(["转", "分机", " ext. ", "x", "#", "-", "轉"])
)
def test_an_extension_is_told_and_never_part_of_the_number(number, extension, word):
    area = 3 if number[1] in "12" else 4
    found = parse_phone(f"{number[:area]}-{number[area:]}{word}{extension}")
    assert (found.value, found.warning, found.rest) == (number, "phone_extension", str(extension))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.38E+10", "scientific"),
        ("1.38001e10", "scientific"),
        ("13800002O34", "format"),
        ("00000000000", "format"),
        ("11111111111", "format"),
        ("1380000999", "format"),
        ("138000099912", "format"),
        ("12800009991", "format"),
        ("1380013800013900139000", "format"),
        ("2027-03-05", "format"),
        ("2027/03/05", "format"),
        ("20270305", "format"),
        ("46451", "format"),
        ("A12345678", "format"),
        ("330102199003078515", "format"),
        ("a@example.com", "format"),
        ("138●●●●1111", "masked"),
        ("#N/A", "error_cell"),
        ("########", "error_cell"),
    ],
)
def test_no_number_is_made_of_what_is_none(text, code):
    found = parse_phone(text)
    assert (found.value, found.code) == (None, code)


@given(days, st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y年%m月%d日"]))
def test_no_number_is_made_of_a_day(day, form):
    assert parse_phone(day.strftime(form)).value is None


@pytest.mark.parametrize("text", ["58881234", "64381234", "62471111", "54651234", "5888-1234"])
def test_a_local_number_stays_local_whatever_the_others_are(text):
    assert parse_phone(text).value == text.replace("-", "")


def test_a_lost_zero_comes_back_and_is_told():
    found = parse_phone("2158881234")
    assert (found.value, found.warning) == ("02158881234", "phone_zero")


@pytest.mark.parametrize(
    ("text", "region", "stored"),
    [
        ("+852 9123 4567", "CN", "+85291234567"),
        ("00852 91234567", "CN", "+85291234567"),
        ("0912-345-601", "TW", "+886912345601"),
        ("0912345601", "CN", None),
        ("+61.7.5289.3484", "CN", "+61752893484"),
    ],
)
def test_the_country_is_said_and_never_guessed(text, region, stored):
    assert parse_phone(text, region).value == stored


def test_which_country_to_ask_about():
    assert region_of_most(["0463.525.878", "(08).9279.4979", "+61 409 492 388"]) == "AU"
    assert region_of_most(["58881234", "64381234", "13800009991"]) == "CN"
    assert region_of_most(["0912345601", "0912345602"]) == "TW"


@given(st.one_of(mobiles, landlines))
def test_a_number_is_looked_for_in_every_spelling(number):
    for spelling in spellings_of_phone(number):
        written_by_hand = not spelling.startswith(("手机", "tel", "'", " ="))
        if written_by_hand and not spelling.endswith(".0"):
            wanted = search_phone(spelling)
            assert wanted and (wanted in f"0{number}"), (spelling, wanted)


@given(days)
def test_a_day_is_read_in_every_spelling(day):
    chinese = "〇一二三四五六七八九"

    def spelled(n: int) -> str:
        tens, ones = divmod(n, 10)
        ten = ("" if tens == 1 else chinese[tens]) + "十" if tens else ""
        return ten + (chinese[ones] if ones else "")

    year = "".join(chinese[int(sign)] for sign in str(day.year))
    iso = day.isoformat()
    for spelling in (
        iso,
        iso.translate(FULL),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day.year}。{day.month}。{day.day}",
        f"{day.year} {day.month} {day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year} 年 {day.month} 月 {day.day} 日",
        f"{day.year}年{day.month:02}月{day.day:02}号",
        f"{day:%Y%m%d}",
        f"{day:%Y%m%d}235959",
        f"{year}年{spelled(day.month)}月{spelled(day.day)}日",
        f"{iso} 08:30",
        f"{iso}T23:59:59",
        f"{iso} 24时",
        f"{iso} 零时起",
        f"{day.year}年{day.month}月{day.day}日24时止",
        f"{iso} 上午 9:30",
        f"{iso} 12:00:00 AM",
        f"{day:%B} {day.day}, {day.year}",
        f"{day.day} {day:%b} {day.year}",
        f"{day:%d-%b-%Y}",
        f"{iso} 星期{'一二三四五六日'[day.weekday()]}",
        f"{iso}({['周一', '周二', '周三', '周四', '周五', '周六', '周日'][day.weekday()]})",
        f"民國{day.year - 1911}年{day.month}月{day.day}日",
    ):
        found = parse_day(spelling, zone=SHANGHAI)
        assert (found.value, found.code) == (day, ""), spelling


@given(days)
def test_a_day_is_read_by_the_lists_order(day):
    assert parse_day(f"{day.day}/{day.month}/{day.year}", order="dmy").value == day
    assert parse_day(f"{day.month}/{day.day}/{day.year}", order="mdy").value == day
    assert parse_day(f"{day:%y-%m-%d}", order="ymd").value == day
    if day.day <= 12 and day.day != day.month:
        assert parse_day(f"{day.day}/{day.month}/{day.year}").code == "date_order"


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_a_spreadsheets_number_is_the_day_it_shows(day):
    assert from_serial(to_serial(day)) == day


def test_the_day_that_never_was_is_none():
    assert [from_serial(n) for n in (1, 59, 60, 61)] == [
        date(1900, 1, 1),
        date(1900, 2, 28),
        None,
        date(1900, 3, 1),
    ]
    found = parse_day("46451")
    assert (found.value, found.warning) == (date(2027, 3, 5), "date_serial")


@given(st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_an_instant_is_the_day_of_the_store(naive, offset):
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(hours=offset)))
    day = moment.astimezone(SHANGHAI).date()
    assert parse_day(moment, zone=SHANGHAI).value == day
    assert parse_day(moment.isoformat(), zone=SHANGHAI).value == day
    in_utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert parse_day(in_utc, zone=SHANGHAI).value == day


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2027-02-30", "date"),
        ("2027-13-01", "date"),
        ("2027年3月", "date_no_day"),
        ("2027-03", "date_no_day"),
        ("3月5日", "date_no_year"),
        ("03/05/2027", "date_order"),
        ("3/5/27", "date_order"),
        ("明天", "date"),
        ("明年三月", "date"),
        ("1234567", "date"),
        ("13800138000", "date"),
        ("3027-03-05", "range"),
        ("1827-03-05", "range"),
        ("#VALUE!", "error_cell"),
        ("2027-**-05", "masked"),
    ],
)
def test_no_day_is_made_of_what_is_none(text, code):
    found = parse_day(text)
    assert (found.value, found.code) == (None, code)


def test_two_digits_of_a_year_are_read_and_told():
    for text in ("27-3-5", "27/3/5", "27年3月5日", "05-Mar-27"):
        found = parse_day(text)
        assert (found.value, found.warning) == (date(2027, 3, 5), "date_short_year"), text


def test_the_order_is_what_the_list_says_or_is_asked():
    assert order_of(["05/11/2026", "24/11/2026"]) == "dmy"
    assert order_of(["05/11/2026", "11/24/2026"]) == "mdy"
    assert order_of(["05/11/2026", "06/11/2026"]) == ""
    assert order_of(["24/11/2026", "11/24/2026"]) == ""


@given(plates, st.sampled_from("·•・‧.- _—∙　⋅"))
def test_a_plate_is_read_in_every_spelling(plate, dot):
    for spelling in (
        plate,
        plate.lower(),
        plate.translate(FULL),
        f"{plate[:2]}{dot}{plate[2:]}",
        f"{plate[:1]} {plate[1:]}",
        f"{plate}(蓝)",
        f"{plate}（绿牌）",
        f"{plate} 蓝牌",
        f"\u200b{plate} ",
        plate_in_writing(plate),
    ):
        found = parse_plate(spelling)
        assert (found.value, found.code, found.warning) == (plate, "", ""), spelling


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("浙苏H6F681", "plate_shape"),
        ("沪A1234", "plate_shape"),
        ("沪A1234567", "plate_shape"),
        ("沪A1234O", "plate_shape"),
        ("沪I12345", "plate_shape"),
        ("沪A12345/沪B12345", "plate_shape"),
        ("奔驰", "plate_shape"),
        ("沪A**345", "masked"),
        ("#REF!", "error_cell"),
    ],
)
def test_no_plate_is_made_of_what_is_none(text, code):
    assert (parse_plate(text).value, parse_plate(text).code) == (None, code)


@pytest.mark.parametrize(
    "text",
    ["未上牌", "待上牌", "临牌", "临时牌照", "新车", "无牌", "暂未上牌", "未挂牌", "无", "-"],
)
def test_no_plate_yet(text):
    assert is_blank_plate(text) and parse_plate(text) == parse_plate("")


def check_digit(vin: str) -> str:
    """By the standard's table, written out independently."""
    values = {
        **{str(n): n for n in range(10)},
        **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
        **dict(zip("JKLMN", range(1, 6), strict=True)),
        **{"P": 7, "R": 9},
        **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
    }
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    left = sum(values[s] * w for s, w in zip(vin, weights, strict=True)) % 11
    return "X" if left == 10 else str(left)


@given(st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=16, max_size=16))
def test_a_frame_number_is_read_in_every_spelling_and_checked(rest):
    vin = f"L{rest[:7]}0{rest[8:]}"
    right = check_digit(vin)
    vin = vin[:8] + right + vin[9:]
    for spelling in (
        vin,
        vin.lower(),
        vin.translate(FULL),
        f"{vin[:9]} {vin[9:]}",
        f"{vin[:3]}-{vin[3:]}",
    ):
        assert (parse_vin(spelling).value, parse_vin(spelling).warning) == (vin, ""), spelling
    wrong = vin[:8] + ("1" if right != "1" else "2") + vin[9:]
    assert (parse_vin(wrong).value, parse_vin(wrong).warning) == (wrong, "vin_check")
    assert parse_vin(vin[:10] + "O" + vin[11:]).code == "vin_letters"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.23E+16", "scientific"),
        ("LSV****2345", "masked"),
        ("LSVAA4182E21234567", "vin_length"),
        ("大众", "format"),
    ],
)
def test_no_frame_number_is_made_of_what_is_none(text, code):
    assert (parse_vin(text).value, parse_vin(text).code) == (None, code)


@given(st.integers(-(10**11), 10**11))
def test_a_sum_is_read_in_every_spelling(fen):
    yuan = Decimal(fen) / 100
    text = f"{abs(yuan):.2f}"
    grouped = f"{abs(yuan):,.2f}"
    sign = "-" if fen < 0 else ""
    for spelling in (
        money_typed(fen),
        sign + text,
        sign + text.translate(FULL),
        sign + grouped,
        sign + grouped.replace(",", "，"),
        f"{sign}¥{grouped}",
        f"{sign}￥{text}",
        f"¥{sign}{text}",
        f"{sign}{text}元",
        f"RMB {sign}{text}",
        f"人民币{sign}{grouped}元",
        f"{sign}{text} CNY",
        f"{sign.replace('-', '−')}{text}",
        f"{sign}{abs(yuan) / 10_000:f}万",
        f"{sign}{abs(yuan) / 10_000:f}万元",
        f"{sign}{abs(yuan) / 10_000:f}w",
        *((f"({grouped})", f"({text})", f"{text}-", f"（{text}）") if fen < 0 else ()),
    ):
        found = parse_money(spelling)
        assert (found.value, found.code, found.warning) == (fen, "", ""), spelling


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("3,5", "separators"),
        ("1.000,50", "separators"),
        ("12,34", "separators"),
        ("$300", "currency"),
        ("300 USD", "currency"),
        ("300美元", "currency"),
        ("inf", "type"),
        ("1e400", "scientific"),
        ("1.2E+05", "scientific"),
        ("约3000", "type"),
        ("3-5万", "type"),
        ("12万8", "type"),
        ("3500元/年", "type"),
        ("=1+1", "type"),
        ("3***", "masked"),
        ("#DIV/0!", "error_cell"),
        ("9" * 16, "range"),
    ],
)
def test_no_sum_is_made_of_what_is_none(text, code):
    assert (parse_money(text).value, parse_money(text).code) == (None, code)


def test_parts_of_a_fen_are_told():
    assert (parse_money("3500.005").value, parse_money("3500.005").warning) == (
        350000,
        "money_rounded",
    )
    assert parse_money("1234.5600000000001").warning == ""


@given(st.decimals(-10_000, 10_000, places=2))
def test_numbers_and_percentages(number):
    assert parse_number(f"{number}").value == number
    assert parse_percent(f"{number}%").value == number
    assert parse_percent(f"{number}％").value == number
    assert (parse_number(f"{number} %").value, parse_number(f"{number} %").warning) == (
        number,
        "percent",
    )


@pytest.mark.parametrize(
    "text",
    ["2024", "2024款", "2024年", "２０２４", "2024.0", "2024年款", "2024年3月", "2024-03-05"],
)
def test_a_model_year_is_read_in_every_spelling(text):
    assert (parse_year(text).value, parse_year(text).code) == (2024, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "--",
        "——",
        "/",
        "无",
        "無",
        "暂无",
        "N/A",
        "n/a",
        "NULL",
        "None",
        "nan",
        "未知",
        "不详",
        "（空）",
        "未填写",
        "待补",
        "?",
        "？？",
        "\u200b",
        "\u3000",
        "...",
        "“”",
    ],
)
def test_words_for_nothing(text):
    assert is_blank(text)
    for parse in (
        parse_phone,
        parse_plate,
        parse_vin,
        parse_money,
        parse_number,
        parse_year,
        parse_day,
    ):
        found = parse(text)
        assert (found.value, found.code) == (None, ""), parse


@pytest.mark.parametrize("text", ["无锡", "无为", "0", "未来", "王暂", "Nadia", "空军", "5", "a"])
def test_words_that_say_something(text):
    assert not is_blank(text)


def test_short_names_are_names():
    assert [is_blank_name(x) for x in ("Nan", "Na", "无", "N/A", "未知")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@given(st.text(max_size=40))
@example("%")
@example("-")
@example("百分之")
def test_no_text_breaks_a_parser(text):
    for parse in (
        parse_phone,
        parse_plate,
        parse_vin,
        parse_money,
        parse_number,
        parse_percent,
        parse_year,
        parse_day,
    ):
        found = parse(text)
        assert found.value is None or not found.code
    clean_text(text).encode()
    assert unescape_formula(escape_formula(text)) == text or text[:1] == "'"


def test_names_are_looked_for_without_dots_spaces_and_accents():
    assert {
        search_name(x) for x in ("阿不都·热合曼", "阿不都•热合曼", "阿不都 热合曼", "阿不都热合曼")
    } == {"阿不都热合曼"}
    assert search_name("Zhāng Sān") == "zhangsan"
