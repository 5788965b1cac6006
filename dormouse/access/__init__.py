"""Access control: roles, tokens, signatures and rate limits."""
