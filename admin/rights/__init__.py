"""Roles: what they see, may do, and the proof of it."""
