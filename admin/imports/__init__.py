"""Lists from outside: file, columns, preview, commit, error file."""
