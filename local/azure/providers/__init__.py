"""Resource providers: what each type of resource makes of a request."""
