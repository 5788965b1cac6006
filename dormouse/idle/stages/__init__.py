"""Later stages of sleep: what a spec asks for when something sleeps on."""
