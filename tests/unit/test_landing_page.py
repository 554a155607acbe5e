"""The page that goes on to a link runs as it is: one file, whose policy allows its own script and style."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "deploy" / "landing" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("element", ["script", "style"])
def test_the_policy_has_the_hash_of_the_only_script_and_style(element: str) -> None:
    (content,) = re.findall(rf"<{element}\b[^>]*>(.*?)</{element}>", PAGE, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{element}-src 'sha256-{digest}';" in PAGE


def test_the_policy_allows_nothing_else() -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', PAGE)
    rules = [re.sub(r"sha256-[\w+/=]+", "…", rule) for rule in policy.split("; ")]
    assert rules == ["default-src 'none'", "script-src '…'", "style-src '…'", "base-uri 'none'", "form-action 'none'"]


def test_it_needs_no_other_file() -> None:
    assert not re.search(r"\b(?:src|href|srcset|action)=|@import|url\(|import\(", PAGE)


@pytest.mark.parametrize("name", ["referrer", "robots"])
def test_it_sends_no_referrer_and_is_in_no_index(name: str) -> None:
    values = {"referrer": "no-referrer", "robots": "noindex, nofollow"}
    assert f'<meta name="{name}" content="{values[name]}">' in PAGE


def test_its_example_hosts_belong_to_nobody() -> None:
    (hosts,) = re.findall(r'name="link-hosts" content="([^"]*)"', PAGE)
    assert hosts.split()
    assert all(host.endswith(".example") for host in hosts.split())
