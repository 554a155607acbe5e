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
        ("ttl_sec", 1),
        ("on_existing", "reissue"),
        ("on_invalid_rows", "fail"),
        ("max_mapped_tasks", 1),
        ("prospects_csv", None),
        ("prospects_csv", "organization_id\norg_1\n"),
        ("profile_id", None),
        ("profile_id", "ssp_1"),
        ("profile_id", ""),
        ("dry_run", True),
        ("require_approval", True),
        ("prospects_uri", "s3://bucket/prospects/"),
    ],
)
def test_a_valid_value_is_accepted(name: str, value: Any) -> None:
    assert CREATE[name].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ttl_sec", -1),
        ("ttl_sec", 432_001),
        ("ttl_sec", 1.5),
        ("ttl_sec", "60"),
        ("on_existing", "replace"),
        ("on_existing", ""),
        ("on_invalid_rows", "ignore"),
        ("max_mapped_tasks", 0),
        ("profile_id", ".."),
        ("profile_id", "s" * 256),
        ("dry_run", "yes"),
        ("require_approval", None),
        ("prospects_uri", None),
        ("report_uri", 7),
        ("report_uri", ""),
        ("report_uri", " "),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        CREATE[name].resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("organization_ids", "org_1"),
        ("organization_ids", [7]),
        ("organization_ids", ["org_1, org_2"]),
        ("organization_ids", ["Example Inc."]),
        ("all_live", "true"),
        ("export_uri", ""),
        ("max_mapped_tasks", 0),
    ],
)
def test_a_wrong_selection_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        REVOKE[name].resolve(value)


@pytest.mark.parametrize("value", [["org_1", "org_a-B2"], [" org_1 ", ""], [], None])
def test_organizations_may_have_white_space_around_them(value: Any) -> None:
    assert REVOKE["organization_ids"].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dryrun", r"'dryrun', which is no parameter: did you mean 'dry_run'\? Trigger another run"),
        ("simulate", r"'simulate', which is no parameter\. Trigger another run; the parameters are .*dry_run"),
    ],
)
def test_an_unknown_parameter_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnknownParameterError, match=message):
        require_known([*CREATE_PARAMS, name], CREATE_PARAMS)


def test_the_parameters_themselves_are_known() -> None:
    require_known(REVOKE_PARAMS, REVOKE_PARAMS)
