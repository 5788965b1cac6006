"""HTTP in, HTTP out: routes read and start operations; nothing here changes Azure."""
