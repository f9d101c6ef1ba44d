"""HTTP to one registry: login, tries, redirects and counts. Never sends a login elsewhere."""

import email.utils
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import urllib3

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import CredentialSource
from snakemake_executor_plugin_batchx.images.errors import (
    Asked,
    RegistryError,
    explain_refusal,
    read_refusal,
)
from snakemake_executor_plugin_batchx.images.login import Login, TokenRequest
from snakemake_executor_plugin_batchx.images.reference import is_local_host

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
UPLOAD_SECONDS = 600.0
"""How long a registry may check a blob of gigabytes before it answers."""

CONNECTIONS = 32
"""Images prepared at once, times the blobs of each."""

READ_TIMEOUT = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
UPLOAD_TIMEOUT = urllib3.Timeout(connect=CONNECT_SECONDS, read=UPLOAD_SECONDS)

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
LONGEST_RETRY_AFTER_SECONDS = 60.0
"""Who is asked to wait longer than this gets the error instead."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
MAX_LOGINS = 2
"""A challenge, and then one renewal of what was sent."""

USER_AGENT = "batchx"


@dataclass(frozen=True)
class Retry:
    """How long to wait between tries; clock (seconds since 1970), sleep and random come in."""

    clock: Callable[[], float]
    sleep: Callable[[float], object]
    random: Callable[[], float]

    def pause(self, attempt: int, retry_after: str = "") -> bool:
        """Wait before try `attempt` + 1; return False if we are asked to wait too long."""
        asked_seconds = self._read_seconds(retry_after)
        if asked_seconds > LONGEST_RETRY_AFTER_SECONDS:
            return False
        own_seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        self.sleep(max(asked_seconds, own_seconds * (0.5 + self.random())))
        return True

    def _read_seconds(self, retry_after: str) -> float:
        """Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
        if retry_after.strip().isdigit():
            return float(retry_after)
        date = email.utils.parsedate_tz(retry_after)
        return max(0.0, email.utils.mktime_tz(date) - self.clock()) if date else 0.0


@dataclass(frozen=True)
class Request:
    """What to send; `body` may be an iterable, which is sent once and never again."""

    method: str
    url: str
    asked: Asked
    scope: str
    accepted: Collection[int]
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None = None
    is_stream: bool = False
    follows_redirects: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent again."""
        return self.body is None or isinstance(self.body, bytes)


def open_pool(host: str, environment: Mapping[str, str]) -> urllib3.PoolManager:
    """Return connections to `host`, through the proxy that the environment names for it."""
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "timeout": READ_TIMEOUT,
        "retries": False,
    }
    bundle = environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE")
    if bundle and os.path.isfile(bundle):
        options["ca_certs"] = bundle
    proxies = {k.lower(): v for k, v in environment.items() if k.lower().endswith("_proxy") and v}
    proxy = proxies.get("https_proxy") or proxies.get("all_proxy")
    if not proxy or is_local_host(host) or is_spared(host, proxies.get("no_proxy", "")):
        return urllib3.PoolManager(**options)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    address = urlsplit(proxy)
    user, password = unquote(address.username or ""), unquote(address.password or "")
    headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    try:
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    except urllib3.exceptions.HTTPError:
        # Without its cause, which holds the password.
        raise BatchxError(
            "HTTPS_PROXY (or ALL_PROXY) is no address of a proxy: it must be like "
            "http://user:password@host:port, special characters of the password as %XX."
        ) from None


def is_spared(host: str, no_proxy: str) -> bool:
    """Return True if a host is, or is below, one of those that NO_PROXY lists with commas."""
    name = host.partition(":")[0]
    entries = (entry.strip().lstrip(".") for entry in no_proxy.lower().split(","))
    return any(e == "*" or (e and (name == e or name.endswith("." + e))) for e in entries)


class Transport:
    """Sends requests to a registry. Safe to use from many threads.

    `is_aws` tells that the login is one of AWS credentials. `counts` says how often what was asked
    (such as "HEAD manifests"), tries and tokens included.
    """

    def __init__(
        self,
        host: str,
        source: CredentialSource,
        pool: urllib3.PoolManager,
        retry: Retry,
        *,
        is_aws: bool = False,
    ) -> None:
        self.host = host
        self.is_aws = is_aws
        self.base = f"{'http' if is_local_host(host) else 'https'}://{host}/v2/"
        self.retry = retry
        self.counts: Counter[str] = Counter()
        self._pool = pool
        self._login = Login(host, source, self._fetch_token, retry.clock)
        self._counts_lock = threading.Lock()

    def is_logged_in(self) -> bool:
        """Return True if there are credentials for this registry."""
        return self._login.is_logged_in()

    def send(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request until an accepted status comes; the body is unread if `is_stream`.

        Raises RegistryError, one sentence, for any other answer and for none.
        """
        logins = 0
        attempt = 1
        while True:
            sent = self._login.make_header(request.scope)
            try:
                response = self._send_once(request, sent)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                refusal = explain_refusal(request.asked, 0, "", _tell_plainly(error))
                if not self._may_repeat(request, refusal, attempt, ""):
                    raise refusal from error
                attempt += 1
                continue
            if response.status in request.accepted:
                return response
            refusal = self._read_refusal(request, response)
            if logins < MAX_LOGINS and self._renew(request, response, refusal, sent):
                logins += 1
                if request.is_repeatable:
                    continue
                raise RegistryError(f"{self.host} asked for a new login.", kind="trouble")
            retry_after = response.headers.get("Retry-After", "")
            if not self._may_repeat(request, refusal, attempt, retry_after):
                raise refusal
            attempt += 1

    def resolve(self, location: str) -> str:
        """Return a Location of the registry as a URL.

        Behind a proxy that ends TLS, registries name themselves by http.
        """
        url = urljoin(self.base, location)
        own, other = urlsplit(self.base), urlsplit(url)
        return other._replace(scheme=own.scheme).geturl() if own.netloc == other.netloc else url

    def _send_once(self, request: Request, authorization: str) -> urllib3.BaseHTTPResponse:
        url = urljoin(self.base, request.url)
        for _ in range(MAX_REDIRECTS):
            response = self._pool.request(
                request.method,
                url,
                body=request.body,
                headers=self._make_headers(request, url, authorization),
                timeout=READ_TIMEOUT if request.is_repeatable else UPLOAD_TIMEOUT,
                redirect=False,
                preload_content=False,
            )
            self._count(f"{request.method} {_name_kind(request.url)}")
            location = response.headers.get("Location", "")
            is_redirect = response.status in REDIRECTS and location and request.follows_redirects
            if not is_redirect or not request.is_repeatable:
                break
            response.drain_conn()
            url = self.resolve(urljoin(url, location))
        if not (request.is_stream and response.status in request.accepted):
            response.read(cache_content=True)
            response.release_conn()
        return response

    def _make_headers(self, request: Request, url: str, authorization: str) -> dict[str, str]:
        own, asked = urlsplit(self.base), urlsplit(url)
        is_own = (own.scheme, own.netloc) == (asked.scheme, asked.netloc)
        login = {"Authorization": authorization} if authorization and is_own else {}
        return {"User-Agent": USER_AGENT, **request.headers, **login}

    def _renew(
        self,
        request: Request,
        response: urllib3.BaseHTTPResponse,
        refusal: RegistryError,
        sent: str,
    ) -> bool:
        if response.status != 401 and refusal.kind != "expired":
            return False
        challenge = response.headers.get("WWW-Authenticate", "")
        return self._login.renew(challenge, request.scope, sent)

    def _may_repeat(
        self, request: Request, refusal: RegistryError, attempt: int, retry_after: str
    ) -> bool:
        if not request.is_repeatable or not refusal.is_transient or attempt >= ATTEMPTS:
            return False
        return self.retry.pause(attempt, retry_after)

    def _read_refusal(self, request: Request, response: urllib3.BaseHTTPResponse) -> RegistryError:
        code, message = read_refusal(response.data)
        return explain_refusal(request.asked, response.status, code, message)

    def _fetch_token(self, request: TokenRequest) -> bytes:
        """Ask a token server, which is another host, with the login meant for it."""
        headers = {"User-Agent": USER_AGENT}
        if request.authorization:
            headers["Authorization"] = request.authorization
        if request.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        asked = Asked(self.host, "", is_logged_in=bool(request.authorization or request.form))
        attempt = 1
        while True:
            status, retry_after, code, message = 0, "", "", ""
            try:
                answer = self._pool.request(
                    "POST" if request.form else "GET",
                    request.url,
                    body=request.form.encode() or None,
                    headers=headers,
                    redirect=False,
                )
                self._count("token")
                if answer.status == 200:
                    return answer.data
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
                code, message = read_refusal(answer.data)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                message = _tell_plainly(error)
            refusal = explain_refusal(asked, status, code, message)
            if attempt >= ATTEMPTS or not refusal.is_transient:
                raise refusal
            if not self.retry.pause(attempt, retry_after):
                raise refusal
            attempt += 1

    def _count(self, what: str) -> None:
        with self._counts_lock:
            self.counts[what] += 1


def _name_kind(url: str) -> str:
    """Return which of the API's things a URL is about: manifests, blobs or uploads."""
    match = re.search(r"/(manifests|blobs/uploads|blobs)/", urlsplit(url).path)
    return match[1].rpartition("/")[2] if match else "other"


def _tell_plainly(error: Exception) -> str:
    """Return an error's words without objects and queries, which may hold signatures."""
    text = re.sub(r"<[^<>]*>: ?|^HTTPS?Connection(Pool)?\([^()]*\): ?", "", str(error))
    return re.sub(r"\?\S+", "", text) or type(error).__name__
