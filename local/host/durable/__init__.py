"""The Durable Task engine: instances, histories, entities and timers on SQLite."""
