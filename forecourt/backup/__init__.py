"""One store as one file, and back: docs/operators/backup.md describes the format."""
