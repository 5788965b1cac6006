"""What the control plane itself costs: prices, the load of its machines, and the formula. Pure computation."""
