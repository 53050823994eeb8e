"""Rules as tables, and what they would have done on the last 90 days."""
