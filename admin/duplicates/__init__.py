"""Two entries of one person: found, merged field by field, told apart again."""
