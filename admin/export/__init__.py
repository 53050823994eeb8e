"""Lists that leave the store: columns, reason, file, log."""
