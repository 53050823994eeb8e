"""Duplicate customers: find them, merge them field by field, separate them again."""
