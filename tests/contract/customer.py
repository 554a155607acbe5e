"""The customer behind a sandbox's links. No link of another tenant is ever opened."""

from __future__ import annotations

import httpx

from tests.contract.client import Answer


class Customer:
    """Opens links of the sandbox at an address and takes the steps of their setups, in a ``with`` block."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def __enter__(self) -> Customer:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def opens(self, link: Answer) -> int:
        """Open a link; return the page's status."""
        return self._http.get(_url(link)).status_code

    def takes(self, link: Answer, *steps: str) -> None:
        """Take steps of a setup."""
        for step in steps:
            self._http.post(_url(link), data={"step": step})


def _url(link: Answer) -> str:
    return str(link.body["ticket"])
