"""What both apps show with: theme, text, views, parts."""
