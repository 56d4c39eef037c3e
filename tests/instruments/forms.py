"""Small forms written in the test that needs them, as the bytes of an .xlsx."""

import io
from pathlib import Path

from openpyxl import Workbook

from panel.instruments.questionnaire import Answers, Choice, Questionnaire
from panel.instruments.routing import route
from panel.instruments.xlsform import compile_form

EXITNORWAY = Path(__file__).parents[2] / "panel/demo/forms/exitnorway.xlsx"
DATA = Path(__file__).parents[2] / "panel/demo/data"

EN, NB = "label::English (en)", "label::Norsk (nb)"


def page(name="one", **columns):
    return {"type": "begin_group", "name": name, EN: name, NB: name, **columns}


END = {"type": "end_group"}


def item(kind="integer", name="age", klass="releasable", **columns):
    return {"type": kind, "name": name, EN: name, NB: name, "gj_class": klass, **columns}


def option(code, list_name="yn", **columns):
    return {"list_name": list_name, "name": code, EN: code, NB: code, **columns}


YES_NO = (option("yes"), option("no"))


def xlsx(survey, choices=YES_NO, **settings):
    """The rows as a workbook; `settings` are those of the settings sheet."""
    book = Workbook()
    sheets = {
        "survey": survey,
        "choices": choices,
        "settings": [{"form_id": "f", "form_title": "F", "default_language": "English (en)", **settings}],
    }
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        headers = list(dict.fromkeys(key for row in rows for key in row))
        sheet.append(headers)
        for row in rows:
            sheet.append([row.get(header) for header in headers])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def form(*survey, choices=YES_NO, **settings) -> Questionnaire:
    return compile_form(xlsx(survey, choices, **settings))


def one_page(*items, choices=YES_NO, **settings) -> Questionnaire:
    return form(page(), *items, END, choices=choices, **settings)


def sent(q: Questionnaire, page: str, answers: Answers) -> dict[str, list[str]]:
    """What a browser sends for a page when these answers are ticked."""
    raw = {}
    for one in q.page(page).items:
        value = answers.get(one.name)
        if value is None:
            continue
        if one.kind == "month":
            raw[f"{one.name}-year"], raw[f"{one.name}-month"] = ([part] for part in str(value).split("-"))
        else:
            raw[one.name] = value if isinstance(value, list) else [str(value)]
    return raw


def next_page(q: Questionnaire, here: str | None, answers: Answers) -> str | None:
    """The page after this one; the first one after None; None at the end."""
    names = route(q, answers).names()
    at = names.index(here) + 1 if here else 0
    return names[at] if at < len(names) else None


def offered(q: Questionnaire, item: str, answers: Answers) -> tuple[Choice, ...]:
    """The options an item offers this respondent; none if it isn't asked."""
    steps = route(q, answers).steps
    return next((step.offered[item] for step in steps if item in step.offered), ())
