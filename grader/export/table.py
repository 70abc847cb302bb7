"""CSV as gradebooks export and import it: read with the file's own separator, written back the same way."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import KitError
from grader.invocation import option

_SEPARATORS = ",;\t"
_FORMULA = tuple("=+-@\t\r＝＋－＠")
_BOM = "\ufeff"


@dataclass(frozen=True)
class Table:
    """A header, rows of the same width, and how the file was written."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    separator: str = ","
    has_bom: bool = False

    def column(self, place: int) -> tuple[str, ...]:
        return tuple(row[place] for row in self.rows)


def read_table(path: Path) -> Table:
    """Reads a host's own CSV, whatever separator its language uses. Raises KitError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KitError(
            f"cannot be read: {error.strerror}", where=str(path), mend=f"give the CSV with {option('--roster', 'CSV')}"
        ) from None
    except UnicodeDecodeError:
        raise KitError(
            "is not UTF-8", where=str(path), mend="export it from the host again, and do not save it with a spreadsheet"
        ) from None
    has_bom = text.startswith(_BOM)
    text = text.removeprefix(_BOM)
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if line]
    except csv.Error as error:
        raise KitError(f"is no CSV: {error}", where=str(path)) from None
    if not lines:
        raise KitError("is empty; expected a header and a row a student", where=str(path))
    width = len(lines[0])
    rows = tuple(tuple([*line, *[""] * (width - len(line))][:width]) for line in lines[1:])
    return Table(tuple(lines[0]), rows, separator, has_bom)


def table_text(table: Table) -> str:
    """The table as a file: no cell is a formula; commas, quotes and newlines are quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=table.separator, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([[harmless(text) for text in row] for row in table.rows])
    return (_BOM if table.has_bom else "") + out.getvalue()


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and a number where it is one; newlines stay."""
    kept = "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
    return f"'{kept}" if kept.lstrip(" \n").startswith(_FORMULA) and not _is_plain(kept) else kept


def _is_plain(text: str) -> bool:
    """-1.5, and the dash of an empty cell; `-1+cmd` and `+1` are none that a host writes."""
    unsigned = text.removeprefix("-").replace(".", "", 1).replace(",", "", 1)
    return text == "-" or (unsigned.isascii() and unsigned.isdigit())


def place_of(header: Sequence[str], name: str) -> int | None:
    """The column of that name, whatever its case; None if there is none."""
    wanted = name.strip().casefold()
    return next((place for place, title in enumerate(header) if title.strip().casefold() == wanted), None)
