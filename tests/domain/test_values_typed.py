"""What people type is read as they mean it."""

import pytest

from shared.domain.values.number import money_of, money_typed, number_of
from shared.domain.values.plate import plate_problem
from shared.domain.values.vin import vin_problem


@pytest.mark.parametrize(
    ("typed", "fen"),
    [
        ("12500", 1_250_000),
        ("12,500.5", 1_250_050),
        ("¥12,500", 1_250_000),
        ("19.98万", 19_980_000),
        ("１２５００", 1_250_000),
        ("3千", 300_000),
        ("12500元", 1_250_000),
        ("0", 0),
        ("", None),
        ("十万", None),
        ("1.234", None),
        ("-5", -500),
        ("1e5", None),
        ("..", None),
    ],
)
def test_money(typed, fen):
    assert money_of(typed) == fen


@pytest.mark.parametrize("fen", [0, 1, 10, 99, 100, 1_250_050, 19_980_000, 10**13])
def test_money_edited_again_is_the_same_money(fen):
    assert money_of(money_typed(fen)) == fen


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7", 7),
        ("7.50", 7.5),
        ("７", 7),
        ("1.5万", 15000),
        ("-3", -3),
        ("七", None),
        ("", None),
        ("7座", None),
    ],
)
def test_numbers(typed, number):
    assert number_of(typed) == number


@pytest.mark.parametrize(
    ("vin", "problem"),
    [
        ("1M8GDM9AXKP042788", None),
        ("1m8gdm9axkp042788", None),
        ("1M8GDM9A1KP042788", "vin_check"),
        ("1M8GDM9AXKP04278", "vin_length"),
        ("1M8GDM9AXKPO42788", "vin_letters"),
    ],
)
def test_frame_numbers(vin, problem):
    assert vin_problem(vin) == problem


@pytest.mark.parametrize(
    ("plate", "fine"),
    [
        ("苏E12345", True),
        ("沪AD12345", True),
        ("粤Z1234港", True),
        ("京A1234警", True),
        ("E12345", False),
        ("苏E1234", False),
        ("苏I12345", False),
    ],
)
def test_plates(plate, fine):
    assert (plate_problem(plate) is None) == fine
