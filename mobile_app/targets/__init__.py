"""What is to be reached in a month, and how far it is."""
