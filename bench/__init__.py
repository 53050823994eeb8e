"""Load and latency measurements with their data generator; never shipped, never run by pytest."""
