"""The manager's hands: leads to give out, customers to pass on, anyone's queue."""
