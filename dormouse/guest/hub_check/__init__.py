"""The check of JupyterHub on its machine: `certificate` looks at what is served, `login` uses the hub as people do.

It prints one line: `passed`, `waiting` or `failed`, and the reason. It runs with the hub's own Python, as one archive.
"""
