"""Backup and restore of the records: a program for people and pipelines, run from a checkout; it is never deployed."""
