"""VM sizes: their names, what Azure lists about them, their prices, and what a subscription can get. Pure."""
