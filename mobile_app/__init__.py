"""The phone app of advisors, renewal specialists and managers."""
