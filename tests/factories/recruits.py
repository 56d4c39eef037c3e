"""Recruitment files like the example's, of invented people: rows, CSV in any of its shapes, XLSX."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

DATA = Path(__file__).parents[2] / "panel" / "demo" / "data"
SURVEY = (DATA / "survey_2022.csv").read_bytes()

AMAL = {
    "Svar-ID": "1",
    "Innsendt": "24.06.2022 15:09",
    "Språk": "uk",
    "Fornavn": "Amal",
    "Etternavn": "Haddad",
    "E-post": "amal@example.org",
    "Mobil": "+47 44943831",
    "Samtykke ny kontakt": "Ja",
    "Samtykke intervju": "Ja",
    "Samtykkeversjon": "2022-06-01",
    "Kjønn": "Kvinne",
    "Fødselsår": "1985",
    "Fylke": "Oslo",
    "Kommunenr": "0301",
    "Ankomst Norge": "2022-03",
    "Utdanning": "master",
    "Familie i Norge": "alene",
    "Partner i Ukraina": "Nei",
    "Barn under 18 i Norge": "0",
    "Nettverk i Norge før ankomst": "Nei",
    "Forventet varighet krig": "vet ikke",
    "Returplaner": "usikker",
}
Row = dict[str, str]


def row(number: int = 1, **changes: str) -> Row:
    """One agreeing adult; `changes` name columns, with _ for a blank and E_post for E-post."""
    named = {name.replace("E_post", "E-post").replace("_", " "): value for name, value in changes.items()}
    assert named.keys() <= AMAL.keys(), named.keys() - AMAL.keys()
    own = {"Svar-ID": str(number)}
    if number > 1:
        own |= {"Fornavn": f"Navn{number}", "E-post": f"m{number}@example.org"}
    return {**AMAL, **own, **named}


def text_of(rows: Sequence[Row], delimiter: str = ";") -> str:
    """The rows as CSV text with a header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def csv_of(*rows: Row, delimiter: str = ";", encoding: str = "utf-8-sig") -> bytes:
    return text_of(rows, delimiter).encode(encoding)


def xlsx_of(*rows: Row) -> bytes:
    """The rows on the first sheet of a workbook."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(list(rows[0]))
    for one in rows:
        sheet.append([value or None for value in one.values()])
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()
