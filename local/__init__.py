"""Never deployed: an embedded Functions host and a simulated Azure, for development, tests and demos."""
