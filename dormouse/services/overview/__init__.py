"""Use cases of the overview: environments and machines in one list, and the minutes behind a verdict."""
