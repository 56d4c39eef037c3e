"""How cohorts were recruited: counts of files, what staff tell of them, and what they are together."""

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotFound
from panel.members import cohorts
from panel.members.cohorts import Recruited
from panel.members.models import Cohort
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def livet():
    study = f.study()
    cohorts.count_in(study=study, name="2022", answered=100, joined=80)
    return study


def describe(livet, **changes):
    given = {
        "by": f.SIGNE,
        "study": livet,
        "name": "2022",
        "is_open": False,
        "approached": 400,
        "now": f.NOON,
    }
    return cohorts.describe(**{**given, **changes})


def test_files_of_a_cohort_add_up(livet):
    cohorts.count_in(study=livet, name="2022", answered=11, joined=10)
    assert cohorts.recruited(livet, ["2022"]) == Recruited(True, None, 111, 90)


def test_what_staff_tell_has_its_row(livet):
    describe(livet)
    assert cohorts.recruited(livet, ["2022"]) == Recruited(False, 400, 100, 80)
    row = AuditEvent.objects.get(verb="cohort.described")
    assert (row.subject, row.detail) == ("2022", {"open": False, "approached": 400})


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({"by": f.TOR}, NotAllowed), ({"name": "1999"}, NotFound), ({"approached": 99}, BadInput)],
)
def test_what_can_t_be_is_refused(livet, changes, refusal):
    with pytest.raises(refusal):
        describe(livet, **changes)
    assert Cohort.objects.get().approached is None


def test_cohorts_together_are_open_if_one_is_and_known_if_each_is(livet):
    cohorts.count_in(study=livet, name="2025", answered=50, joined=50)
    describe(livet)
    assert cohorts.recruited(livet, ["2022", "2025"]) == Recruited(True, None, 150, 130)
    describe(livet, name="2025", approached=100)
    assert cohorts.recruited(livet, ["2022", "2025"]) == Recruited(False, 500, 150, 130)
    assert cohorts.recruited(livet, ["2022", "1999"]).is_open, "nobody knows how an unknown one was found"


def test_more_answers_than_were_asked_make_no_rate(livet):
    describe(livet, approached=100)
    cohorts.count_in(study=livet, name="2022", answered=1, joined=0)
    assert cohorts.recruited(livet, ["2022"]).approached is None


def test_when_its_last_write_breaks_nothing_is_kept(livet, monkeypatch):
    monkeypatch.setattr("panel.members.cohorts.audit.record", broken)
    with pytest.raises(RuntimeError):
        describe(livet)
    assert Cohort.objects.get().approached is None


def broken(**_given):
    raise RuntimeError
