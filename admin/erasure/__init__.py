"""Erasing a person for good: look them up, see what would go, confirm twice."""
