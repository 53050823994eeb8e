"""Signing in to the panel."""
