"""From the bytes of a recruitment file to a header and rows of text. Knows no study and keeps nothing.

CSV (UTF-8 with or without BOM, Windows-1252; semicolon, comma or tab) and XLSX (its first sheet). What can't
be read whole is refused, and so is a formula where a value is read. Rows are numbered as the lines of the
spreadsheet: a cell of several lines is one row, an empty row counts. No sentence here holds anything of a cell.
"""

import csv
import io
import itertools
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from django.utils.translation import gettext as _
from lxml.etree import LxmlError
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from panel.errors import BadInput

LONGEST_LINE = 10_000
BIGGEST_WORKBOOK = 512 * 1024 * 1024
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")
DELIMITERS = ";,\t"
FORMULA = "f"
"""openpyxl's type of a cell that holds one."""

Row = tuple[Any, ...]
"""openpyxl's cells, which have no type of their own for all that can stand in a row."""


@dataclass(frozen=True)
class Table:
    """A header and the rows below it, each with its number; rows come once, and may still refuse the file."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def read(data: bytes, suffix: str, columns: Collection[str]) -> Table:
    """Opens a file of one of the kinds; its content, not its name, says which. `columns` are read, others may
    hold anything.
    """
    if suffix.lower() not in SUFFIXES:
        raise BadInput(_("This kind of file can't be read. Save it as CSV or XLSX."))
    if not data.strip():
        raise BadInput(_("The file is empty."))
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput(
            _("The workbook has a password, or is of the old XLS kind. Save it as XLSX without one.")
        )
    records = _workbook(data, columns) if data.startswith(b"PK\x03\x04") else _csv(data)
    header = next(records, [])
    return Table(_checked_header(header), _checked_rows(records, len(header)))


def _checked_header(cells: Sequence[str]) -> list[str]:
    _check_length(1, cells)
    names = _names(cells)
    named = [name for name in names if name]
    if not named:
        raise BadInput(_("The first line holds no names of columns."))
    if len(named) > len(set(named)):
        raise BadInput(_("Two columns have the same name. Give each its own."))
    return names


def _names(cells: Iterable[str]) -> list[str]:
    return [" ".join(cell.split()) for cell in cells]


def _checked_rows(records: Iterable[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for line, cells in enumerate(records, start=2):
        _check_length(line, cells)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < width or any(cells[width:]):
            raise BadInput(
                _("Line %(line)d has more or fewer cells than there are columns. Nothing was taken in.")
                % {"line": line}
            )
        yield line, cells


def _check_length(line: int, cells: Sequence[str]) -> None:
    if sum(map(len, cells)) > LONGEST_LINE:
        raise BadInput(
            _("Line %(line)d is longer than %(limit)d characters. Nothing was taken in.")
            % {"line": line, "limit": LONGEST_LINE}
        )


# --- CSV


def _csv(data: bytes) -> Iterator[list[str]]:
    text = _text(data)
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        _check_length(number, [line.rstrip("\r\n")])
    records = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    return _parsed(records)


def _parsed(records: Iterator[list[str]]) -> Iterator[list[str]]:
    for line in itertools.count(1):
        try:
            yield next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(
                _("Line %(line)d can't be read: a quotation mark is out of place. Nothing was taken in.")
                % {"line": line}
            ) from error


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data:
        raise BadInput(_("The file isn't text in UTF-8 or Windows-1252. Save it as CSV in UTF-8."))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise BadInput(_("The file isn't text in UTF-8 or Windows-1252. Save it as CSV in UTF-8.")) from error


def _delimiter(text: str) -> str:
    """The one that cuts the first line into most cells."""
    first = text.splitlines()[0] if text.strip() else ""
    return max(DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))


# --- XLSX


def _workbook(data: bytes, columns: Collection[str]) -> Iterator[list[str]]:
    """The first sheet's rows. openpyxl has no error of its own for a damaged file, hence the list."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > BIGGEST_WORKBOOK:
                raise BadInput(_("The workbook is too big when unpacked. Save it as CSV."))
        names: list[str] = []
        for line, row in enumerate(_silently(_rows(data)), start=1):
            cells = [_as_text(cell.value) if cell.data_type != FORMULA else "" for cell in row]
            names = names or _names(cells)
            _refuse_formulas(line, row, names, columns)
            width = len(names)
            yield cells + [""] * (width - len(cells))  # a sheet leaves out the blank end of a row
    except _DAMAGED as error:
        raise BadInput(_("The workbook can't be read. Open it and save it anew, as XLSX or CSV.")) from error


def _refuse_formulas(line: int, row: Row, names: Sequence[str], columns: Collection[str]) -> None:
    """What a formula gave is not always kept in the file; then its cell looks blank, a yes like no answer."""
    for name, cell in zip(names, row, strict=False):
        if cell.data_type == FORMULA and (line == 1 or name in columns):
            raise BadInput(
                _(
                    "Line %(line)d holds a formula in a column that is read. Copy the sheet, insert it as values "
                    "only, save that, and take it. Nothing was taken in."
                )
                % {"line": line}
            )


def _rows(data: bytes) -> Iterator[Row]:
    sheet = load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    sheet.reset_dimensions()
    yield from sheet.iter_rows()


def _silently(rows: Iterator[Row]) -> Iterator[Row]:
    """openpyxl warns with the content of a cell, and warnings end in logs (NEV-09)."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = next(rows, None)
        if values is None:
            return
        yield values


_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    DefusedXmlException,
    ParseError,
    LxmlError,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,  # an entry of the archive is encrypted, or packed in an unknown way
    EOFError,
    OSError,
)


def _as_text(value: object) -> str:
    """A cell as a CSV export would have it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (
            value.isoformat(" ", "minutes")
            if value.time() != datetime.min.time()
            else value.date().isoformat()
        )
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
