"""What every simulated service shares: state, time, faults, throttling, long-running operations."""
