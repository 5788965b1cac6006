"""What can be asked for and what follows from it: pure data and rules."""
