"""The provider's metadata, and the connection form that Airflow makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow._shared.secrets_masker import should_hide_value_for_key
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from auth0_sso.get_provider_info import get_provider_info
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.operators.links import ProfileLink, ReportLink
from pydantic import ValidationError

PLUGINS = Path(__file__).parents[3] / "plugins"
INFO = get_provider_info()
(CONNECTION,) = INFO["connection-types"]
FORM: dict[str, Any] = CONNECTION["conn-fields"]


def test_it_is_valid_by_airflows_schema() -> None:
    schema = next(path for package in airflow.__path__ if (path := Path(package, "provider_info.schema.json")).exists())
    jsonschema.validate(INFO, json.loads(schema.read_text()))


def test_it_is_read_without_importing_airflow_which_reads_it_while_it_is_being_imported() -> None:
    code = "import sys, auth0_sso.get_provider_info as it; it.get_provider_info(); sys.exit('airflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(PLUGINS)})


def test_the_links_it_names_are_the_operators() -> None:
    assert INFO["extra-links"] == [f"{link.__module__}.{link.__qualname__}" for link in (ReportLink, ProfileLink)]


@pytest.mark.parametrize("name", ["private_key", "token", "proxy"])
def test_secrets_are_masked_while_they_are_typed_and_when_the_connection_is_shown(name: str) -> None:
    assert FORM[name]["schema"]["format"] == "password"
    assert should_hide_value_for_key(name)


@pytest.mark.parametrize("name", ["requests_per_slot", "burst_per_slot", "timeout", "log_retention_days"])
@pytest.mark.parametrize("value", [0, 0.5, 1, 30, 31, 300, 301, 1000, 1001])
def test_the_form_takes_the_numbers_that_the_settings_take_and_shows_their_default(name: str, value: float) -> None:
    assert FORM[name]["schema"]["default"] == Auth0Settings.model_fields[name].default
    form_takes_it = jsonschema.Draft7Validator(FORM[name]["schema"]).is_valid(value)
    try:
        Auth0Settings(base_url="https://acme.eu.auth0.com", **{name: value})
    except ValidationError:
        assert not form_takes_it
    else:
        assert form_takes_it


@pytest.mark.parametrize("name", FORM)
def test_a_field_is_described_and_may_be_empty(name: str) -> None:
    assert FORM[name]["label"]
    assert FORM[name]["description"]
    assert jsonschema.Draft7Validator(FORM[name]["schema"]).is_valid(None)


def test_airflow_finds_the_installed_provider_and_shows_its_form() -> None:
    (form,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "auth0"]
    fields = json.loads(form.model_dump_json())
    assert fields["hook_name"] == "Auth0"
    assert set(fields["extra_fields"]) == set(FORM)
    assert fields["extra_fields"]["private_key"]["schema"]["format"] == "password"
    assert fields["standard_fields"]["host"]["title"] == "Tenant domain"
    assert fields["standard_fields"]["url_schema"]["hidden"]
    # Airflow's Test button needs the port.
    assert not fields["standard_fields"]["port"]["hidden"]
    assert fields["standard_fields"]["port"]["placeholder"].startswith("0")


def test_a_connection_of_the_type_has_a_test_button() -> None:
    hook = ProvidersManagerTaskRuntime().hooks["auth0"]
    assert hook is not None
    assert hook.hook_class_name == f"{Auth0Hook.__module__}.{Auth0Hook.__qualname__}"
    assert hook.connection_testable
    assert hook.connection_id_attribute_name == Auth0Hook.conn_name_attr
