"""The command line of Dormouse: an HTTP client for people and scripts."""

__version__ = "0.1.0"
