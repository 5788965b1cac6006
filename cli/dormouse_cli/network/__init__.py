"""Between the command and the control plane: proxies, time limits, and the responses of other servers."""
