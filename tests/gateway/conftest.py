"""Phones and the town they live in (tests/support/phones.py)."""

from tests.support.phones import hand, phone, town

__all__ = ["hand", "phone", "town"]
