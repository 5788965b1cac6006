"""Orchestrators that adopt and release VMs."""
