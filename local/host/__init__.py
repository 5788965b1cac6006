"""An embedded Functions host: routes with keys, timers, and Durable orchestrations on SQLite.

It behaves like the official host where an app can notice (Azure/azure-functions-host, Azure/azure-functions-durable-
extension), and is for development, tests and demos.
"""
