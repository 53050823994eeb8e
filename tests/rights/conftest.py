"""A stack a file: these tests count everything there is, and what other tests leave behind would be
counted too."""

from collections.abc import Iterator

import pytest

from forecourt.stack import Stack
from tests.support.stack import running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running
