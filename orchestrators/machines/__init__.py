"""Orchestrations that adopt and release VMs."""
