"""Cells that hold no value: errors of a spreadsheet in all languages, and what programs write for nothing."""

from __future__ import annotations

import pytest

from include.prospects.schema.columns import COLUMNS
from tests.unit.include.prospects.inputs import body_of, load, problems_of

ERRORS_BY_LANGUAGE = {
    "en": "#N/A #REF! #NAME? #VALUE! #DIV/0! #NUM! #NULL! #SPILL! #CALC! #FIELD! #GETTING_DATA #BLOCKED! #CONNECT!",
    "de": "#NV #BEZUG! #WERT! #ZAHL! #ÜBERLAUF! #nv",
    "fr": "#VALEUR! #NOM? #NOMBRE! #NUL! #PROPAGATION!",
    "es": "#N/D #¡REF! #¿NOMBRE? #¡VALOR! #¡NUM! #¡DIV/0! #¡NULO! #¡DESBORDAMIENTO!",
    "pt": "#NOME? #NÚM! #VALOR!",
    "it": "#RIF! #VALORE! #NULLO! #ESPANSIONE!",
    "nl": "#N/B #WAARDE! #VERW! #NAAM?",
    "sv": "#SAKNAS! #VÄRDEFEL! #REFERENS!",
    "pl": "#ARG! #ADR! #NAZWA? #N/D!",
    "cs": "#HODNOTA! #ODKAZ! #NÁZEV?",
    "tr": "#YOK #DEĞER! #BAŞV!",
    "ru": "#ЗНАЧ! #ССЫЛКА! #ИМЯ?",
    "el": "#\u03a4\u0399\u039c\u0397! #Δ/\u03a5 #\u039f\u039d\u039f\u039c\u0391?",
    "ro": "#NUME? #VALOARE!",
    "sl": "#VREDN! #IME?",
    "hr": "#VRIJ! #NAZIV?",
    "ja": "#スピル!",
    "others": "#DIV/0 '#N/A #NA #n/a #ERROR! Loading... Loading… Chargement... Err:502 Fehler:502 #### ########",
}
ERRORS = [error for errors in ERRORS_BY_LANGUAGE.values() for error in errors.split()]
ERRORS += [
    "#N/A N/A",
    "#NENÍ K DISPOZICI",
    "#GETTING DATA",
    "読み込んでいます...",
    "#VALEUR !",
    "Wird geladen...",
    "#NU\u0301M!",
]
NOTHING = [
    "NULL", "null", "Null", "None",
    "none", "NONE", "NaN", "nan", "NaT", "N/A", "n/a", "<NA>", "(null)", "undefined", "\\N",
    "NAN", "-nan", "-NaN", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND",
]  # fmt: skip
NAMES = ["Nan", "NA", "Nil", "Nat", "Null & Söhne", "None Such Ltd", "#1 Pizza", "#metoo", "C#", "#", "-", "Acme...",
         "Loading Bay", "Err", "Error", "Nonesuch", "Unknown",
         "'s-Gravenhage", "-n", "1.", "#NAF", "#VREDNO"]  # fmt: skip


@pytest.mark.parametrize("cell", ERRORS)
def test_a_spreadsheets_error_value_is_called_one(cell):
    for column in ("organization_name", "prospect_email", "ttl_sec"):
        (problem,) = problems_of({column: f" {cell} "})
        assert (problem.column, problem.value) == (column, cell)
        assert problem.rule.startswith("must be a value, but is a spreadsheet's error value: correct the formula")


@pytest.mark.parametrize("cell", NOTHING)
def test_what_programs_write_for_nothing_is_no_value(cell):
    for column in ("organization_name", "prospect_email", "enabled_clients"):
        (problem,) = problems_of({column: cell})
        assert problem.rule == "must be a value, but is what a program writes for a missing one: empty the cell"


@pytest.mark.parametrize("column", [*COLUMNS, "connection_config.metadata.plan"])
@pytest.mark.parametrize("cell", ["#N/A", "NaN"])
def test_no_column_takes_a_missing_value(column, cell):
    loaded = load({column: cell})
    assert loaded.valid == []
    first = loaded.invalid[0].problems[0]
    assert first.column == column
    assert first.rule.startswith("must be a value, but is ")


@pytest.mark.parametrize("cell", NAMES)
def test_a_name_that_only_resembles_one_is_a_name(cell):
    (prospect,) = load({"organization_name": cell, "prospect_name": cell, "display_name": cell}).valid
    assert (prospect.organization_name, prospect.prospect_name) == (cell, cell)


def test_the_api_takes_none_for_the_verification_of_domains():
    column = "domain_aliases_config.domain_verification"
    assert body_of({column: "none"})["domain_aliases_config"] == {"domain_verification": "none"}
    (problem,) = problems_of({column: "None"})
    assert "for a missing one" in problem.rule
