"""A file that is chosen in the panel: what it is stored as, and what is said when it does not
come."""

import re
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from admin.imports.reader import MAX_BYTES
from admin.imports.state import NAME_LENGTH, ImportList
from admin.session import AdminSession
from forecourt.uploads import LARGEST, NAME
from shared.ui.text import Texts, problem_text


@pytest.fixture
def state() -> ImportList:
    session = SimpleNamespace(store_id=uuid4(), services=SimpleNamespace(new_id=uuid4))
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
def test_the_name_on_the_disk_is_ours(state, chosen, shown):
    stored = state.begin_upload(chosen, 10)
    assert stored is not None
    assert NAME.fullmatch(stored)
    assert (state.upload_name, state.uploading, state.busy) == (shown, stored, True)


@pytest.mark.parametrize("chosen", ["x.pdf", "x", "x.csv/", "", "x.csv.exe"])
def test_another_kind_of_file_is_not_sent(state, chosen):
    assert state.begin_upload(chosen, 10) is None
    assert (state.problem, state.busy, state.uploading) == ("file_unreadable", False, "")


def test_a_file_that_is_too_large_is_not_sent(state):
    assert LARGEST == MAX_BYTES
    assert state.begin_upload("x.csv", MAX_BYTES) is not None
    assert state.begin_upload("x.csv", MAX_BYTES + 1) is None
    assert state.problem == "file_too_large"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("Upload endpoint returned code 413: At most 20 MB.", "upload_too_large"),
        ("Upload endpoint returned code 507: No room", "uploads_full"),
        ("ClientException: Connection closed", "upload_broken"),
        ("Upload endpoint returned code 500", "upload_broken"),
    ],
)
def test_a_file_the_server_did_not_take_is_said_in_words(state, error, code):
    state.begin_upload("x.csv", 10)
    state.upload_failed(error)
    assert (state.problem, state.busy, state.uploading) == (code, False, "")
    fallback = problem_text(Texts("zh_CN"), "no such code")
    for language in ("zh_CN", "zh_TW"):
        words = problem_text(Texts(language), code)
        assert words != fallback and re.search("[一-鿿]", words)
