"""Text that was broken before it came here is found, and no name that anyone has is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.prospects.schema.columns import COLUMNS
from include.prospects.schema.mojibake import rule_against
from tests.unit.include.prospects.inputs import load, problems_of

NAMES = """Müller GmbH|Jörg|MÜLLER|KÖLN|Straße|STRAßE|École|Société Générale|São Paulo|FUNDAÇÃO|Łódź|Wałęsa|Dvořák
Đặng Thị Hà|Nguyễn|東京|Москва|Ελλάδα|Zoë|Ñuñoa|Şahin|İstanbul|Ærø|café|Acme\u00a0Inc|Acme®|L\u2019Oréal|“Acme”|Grüße
ŽIŽKA|שלום|محمد|Məmmədov|😀 Acme"""
GENUINE = """IRMÃ|IRMÃ\u2019s|NGÔ\u2019s|MANHÃ|AMANHÃ…|LÃ & CIA|MAÇÃ \u2013 IRMÃ|“BOA MANHÔ|CAFÉ™|NESTLÉ®|McCAFÉ®
CITÉ…|N\u00d6\u2013Wien|B\u00d6\u2019S|\u00d6\u2013Bau GmbH|TUP\u00c3\u2013SP|IRM\u00c3\u2013SOL|V\u00d5\u2019S
B\u00d8\u2013LAND|DN \u00d8\u00b0 50|JOSÉ\u2019S|Groß®|Weiß\u2019s|Menü™|NORDSJÅ®|Citroën™|Ângela|Âu Cơ|Trần Ân|Ã|Â
Nº 5|20 °C|KNÍŽKA|RÚŽA|MÍŠA|LÀ”|«É»|Émile\u2013Zola|√2|√ Consulting|Hồ Chí Minh|À la carte…|Þórr|Ðorđe|Œuvre|Šošić
ÅÄÖ|Ångström|ÑANDÚ|Lukáš\u2019s|Tomáš®|SÉ™|Baláž\u2019s"""

NAMES_OF_THE_EAST = """Dvořák|Čapek|Šťastný|Žižka|ŽIŽKA|PÄŤDESIAT|DĹŽKA|Ľudovít Štúr|Łódź|ŁÓDŹ|SPÓŁKA AKCYJNA|WRÓŻKA
RÓŻA|Świętosława Ćwik|Józef Piłsudski|PÓŁKA|Gdańsk|Kőbánya|GYŐR|Târgu Mureş|PĂŞUNE|Ăştia|RĂDUŢ|Владимир|ВЛАДИМИР
Наталія Ґудзь|Юлія Їжак|ЄВГЕНІЯ|Лі|\u041d\u0456|\u0417\u0456|\u0421\u0406\u0420\u0406|РІЧ|П\u2019\u044f\u0442\u044c
\u041e\u2019\u041a\u043e\u043d\u043d\u043e\u0440|Њ\u0435\u0433\u043e\u0448|Ђорђе|ЂОРЂЕ|ЉИЉАНА|Јелена Јовић
\u041e\u041e\u041e \u00ab\u0420\u043e\u0433\u0430 и копыта\u00bb|\u041e\u041e\u041e \u201c\u0412\u201d|Αθήνα
ΑΘΗΝΑ|Ελευθέριος|Ίων|ΆΡΗΣ|ΔΉΜΟΣ|ΟΔΌΣ|Γιώργος Ό|Ąžuolas|ĄŽUOLAS|Šiauliai|Žemaitė|ŽEMAITĖ|Ūsiņš|Ķekava|ĢIRTS|RŪĶIS
Õunapuu|ÕUNAPUU|Käärik|Østergård|SMØRREBRØD|Æbelø|McCAFÉ®|iŽivot|eŠkola|ČSOB|KÅØ|\u0412\u2013L|тип \u0413\u2013A
TÜV|Nº 5|Fa. Ü|PAPĂ|RADĂ|\u0102|LĂ|LÃ & CIA|IRMÃ|McIRMÃ|5 kÅ"""


def listed(names: str) -> list[str]:
    """Return the names between bars and line breaks."""
    return names.replace("\n", "|").split("|")


def read_as(encoding: str, text: str) -> str:
    """Return what a program makes of a text in UTF-8 that takes it for another encoding, as browsers do."""
    parts = (bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode())
    return "".join(parts)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("name", listed(NAMES))
def test_utf8_that_was_read_as_another_encoding_is_found_and_shown_as_it_may_have_been(name, encoding):
    rule = rule_against(read_as(encoding, name))
    assert "was broken before it came here: UTF-8 was read as another encoding" in rule
    assert f"it may have been '{name}'" in rule


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "cp1253", "cp1257"])
@pytest.mark.parametrize(
    "name",
    [
        "Müller", "Café", "Dvořák", "René Gérard", "Jörg Müller & Söhne",
        "São Paulo", "Владимир", "Αθήνα", "O\u2019Neil",
        "Wałęsa", "Acme\u00a0Inc", "Acme Niederösterreich 5 GmbH", "McCafé",
    ],
)  # fmt: skip
def test_utf8_that_was_read_as_a_windows_encoding_of_the_east_is_found(encoding, name):
    assert f"it may have been '{name}'" in rule_against(read_as(encoding, name))


@pytest.mark.parametrize("name", ["Società", "Papà", "Università di Roma", "Thị Hà"])
@pytest.mark.parametrize("encoding", ["cp1252", "cp1250", "cp1251"])
def test_a_last_letter_whose_second_half_was_taken_for_white_space_is_found(encoding, name):
    broken = read_as(encoding, name).strip()
    assert f"it may have been '{name}'" in rule_against(broken)


def test_a_lost_letter_that_was_read_again_is_found():
    assert "character 2 was lost" in rule_against("Mï¿½ller GmbH")


def test_a_letter_whose_second_half_became_a_plain_space_is_found():
    assert "was broken before it came here" in rule_against("UniversitÃ di Roma")


@pytest.mark.parametrize("name", ["Ив", "Иван", "Müller", "Società"])
def test_a_text_that_was_broken_twice_is_shown_as_it_may_have_been(name):
    twice = read_as("cp1252", read_as("cp1252", name)).strip()
    assert f"it may have been '{name}'" in rule_against(twice)


@pytest.mark.parametrize("text", ["M\ufffdller", "\ufffd", "M√ºller", "M├╝ller", "MÃ¼ller Köln", "MÃƒÂ¼ller"])
def test_other_broken_texts_are_found(text):
    assert "was broken before it came here" in rule_against(text)


@pytest.mark.parametrize("name", [*listed(NAMES), *listed(GENUINE), *listed(NAMES_OF_THE_EAST)])
def test_a_genuine_name_is_not_taken_for_a_broken_one(name):
    assert rule_against(name) == ""
    assert load({"organization_name": name, "display_name": name}).invalid == []


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "Nd"], include_characters=" &.-", max_codepoint=0x24F), max_size=30))
def test_no_text_of_letters_beyond_windows_1252_is_broken(text):
    assert rule_against(text + "ő") == ""


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_takes_a_broken_text(column):
    for cell in ("MÃ¼ller", '{"name": "MÃ¼ller"}', '["MÃ¼ller"]', "M\ufffdller"):
        loaded = load({column: cell})
        assert any("broken before it came" in problem.rule for row in loaded.invalid for problem in row.problems)


def test_a_broken_text_in_a_message_has_no_control_characters():
    (problem,) = problems_of({"organization_name": "M\u00c3\u009cLLER"})
    assert problem.value == "M\u00c3\\x9cLLER"
    assert "it may have been 'M\u00dcLLER'" in problem.rule
