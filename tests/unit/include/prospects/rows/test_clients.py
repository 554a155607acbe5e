"""The warning about links that a customer can't finish."""

from __future__ import annotations

from include.prospects import clients_warning
from tests.unit.include.prospects.inputs import load

EDIT = {"connection_id": "con_1"}


def test_rows_without_clients_are_named_with_what_to_do():
    rows = [{"enabled_clients": "a1B2c3"}, {}, {"enabled_clients": "[]"}, EDIT, {"enabled_clients": " ; ,"}]
    (warning,) = clients_warning(load(*rows).valid, has_default=False)
    assert warning == (
        "row 2, 3, 5: without enabled_clients, Auth0's assistant shows the customer no button 'Enable Connection', and"
        " somebody must enable the connection by hand: set the column enabled_clients, the run's parameter, or the"
        " extra of the connection to Auth0"
    )


def test_a_default_serves_the_rows_that_set_none():
    assert clients_warning(load({}).valid, has_default=True) == []


def test_the_check_of_an_input_leaves_it_to_those_who_know_the_default():
    assert load({}).warnings == []
