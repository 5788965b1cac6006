"""The OpenAPI document and the page that renders it, both generated from the routes."""
