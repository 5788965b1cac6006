"""Weekly schedules: their texts, their transitions, and time zones."""
