"""What a package holds, and where."""

from pathlib import Path

APP = ("function_app.py", "host.json", "requirements.txt", "activities", "orchestrators", "dormouse")
# Where the worker looks for packages: https://learn.microsoft.com/azure/azure-functions/deployment-zip-push
PACKAGES = Path(".python_packages") / "lib" / "site-packages"
# `tests` is a mistake of the wheel of azure-functions-durable 1.7.0; `bin` has programs that the worker does not run.
STRAY = ("tests", "bin")
# The names of the functions of a package, in a file beside it: after a deployment, Azure must know them all.
FUNCTIONS = "functions.json"
