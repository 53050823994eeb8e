"""The admin panel, served in a browser."""
