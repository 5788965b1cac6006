"""Sources of evidence: what verdicts and decisions ask about each kind of sleep target."""
