"""What a manager says about a conversation, and that its author has read it."""
