"""Ports that are chosen some time before they are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.local.ports import free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="only Linux says which ports it gives to connections")
def test_a_free_port_is_not_one_that_a_connection_could_get_in_between() -> None:
    assert free_port() < int(RANGE.read_text().split()[0])
