"""Jobs of CI agents on machines: which of them wait for a machine that is asleep, and when the last one ended."""
