"""A stand-in for RStudio Server: its options, its Unix socket, its token, and a process for each R session."""

STAND_IN = r"""#!/usr/bin/python3
import http.server, os, socketserver, subprocess, sys

OPTIONS = ("www-root-path", "server-data-dir", "database-config-file", "www-socket", "rsession-which-r")
if "--help" in sys.argv:
    print(*(f"--{name} arg" for name in OPTIONS), sep="\n")
    sys.exit()
given = dict(word[2:].partition("=")[::2] for word in sys.argv[1:])
with open(os.path.expanduser("~/rserver.options"), "w") as file:
    file.write("\n".join(f"{name}={value}" for name, value in given.items()))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if "rs-csrf-token=t0k" in self.headers.get("Cookie", "") else 302)
        self.send_header("Set-Cookie", f"rs-csrf-token=t0k; path={given['www-root-path']}; HttpOnly")
        self.send_header("Location", given["www-root-path"])
        self.end_headers()
        self.wfile.write(b"<title>RStudio</title>")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        wanted = self.headers["X-RS-CSRF-Token"] == "t0k" and "rs-csrf-token=t0k" in self.headers.get("Cookie", "")
        if self.path == "/rpc/client_init" and wanted:
            subprocess.Popen(["rsession"])
        self.send_response(200 if wanted else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"result": {}}')

    def address_string(self):
        return "socket"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass


Server(given["www-socket"], Handler).serve_forever()
"""
SESSION = "#!/bin/sh\nsleep 600\n"
