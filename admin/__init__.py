"""The admin panel, which runs in a browser."""
