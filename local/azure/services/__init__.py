"""The simulated services, one module or package each."""
