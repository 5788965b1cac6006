"""Activities of sweeps."""
