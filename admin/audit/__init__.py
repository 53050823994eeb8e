"""Who did what: records under the reader's rights, configuration, and what the panel did."""
