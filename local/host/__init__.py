"""An embedded Functions host: routes with keys, timers, and Durable orchestrations on SQLite.

It behaves as the official host does where an app can notice (Azure/azure-functions-host,
Azure/azure-functions-durable-extension), and is for developing, testing and trying out.
"""
