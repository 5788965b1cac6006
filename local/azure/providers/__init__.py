"""Resource providers: how each type of resource handles requests."""
