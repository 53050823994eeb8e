"""Builds the phone app as static files for any web host (docs/decisions/0030)."""
