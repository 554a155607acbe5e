"""Cells that hold no value though they are not empty: errors of a spreadsheet, and what programs write for nothing."""

from __future__ import annotations

import re
from unicodedata import normalize

SPREADSHEET_ERROR = (
    "must be a value, but is a spreadsheet's error value: correct the formula in the spreadsheet, or empty the cell"
)
FORMULA_WITHOUT_VALUE = "#FORMULA!"
"""The text of a workbook's cell whose formula was never calculated."""
_NOT_CALCULATED = (
    "must be a value, but is a formula without a stored result: open the workbook in a spreadsheet program and save it"
    " once"
)
WORD_FOR_NOTHING = "must be a value, but is what a program writes for a missing one: empty the cell"

_MAX_CHARACTERS = 40
_DOTS = frozenset(".…")
_NOT_COMPARED = re.compile(r"^'|[\s_¡¿]+")

_ERRORS_BY_LANGUAGE = {
    "English, and most of it elsewhere": "#NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! #N/A #GETTING_DATA #SPILL! #CALC! "
    "#FIELD! #BLOCKED! #CONNECT! #UNKNOWN! #EXTERNAL! #BUSY! #PYTHON! #TIMEOUT! #DATA! #DIV/0 #NA #N/A_N/A",
    "Google Sheets": "#ERROR! #N/A! #CIRCULAR! #REF",
    "German": "#WERT! #BEZUG! #ZAHL! #NV #DATEN_ABRUFEN #ÜBERLAUF! #KALK! #FELD! #BLOCKIERT! #VERBINDEN! #UNBEKANNT!",
    "French": "#NUL! #VALEUR! #NOM? #NOMBRE! #CHARGEMENT_DONNEES #PROPAGATION! #EPARS! #CALCUL! #CHAMP! #BLOQUE! "
    "#BLOQUÉ! #CONNEXION! #CONNECTER! #INCONNU!",
    "Spanish": "#NULO! #VALOR! #NOMBRE? #N/D #OBTENIENDO_DATOS #DESBORDAMIENTO! #CÁLC! #CAMPO! #BLOQUEADO! #CONECTAR! "
    "#DESCONOCIDO!",
    "Portuguese": "#NOME? #NÚM! #OBTENDO_DADOS #A_OBTER_DADOS #DESPEJAR! #DERRAMAR! #EXCEDENTE! #DESCONHECIDO!",
    "Italian": "#NULLO! #VALORE! #RIF! #ESTRAZIONE_DATI_IN_CORSO #OTTENIMENTO_DATI #ESPANSIONE! #CALCOLO! #BLOCCATO! "
    "#CONNETTI! #SCONOSCIUTO!",
    "Dutch": "#LEEG! #DEEL/0! #WAARDE! #VERW! #NAAM? #GETAL! #N/B #GEGEVENS_OPHALEN #OVERLOOP! #BEREKENEN! #VELD! "
    "#GEBLOKKEERD!",
    "Danish, Norwegian": "#DIVISION/0! #VÆRDI! #REFERENCE! #NAVN? #I/T #HENTER_DATA #OVERLØB! #BEREGN! #FELT! #VERDI! "
    "#OVERFLYT!",
    "Swedish": "#SKÄRNING! #VÄRDEFEL! #REFERENS! #NAMN? #OGILTIGT! #SAKNAS! #HÄMTAR_DATA #FÄLT!",
    "Finnish": "#TYHJÄ! #JAKO/0! #ARVO! #VIITTAUS! #NIMI? #LUKU! #PUUTTUU! #PUUTTUU #NOUDETAAN_TIETOJA #KENTTÄ!",
    "Polish": "#ZERO! #DZIEL/0! #ARG! #ADR! #NAZWA? #LICZBA! #N/D! #POBIERANIE_DANYCH #ROZLANIE! #OBL! #POLE!",
    "Czech": "#DĚLENÍ_NULOU! #HODNOTA! #ODKAZ! #NÁZEV? #ČÍSLO! #NENÍ_K_DISPOZICI #NAČÍTÁNÍ_DAT #PŘESAH! #VÝPOČET!",
    "Slovak": "#NEPRIENIK! #DELENIENULOU! #NÁZOV? #NEDOSTUPNÝ #PRESAH!",
    "Hungarian": "#NULLA! #ZÉRÓOSZTÓ! #ÉRTÉK! #HIV! #NÉV? #SZÁM! #HIÁNYZIK #ADATOK_BEOLVASÁSA #KIBONTÁS! #MEZŐ!",
    "Turkish": "#BOŞ! #SAYI/0! #DEĞER! #BAŞV! #AD? #SAYI! #YOK #VERİ_ALINIYOR #TAŞMA! #HESAPLA! #ALAN!",
    "Greek": "#\u039a\u0395\u039d\u039f! #ΔΙΑΙΡ/0! #\u03a4\u0399\u039c\u0397! #ΑΝΑΦ! "
    "#\u039f\u039d\u039f\u039c\u0391? #ΑΡΙΘ! #Δ/\u03a5",
    "Romanian": "#VALOARE! #NUME? #NUMĂR!",
    "Slovene, Croatian, Serbian": "#NIČ! #VREDN! #VREDNOST! #SKLIC! #IME? #ŠTEV! #N/V #VRIJ! #VRIJEDNOST! #NAZIV? "
    "#BROJ!",
    "Japanese": "#スピル! #ブロック!",
    "Russian": "#ПУСТО! #ДЕЛ/0! #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #\u041d/\u0414 #ОЖИДАНИЕ_ДАННЫХ #ПЕРЕНОС! #ПОЛЕ!",
}
_ERRORS = frozenset(error for errors in _ERRORS_BY_LANGUAGE.values() for error in errors.replace("_", "").split())
_HASHES = re.compile(r"#{3,}")  # of a column that is too narrow for its number
_LIBREOFFICE_ERROR = re.compile(r"(?:err|erro|error|erreur|errore|fehler|fout|fel) ?:[0-9]{3}", re.IGNORECASE)
_LOADING = frozenset(
    {
        "loading", "loading data", "wird geladen", "chargement", "chargement en cours", "cargando", "caricamento",
        "caricamento in corso", "carregando", "a carregar", "laden", "bezig met laden", "indlæser", "laster inn",
        "läser in", "ladataan", "ładowanie", "wczytywanie", "trwa ładowanie", "načítání", "načítava sa", "betöltés",
        "yükleniyor", "se încarcă", "загрузка", "завантаження", "読み込み中", "読み込んでいます",
        "加载中", "正在加载", "로드 중",
    }
)  # fmt: skip

# No "NA", "nil" or "-": they may be names, or a person's own sign.
_WORDS = frozenset(
    {
        "null", "(null)", "<null>", "[null]", "none", "(none)", "<none>", "n/a", "(n/a)", "<na>", "undefined", "<nil>",
        "(blank)", r"\n", "[object object]", "-nan", "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind", "-nan(ind)",
    }
)  # fmt: skip
_SPELLINGS = frozenset({"NaN", "nan", "NAN", "NaT"})  # Nan and Nat are first names


_FIRST_CHARACTERS = frozenset("#'(<[\\NnUuEeFf-1")


def rule_against(cell: str) -> str:
    """Return the rule that a cell breaks which holds no value; empty for all others."""
    if cell[:1] not in _FIRST_CHARACTERS and cell[-1:] not in _DOTS:
        return ""
    if len(cell) > _MAX_CHARACTERS:
        return ""
    if cell == FORMULA_WITHOUT_VALUE:
        return _NOT_CALCULATED
    if cell.lower() in _WORDS or cell in _SPELLINGS:
        return WORD_FOR_NOTHING
    return SPREADSHEET_ERROR if _is_error(cell) else ""


def _is_error(cell: str) -> bool:
    if cell.startswith(("#", "'#")):
        compared = normalize("NFC", _NOT_COMPARED.sub("", cell)).upper()
        return compared in _ERRORS or bool(_HASHES.fullmatch(cell))
    if cell.endswith(("...", "…")):
        return cell.rstrip(" .…").lower() in _LOADING
    return bool(_LIBREOFFICE_ERROR.fullmatch(cell))
