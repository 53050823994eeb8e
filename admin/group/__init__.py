"""People who work for the whole dealer group."""
