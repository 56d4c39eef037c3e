"""The burden on one person over all studies, as the database holds it: six letters, ninety days, two reminders."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from panel.instruments.models import InstrumentVersion
from panel.invitations import burdens, checking, sending, services, study_limits
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import Reason, State
from panel.members.models import PanelMember
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LONG = {"closes_at": f.NOON + 400 * DAY, "reminder_days": []}


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def reasons() -> list[str]:
    return sorted(
        f"{state} {reason}".strip() for state, reason in Outgoing.objects.values_list("state", "reason")
    )


def letters_before(member: PanelMember, *days: int, kind: Wave.Kind = Wave.Kind.PILOT) -> None:
    """Survey letters of an older wave of theirs, so many days ago."""
    number = member.study.waves.count() + 1
    wave = f.planned(member.study, name=f"old{number}", number=number, kind=kind)
    case = Case.objects.create(wave=wave, member=member)
    for ago in days:
        waves.record_event(case=case, kind=CaseEvent.Kind.REMINDED, at=f.NOON - ago * DAY)


def test_the_seventh_letter_in_180_days_waits_for_the_first_to_be_past(livet):
    (one,) = f.people(livet)
    letters_before(one, 175, 100, 80, 60, 40, 20)
    f.opened(livet, number=9, instrument=InstrumentVersion.objects.get(), **LONG)
    assert f.send_all() == 0
    assert reasons() == ["deferred mail_cap"]
    assert Outgoing.objects.get().due_at == (f.NOON + 5 * DAY).replace(hour=10)
    assert f.send_all((f.NOON + 5 * DAY).replace(hour=10)) == 1


def test_letters_of_another_study_count_for_the_same_person_and_for_nobody_else(livet):
    other = f.with_letters(f.study("annet", name="Annet"))
    here, there = f.people(livet, 1)[0], f.people(other, 1, start=9)[0]
    letters_before(there, 100, 80, 60, 40, 30, 20)
    f.opened(livet, number=9, **LONG)
    services.queue_due(now=f.NOON)
    row = Outgoing.objects.get()
    assert checking.verdicts([row], f.NOON)[row].send
    PanelMember.objects.filter(pk__in=[here.pk, there.pk]).update(person=uuid4())
    row = Outgoing.objects.get()
    assert checking.verdicts([row], f.NOON)[row].reason == Reason.MAIL_CAP


@pytest.mark.parametrize(("kind", "held"), [(Wave.Kind.SURVEY, True), (Wave.Kind.PILOT, False)])
def test_ninety_days_between_survey_waves_of_any_study(livet, kind, held):
    other = f.with_letters(f.study("annet", name="Annet"))
    here, there = f.people(livet, 1)[0], f.people(other, 1, start=9)[0]
    PanelMember.objects.filter(pk__in=[here.pk, there.pk]).update(person=uuid4())
    there.refresh_from_db()
    letters_before(there, 80, kind=kind)
    f.opened(livet, number=9, **LONG)
    f.send_all()
    assert reasons() == (["deferred wave_gap"] if held else ["sent"])


def test_two_waves_at_once_write_to_one_person_once(livet):
    """Two studies open on one morning: of two letters in one chunk the second sees the first."""
    other = f.with_letters(f.study("annet", name="Annet"))
    here, there = f.people(livet, 1)[0], f.people(other, 1, start=9)[0]
    PanelMember.objects.filter(pk__in=[here.pk, there.pk]).update(person=uuid4())
    f.opened(livet, **LONG)
    f.opened(other, **LONG)
    assert f.send_all() == 1
    assert f.send_all(f.NOON + timedelta(minutes=1)) == 0
    assert reasons() == ["deferred wave_gap", "sent"]


def test_a_letter_that_another_worker_sends_right_now_counts(livet):
    other = f.with_letters(f.study("annet", name="Annet"))
    here, there = f.people(livet, 1)[0], f.people(other, 1, start=9)[0]
    PanelMember.objects.filter(pk__in=[here.pk, there.pk]).update(person=uuid4())
    f.opened(livet, **LONG)
    f.opened(other, **LONG)
    services.queue_due(now=f.NOON)
    first, second = Outgoing.objects.order_by("pk")
    Outgoing.objects.filter(pk=first.pk).update(state=State.SENDING, claim=uuid4(), tried_at=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    sending.send_chunk(claim=chunk.claim, now=f.NOON)
    second.refresh_from_db()
    assert (second.state, second.reason) == (State.DEFERRED, Reason.WAVE_GAP)


def test_two_who_become_one_person_while_a_worker_finds_its_people_are_counted_as_one(livet, monkeypatch):
    """Else the worker of the one and the worker of the other would both find room for a letter."""
    other = f.with_letters(f.study("annet", name="Annet"))
    here, there = f.people(livet, 1)[0], f.people(other, 1, start=9)[0]
    f.opened(livet, **LONG)
    f.opened(other, **LONG)
    services.queue_due(now=f.NOON)
    Outgoing.objects.filter(member=there).update(state=State.SENDING, claim=uuid4(), tried_at=f.NOON)
    found, make, looked, again = burdens.same_people, sending._make_ready, [], []

    def enrol():
        PanelMember.objects.filter(pk__in=[here.pk, there.pk]).update(person=uuid4())

    def and_then_enrolled(marks):
        looked.append(set(whom := found(marks)))
        if len(looked) == 1:
            enrol()
        return whom

    def let_go(*args):
        try:
            return make(*args)
        except checking.NewlyMarked:
            again.append(list(looked))
            enrol()  # the rollback took the mark with it, which in life another connection has committed
            raise

    monkeypatch.setattr(burdens, "same_people", and_then_enrolled)
    monkeypatch.setattr(sending, "_make_ready", let_go)
    (chunk,) = services.dispatch(now=f.NOON)
    sending.send_chunk(claim=chunk.claim, now=f.NOON)
    assert again == [[{here.pk}]], "it let go once, having seen one of the two"
    assert looked[1] == {here.pk, there.pk}
    letter = Outgoing.objects.get(member=here)
    assert (letter.state, letter.reason) == (State.DEFERRED, Reason.WAVE_GAP)


def test_queries_for_the_burden_do_not_grow_with_the_letters(livet, django_assert_max_num_queries):
    people = f.people(livet, 12)
    PanelMember.objects.filter(pk__in=[one.pk for one in people[:6]]).update(person=uuid4())
    members = list(livet.members.all())
    with django_assert_max_num_queries(3):
        burdens.history(members, since=f.NOON - 200 * DAY)


def test_a_letter_on_its_way_from_being_sent_to_sent_is_seen_once(livet, django_assert_max_num_queries):
    """What is being sent and what went are one statement, so one moment."""
    members = f.people(livet, 2)
    with django_assert_max_num_queries(3) as asked:
        burdens.history(members, since=f.NOON - 200 * DAY)
    (both,) = [one["sql"] for one in asked.captured_queries if '"waves_caseevent"' in one["sql"]]
    assert '"invitations_outgoing"' in both


def test_cases_of_waves_that_ended_long_ago_are_not_read(livet):
    """Else each check would cost the more the older the panel is."""
    (one,) = f.people(livet)
    wave = f.opened(livet)
    f.send_all()
    assert burdens.history([one], since=wave.opens_at)[one.pk]
    assert not burdens.history([one], since=wave.closes_at)[one.pk]


# --- the reminders' cap is the database's too


def reminder(case: Case, ordinal: int, kind: LetterKind = LetterKind.REMINDER, **more: object) -> Outgoing:
    with transaction.atomic():
        made: Outgoing = Outgoing.objects.create(
            member=case.member, case=case, purpose="waves", occasion=case.pk, kind=kind, ordinal=ordinal,
            planned_at=f.NOON, due_at=f.NOON, **more,
        )  # fmt: skip
    return made


def test_the_database_itself_takes_no_third_reminder(livet):
    f.people(livet)
    f.opened(livet)
    case = Case.objects.get()
    reminder(case, 1)
    reminder(case, 2, LetterKind.CONTINUE)
    for kind in (LetterKind.REMINDER, LetterKind.CONTINUE):
        with pytest.raises(IntegrityError):
            reminder(case, 2, kind)
        with pytest.raises(IntegrityError):
            reminder(case, 3, kind)
        with pytest.raises(IntegrityError):
            reminder(case, 3, kind, cap=3)


def test_the_database_takes_a_third_with_the_decision_that_allows_it(livet):
    f.people(livet)
    f.opened(livet)
    assert burdens.cap(livet) == {"cap": 2, "raised_by_id": None}
    study_limits.set_limit(
        by=f.LIV, study=livet, limit="reminders_max", value=3, reason="Board, case 7.", now=f.NOON
    )
    livet.refresh_from_db()
    decided = livet.decisions.get(setting="reminders_max")
    assert burdens.cap(livet) == {"cap": 3, "raised_by_id": decided.pk}
    case = Case.objects.get()
    reminder(case, 3, **burdens.cap(livet))
    with pytest.raises(IntegrityError):
        reminder(case, 4, **burdens.cap(livet))


def test_a_long_wave_stays_begun_however_long_ago_its_first_letter_was(livet):
    (one,) = f.people(livet)
    letters_before(one, 30, kind=Wave.Kind.SURVEY)
    version = InstrumentVersion.objects.get()
    f.opened(livet, number=9, instrument=version, opens_at=f.NOON - 300 * DAY, **LONG)
    case = Case.objects.get(wave__number=9)
    services.queue_due(now=f.NOON)
    row = Outgoing.objects.get(case=case)
    assert checking.verdicts([row], f.NOON)[row].reason == Reason.WAVE_GAP
    waves.record_event(case=case, kind=CaseEvent.Kind.PRE_NOTIFIED, at=f.NOON - 300 * DAY)
    assert checking.verdicts([row], f.NOON)[row].send
