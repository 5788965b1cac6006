"""Chat commands from Slack, Teams and generic webhooks: verification, parsing, dispatch and replies."""
