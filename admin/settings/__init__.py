"""The settings of a store."""
