"""Who may do what: roles, tokens, signatures and rate limits."""
