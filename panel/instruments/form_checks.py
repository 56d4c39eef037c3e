"""What a compiled form must be before it may be asked: pure checks, each giving a line with sheet and row.

A form says for every item what it is to disclosure control; speaks all its languages; and its conditions ask
only about earlier pages, so that a page works without JavaScript and answers can be coded years later.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date

from panel.instruments.coding import columns_of
from panel.instruments.questionnaire import (
    CLASSES,
    FACTORS,
    RESIDENCY_ROLES,
    RESIDENCY_STATUS,
    Choice,
    Item,
    Kind,
    Page,
    Questionnaire,
    Texts,
)
from panel.instruments.xpath import ROOT, ExpressionError, Instance, compiled

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_PATH = re.compile(rf"/{ROOT}/([\w.-]+)(?:/([\w.-]+))?")
_FUNCTION = re.compile(r"[A-Za-z][\w-]*(?=\s*\()")
_WORD = re.compile(r"[^\W\d][\w.-]*")
_OPERATORS = {"and", "or", "div", "mod"}


def problems(q: Questionnaire) -> list[str]:
    """Everything that is wrong with a form, in its order."""
    found = [*_whole(q)]
    for number, page in enumerate(q.pages):
        found += [
            f'Sheet survey, row {page.row}, page "{page.name}": {text}' for text in _page(q, page, number)
        ]
        for item in page.items:
            found += [
                f'Sheet survey, row {item.row}, "{item.name}": {text}' for text in _item(q, item, number)
            ]
    for name, rows in q.choices.items():
        for choice in rows:
            where = f'Sheet choices, row {choice.row}, "{choice.code}" of list "{name}"'
            found += [f"{where}: {text}" for text in _choice(q, choice)]
    return found


def _whole(q: Questionnaire) -> Iterator[str]:
    if not q.languages:
        yield 'Sheet survey: no column names a language. Write them as "label::English (en)".'
    elif q.default_language not in q.languages:
        yield f'Sheet settings: the default language "{q.default_language}" has no labels.'
    names = Counter([page.name for page in q.pages] + [item.name for page in q.pages for item in page.items])
    for name, times in names.items():
        if times > 1:
            yield f'Sheet survey: the name "{name}" is used {times} times. Names are used once in a form.'
    for role in RESIDENCY_ROLES:
        if sum(item.residency == role for item in q.items()) > 1:
            yield f'Sheet survey: the residency role "{role}" is given to more than one item.'
    columns = Counter(column.name for item in q.items() for column in columns_of(q, item))
    for column, times in columns.items():
        if times > 1:
            yield f'Sheet survey: two items would fill the same column "{column}" of a file. Rename one.'


def _page(q: Questionnaire, page: Page, number: int) -> Iterator[str]:
    if not NAME.match(page.name):
        yield "A name has small letters a–z, digits and _, begins with a letter and is at most 40 long."
    if not page.items:
        yield "The page asks nothing."
    if page.labels:
        yield from _languages(q, page.labels, "label")
    yield from _condition(q, page.relevant, "relevant", number)


def _item(q: Questionnaire, item: Item, number: int) -> Iterator[str]:
    if not NAME.match(item.name):
        yield "A name has small letters a–z, digits and _, begins with a letter and is at most 40 long."
    yield from _languages(q, item.labels, "label")
    if item.hints:
        yield from _languages(q, item.hints, "hint")
    if item.constraint_messages:
        yield from _languages(q, item.constraint_messages, "constraint_message")
    for column in ("relevant", "required", "choice_filter"):
        yield from _condition(q, getattr(item, column), column, number, item)
    yield from _condition(q, item.constraint, "constraint", number + 1, item)
    if item.kind != Kind.NOTE:
        yield from _class(item)
        yield from _codes(q, item)


def _class(item: Item) -> Iterator[str]:
    if item.klass not in CLASSES:
        yield f"gj_class is missing or unknown. It is one of {', '.join(CLASSES)}."
    if (item.kind == Kind.TEXT) != (item.klass == "free_text"):
        yield "gj_class: free_text is for text questions, and a text question is nothing else."
    if (item.klass == "quasi") != bool(item.hierarchy):
        yield "gj_hierarchy names the recoding of a quasi-identifier: give it there, and only there."
    if item.rare and item.klass != "sensitive":
        yield "gj_sensitive is for items of the class sensitive."
    if item.residency and item.residency not in RESIDENCY_ROLES:
        yield f'gj_residency "{item.residency}" is unknown. It is one of {", ".join(RESIDENCY_ROLES)}.'
    if item.residency.endswith("_month") and item.kind != Kind.MONTH:
        yield 'gj_residency: months are asked as "date" with the appearance "month-year".'


def _codes(q: Questionnaire, item: Item) -> Iterator[str]:
    codes = [choice.code for choice in q.options(item)]
    for code in item.rare:
        if code not in codes:
            yield f'gj_sensitive: "{code}" is not among its choices.'
    if item.residency == "status":
        unknown = [code for code in codes if code not in RESIDENCY_STATUS]
        if unknown or item.kind != Kind.SELECT_ONE:
            yield f"gj_residency status: a select_one with the codes {', '.join(RESIDENCY_STATUS)} only."
    if len(set(codes)) < len(codes) and not item.choice_filter:
        yield "Its list holds a code twice. Wording variants need a choice_filter that shows one of them."


def _choice(q: Questionnaire, choice: Choice) -> Iterator[str]:
    if not NAME.match(choice.code):
        yield "A code has small letters a–z, digits and _, begins with a letter and is at most 40 long."
    yield from _languages(q, choice.labels, "label")
    if choice.factor and choice.factor not in FACTORS:
        yield f'gj_factor "{choice.factor}" is unknown. It is one of {", ".join(FACTORS)}.'
    missing = choice.columns.get("gj_missing", "").strip()
    if missing and missing != "refusal":
        yield 'gj_missing is empty or "refusal".'


def _languages(q: Questionnaire, texts: Texts, column: str) -> Iterator[str]:
    lacking = [language for language in q.languages if not texts.get(language, "").strip(" -")]
    if lacking:
        yield f"{column} lacks the language {', '.join(lacking)}."
    if any("${" in text for text in texts.values()):
        yield f"{column} repeats an answer (${{…}}). Answers are not shown inside questions."


# --- conditions


def _condition(
    q: Questionnaire, expression: str, column: str, before: int, item: Item | None = None
) -> Iterator[str]:
    """Whether a condition can be run, and asks only about the pages before the one with this number."""
    if not expression:
        return
    columns = {name for choice in q.options(item) for name in choice.columns} if item else set()
    try:
        compiled(expression)
        if column == "choice_filter":
            Instance(date(1970, 1, 1)).offers(expression, {"name": "x"})
        else:
            Instance(date(1970, 1, 1)).holds(expression)
    except ExpressionError as error:
        yield f"{column} can't be run. {error}"
        return
    yield from _reach(q, expression, column, before)
    bare = _bare_words(expression) - (columns if column == "choice_filter" else set())
    if bare:
        yield f"{column} names {', '.join(sorted(bare))}: nothing here. Write a question as ${{name}}."
    if column != "constraint" and re.search(r"\b(today|now)\s*\(", _LITERAL.sub("''", expression)):
        yield f"{column} depends on the day. Only a constraint may."


def _reach(q: Questionnaire, expression: str, column: str, before: int) -> Iterator[str]:
    order = {page.name: number for number, page in enumerate(q.pages)}
    for page, name in _PATH.findall(_LITERAL.sub("''", expression)):
        if order.get(page, len(order)) >= before or not name:
            yield (
                f'{column} asks about "{name or page}", which does not stand on an earlier page. '
                "Pages work without JavaScript: ask first, then route."
            )


def _bare_words(expression: str) -> set[str]:
    """Names that are neither a question, a function, a text nor an operator; `..` and other paths too."""
    rest = _FUNCTION.sub("", _PATH.sub("", _LITERAL.sub("", expression)))
    words = {word for word in _WORD.findall(rest) if word not in _OPERATORS}
    return words | ({"a path"} if "/" in rest or ".." in rest else set())
