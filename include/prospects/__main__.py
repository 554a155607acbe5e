"""``python -m include.prospects check | template | columns``: prospects in a terminal, without Airflow."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from signal import SIG_DFL, SIGPIPE, signal

from auth0_sso.models import shown

from include.files import json_bytes
from include.prospects import (
    Prospects,
    ProspectsError,
    check_contents,
    clients_warning,
    describe_columns,
    load_prospects,
    template_csv,
    template_xlsx,
)
from include.prospects.manifest import error_line, manifest_lines
from include.prospects.schema.cells import CellError
from include.prospects.schema.columns import COLUMNS
from include.prospects.table.options import DEFAULT_OPTIONS, ENCODINGS, ON_UNKNOWN_COLUMNS, ReadOptions
from include.prospects.table.sources import read_stream

VALID, INVALID, UNUSABLE = 0, 1, 2
"""Exit codes of ``check``: all rows are valid, some are invalid, the input as a whole can't be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.prospects", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check a CSV or a workbook as the DAG does, and send nothing")
    check.add_argument("file", help="a CSV or a workbook (.xlsx), a folder of them, or - for standard input")
    check.add_argument("--name", default="stdin", help="name of the file from standard input (default: %(default)s)")
    check.add_argument(
        "--columns",
        type=_mapping,
        default={},
        metavar="FILE",
        help="a JSON file with our column's name for each of the file's columns; an empty name leaves one out",
    )
    check.add_argument(
        "--on-unknown-columns",
        choices=ON_UNKNOWN_COLUMNS,
        default=DEFAULT_OPTIONS.on_unknown_columns,
        help="what becomes of a file with other columns (default: %(default)s)",
    )
    check.add_argument("--sheet", default="", help="the sheet of a workbook that has several")
    check.add_argument(
        "--encoding",
        choices=ENCODINGS,
        default=DEFAULT_OPTIONS.encoding,
        help="of a CSV without a byte order mark (default: %(default)s)",
    )
    check.add_argument("--ttl-sec", type=int, default=0, help="lifetime in seconds for rows that set none")
    check.add_argument(
        "--enabled-clients", type=_clients, default=(), metavar="IDS", help="client ids for rows that set none"
    )
    check.add_argument(
        "--one-link-per-connection", action="store_true", help="a connection's second prospect is an invalid row"
    )
    check.add_argument("--json", action="store_true", help="write JSON Lines: a head, then one line for each row")
    check.add_argument(
        "--questions",
        action="store_true",
        help="with --json: of a file that can't be used, also what you can say about it, with cells of it",
    )
    check.set_defaults(run=_check)
    template = commands.add_parser("template", help="write a CSV to start from")
    template.add_argument("--xlsx", action="store_true", help="write an Excel file that also describes all columns")
    template.add_argument("-o", "--output", type=Path, metavar="FILE", help="a new file (default: standard output)")
    template.set_defaults(run=_template)
    columns = commands.add_parser("columns", help="describe all columns")
    columns.add_argument("--json", action="store_true", help="write JSON Lines, one for each column")
    columns.set_defaults(run=_columns)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


def _clients(argument: str) -> list[str]:
    """Return client ids that are written as in a cell."""
    try:
        found: list[str] = COLUMNS["enabled_clients"].parse(argument.strip())
    except CellError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found


def _mapping(argument: str) -> dict[str, str]:
    """Read the file with the mapping of columns."""
    try:
        found = json.loads(Path(argument).read_bytes())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{shown(argument, 500)} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{shown(argument, 500)} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{shown(argument, 500)} must be one JSON object")
    return found


def _check(options: argparse.Namespace) -> int:
    try:
        read = ReadOptions(options.columns, options.on_unknown_columns, options.sheet, options.encoding)
        if options.file == "-":
            content = read_stream(sys.stdin.buffer, options.name)
            found = check_contents([content], read, options.ttl_sec, options.one_link_per_connection)
        else:
            found = load_prospects(
                Path(options.file),
                options=read,
                default_ttl_sec=options.ttl_sec,
                one_link_per_connection=options.one_link_per_connection,
            )
    except ProspectsError as error:
        if options.json:
            sys.stdout.buffer.write(error_line(error, with_question=options.questions))
        else:
            print(error, file=sys.stderr)
        return UNUSABLE
    if options.json:
        sys.stdout.buffer.writelines(manifest_lines(found))
    else:
        _print_messages(found, clients_warning(found.valid, bool(options.enabled_clients)))
    return INVALID if found.invalid else VALID


def _print_messages(found: Prospects, more_warnings: Sequence[str]) -> None:
    several = len({row.source for row in found.rows()}) > 1
    for row in found.invalid:
        for problem in row.problems:
            print(f"{row.source}: {problem}" if several else problem)
    for warning in [*found.warnings, *more_warnings]:
        print(f"Warning: {warning}")
    print(", ".join(f"{name}: {count:,}" for name, count in found.counts().items()))


def _template(options: argparse.Namespace) -> int:
    content = template_xlsx() if options.xlsx else template_csv()
    if options.output is None and options.xlsx and sys.stdout.isatty():
        print("An Excel file is not for a terminal: name a file with -o.", file=sys.stderr)
        return UNUSABLE
    if options.output is None:
        sys.stdout.buffer.write(content)
        return 0
    try:
        with options.output.open("xb") as file:
            file.write(content)
    except OSError as error:
        print(f"{shown(str(options.output), 500)} can't be written: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    return 0


def _columns(options: argparse.Namespace) -> int:
    for column in describe_columns():
        if options.json:
            sys.stdout.buffer.write(json_bytes(asdict(column)) + b"\n")
        else:
            print(f"{column.name}  ({column.values})\n    {column.explanation} Example: {column.example}")
    return 0


if __name__ == "__main__":
    signal(SIGPIPE, SIG_DFL)  # as other commands, it ends when nobody reads its output any more
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names in letters that the terminal doesn't have
    sys.exit(main())
