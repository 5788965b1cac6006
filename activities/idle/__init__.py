"""Activities of the idle sweep."""
