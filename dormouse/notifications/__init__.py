"""Notifications: messages to people, and the webhooks that deliver them."""
