"""The inside of simulated VMs: cloud-init, scripts, agents, and VMs that exist from the start."""
