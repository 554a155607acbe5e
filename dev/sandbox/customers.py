"""
Customers who use their links: each live ticket of a running sandbox gets one, who acts on the page behind its URL.

They have addresses that RFC 5737 reserves for documentation: one network is the customers', one the mail scanners'.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import httpx

from dev.sandbox.api.endpoints import FLOW_PATH
from dev.sandbox.tenant.settings import STRATEGIES
from dev.sandbox.tenant.tickets import MAX_OPENS

_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SCANNER: Final = "Mozilla/5.0 (compatible; MailScanner/1.0)"
_TIMEOUT: Final = 30.0


class Customer:
    """
    The customer of one ticket.

    :param http: a client of the sandbox
    :param ticket_id: the ticket
    :param strategy: the kind of identity provider the customer has
    :param host: the last number of the customer's address
    """

    def __init__(self, http: httpx.Client, ticket_id: str, strategy: str, host: int) -> None:
        self._http = http
        self._ticket = {"ticket": ticket_id}
        self._strategy = strategy
        self._host = host

    def ignores_it(self) -> None:
        """Leave the mail unread."""

    def is_scanned(self) -> None:
        """Have a mail scanner open the link."""
        headers = {"X-Forwarded-For": f"198.51.100.{self._host}", "User-Agent": _SCANNER}
        self._http.get(FLOW_PATH, params=self._ticket, headers=headers)

    def opens_it(self) -> None:
        """Look at the page."""
        self._http.get(FLOW_PATH, params=self._ticket, headers=self._headers)

    def opens_it_too_often(self) -> None:
        """Open the page once more than the ticket allows."""
        for _ in range(MAX_OPENS + 1):
            self.opens_it()

    def gives_up(self) -> None:
        """Set the connection up, and leave it at that."""
        self._take("set_up", "leave")

    def waits_for_a_domain(self) -> None:
        """Set the connection up, and try to verify its domains before their records are in the DNS."""
        self._take("set_up", "verify_early", "leave")

    def finishes(self) -> None:
        """Take every step."""
        self._take("set_up", "verify", "finish")

    def _take(self, *steps: str) -> None:
        self.opens_it()
        for step in steps:
            form = {"step": step, "strategy": self._strategy}
            self._http.post(FLOW_PATH, params=self._ticket, data=form, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{self._host}", "User-Agent": _BROWSER}


SHARES: Final[Mapping[Callable[[Customer], None], int]] = MappingProxyType(
    {
        Customer.ignores_it: 20,
        Customer.is_scanned: 10,
        Customer.opens_it: 15,
        Customer.opens_it_too_often: 5,
        Customer.gives_up: 15,
        Customer.waits_for_a_domain: 10,
        Customer.finishes: 25,
    }
)
"""What customers do, and how many of a hundred do it."""


def play_customers(url: str, seed: int, reading_seconds: float = 0.0) -> list[tuple[str, str]]:
    """
    Have a customer act on each live ticket of the sandbox at an address.

    :param seed: the same one means the same acts on tickets that were created in the same order
    :param reading_seconds: how old each ticket is at least before a person opens it; a scanner does not wait
    :return: of each ticket its connection and what its customer did, in the order in which they did it
    :raises httpx.HTTPError: when no sandbox responds there
    """
    chance = random.Random(seed)  # noqa: S311
    with httpx.Client(base_url=url, timeout=_TIMEOUT, trust_env=False) as http:
        tickets = http.get("/_sandbox/stats").raise_for_status().json()["ticket_list"]
        live = [ticket for ticket in tickets if ticket["state"] == "live"]
        acts = chance.choices([*SHARES], [*SHARES.values()], k=len(live))
        # A scanner opens a link within seconds, so before any person does.
        planned = sorted(zip(live, acts, strict=True), key=lambda one: one[1] is not Customer.is_scanned)
        for ticket, act in planned:
            if act is not Customer.is_scanned:
                time.sleep(max(0.0, ticket["created_at"] + reading_seconds - time.time()))
            act(Customer(http, ticket["id"], chance.choice(STRATEGIES), chance.randint(1, 254)))
    return [(ticket["connection_name"] or ticket["body"]["connection_id"], _words(act)) for ticket, act in planned]


def report_customers(url: str, seed: int, reading_seconds: float) -> None:
    """Have customers act, and print who did what and how many did so, see :func:`play_customers`."""
    if reading_seconds:
        print(
            f"Nobody opens a link that is younger than {reading_seconds:g} seconds, except mail scanners.", flush=True
        )
    done = play_customers(url, seed, reading_seconds)
    for connection, what in done:
        print(f"{connection}: {what}")
    counts = Counter(what for _, what in done)
    print(f"Live tickets: {len(done)}")
    for what, count in counts.most_common():
        print(f"{count:>5} {what}")


def _words(act: Callable[[Customer], None]) -> str:
    return act.__name__.replace("_", " ")
