"""Roles: what they see, may do, and the access check of it."""
