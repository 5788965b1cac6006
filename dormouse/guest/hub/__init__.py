"""Programs for machines with JupyterHub: its configuration and its certificate. They need no other module."""
