"""
``python -m dev.sandbox`` runs a sandbox tenant until it is stopped.

``python -m dev.sandbox customers`` has customers use the links of one that runs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import ValidationError

from dev.sandbox.customers import report_customers
from dev.sandbox.server import Sandbox, SandboxError
from dev.sandbox.tenant.settings import PLANS, SandboxSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM, or have customers act once; return the exit code."""
    options = _parser(os.environ).parse_args(arguments)
    return _play_customers(options) if options.command == "customers" else _run(options)


def _play_customers(options: argparse.Namespace) -> int:
    try:
        report_customers(options.url, options.seed, options.reading_seconds)
    except httpx.HTTPError as error:
        print(f"No sandbox tenant responds at {options.url}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Sandbox(_settings(options), host=options.host, port=options.port, mail_port=options.mail_port) as tenant:
            limit = tenant.settings.limit
            plan = f"plan {options.plan}, {limit.size} at once, {limit.refill:g} a second"
            print(f"Sandbox tenant ready on {tenant.url} ({plan})", flush=True)
            stop.wait()
    except (SandboxError, ValidationError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _settings(options: argparse.Namespace) -> SandboxSettings:
    return SandboxSettings(
        plan=options.plan,
        latency=options.latency,
        log_delay=options.log_delay,
        client_id=options.client_id,
        client_secret=options.client_secret,
        profile_ids=options.profile_id,
        public_url=options.public_url or None,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev.sandbox",
        description="A local server that behaves like an Auth0 tenant.",
        epilog="Each option can be given as an environment variable: SANDBOX_PLAN for --plan, and so on.",
    )
    default = SandboxSettings()

    def option(name: str, fallback: Any, meaning: str, **more: Any) -> None:
        variable = "SANDBOX_" + name.upper().replace("-", "_")
        value = environment.get(variable) or fallback
        parser.add_argument(f"--{name}", default=value, **{"help": f"{meaning} (default: %(default)s)", **more})

    option("host", "127.0.0.1", "address to listen on")
    option("port", "4010", "port to listen on, 0 for a free one", type=int)
    option("mail-port", None, "port of a mail server whose mails the outbox shows; without it, none runs", type=int)
    option("plan", default.plan, "rate limit of the plan", choices=sorted(PLANS))
    option("latency", "0.24-0.65", "shortest and longest seconds a call takes", type=_seconds)
    option("log-delay", "3", "shortest and longest seconds until a search finds a new event", type=_seconds)
    option("client-id", default.client_id, "the client the tenant knows")
    option("client-secret", default.client_secret, "", help="its secret")
    option("profile-id", default.profile_ids[0], "self-service profiles, separated by commas", type=_names)
    option("public-url", "", "base of ticket URLs; empty: the address of the request")

    commands = parser.add_subparsers(dest="command", title="instead of running a tenant")
    customers = commands.add_parser(
        "customers",
        help="have customers use the links of a running one",
        description="Have a customer act on each live ticket of a running sandbox tenant, and print what was done.",
    )
    address = "http://127.0.0.1:4010"
    customers.add_argument("--url", default=address, help="the tenant's address (default: %(default)s)")
    customers.add_argument("--seed", default=1, type=int, help="the same one, the same acts (default: %(default)s)")
    customers.add_argument(
        "--reading-seconds",
        default=61.0,
        type=float,
        help="how old a link is at least when its customer opens it; an opening within a minute counts as a mail "
        "scanner's (default: %(default)g)",
    )
    return parser


def _seconds(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition("-")
    try:
        return float(shortest), float(longest or shortest)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be seconds, as 0.24-0.65 or 0") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main())
