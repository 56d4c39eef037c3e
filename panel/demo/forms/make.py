"""Makes exitnorway.xlsx of exitnorway.toml: `python -m panel.demo.forms.make`.

No word of the form stands here: change them in the TOML and run this.
"""

import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import Workbook

HERE = Path(__file__).resolve().parent
SOURCE, FORM = HERE / "exitnorway.toml", HERE / "exitnorway.xlsx"

TRANSLATED = ("label", "hint", "constraint_message")
#: Columns of the survey sheet, and what the TOML calls them where it is shorter.
SURVEY = ("type", "name", "relevant", "required", "constraint", "choice_filter", "appearance")
OWN = {
    "gj_class": "class",
    "gj_hierarchy": "hierarchy",
    "gj_sensitive": "rare",
    "gj_release": "release",
    "gj_residency": "residency",
    "gj_purpose": "purpose",
}
CHOICES = {"name": "code", "gj_offered_to": "offered_to", "gj_missing": "missing", "gj_factor": "factor"}


def workbook(form: dict[str, Any]) -> bytes:
    """The .xlsx of a form as the TOML tells it."""
    book = Workbook()
    headers = {code: f"{name} ({code})" for code, name in form["languages"].items()}
    texts = [f"{column}::{header}" for column in TRANSLATED for header in headers.values()]
    survey = book.active
    survey.title = "survey"
    survey.append([*SURVEY, *OWN, *texts])
    for row in _survey_rows(form):
        translated = [row.get(column, {}).get(code) for column in TRANSLATED for code in headers]
        survey.append([*map(row.get, SURVEY), *map(row.get, OWN.values()), *translated])
    choices = book.create_sheet("choices")
    choices.append(["list_name", *CHOICES, *(f"label::{header}" for header in headers.values())])
    for list_name, rows in form["choices"].items():
        for row in rows:
            choices.append([list_name, *map(row.get, CHOICES.values()), *map(row.get, headers)])
    settings = book.create_sheet("settings")
    settings.append(["form_title", "form_id", "default_language", "allow_choice_duplicates"])
    settings.append([form["title"], form["form_id"], headers[form["default_language"]], "yes"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _survey_rows(form: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for page in form["page"]:
        head = {key: value for key, value in page.items() if key != "item"}
        yield {"type": "begin_group", "appearance": "field-list", **head}
        yield from page["item"]
        yield {"type": "end_group"}


def main() -> None:
    """Write the form beside its source."""
    FORM.write_bytes(workbook(tomllib.loads(SOURCE.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
