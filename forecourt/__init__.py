"""The forecourt command: the embedded stack, the demo, the web server."""
