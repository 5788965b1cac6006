"""Chats: signed commands in, cards out; what they ask for is done by the same routes that everybody asks."""
