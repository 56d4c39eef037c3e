"""When a case that goes no further is a partial and when a break-off: the event that tells them apart."""

import pytest

from panel.responses.services import save_page
from panel.waves import selectors
from panel.waves.models import CaseEvent
from tests.factories import fielding as f
from tests.instruments.forms import END, item, page, xlsx

pytestmark = pytest.mark.django_db
PAGES = ("one", "two", "three", "four")
FORM = xlsx([row for name in PAGES for row in (page(name), item(name=f"age_{name}"), END)])


def test_half_of_the_questions_make_a_partial_of_a_break_off_once():
    livet = f.study()
    f.people(livet)
    wave = f.opened(livet, instrument=f.version(livet, FORM))
    case = wave.cases.get()

    def answer(number: int) -> list[str]:
        name = PAGES[number]
        save_page(
            case=case, page=name, raw={f"age_{name}": ["30"]}, language="en", revision=number, now=f.NOON
        )
        return list(CaseEvent.objects.order_by("id").values_list("kind", flat=True))

    assert answer(0) == ["started"]
    assert selectors.by_code(wave) == {"2.12": 1}
    assert answer(1) == ["started", "sufficient"]
    assert selectors.by_code(wave) == {"1.2": 1}
    assert answer(2) == ["started", "sufficient"]
    assert answer(3) == ["started", "sufficient", "completed"]
    assert selectors.by_code(wave) == {"1.1": 1}
