"""Azure: official clients made on first use, long operations begun without waiting, error codes in our words."""
