"""What was spent and saved, and what will be: pure rules over the power history and prices."""
