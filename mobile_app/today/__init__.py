"""The queue: one card at a time; the next opens automatically."""
