"""The control plane: everything that is deployed beside function_app, the orchestrators and the activities."""
