"""Signing in, and coming in by an invitation code."""
