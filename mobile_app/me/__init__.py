"""Language, look, what is not sent yet, signing out."""
