"""Phones and the town they live in (tests/support/phones.py)."""

from tests.support.phones import app_device, dealers, phone

__all__ = ["app_device", "dealers", "phone"]
