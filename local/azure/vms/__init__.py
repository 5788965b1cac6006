"""The inside of simulated VMs: cloud-init, scripts, agents, and existing VMs."""
