"""What staff were told ends a wave for a member: recorded once, taken back, each with its row, whole or not at all."""

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations.models import Outgoing
from panel.waves import outcomes, services, told
from panel.waves.models import CaseEvent, Wave
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
K = CaseEvent.Kind


@pytest.fixture
def wave():
    livet = f.with_letters(f.study())
    f.people(livet, 3)
    return f.opened(livet)


def kinds(case):
    return list(case.events.order_by("id").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(K.DIED, "2.31"), (K.LANGUAGE, "2.33"), (K.UNABLE, "2.30"), (K.ELIGIBILITY_LOST, "4.90")],
)
def test_an_outcome_decides_the_case_and_is_taken_back(wave, outcome, code):
    case = wave.cases.first()
    told.record(by=f.SIGNE, case=case, outcome=outcome, now=f.NOON)
    assert outcomes.outcome(wave).tally.by_code[code] == 1
    with pytest.raises(NotNow, match="already"):
        told.record(by=f.SIGNE, case=case, outcome=K.DIED, now=f.NOON)
    told.take_back(by=f.SIGNE, case=case, now=f.NOON)
    assert kinds(case) == []
    with pytest.raises(NotNow, match="none to take back"):
        told.take_back(by=f.SIGNE, case=case, now=f.NOON)
    rows = AuditEvent.objects.filter(subject=case.member.code, verb__startswith="case.").order_by("id")
    assert [(row.verb, row.detail) for row in rows] == [
        ("case.outcome_recorded", {"wave": wave.name}),
        ("case.outcome_taken_back", {"wave": wave.name}),
    ]


def test_other_non_response_stands_in_its_own_group(wave):
    """Eligible, reached, and no refusal: COOP1 and COOP3 differ by them."""
    one, two, three = wave.cases.all()
    told.record(by=f.SIGNE, case=one, outcome=K.LANGUAGE, now=f.NOON)
    services.record_event(case=two, kind=K.COMPLETED, at=f.NOON)
    services.record_event(case=three, kind=K.STARTED, at=f.NOON)
    rates = outcomes.rates(wave)
    assert (rates["COOP1"].denominator, rates["COOP3"].denominator, rates["RR1"].denominator) == (3, 2, 3)


def test_no_further_letter_of_the_wave_goes_out(wave):
    case = wave.cases.first()
    told.record(by=f.SIGNE, case=case, outcome=K.UNABLE, now=f.NOON)
    f.send_all()
    sent = Outgoing.objects.filter(state="sent")
    assert sent.count() == 2
    assert not sent.filter(case=case).exists()


def test_who_may_not_what_there_is_not_and_a_closed_wave_are_refused(wave):
    case = wave.cases.first()
    with pytest.raises(NotAllowed):
        told.record(by=f.TOR, case=case, outcome=K.DIED, now=f.NOON)
    with pytest.raises(BadInput):
        told.record(by=f.SIGNE, case=case, outcome=K.COMPLETED, now=f.NOON)
    Wave.objects.filter(pk=wave.pk).update(status=Wave.Status.CLOSED)
    case.wave.refresh_from_db()
    with pytest.raises(NotNow, match="final"):
        told.record(by=f.SIGNE, case=case, outcome=K.DIED, now=f.NOON)
    assert kinds(case) == []


@pytest.mark.parametrize("name", ["record", "take_back"])
def test_when_its_last_write_breaks_nothing_is_kept(wave, monkeypatch, name):
    case = wave.cases.first()
    if name == "take_back":
        told.record(by=f.SIGNE, case=case, outcome=K.DIED, now=f.NOON)
    before, given = kinds(case), {"outcome": K.DIED} if name == "record" else {}

    def broken(**_given):
        assert kinds(case) != before, "the audit row is the last write"
        raise RuntimeError

    monkeypatch.setattr("panel.waves.told.audit.record", broken)
    with pytest.raises(RuntimeError):
        getattr(told, name)(by=f.SIGNE, case=case, now=f.NOON, **given)
    assert kinds(case) == before
