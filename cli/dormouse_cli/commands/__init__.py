"""The commands, by what one wants to do."""
