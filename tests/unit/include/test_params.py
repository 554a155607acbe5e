"""The runs' parameters: valid defaults, and wrong values are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from include.params import CREATE_PARAMS, REVOKE_PARAMS, UnknownParameterError, require_known

CREATE = {name: Param(**spec) for name, spec in CREATE_PARAMS.items()}
REVOKE = {name: Param(**spec) for name, spec in REVOKE_PARAMS.items()}
EVERY = [pytest.param(param, id=f"{dag}-{name}") for dag, params in (("create", CREATE), ("revoke", REVOKE))
         for name, param in params.items()]  # fmt: skip


@pytest.mark.parametrize("param", EVERY)
def test_every_default_is_valid(param: Param) -> None:
    assert param.resolve() == param.value


@pytest.mark.parametrize("param", EVERY)
def test_every_parameter_has_a_title_and_is_json(param: Param) -> None:
    assert param.schema["title"]
    json.dumps(param.dump())


@pytest.mark.parametrize("param", [param for param in CREATE.values() if "enum" in param.schema])
def test_every_choice_has_a_text(param: Param) -> None:
    assert list(param.schema["values_display"]) == param.schema["enum"]


def test_a_revoking_run_selects_nothing_by_default() -> None:
    assert [REVOKE[name].value for name in ("report_uri", "organization_ids", "all_live")] == ["", [], False]
    assert REVOKE["export_uri"].value == "reports"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ttl_sec", 432_000),
        ("on_existing", "reissue"),
        ("on_invalid_rows", "fail"),
        ("max_mapped_tasks", 1),
        ("prospects_csv", None),  # the form sends this for an emptied field
        ("profile_id", None),
        ("profile_id", "ssp_1"),
        ("prospects_uri", "s3://bucket/prospects/"),
    ],
)
def test_a_valid_value_is_accepted(name: str, value: Any) -> None:
    assert CREATE[name].resolve(value) == value


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (CREATE["ttl_sec"], 432_001),
        (CREATE["ttl_sec"], 1.5),
        (CREATE["on_existing"], "replace"),
        (CREATE["on_invalid_rows"], "ignore"),
        (CREATE["max_mapped_tasks"], 0),
        (CREATE["profile_id"], ".."),
        (CREATE["profile_id"], "s" * 256),
        (CREATE["dry_run"], "yes"),
        (CREATE["require_approval"], None),
        (CREATE["prospects_uri"], None),
        (CREATE["report_uri"], " "),
        (REVOKE["organization_ids"], "org_1"),
        (REVOKE["organization_ids"], ["org_1, org_2"]),
        (REVOKE["organization_ids"], ["Example Inc."]),
        (REVOKE["all_live"], "true"),
        (REVOKE["export_uri"], ""),
    ],
)
def test_a_wrong_value_is_refused(param: Param, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        param.resolve(value)


@pytest.mark.parametrize("value", [["org_1", "org_a-B2"], [" org_1 ", ""], [], None])
def test_organizations_may_have_white_space_around_them(value: Any) -> None:
    assert REVOKE["organization_ids"].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dryrun", r"'dryrun', which is no parameter: did you mean 'dry_run'\? Trigger another run"),
        ("colour", r"'colour', which is no parameter\. Trigger another run; the parameters are .*dry_run"),
    ],
)
def test_an_unknown_parameter_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnknownParameterError, match=message):
        require_known([*CREATE_PARAMS, name], CREATE_PARAMS)


def test_the_parameters_themselves_are_known() -> None:
    require_known(REVOKE_PARAMS, REVOKE_PARAMS)
