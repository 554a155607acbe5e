"""From the cells of one row to a request, or to an invalid row with all its problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from typing import Any

from auth0_sso.models import CARRIED, TicketRequest, shown

from include.prospects.naming import ConnectionNames, default_connection_name, explicit_name, prospect_key
from include.prospects.records import LINE, MAX_PROBLEMS_OF_A_ROW, InvalidRow, Problem
from include.prospects.rows.draft import Draft, read_cells, reading_order
from include.prospects.rows.row_warnings import pending_of
from include.prospects.rows.rules import RULES
from include.prospects.rows.schema_errors import check_schema
from include.prospects.schema.columns import Column
from include.prospects.schema.formats import is_decorated, listed_domain
from include.prospects.schema.models import OWN_COLUMNS, ProspectRow
from include.prospects.table.header import Header

_NAME = "connection_config.name"
_VERIFICATION = "domain_aliases_config.domain_verification"
_MAX_SHOWN_DOMAINS = 5
_PENDING = "domain_aliases_config.pending_domains"


@dataclass(slots=True)
class RowChecker:
    """
    Checks the rows of one file.

    :param unit: what the numbers of its lines count.
    :param names: connection names of all files.
    :param cut_domains: gets the number of each valid row of whose domains something was cut off, and the first of them.
    """

    source: str
    unit: str
    header: Header
    default_ttl_sec: int
    names: ConnectionNames
    cut_domains: list[tuple[int, str]]
    _placed: list[tuple[int, Column]] = field(init=False)

    def __post_init__(self) -> None:
        self._placed = reading_order(self.header.columns)

    def check(self, row: int, line: int, cells: Sequence[str]) -> TicketRequest | InvalidRow:
        """Return the row, which begins at this line of the file, as a request, or as an invalid row with problems."""
        draft = read_cells(cells, self._placed)
        misplaced = self._misplaced(cells)
        if misplaced:
            # The cells may be in the wrong columns, so their other problems would only mislead.
            draft.problems = misplaced
            return self._invalid(row, line, draft)
        names_connection = draft.has(_NAME)
        complete(draft, self.default_ttl_sec)
        model = check_schema(draft)
        for rule in RULES:
            for path, text in rule(draft):
                draft.blame(path, text)
        self._record_name(row, draft)
        if model is None or draft.problems:
            return self._invalid(row, line, draft)
        request = self._request(row, model, names_connection)
        self._record_cut_domain(draft, request)
        return request

    def _misplaced(self, cells: Sequence[str]) -> list[tuple[str, str, str]]:
        columns = self.header.columns
        width = len(columns)
        if len(cells) > width and self.unit == LINE:
            rule = (
                f"the row has {len(cells)} cells, the header {width}:"
                " put quotes around a cell that contains the separator"
            )
            return [(f"#{width + 1}", cells[width], rule)]
        named = chain(columns, repeat(None))
        return [
            (f"#{position + 1}", cell, "has no column name above it: name the column or empty the cell")
            for position, (cell, column) in enumerate(zip(cells, named, strict=False))
            if column is None and cell.strip() and not self._is_left_out(position)
        ]

    def _is_left_out(self, position: int) -> bool:
        is_beyond = position >= len(self.header.columns)
        return position in self.header.left_out or (is_beyond and self.header.ignores_rest)

    def _record_name(self, row: int, draft: Draft) -> None:
        name, organization_id = draft.get(_NAME), draft.get("organization_id")
        if name and organization_id and not draft.has("connection_id"):
            column = draft.column_of(_NAME) if draft.origin.get(_NAME) else "connection_name"
            self.names.add(name, organization_id, row, column)

    def _record_cut_domain(self, draft: Draft, request: TicketRequest) -> None:
        given = draft.get(_PENDING) or ()
        decorated = filter(is_decorated, given) if given != pending_of(request.body) else ()
        cut = [f"{shown(domain)} is {listed_domain(domain)}" for domain in islice(decorated, _MAX_SHOWN_DOMAINS)]
        if cut:
            self.cut_domains.append((request.row, ", ".join(cut)))

    def _invalid(self, row: int, line: int, draft: Draft) -> InvalidRow:
        def text(column: str) -> str:
            return shown(draft.cells.get(column, ""), 255)

        name = draft.get(_NAME)
        problems = [
            Problem(row, line, self.source, shown(self.header.names.get(column, column)), shown(value), rule, self.unit)
            for column, value, rule in draft.problems[:MAX_PROBLEMS_OF_A_ROW]
        ]
        more = len(draft.problems) - len(problems)
        if more:
            problems[-1] = replace(problems[-1], rule=f"{problems[-1].rule} (and {more:,} more problems of this row)")
        return InvalidRow(
            row=row,
            source=self.source,
            organization_id=text("organization_id"),
            organization_name=text("organization_name"),
            prospect_name=text("prospect_name"),
            prospect_email=text("prospect_email"),
            connection_name=text("connection_name")
            or text(_NAME)
            or (shown(name, 255) if isinstance(name, str) else ""),
            problems=tuple(problems),
        )

    def _request(self, row: int, model: ProspectRow, names_connection: bool) -> TicketRequest:
        connection_name = model.connection_config.name if model.connection_config else ""
        explicit = model.connection_id or ""
        if names_connection:
            explicit = explicit_name(connection_name, model.organization_name or "", model.organization_id)
        name, email = model.prospect_name or "", model.prospect_email or ""
        return TicketRequest(
            row=row,
            source=self.source,
            organization_id=model.organization_id,
            organization_name=model.organization_name or "",
            prospect_name=name,
            prospect_email=email,
            connection_name=connection_name,
            profile_id=model.profile_id or "",
            custom_domain=model.custom_domain or "",
            language=model.language or "",
            prospect=prospect_key(email, name, explicit),
            body=request_body(model),
        )


def refuse(checked: TicketRequest | InvalidRow, line: int, unit: str, column: str, value: str, rule: str) -> InvalidRow:
    """Return a row, which begins at this line of its file, with a problem that only the other rows show."""
    earlier = checked.problems if isinstance(checked, InvalidRow) else ()
    problem = Problem(checked.row, line, checked.source, shown(column), shown(value), rule, unit)
    return InvalidRow(
        **{name: _carried(getattr(checked, name)) for name in CARRIED},
        problems=(*earlier, problem)[:MAX_PROBLEMS_OF_A_ROW],
    )


def _carried(value: int | str) -> Any:
    """Return a value of a row for the report: a text escaped, the number as it is."""
    return shown(value, 255) if isinstance(value, str) else value


def complete(draft: Draft, default_ttl_sec: int) -> None:
    """Add what a row may leave out: the connection's name, domain verification, the lifetime in seconds."""
    makes_connection = draft.has("connection_config") or not draft.has("connection_id")
    if makes_connection and not draft.has(_NAME):
        config = draft.values.setdefault("connection_config", {})
        if isinstance(config, dict):
            name, organization_id = draft.get("organization_name"), draft.get("organization_id")
            config["name"] = default_connection_name(name or "", organization_id or "")
    if "domains" in draft.cells and not draft.has(_VERIFICATION):
        config = draft.values.setdefault("domain_aliases_config", {})
        if isinstance(config, dict):
            config["domain_verification"] = "optional"
    if default_ttl_sec and not draft.has("ttl_sec"):
        draft.values["ttl_sec"] = default_ttl_sec


def request_body(model: ProspectRow) -> dict[str, Any]:
    """Return the JSON body of the request for the row's ticket, with the row's organization enabled in it."""
    body = model.model_dump(exclude_unset=True, exclude=set(OWN_COLUMNS))
    if model.enabled_organizations is None:
        organization: dict[str, Any] = {"organization_id": model.organization_id}
        if model.assign_membership_on_login is not None:
            organization["assign_membership_on_login"] = model.assign_membership_on_login
        if model.organization_show_as_button is not None:
            organization["show_as_button"] = model.organization_show_as_button
        body["enabled_organizations"] = [organization]
    if body.get("ttl_sec") == 0:
        del body["ttl_sec"]  # 0 and absent mean the same to the API
    return body
