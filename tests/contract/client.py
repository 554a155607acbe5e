"""A plain HTTP client of a tenant: it counts requests, paces itself, hides secrets and revokes the links it made."""

from __future__ import annotations

import re
import signal
import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.runtime.rate_limit_headers import bucket_level, seconds_requested

MAX_REQUESTS: Final = 60
"""How many requests the whole suite may send, those that revoke its links among them."""

LINK_SECONDS: Final = 60
"""The lifetime of each link, ``ttl_sec``: a link whose answer was lost can't be revoked, and ends by itself."""

CONNECTION_NAME: Final = "sso-tickets-contract-test"
"""The one connection that the suite makes links for."""

CREATE_SCOPE: Final = "create:sso_access_tickets"
REVOKE_SCOPE: Final = "delete:sso_access_tickets"
PROFILES: Final = "/api/v2/self-service-profiles"

_MAX_TRIES: Final = 3
_MAX_WAIT: Final = 60.0
# Of the smallest plan, which adds two requests a second: for answers that don't say how many are left.
_PAUSE: Final = 0.5
_SHOWN: Final = 160
_SECRET_FORMS: Final = re.compile(r"ticket=[^\s&'\"]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b[A-Za-z0-9]{32}\b|https?://\S+")
HIDDEN: Final = "[hidden]"


class ContractError(Exception):
    """A statement can't be checked. Its text shows no secret."""


class BudgetSpentError(ContractError):
    """The suite has sent as many requests as it may."""


class NoAnswerError(ContractError):
    """The tenant has not answered a request."""


class JsonObject(dict[str, Any]):
    """An object in an answer. Its ``repr`` shows nothing: pytest shows that of what a failed test has used."""

    def __repr__(self) -> str:
        return "{…}"


@dataclass(frozen=True)
class Answer:
    """
    What the tenant has answered; ``repr`` shows no header and no body.

    :param request: what it answers, without ids.
    :param body: the decoded JSON; ``None`` without any.
    :param hidden: returns a text without its secrets.
    """

    request: str
    status: int
    headers: httpx.Headers = field(repr=False)
    body: Any = field(repr=False)
    hidden: Callable[[str], str] = field(repr=False)

    @property
    def error(self) -> dict[str, Any]:
        """The fields of an error, which have no secret in them; a missing one is left out."""
        body = self.body if isinstance(self.body, dict) else {}
        fields = {name: body[name] for name in ("statusCode", "error", "errorCode") if name in body}
        return {
            name: self.hidden(value)[:_SHOWN] if isinstance(value, str) else value for name, value in fields.items()
        }

    def message(self, field_name: str = "message") -> str:
        """Return the text for people in an error, shortened; empty if there is none."""
        body = self.body if isinstance(self.body, dict) else {}
        return self.hidden(str(body.get(field_name, "")))[:_SHOWN]


class ContractClient:
    """
    Sends the suite's requests to one tenant. At the end of its ``with`` block, it revokes what it made.

    It waits while the tenant's bucket has at most one request left, and repeats a request that got a 429. Each method
    that sends raises BudgetSpentError if only those requests are left that revoke links, and NoAnswerError if no answer
    comes.

    :param settings: of the connection.
    :param pause: seconds after an answer that doesn't say how many requests are left.
    :param sleep: waits for a number of seconds.
    :param interrupts: end the work before the next request.
    """

    def __init__(
        self,
        settings: Auth0Settings,
        *,
        pause: float = _PAUSE,
        sleep: Callable[[float], None] = time.sleep,
        interrupts: Interrupts | None = None,
    ) -> None:
        self.settings = settings
        self._interrupts = interrupts or Interrupts()
        self._is_closing = False
        self.requests = 0
        self.links = 0
        self.scopes: Collection[str] = frozenset()
        self.token_answer: Answer | None = None
        self._pause = pause
        self._sleep = sleep
        self._wait = 0.0
        self._to_revoke: dict[str, str] = {}
        self._secrets = {secret for secret in settings.secrets if secret}
        self._token = ""
        self._http = httpx.Client(
            base_url=settings.base_url,
            timeout=settings.timeout,
            proxy=settings.proxy.get_secret_value() or None,
            verify=ssl.create_default_context(),
            trust_env=False,
        )

    def __enter__(self) -> ContractClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def links_left(self) -> int:
        """How many links were made and not revoked."""
        return len(self._to_revoke)

    def hidden(self, text: str) -> str:
        """Return a text without what is or may be a secret, a ticket's id or a link."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _SECRET_FORMS.sub(HIDDEN, text)

    def sign_in(self) -> Answer:
        """Get the token that the requests need, once; its answer is in ``token_answer``."""
        __tracebackhide__ = True
        answer = self.request_token()
        body = answer.body if isinstance(answer.body, dict) else {}
        self._token = str(body.get("access_token") or "")
        self._secrets |= {self._token} if self._token else set()
        self.scopes = frozenset(str(body.get("scope") or "").split())
        self.token_answer = answer
        return answer

    def request_token(self, **changes: str) -> Answer:
        """Request a token, with changes of the request's fields."""
        __tracebackhide__ = True
        return self._send("POST", "/oauth/token", body={**_login(self.settings), **changes}, token=None)

    def create(
        self, body: Mapping[str, Any], *, profile_id: str = "", token: str | None = "", patient: bool = True
    ) -> Answer:
        """
        Request a link that lives for ``LINK_SECONDS``. Whatever the status, a link in the answer is revoked at the end.

        :param profile_id: by default the connection's.
        :param token: in place of the client's own; ``None`` sends none.
        :param patient: whether a 429 is repeated.
        """
        __tracebackhide__ = True
        profile_id = profile_id or self.settings.profile_id
        path = f"{PROFILES}/{profile_id}/sso-ticket"
        fields = {**body, "ttl_sec": LINK_SECONDS}
        with self._interrupts.held():
            answer = self._send(
                "POST", path, body=fields, token=token, shown="…/sso-ticket", to_keep=1, patient=patient
            )
            ticket_id = ticket_id_of(answer)
            if ticket_id:
                self.links += 1
                self._secrets.add(ticket_id)
                self._to_revoke[ticket_id] = profile_id
        return answer

    def revoke(self, link: Answer) -> Answer:
        """Request the revocation of a link; ContractError if the answer has none."""
        __tracebackhide__ = True
        ticket_id = ticket_id_of(link)
        if not ticket_id:
            raise ContractError("The tenant has made no link.")
        return self.revoke_ticket(ticket_id)

    def revoke_ticket(self, ticket_id: str) -> Answer:
        """Request the revocation of a ticket, which may be unknown."""
        __tracebackhide__ = True
        profile_id = self._to_revoke.get(ticket_id, self.settings.profile_id)
        path = f"{PROFILES}/{profile_id}/sso-ticket/{quote(ticket_id, safe='')}/revoke"
        kept_for_it = 1 if ticket_id in self._to_revoke else 0
        answer = self._send("POST", path, shown="…/sso-ticket/…/revoke", to_keep=-kept_for_it)
        if answer.status == 202:
            self._to_revoke.pop(ticket_id, None)
        return answer

    def read(self, path: str, **parameters: str | int) -> Answer:
        """Read something of the Management API; ``from_`` stands for the parameter ``from``."""
        __tracebackhide__ = True
        named = {name.rstrip("_"): value for name, value in parameters.items()}
        return self._send("GET", f"/api/v2/{path}", parameters=named)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        token: str | None = "",
        shown: str = "",
        to_keep: int = 0,
        patient: bool = True,
    ) -> Answer:
        """
        Send a request, after the wait that the answer before asked for.

        :param shown: the path without ids.
        :param to_keep: how many more requests its answer may make necessary.
        """
        __tracebackhide__ = True
        headers = {} if token is None else {"Authorization": f"Bearer {token or self._token}"}
        shown = f"{method} {shown or path}"
        for _ in range(_MAX_TRIES if patient else 1):
            self._require_budget(shown, 1 + to_keep)
            answer = self._send_once(method, path, shown, headers, body, parameters)
            if answer.status != 429:
                break
        return answer

    def close(self) -> None:
        """Revoke the links that are left, and close the connections; ``links_left`` says how many it can't revoke."""
        if self._http.is_closed:
            return
        self._is_closing = True
        with closing(self._http):
            for ticket_id in list(self._to_revoke) if REVOKE_SCOPE in self.scopes else ():
                with suppress(ContractError):
                    self.revoke_ticket(ticket_id)

    def _require_budget(self, shown: str, needed: int) -> None:
        __tracebackhide__ = True
        if self.requests + len(self._to_revoke) + needed > MAX_REQUESTS:
            raise BudgetSpentError(f"{shown} is not sent: the suite may send {MAX_REQUESTS} requests, and has.")

    def _send_once(
        self,
        method: str,
        path: str,
        shown: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
        parameters: Mapping[str, str | int] | None,
    ) -> Answer:
        __tracebackhide__ = True
        if not self._is_closing:
            self._interrupts.check()
        self._sleep(self._wait)
        self.requests += 1
        failure = ""
        try:
            response = self._http.request(method, path, headers=headers, json=body, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = type(error).__name__
        # Outside of the except clause, so that no traceback shows the request.
        if failure:
            raise NoAnswerError(f"{shown} has no answer: {failure}.")
        self._wait = self._seconds_to_wait(response)
        return Answer(shown, response.status_code, response.headers, _json(response), self.hidden)

    def _seconds_to_wait(self, response: httpx.Response) -> float:
        level = bucket_level(response.headers)
        if response.status_code == 429:
            return min(max(seconds_requested(response.headers), self._pause), _MAX_WAIT)
        if level is None:
            return self._pause
        remaining, _ = level
        return 0.0 if remaining > 1 else min(max(seconds_requested(response.headers), self._pause), _MAX_WAIT)


class Interrupts:
    """
    Ctrl-C and SIGTERM, of which none is lost.

    The exception of one may be: Python ignores it in a finalizer, for example. So each request asks again.
    """

    def __init__(self) -> None:
        self.came = False
        self._is_held = False

    def listen(self) -> None:
        """Notice them from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._notice)

    def check(self) -> None:
        """Raise KeyboardInterrupt if one came, unless it is held."""
        if self.came and not self._is_held:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let them wait for the end of the block: without the answer to its request, a link can't be revoked."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.check()

    def _notice(self, _number: int, _frame: object) -> None:
        self.came = True
        self.check()


def _login(settings: Auth0Settings) -> dict[str, str]:
    if settings.private_key.get_secret_value():
        from auth0_sso.hooks.token_endpoint import token_request  # imports Airflow, and signs with the key

        return token_request(settings)
    return {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "audience": settings.audience,
    }


def ticket_id_of(answer: Answer) -> str:
    """Return the ticket's id in an answer; empty if there is none."""
    body = answer.body if isinstance(answer.body, dict) else {}
    try:
        return parse_qs(urlsplit(str(body.get("ticket") or "")).query).get("ticket", [""])[0]
    except ValueError:  # its message would show the link
        return ""


def _json(response: httpx.Response) -> Any:
    try:
        return response.json(object_hook=JsonObject)
    except ValueError:
        return None
