"""NO-01: who fills in what a study must say, and what was promised to members stays so."""

from datetime import date

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.members import setup
from panel.members.models import Study
from tests.factories import cast

pytestmark = pytest.mark.django_db
NEW = {"sikt_reference": "123456", "ends_on": date(2030, 6, 30)}


@pytest.fixture
def study():
    return cast.study()


@pytest.mark.parametrize("who", [cast.LIV, cast.SIGNE])
def test_no_01_leader_and_coordinator_fill_in_and_the_audit_says_which_fields(study, who):
    assert setup.fill_in(by=who, study=study, now=cast.NOW, **NEW) == ["sikt_reference", "ends_on"]
    study.refresh_from_db()
    assert (study.sikt_reference, study.ends_on) == ("123456", date(2030, 6, 30))
    event = AuditEvent.objects.get(verb="study.filled_in")
    assert (event.actor, event.detail) == (who.name, {"fields": ["sikt_reference", "ends_on"]})
    assert setup.fill_in(by=who, study=study, now=cast.NOW, **NEW) == []


@pytest.mark.parametrize("who", [cast.VERA, cast.INES, cast.RAVN, cast.DAG, cast.TOR])
def test_no_01_nobody_else_does(study, who):
    with pytest.raises(NotAllowed):
        setup.fill_in(by=who, study=study, now=cast.NOW, **NEW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "other"},
        {"dpo_contact": "no address"},
        {"institution": ""},
        {"legal_basis": "curiosity"},
        {"institution": "two\nlines"},
        {"ends_on": date(2020, 1, 1)},
    ],
)
def test_what_can_t_be_kept_is_refused_and_nothing_is_kept(study, wrong):
    with pytest.raises(BadInput):
        setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, **{**NEW, **wrong})
    assert Study.objects.get(pk=study.pk).sikt_reference == study.sikt_reference


@pytest.mark.parametrize("name", setup.PROMISED)
def test_no_04_once_there_are_members_a_day_they_were_told_is_not_moved_later(study, name):
    setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, **{name: date(2031, 1, 1)})
    cast.amal(study)
    for later in (date(2031, 1, 2), None):
        with pytest.raises(NotNow, match="Extend"):
            setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, **{name: later})
    assert setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, **{name: date(2030, 1, 1)}) == [name]


def test_law_11_the_legal_basis_stays_once_somebody_joined_on_it(study):
    setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, legal_basis="public_interest")
    cast.amal(study)
    with pytest.raises(NotNow):
        setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, legal_basis="consent")


def test_the_audit_row_and_the_change_are_one(study, monkeypatch):
    monkeypatch.setattr(setup.audit, "record", lambda **_given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        setup.fill_in(by=cast.LIV, study=study, now=cast.NOW, **NEW)
    assert Study.objects.get(pk=study.pk).sikt_reference == study.sikt_reference
