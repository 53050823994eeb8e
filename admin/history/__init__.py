"""Published versions: compared, restored, exported, copied."""
