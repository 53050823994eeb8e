"""Looks at a set-up and says what is wrong with it: docs/operators/doctor.md."""
