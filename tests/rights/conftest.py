"""Two consented members with cards, answers and an open wave."""

import pytest

from panel.responses.services import save_page
from tests.factories import answering
from tests.factories.answering import NOW


@pytest.fixture
def field(db):
    made = answering.in_field()
    answering.with_cards(made.amal, made.other)
    return made


@pytest.fixture
def answered(field):
    """Amal and the other one finished the survey; both moved on."""
    for member in (field.amal, field.other):
        page: str | None = "now"
        revision = 0
        while page:
            raw = {"where_live": ["moved_on"]} if page == "now" else {}
            saved = save_page(
                case=field.case(member), page=page, raw=raw, language="uk", revision=revision, now=NOW
            )
            page, revision = saved.next_page, saved.response.revision
    return field
