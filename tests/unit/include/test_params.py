"""The runs' parameters: valid defaults, and wrong values are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from include.params import (
    CREATE_PARAMS,
    FOLLOW_PARAMS,
    MAIL_PARAMS,
    REVOKE_PARAMS,
    UnknownParameterError,
    require_known,
)

CREATE = {name: Param(**spec) for name, spec in CREATE_PARAMS.items()}
MAIL = {name: Param(**spec) for name, spec in MAIL_PARAMS.items()}
REVOKE = {name: Param(**spec) for name, spec in REVOKE_PARAMS.items()}


@pytest.mark.parametrize("params", [CREATE, MAIL, REVOKE])
def test_every_parameter_has_a_valid_default_a_title_and_a_text_for_each_choice(params: dict[str, Param]) -> None:
    for param in params.values():
        assert param.resolve() == param.value
        assert param.schema["title"]
        assert list(param.schema.get("values_display", ())) == param.schema.get("enum", [])
        json.dumps(param.dump())


@pytest.mark.parametrize(
    ("specs", "sections"),
    [
        (CREATE_PARAMS, ["Prospects", "Links", "Safety", "Reading the file", "Advanced"]),
        (REVOKE_PARAMS, ["Links", "Safety", "Advanced"]),
        (FOLLOW_PARAMS, ["Safety", "Advanced"]),
        (MAIL_PARAMS, ["Mails", "Safety", "Advanced"]),
    ],
)
def test_the_form_has_sections_with_what_is_usually_set_first(
    specs: dict[str, dict[str, Any]], sections: list[str]
) -> None:
    found = [spec["section"] for spec in specs.values()]
    assert list(dict.fromkeys(found)) == sections
    assert sorted(found, key=sections.index) == found, "a section stands in one place"


@pytest.mark.parametrize("specs", [CREATE_PARAMS, FOLLOW_PARAMS, MAIL_PARAMS, REVOKE_PARAMS])
def test_the_form_explains_every_parameter_once(specs: dict[str, dict[str, Any]]) -> None:
    # Airflow's form shows description_md only where there is no description.
    assert all(("description" in spec) != ("description_md" in spec) for spec in specs.values())


def test_a_link_to_a_page_of_airflow_works_under_any_base_url() -> None:
    for spec in CREATE_PARAMS.values():
        assert "](/" not in spec.get("description_md", "")


@pytest.mark.parametrize("params", [CREATE, MAIL, REVOKE])
def test_an_example_is_a_valid_value_and_no_choice_of_several(params: dict[str, Param]) -> None:
    for param in params.values():
        for example in param.schema.get("examples", ()):
            assert "array" not in param.schema["type"], "the form would offer the examples only"
            Param(**{"default": param.value, **param.schema}).resolve(example)


def test_a_revoking_run_selects_nothing_by_default() -> None:
    assert [REVOKE[name].value for name in ("report", "organization_ids", "all_live")] == ["", [], False]
    assert REVOKE["report_uri"].value == "reports"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (CREATE["ttl_sec"], 432_000),
        (CREATE["max_mapped_tasks"], 1),
        (CREATE["prospects_csv"], None),  # the form sends this for an emptied field
        (CREATE["profile_id"], None),
        (CREATE["profile_id"], "ssp_1"),
        (REVOKE["organization_ids"], [" org_a-B2 ", ""]),
        (REVOKE["organization_ids"], None),
        (MAIL["organization_ids"], None),
        (MAIL["created_after"], None),
        (MAIL["created_after"], "2026-11-30T08:00:00Z"),
        (MAIL["most_reminders"], 0),
    ],
)
def test_a_valid_value_is_accepted(param: Param, value: Any) -> None:
    assert param.resolve(value) == value


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
        (CREATE["prospects_uri"], None),
        (CREATE["report_uri"], " "),
        (REVOKE["organization_ids"], "org_1"),
        (REVOKE["organization_ids"], ["org_1, org_2"]),
        (REVOKE["all_live"], "true"),
        (REVOKE["report_uri"], ""),
        (MAIL["kind"], "newest"),
        (MAIL["remind_after_days"], 0),
        (MAIL["most_reminders"], -1),
        (MAIL["mails_per_minute"], 601),
        (MAIL["organization_ids"], ["org_1, org_2"]),
    ],
)
def test_a_wrong_value_is_refused(param: Param, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        param.resolve(value)


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
    require_known(CREATE_PARAMS, CREATE_PARAMS)
