"""Deals by stage, and moving them."""
