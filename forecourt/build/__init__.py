"""Builds both apps as static files for any web host (docs/decisions/0030, 0041)."""
