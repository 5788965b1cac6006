"""A client of the hub that behaves like a browser."""

import http.cookiejar
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

TIMEOUT = 15.0


class Browser:
    """A client with cookies that trusts the certificate which the hub serves, and no other."""

    def __init__(self, base: str, certificate: str) -> None:
        """Talk to the hub at this URL."""
        self.base, self.jar = base, http.cookiejar.CookieJar()
        self.context = ssl.create_default_context(cadata=certificate)
        self.context.check_hostname = False  # the check asks on the loopback address
        self.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        handlers = (urllib.request.HTTPSHandler(context=self.context), urllib.request.HTTPCookieProcessor(self.jar))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def ask(self, method: str, path: str, form: "dict[str, str] | None" = None, under: str = "") -> tuple[int, str, str]:
        """The status, final URL and text of an answer; `under` is the path of the cookie against forged requests."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        return self.send(method, path, data, {"X-XSRFToken": self.token(under)} if under else {})

    def send(
        self, method: str, path: str, data: "bytes | None", headers: Mapping[str, str], seconds: float = TIMEOUT
    ) -> tuple[int, str, str]:
        """The status, final URL and text of an answer to a body with headers; raises OSError without one in time."""
        request = urllib.request.Request(self.base + path, data, dict(headers), method=method)
        try:
            with self.opener.open(request, timeout=seconds) as answer:
                return answer.status, answer.url, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.url or "", error.read().decode(errors="replace")

    def token(self, path: str, name: str = "_xsrf") -> str:
        """The token against forged requests to this path, which is in a cookie; "" for the path is any path."""
        return next((one.value or "" for one in self.jar if one.name == name and path in ("", one.path)), "")

    def cookies_for(self, path: str) -> str:
        """The header with the cookies for a path."""
        request = urllib.request.Request(self.base + path)
        self.jar.add_cookie_header(request)
        return str(request.get_header("Cookie") or "")
