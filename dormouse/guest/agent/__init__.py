"""The agent: a program on each machine that reports activity to the control plane; it makes no decisions.

Only the standard library, and Python 3.8: it also runs on machines that others have set up.
"""

VERSION = "1.0"
