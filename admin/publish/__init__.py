"""Checking a draft and publishing it."""
