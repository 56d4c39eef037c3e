"""An XLSForm (the bytes of an .xlsx) -> a compiled Questionnaire, or a refusal that lists sheet and row.

pyxform converts and validates; conditions are taken from the XForm it makes. What is Gjensyn's own stands in
extra columns. Survey sheet:
    gj_class      quasi | sensitive | free_text | releasable | internal; every item that is asked says one
    gj_hierarchy  name of the study's recoding hierarchy (quasi only, and there it must be)
    gj_sensitive  the codes whose rarity makes a sensitive item delicate, as "returned moved_on"
    gj_release    tables: never in microdata, whatever its class
    gj_residency  status | region | left_month | arrived_month
    gj_purpose    the consent purpose that a "yes" is about
Choices sheet:
    gj_missing    refusal: this option is "prefer not to say"
    gj_factor     structural | individual | familial | policy | other
    and any column a choice_filter asks about, such as gj_offered_to
What a form may not hold is decided in form_checks.py.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lxml import etree
from pyxform.builder import create_survey_element_from_dict
from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json
from pyxform.xls2json_backends import get_xlsform

from panel.errors import BadInput
from panel.instruments.form_checks import problems
from panel.instruments.questionnaire import Choice, Item, Kind, Page, Questionnaire, Texts
from panel.instruments.xpath import ROOT

MAX_BYTES = 2_000_000
MAX_UNPACKED = 40_000_000
SHOWN_PROBLEMS = 20

SURVEY_COLUMNS = ("gj_class", "gj_hierarchy", "gj_sensitive", "gj_release", "gj_residency", "gj_purpose")
_XF = "{http://www.w3.org/2002/xforms}"
_LANGUAGE = re.compile(r"\(([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\)\s*\Z")
_FILTER = re.compile(r"instance\('[^']*'\)/root/item\[(.*)\]\Z", re.DOTALL)
_KINDS = {
    "select one": Kind.SELECT_ONE,
    "select all that apply": Kind.SELECT_MULTIPLE,
    "integer": Kind.INTEGER,
    "text": Kind.TEXT,
    "note": Kind.NOTE,
}
_NEVER = {
    **dict.fromkeys(("geopoint", "geotrace", "geoshape", "start-geopoint"), "it asks for a place"),
    **dict.fromkeys(("image", "photo", "audio", "video", "file", "background-audio"), "it records"),
    **dict.fromkeys(
        ("deviceid", "phonenumber", "phone number", "username", "email", "subscriberid", "simserial", "audit",
         "start", "end", "today"),
        "it collects what the respondent was not asked",
    ),
    **dict.fromkeys(
        ("date", "dateTime", "time", "datetime"),
        'days are never asked: use "date" with the appearance "month-year"',
    ),
}  # fmt: skip


def compile_form(source: bytes) -> Questionnaire:
    """The compiled form. Raises BadInput with one line for each thing that is wrong."""
    _refuse_odd_file(source)
    survey, xform, rows = _converted(source)
    reader = _Reader(survey, xform, rows)
    q = reader.questionnaire()
    found = reader.problems or problems(q)
    if found:
        more = [f"… and {len(found) - SHOWN_PROBLEMS} more."] if len(found) > SHOWN_PROBLEMS else []
        raise BadInput("The form was not taken in:\n" + "\n".join(found[:SHOWN_PROBLEMS] + more))
    return q


def _refuse_odd_file(source: bytes) -> None:
    if len(source) > MAX_BYTES:
        raise BadInput(
            f"The form is larger than {MAX_BYTES // 1_000_000} MB. Save it again without pictures."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            encrypted = any(entry.flag_bits & 1 for entry in archive.infolist())
            sheets = "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile as error:
        raise BadInput("The form is not an .xlsx file. Save it as an Excel workbook (.xlsx).") from error
    if unpacked > MAX_UNPACKED or encrypted or not sheets:
        raise BadInput("The form is not a usual .xlsx file. Save it again as an Excel workbook (.xlsx).")


def _converted(source: bytes) -> tuple[dict[str, Any], Any, "_Rows"]:
    """pyxform's reading of the form, the XForm it makes of it, and where things stand in the sheets."""
    try:
        workbook = get_xlsform(source, file_type=".xlsx")
        rows = _Rows(workbook)
        survey = workbook_to_json(
            workbook_dict=workbook, form_name=ROOT, fallback_form_name=ROOT, warnings=[]
        )
        xform = create_survey_element_from_dict(survey).to_xml(validate=False, warnings=[])
    except PyXFormError as error:
        raise BadInput(f"The form was not taken in. {error}") from error
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return survey, etree.fromstring(xform.encode(), parser), rows


class _Rows:
    """Row numbers as a spreadsheet shows them (the header is 1)."""

    def __init__(self, workbook: Any) -> None:
        rows = enumerate(workbook.survey or (), start=2)
        self.survey = {row["name"]: number for number, row in rows if "name" in row}
        self.columns = {name for header in workbook.survey_header or () for name in header}
        self._choices: dict[str, list[int]] = {}
        for number, row in enumerate(workbook.choices or (), start=2):
            self._choices.setdefault(row.get("list_name", row.get("list name", "")), []).append(number)

    def choice(self, list_name: str, position: int) -> int:
        """The row of the list's choice at this position."""
        known = self._choices.get(list_name, [])
        return known[position] if position < len(known) else 0


class _Reader:
    """Turns pyxform's reading into pages, items and choices; what can't be one becomes a problem."""

    def __init__(self, survey: Mapping[str, Any], xform: Any, rows: _Rows) -> None:
        self.survey, self.rows = survey, rows
        self.problems: list[str] = []
        self.languages: set[str] = set()
        self._without_language: set[str] = set()
        self._binds = {bind.get("nodeset"): bind for bind in xform.iter(f"{_XF}bind")}
        self._filters = dict(_filters(xform))

    def questionnaire(self) -> Questionnaire:
        """The form; sound only if no problem was noted."""
        choices = {name: self._choices(name, rows) for name, rows in self.survey.get("choices", {}).items()}
        pages = tuple(self._page(child) for child in self.survey["children"] if self._is_page(child))
        if not pages:
            self.problems.append(
                "Sheet survey: there is no page. Put questions between begin_group and end_group."
            )
        self._note_headers()
        default = _LANGUAGE.search(str(self.survey.get("default_language", "")))
        languages = tuple(sorted(self.languages))
        return Questionnaire(
            form_id=str(self.survey.get("id_string", "")),
            title=str(self.survey.get("title", "")),
            languages=languages,
            default_language=default[1] if default else next(iter(languages), ""),
            pages=pages,
            choices=choices,
        )

    def _note_headers(self) -> None:
        for column in sorted(self.rows.columns):
            if column.startswith("gj_") and column not in SURVEY_COLUMNS:
                self.problems.append(
                    f'Sheet survey: there is no column "{column}". Known: {", ".join(SURVEY_COLUMNS)}.'
                )
        for column in sorted(self._without_language):
            self.problems.append(
                f'The column "{column}" names no language: write it as "{column}::English (en)".'
            )

    def _is_page(self, child: Mapping[str, Any]) -> bool:
        if child["name"] == "meta":
            for inner in child["children"]:
                if inner["name"] not in ("instanceID", "instanceName"):
                    self._note(inner, "The form collects what the respondent was not asked.")
            return False
        if child["type"] != "group":
            self._note(child, "Only pages stand here: put questions between begin_group and end_group.")
        return bool(child["type"] == "group")

    def _page(self, group: Mapping[str, Any]) -> Page:
        name = str(group["name"])
        bind = self._bind(f"/{ROOT}/{name}")
        return Page(
            name=name,
            labels=self._texts(group, "label"),
            items=tuple(self._items(name, group.get("children", []))),
            relevant=bind.get("relevant", ""),
            row=self.rows.survey.get(name, 0),
        )

    def _items(self, page: str, children: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
        for child in children:
            kind = self._kind(child)
            if kind is not None:
                yield self._item(page, kind, child)

    def _kind(self, child: Mapping[str, Any]) -> Kind | None:
        """What kind of item it is; None, and a problem, if it is none that may be asked."""
        kind, appearance = str(child["type"]), str(child.get("control", {}).get("appearance", ""))
        if kind == "date" and "month-year" in appearance.split():
            return Kind.MONTH
        if kind in _KINDS:
            return _KINDS[kind]
        reason = _NEVER.get(kind, "ask by select_one, select_multiple, integer, text, note or month")
        self._note(child, f'"{kind}" is not possible: {reason}.')
        return None

    def _item(self, page: str, kind: Kind, child: Mapping[str, Any]) -> Item:
        path = f"/{ROOT}/{page}/{child['name']}"
        bind = self._bind(path)
        if child.get("default") or bind.get("calculate"):
            self._note(child, "Nothing is filled in beforehand: empty its default and calculation.")
        messages = self._texts(child.get("bind", {}), "jr:constraintMsg")
        own = {column: str(child.get(column, "")).strip() for column in SURVEY_COLUMNS}
        if own["gj_release"] not in ("", "tables"):
            self._note(child, 'gj_release is empty or "tables".')
        return Item(
            name=str(child["name"]),
            kind=kind,
            labels=self._texts(child, "label"),
            hints=self._texts(child, "hint"),
            row=self.rows.survey.get(child["name"], 0),
            klass=own["gj_class"],
            relevant=bind.get("relevant", ""),
            required=bind.get("required", ""),
            constraint=bind.get("constraint", ""),
            constraint_messages=messages or None,
            choice_list=str(child.get("list_name", "")),
            choice_filter=self._filters.get(path, ""),
            residency=own["gj_residency"],
            hierarchy=own["gj_hierarchy"],
            rare=tuple(own["gj_sensitive"].split()),
            tables_only=own["gj_release"] == "tables",
            purpose=own["gj_purpose"],
        )

    def _choices(self, list_name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Choice, ...]:
        return tuple(
            Choice(
                code=str(row["name"]),
                labels=self._texts(row, "label"),
                columns={key: str(value) for key, value in row.items() if isinstance(value, str)},
                factor=str(row.get("gj_factor", "")).strip(),
                refusal=str(row.get("gj_missing", "")).strip() == "refusal",
                row=self.rows.choice(list_name, position),
            )
            for position, row in enumerate(rows)
        )

    def _bind(self, path: str) -> dict[str, str]:
        found = self._binds.get(path)
        return {key: value.strip() for key, value in found.attrib.items()} if found is not None else {}

    def _texts(self, holder: Mapping[str, Any], key: str) -> Texts:
        """The texts by language code, from headers such as "label::Українська (uk)"."""
        value = holder.get(key) or {}
        if not isinstance(value, Mapping):
            value = {"": value}
        texts: dict[str, str] = {}
        for header, text in value.items():
            code = _LANGUAGE.search(str(header))
            if code is None:
                self._without_language.add(key.removeprefix("jr:"))
                continue
            self.languages.add(code[1])
            texts[code[1]] = str(text)
        return texts

    def _note(self, child: Mapping[str, Any], sentence: str) -> None:
        name = str(child.get("name", ""))
        self.problems.append(f'Sheet survey, row {self.rows.survey.get(name, 0)}, "{name}": {sentence}')


def _filters(xform: Any) -> Iterator[tuple[str, str]]:
    """Each select's choice_filter, by the item's path."""
    for tag in ("select1", "select"):
        for select in xform.iter(f"{_XF}{tag}"):
            for itemset in select.iter(f"{_XF}itemset"):
                found = _FILTER.match(itemset.get("nodeset", ""))
                if found:
                    yield select.get("ref", ""), found[1].strip()
