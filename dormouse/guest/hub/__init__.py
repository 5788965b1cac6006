"""Programs for machines with JupyterHub: its configuration, its certificate, and its check. They need no other module."""
