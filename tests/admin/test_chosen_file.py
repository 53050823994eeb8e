"""A file that is chosen in the panel: its name, its kind, and what is too large."""

from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from admin.imports.reader import MAX_BYTES
from admin.imports.state import NAME_LENGTH, ImportList
from admin.session import AdminSession

LIST = "姓名,手机号\n甲,13800000001\n".encode()


@pytest.fixture
def state() -> ImportList:
    session = SimpleNamespace(store_id=uuid4(), config=None, guard=lambda problem: None)
    return ImportList(cast(AdminSession, session))


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("客户.csv", "客户.csv"),
        ("../../etc/x.csv", "x.csv"),
        ("C:\\Users\\x\\list.XLSX", "list.XLSX"),
        ("a\x00b\n\u202e.txt", "ab.txt"),
        ("x" * 5000 + ".csv", ("x" * 5000 + ".csv")[-NAME_LENGTH:]),
    ],
)
async def test_a_file_is_shown_under_its_own_name(state, chosen, shown):
    await state.open(LIST, chosen)
    assert (state.problem, state.step, state.file.name, state.busy) == ("", "map", shown, False)


@pytest.mark.parametrize("chosen", ["x.pdf", "x", "x.csv/", "", "x.csv.exe"])
async def test_another_kind_of_file_is_not_read(state, chosen):
    await state.open(LIST, chosen)
    assert (state.problem, state.busy, state.step) == ("file_unreadable", False, "pick")


async def test_a_file_that_is_too_large_is_not_read(state):
    await state.open(b"x" * (MAX_BYTES + 1), "x.csv")
    assert (state.problem, state.busy, state.step) == ("file_too_large", False, "pick")
