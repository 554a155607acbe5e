"""A tenant whose time the test moves, links in the ledger, and customers who use them."""

from __future__ import annotations

from tests.support import setups

make_world = setups.make_world
