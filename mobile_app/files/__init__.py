"""Photos, voice memos and papers of a record: chosen, opened, shown."""
