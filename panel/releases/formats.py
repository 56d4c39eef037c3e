"""Files of coded rows: CSV and Parquet, the same bytes for the same rows. Decides nothing of what is in."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Rows = Sequence[Mapping[str, str]]


def write_csv(columns: Sequence[str], rows: Rows) -> bytes:
    """UTF-8 without BOM, commas, a header line.

    A code that a spreadsheet would run as a formula is refused, not quoted: coded files have no reason to
    hold one, and an apostrophe put before it would make it another code.
    """
    for name in columns:
        if any(is_formula(row[name]) for row in rows) or is_formula(name):
            raise BadInput(_("A code of “%(name)s” starts like a spreadsheet formula.") % {"name": name})
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[name] for name in columns] for row in rows)
    return text.getvalue().encode()


def is_formula(value: str) -> bool:
    """Whether a spreadsheet would take it for more than text or number; missing codes (-1) are numbers."""
    return value.startswith(_STARTS_A_FORMULA) and not _NUMBER.fullmatch(value)


def write_parquet(columns: Sequence[str], rows: Rows, labels: Mapping[str, str]) -> bytes:
    """Text columns with their labels as field metadata; of the machine that wrote it only Arrow's version."""
    schema = pa.schema(
        [pa.field(name, pa.string(), metadata={"label": labels.get(name, name)}) for name in columns]
    )
    table = pa.table({name: [row[name] for row in rows] for name in columns}, schema=schema)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=True, row_group_size=100_000)
    return sink.getvalue()


def read_csv(data: bytes) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV in UTF-8 or Windows-1252, by comma, semicolon or tab."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise BadInput(_("The file is neither UTF-8 nor Windows-1252 text.")) from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [line for line in reader if line]
    except csv.Error:
        raise BadInput(_("The file is not a readable CSV: a quotation mark may be missing.")) from None
    return _checked(lines)


def _checked(lines: Sequence[Sequence[str]]) -> tuple[list[str], list[dict[str, str]]]:
    if not lines:
        raise BadInput(_("The file is empty."))
    columns = [name.strip() for name in lines[0]]
    if len(set(columns)) < len(columns):
        raise BadInput(_("The file has two columns of the same name."))
    if any(len(line) != len(columns) for line in lines):
        raise BadInput(_("The file has lines with more or fewer cells than its header."))
    return columns, [dict(zip(columns, (cell.strip() for cell in line), strict=True)) for line in lines[1:]]
