"""Never deployed: an embedded Functions host and a simulated Azure, for developing, testing and trying out."""
