"""What environments cost: prices per hour, and what was spent and saved."""
