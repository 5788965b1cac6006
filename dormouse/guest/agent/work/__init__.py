"""Work: terminal jobs, batch systems, CI agents, containers and marked jobs."""
