"""Pure rules and frozen models: no user interface, no network, no clock, no randomness."""
