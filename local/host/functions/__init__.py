"""The app's functions: loading them, calling them, and timer triggers."""
