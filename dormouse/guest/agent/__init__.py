"""The agent: a program inside a machine that tells the control plane what goes on there, and decides nothing itself.

Standard library only, and Python 3.8: it also runs on machines that somebody else has set up.
"""

VERSION = "1.0"
