"""The proof of a store's rights: what api.check_access answers (first 4)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Leak(BaseModel):
    """shown: the value was in an answer; named: its key was; found: asking by the value was
    answered; not_asked: a function nobody described; failed: the exit broke."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    how: Literal["shown", "named", "found", "not_asked", "failed"]
    form: str = ""
    key: str = ""
    code: str = ""


class Cell(BaseModel):
    """One exit asked as one role; asked: how many values were looked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    role: str
    endpoint: str
    asked: int
    leaks: tuple[Leak, ...] = ()


class AccessCheck(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    version: int
    cells: tuple[Cell, ...] = ()
