"""HTTP: routes, request parsing, responses and problems; handlers call the services."""
