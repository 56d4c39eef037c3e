"""What a person decides on many letters at once: in sets, by wave and fault, all or nothing."""

from uuid import uuid4

import pytest

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import decisions, services
from panel.invitations.models import Outgoing
from panel.invitations.rules import Reason, State
from panel.members import services as members
from panel.waves.models import CaseEvent
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def letters(of, number=6, state=State.UNCONFIRMED, reason=Reason.LEASE_LOST):
    """An open wave whose invitations all stand so."""
    f.people(of, number)
    wave = f.opened(of)
    services.queue_due(now=f.NOON)
    Outgoing.objects.filter(case__wave=wave).update(state=state, reason=reason, claim=uuid4(), attempts=3)
    return wave


def decide(of, *, by=f.SIGNE, send_again=False, **some):
    return services.decide_all_unconfirmed(
        by=by, study=of, send_again=send_again, reason="Not in its log.", now=f.NOON, **some
    )


def states():
    return sorted(
        f"{state} {reason}".strip() for state, reason in Outgoing.objects.values_list("state", "reason")
    )


def test_all_in_doubt_are_taken_as_sent_with_a_contact_and_a_record_each(livet):
    letters(livet)
    assert decide(livet) == 6
    assert states() == ["sent taken_as_sent"] * 6
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.INVITED).count() == 6
    told = AuditEvent.objects.filter(verb="letter.decided")
    assert set(told.values_list("subject", flat=True)) == set(livet.members.values_list("code", flat=True))
    assert decide(livet) == 0


def test_all_in_doubt_are_sent_again_and_only_those_chosen(livet):
    wave = letters(livet)
    some = list(Outgoing.objects.values_list("pk", flat=True)[:2])
    Outgoing.objects.filter(pk__in=some).update(reason=Reason.LINE_BROKE)
    services.queue_service(member=livet.members.first(), occasion=uuid4(), now=f.NOON)
    Outgoing.objects.filter(case=None).update(state=State.UNCONFIRMED, reason=Reason.LINE_BROKE)
    assert decide(livet, send_again=True, wave=wave, fault=Reason.LINE_BROKE) == 2
    assert sorted(Outgoing.objects.filter(state=State.QUEUED).values_list("pk", flat=True)) == sorted(some)
    assert decide(livet, wave=wave) == 4
    assert decide(livet, fault=Reason.LINE_BROKE) == 1


def test_deciding_on_thousands_takes_no_more_queries_than_on_a_few(livet, django_assert_max_num_queries):
    letters(livet, 30)
    with django_assert_max_num_queries(12):
        decide(livet)


def test_another_study_s_letters_are_nobody_s_here(livet):
    other = f.with_letters(f.study("annet", name="Annet"))
    letters(other, 2)
    assert decide(livet) == 0
    with pytest.raises(NotAllowed):
        decide(other, by=f.TOR)
    with pytest.raises(BadInput):
        services.decide_all_unconfirmed(by=f.SIGNE, study=other, send_again=True, reason=" ", now=f.NOON)
    assert states() == ["unconfirmed lease_lost"] * 2


# --- failed ones, once more


def again(of, *, by=f.SIGNE):
    rows = Outgoing.objects.values_list("pk", flat=True)
    return services.try_again(by=by, study=of, rows=list(rows), reason="The block is lifted.", now=f.NOON)


@pytest.mark.parametrize("reason", [Reason.POLICY, Reason.GAVE_UP, Reason.NOT_ALLOWED, Reason.NO_CARD])
def test_failed_letters_wait_once_more_with_all_their_tries(livet, reason):
    letters(livet, 2, State.FAILED, reason)
    assert again(livet) == 2
    assert states() == ["queued", "queued"]
    assert set(Outgoing.objects.values_list("attempts", flat=True)) == {0}
    assert {one.detail["failed"] for one in AuditEvent.objects.filter(verb="letters.tried_again")} == {reason}
    assert f.send_all() == 2


def test_an_address_that_is_still_refused_is_not_tried_again(livet):
    letters(livet, 2, State.FAILED, Reason.ADDRESS_REFUSED)
    one = livet.members.first()
    members.mark_unreachable(by=f.SYSTEM, members=[one], now=f.NOON)
    assert again(livet) == 1
    assert Outgoing.objects.get(state=State.FAILED).member == one
    with pytest.raises(NotNow):
        again(livet)


def test_nothing_is_tried_again_for_a_wave_that_is_over_or_in_another_state(livet):
    wave = letters(livet, 2, State.FAILED, Reason.POLICY)
    with pytest.raises(NotAllowed):
        again(livet, by=f.TOR)
    f.waves.turn(now=wave.closes_at)
    with pytest.raises(NotNow):
        again(livet)


@pytest.mark.parametrize("act", [decide, again])
def test_nothing_of_a_decision_stays_when_its_record_can_t_be_written(livet, monkeypatch, act):
    state, why = (State.FAILED, Reason.POLICY) if act is again else (State.UNCONFIRMED, Reason.LEASE_LOST)
    letters(livet, 2, state, why)

    def broken(**_given):
        raise RuntimeError("no audit")

    monkeypatch.setattr(decisions.audit, "record_each", broken)
    with pytest.raises(RuntimeError):
        act(livet)
    assert states() == [f"{state} {why}"] * 2
    assert not CaseEvent.objects.filter(kind=CaseEvent.Kind.INVITED).exists()
