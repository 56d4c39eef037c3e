"""Each step of a plan is due for the right people, once; conditions count when queued and when sent."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail as django_mail  # noqa: TID251 (what would have been sent)

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.invitations import letter_versions, planning, sending, services, soft_launch
from panel.invitations.models import Letter, LetterKind, LetterText, Outgoing
from panel.invitations.rules import Reason, State
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, PlanVersion, Wave
from panel.waves.plans import Condition, Plan, Sample, SoftLaunch, Step, StepKind, usual_plan
from tests.factories import fielding as f
from tests.waves.test_plans import agree_to

pytestmark = pytest.mark.django_db
K, C, E = StepKind, Condition, CaseEvent.Kind
DAY = timedelta(days=1)
INVITE = Step(K.INVITATION, 0)
THANK = Step(K.THANKS, 1, to=C.COMPLETED)


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def begun(of, *steps, **changes):
    """An approved wave of these steps, open unless it opens later."""
    plan = Plan(steps, **{name: changes.pop(name) for name in ("soft_launch", "sample") if name in changes})
    wave = f.planned(of, plan=plan, reminder_days=[], **changes)
    planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    waves.turn(now=f.NOON)
    wave.refresh_from_db()
    return wave


def happens(case, kind, day):
    waves.record_event(case=case, kind=kind, at=f.NOON + day * DAY)


def sent(day):
    """What goes out at noon of that day."""
    waves.turn(now=f.NOON + day * DAY)
    return f.send_all(f.NOON + day * DAY)


def letters(case=None):
    rows = Outgoing.objects.filter(state=State.SENT)
    rows = rows.filter(case=case) if case else rows
    return [(kind, ordinal) for kind, ordinal in rows.order_by("sent_at").values_list("kind", "ordinal")]


# --- before the opening, after completion


def test_a_pre_notification_goes_before_the_opening_and_never_after(livet):
    f.people(livet, 2)
    begun(livet, Step(K.PRE_NOTIFICATION, -3), INVITE, opens_at=f.NOON + 5 * DAY)
    assert [sent(day) for day in range(6)] == [0, 0, 2, 0, 0, 2]
    assert [kind for kind, _n in letters()] == ["pre_notification"] * 2 + ["invitation"] * 2
    assert CaseEvent.objects.filter(kind=E.PRE_NOTIFIED).count() == 2


def test_a_pre_notification_that_the_opening_overtook_is_not_sent(livet):
    f.people(livet, 1)
    begun(livet, Step(K.PRE_NOTIFICATION, -3), INVITE, opens_at=f.NOON + 5 * DAY)
    services.queue_due(now=f.NOON + 2 * DAY)
    assert sent(6) == 1
    assert Outgoing.objects.get(kind=LetterKind.PRE_NOTIFICATION).reason == Reason.OVERTAKEN


def test_thanks_go_some_days_after_completion_to_who_completed_alone(livet):
    f.people(livet, 2)
    wave = begun(livet, INVITE, Step(K.THANKS, 2, to=C.COMPLETED))
    sent(0)
    done = wave.cases.all()[0]
    happens(done, E.STARTED, 3)
    happens(done, E.COMPLETED, 3)
    assert [sent(day) for day in range(3, 9)] == [0, 0, 1, 0, 0, 0]
    assert letters(done) == [("invitation", 1), ("thanks", 1)]


# --- the nth reminder is one letter


def both(livet, people=1):
    f.people(livet, people)
    return begun(livet, *usual_plan(reminder_days=[7, 14]).steps)


def test_who_stopped_halfway_gets_other_words(livet):
    wave = both(livet, 2)
    sent(0)
    halfway, quiet = wave.cases.all()
    happens(halfway, E.STARTED, 1)
    assert sent(7) == 2
    assert letters(halfway)[-1] == ("continue", 1)
    assert letters(quiet)[-1] == ("reminder", 1)


def test_who_begins_between_queue_and_send_gets_the_other_letter_instead_and_only_that(livet):
    wave = both(livet)
    sent(0)
    case = wave.cases.get()
    services.queue_due(now=f.NOON + 7 * DAY)
    (chunk,) = services.dispatch(now=f.NOON + 7 * DAY)
    happens(case, E.STARTED, 7)
    assert sending.send_chunk(claim=chunk.claim, now=f.NOON + 7 * DAY) == 0
    row = Outgoing.objects.get(ordinal=1, kind=LetterKind.REMINDER)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.NOT_FOR_THEM)
    assert f.send_all(f.NOON + 7 * DAY) == 1
    row.refresh_from_db()
    assert (row.kind, row.state) == (LetterKind.CONTINUE, State.SENT), "one row, one letter"
    assert [sent(day) for day in range(8, 14)] == [0] * 6
    assert sent(14) == 1
    assert letters(case) == [("invitation", 1), ("continue", 1), ("continue", 2)]


def test_who_began_gets_no_letter_where_the_plan_has_none_for_them(livet):
    f.people(livet, 1)
    wave = begun(livet, INVITE, Step(K.REMINDER, 7, to=C.NOT_STARTED))
    sent(0)
    services.queue_due(now=f.NOON + 7 * DAY)
    happens(wave.cases.get(), E.STARTED, 7)
    assert sum(sent(day) for day in range(7, 20)) == 0


# --- other kinds of wave


def test_a_wave_that_keeps_in_touch_writes_to_who_agreed_to_that(livet):
    yes, _no = f.people(livet, 2)
    agree_to(livet, yes, "keep_in_touch")
    wave = waves.plan_wave(
        by=f.SIGNE, study=livet, name="touch", number=1, kind=Wave.Kind.KEEP_IN_TOUCH, instrument=None,
        plan=Plan([Step(K.KEEP_IN_TOUCH, 0), Step(K.KEEP_IN_TOUCH, 90, 2)]), opens_at=f.NOON - DAY,
        closes_at=f.NOON + 120 * DAY, now=f.NOON,
    )  # fmt: skip
    planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    assert [day for day in range(0, 118) if sent(day)] == [0, 89]
    assert letters() == [("keep_in_touch", 1), ("keep_in_touch", 2)]
    assert Outgoing.objects.filter(purpose="keep_in_touch").count() == 2


def test_interview_requests_and_their_reminders_need_consent_to_interviews(livet):
    yes, _no = f.people(livet, 2)
    agree_to(livet, yes, "interview")
    begun(
        livet, Step(K.INTERVIEW_REQUEST, 0), Step(K.REMINDER, 7, to=C.NOT_STARTED), kind=Wave.Kind.INTERVIEW
    )
    assert [sent(day) for day in (0, 7, 8)] == [1, 1, 0]
    assert set(Outgoing.objects.values_list("purpose", flat=True)) == {"interview"}
    f.consent.withdraw(
        study_key=livet.key, subject=yes.code, purposes=["interview"], channel="portal", day=f.NOON.date()
    )


# --- soft launch


SOFT = SoftLaunch(2, days=3, limit=0.25)


def launched(livet, people=6):
    f.people(livet, people)
    return begun(livet, INVITE, Step(K.REMINDER, 7, to=C.NOT_STARTED), soft_launch=SOFT)


def test_the_rest_follows_by_itself_when_its_day_has_come(livet):
    wave = launched(livet)  # it opened yesterday
    assert [sent(day) for day in range(4)] == [2, 0, 4, 0]
    wave.refresh_from_db()
    assert wave.rest_released_at == f.NOON + 2 * DAY
    assert [sent(day) for day in (7, 8, 9)] == [2, 0, 4], "reminders count from each one's invitation"
    event = AuditEvent.objects.get(verb="wave.rest_released")
    assert event.actor_kind == "system"


@pytest.mark.parametrize("fault", ["failed", "unconfirmed", "bounced", "busy"])
def test_where_too_many_failed_the_rest_waits_for_a_person_with_a_reason(livet, fault):
    wave = launched(livet)
    sent(0)
    row = Outgoing.objects.filter(state=State.SENT)[0]
    if fault == "bounced":
        happens(row.case, E.BOUNCED, 1)
    else:
        state, reason = {"failed": (State.FAILED, Reason.ADDRESS_REFUSED), "busy": (State.DEFERRED, Reason.SERVER_BUSY),
                         "unconfirmed": (State.UNCONFIRMED, Reason.LINE_BROKE)}[fault]  # fmt: skip
        Outgoing.objects.filter(pk=row.pk).update(state=state, reason=reason, due_at=f.NOON + 60 * DAY)
    assert [sent(day) for day in range(1, 5)] == [0] * 4
    wave.refresh_from_db()
    found = soft_launch.standing(wave)
    assert (found.first, found.tried, found.failed, found.is_fine) == (2, 2, 1, False)
    with pytest.raises(NotAllowed):
        waves.release_rest(by=f.SIGNE, wave=wave, reason="x", now=f.NOON + 4 * DAY)
    with pytest.raises(BadInput):
        waves.release_rest(by=f.LIV, wave=wave, reason=" ", now=f.NOON + 4 * DAY)
    waves.release_rest(by=f.LIV, wave=wave, reason="One old address.", now=f.NOON + 4 * DAY)
    assert sent(4) == 4
    with pytest.raises(NotNow):
        waves.release_rest(by=f.LIV, wave=wave, reason="Again.", now=f.NOON + 4 * DAY)


def test_it_does_not_follow_before_the_first_letters_went(livet):
    launched(livet)
    Outgoing.objects.all().delete()
    waves.turn(now=f.NOON + 5 * DAY)
    soft_launch.go_on(wave=Wave.objects.get(), now=f.NOON + 5 * DAY)
    assert Wave.objects.get().rest_released_at is None


def test_who_waited_until_the_close_is_counted_as_not_asked(livet):
    wave = launched(livet)
    services.queue_due(now=f.NOON)
    Outgoing.objects.update(state=State.FAILED)
    waves.turn(now=wave.closes_at)
    for _twice in range(2):
        services.queue_due(now=wave.closes_at)
    counted = CaseEvent.objects.filter(kind=E.NOT_SENT)
    assert set(counted.values_list("case", flat=True)) == set(
        Case.objects.filter(first_batch=False).values_list("pk", flat=True)
    )
    assert counted.count() == 4


# --- letters are pinned


def test_an_approved_wave_keeps_its_letters_whatever_is_approved_later(livet):
    f.people(livet, 1, language="en")
    wave = begun(livet, INVITE)
    pinned = wave.planned.steps[0].letter
    newer = letter_versions.draft(by=f.SIGNE, study=livet, kind=LetterKind.INVITATION, now=f.NOON)
    LetterText.objects.filter(letter=newer).update(subject="A newer subject")
    Letter.objects.filter(pk=newer.pk).update(state=Letter.State.APPROVED, approved_at=f.NOON)
    assert sent(0) == 1
    assert str(Outgoing.objects.get().letter_id) == pinned
    assert django_mail.outbox[0].subject != "A newer subject"
    assert PlanVersion.objects.get().plan == wave.plan


def draft(of):
    return letter_versions.draft(by=f.SIGNE, study=of, kind=LetterKind.INVITATION, now=f.NOON, name="second")


def test_a_plan_whose_letter_can_t_be_sent_is_not_approved(livet):
    f.people(livet, 1)
    letter = draft(livet)
    wave = f.planned(livet, plan=Plan([replace(INVITE, letter=str(letter.pk))]), reminder_days=[])
    with pytest.raises(NotNow, match="isn't approved"):
        planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    Letter.objects.filter(pk=letter.pk).update(state=Letter.State.APPROVED, approved_at=f.NOON)
    LetterText.objects.filter(letter=letter, language="ru").delete()
    with pytest.raises(NotNow, match="ru"):
        planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    wave.refresh_from_db()
    assert wave.status == Wave.Status.PLANNED
    assert not Case.objects.exists()


def test_a_plan_names_a_letter_of_its_study_and_kind(livet):
    version, other = f.version(livet), f.study("annet")
    given = {"by": f.SIGNE, "study": livet, "name": "w", "number": 1, "instrument": version,
             "opens_at": f.NOON, "closes_at": f.NOON + 30 * DAY, "now": f.NOON}  # fmt: skip
    strange = Letter.objects.create(study=other, kind=LetterKind.INVITATION, purpose="waves", made_at=f.NOON)
    with pytest.raises(NotFound):
        planning.plan_wave(plan=Plan([replace(INVITE, letter=str(strange.pk))]), **given)
    with pytest.raises(BadInput, match="another kind"):
        planning.plan_wave(plan=Plan([INVITE, replace(THANK, letter=str(draft(livet).pk))]), **given)
    assert not Wave.objects.exists()


class Broken(Exception):
    """Stands for whatever breaks the last write."""


def test_if_the_last_write_of_an_approval_breaks_no_letter_is_pinned(livet, monkeypatch):
    f.people(livet, 1)
    wave = f.planned(livet)

    def breaks(**_given):
        raise Broken

    monkeypatch.setattr("panel.audit.services.record", breaks)
    with pytest.raises(Broken):
        planning.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    wave.refresh_from_db()
    assert not any(step.letter for step in wave.planned.steps)
    assert wave.status == Wave.Status.PLANNED


# --- a changed plan


def change(wave, plan, day, **times):
    version = planning.propose_change(
        by=f.SIGNE, wave=wave, plan=plan, now=f.NOON + day * DAY,
        **{"opens_at": wave.opens_at, "closes_at": wave.closes_at, **times},
    )  # fmt: skip
    found = planning.apply_change(by=f.LIV, version=version, now=f.NOON + day * DAY)
    found.refresh_from_db()
    return found


def test_what_waits_is_moved_later_and_brought_back_when_the_plan_is(livet):
    f.people(livet, 1)
    wave = begun(livet, INVITE, Step(K.REMINDER, 7, to=C.NOT_STARTED))
    sent(0)
    services.queue_due(now=f.NOON + 7 * DAY)
    wave = change(wave, usual_plan(reminder_days=[12]), 7)
    row = Outgoing.objects.get(kind=LetterKind.REMINDER)
    assert (row.state, row.reason, row.due_at) == (State.DEFERRED, Reason.MOVED, f.NOON + 12 * DAY - DAY / 2)
    assert [sent(day) for day in (8, 9)] == [0, 0]
    change(wave, usual_plan(reminder_days=[10]), 9)
    assert [sent(day) for day in (9, 10, 11, 12)] == [0, 1, 0, 0]


def test_a_step_that_is_taken_out_is_cancelled_with_its_reason_and_goes_if_it_comes_back(livet):
    f.people(livet, 1)
    wave = begun(livet, INVITE, Step(K.REMINDER, 7, to=C.NOT_STARTED))
    sent(0)
    services.queue_due(now=f.NOON + 7 * DAY)
    wave = change(wave, usual_plan(), 7)
    row = Outgoing.objects.get(kind=LetterKind.REMINDER)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.PLAN_CHANGED)
    assert sent(8) == 0
    change(wave, usual_plan(reminder_days=[9]), 8)
    assert [sent(day) for day in (8, 9, 10)] == [0, 1, 0]


def test_what_is_in_a_worker_s_hands_is_left_and_checked_by_the_plan_as_it_is(livet):
    f.people(livet, 1)
    wave = begun(livet, INVITE, Step(K.REMINDER, 7, to=C.NOT_STARTED))
    sent(0)
    services.queue_due(now=f.NOON + 7 * DAY)
    (chunk,) = services.dispatch(now=f.NOON + 7 * DAY)
    change(wave, usual_plan(), 7)
    assert Outgoing.objects.get(kind=LetterKind.REMINDER).state == State.CLAIMED
    assert sending.send_chunk(claim=chunk.claim, now=f.NOON + 7 * DAY) == 0
    assert Outgoing.objects.get(kind=LetterKind.REMINDER).reason == Reason.PLAN_CHANGED


def any_plan(chance):
    """Some plan that keeps to the rules."""
    first = chance.randint(7, 12)
    steps = [INVITE]
    for ordinal, days in enumerate([first, first + chance.randint(7, 10)][: chance.randint(0, 2)], start=1):
        kinds = chance.choice([(K.REMINDER,), (K.CONTINUE,), (K.REMINDER, K.CONTINUE)])
        later = chance.randint(0, 1) if ordinal == 2 else 0
        steps += [Step(kind, days + later, ordinal, {K.REMINDER: C.NOT_STARTED, K.CONTINUE: C.HALFWAY}[kind])
                  for kind in kinds]  # fmt: skip
    if chance.random() < 0.6:
        steps.append(Step(K.THANKS, chance.randint(0, 4), to=C.COMPLETED))
    return Plan(steps, sample=Sample())


def live(wave, chance, day):
    """Members begin and complete on some days, between queueing and sending too."""
    for case in wave.cases.all():
        had = set(case.events.values_list("kind", flat=True))
        if E.INVITED in had and E.STARTED not in had and chance.random() < 0.04:
            happens(case, E.STARTED, day)
        elif E.STARTED in had and E.COMPLETED not in had and chance.random() < 0.06:
            happens(case, E.COMPLETED, day)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_changes_whenever_nothing_goes_twice_and_nobody_is_lost(livet, seed):
    """Random changes at random moments: each case gets each step of the final plan at most once, and exactly once if
    it was due and nothing speaks against it.
    """
    chance = random.Random(seed)
    f.people(livet, 5)
    wave = begun(livet, *any_plan(chance).steps, closes_at=f.NOON + 75 * DAY)
    for day in range(74):
        services.queue_due(now=f.NOON + day * DAY)
        claimed = list(services.dispatch(now=f.NOON + day * DAY))
        live(wave, chance, day)
        if day < 30 and chance.random() < 0.25:
            plan = any_plan(chance)
            if plan.steps != tuple(replace(one, letter="") for one in wave.planned.steps):
                wave = change(wave, plan, day)
        for chunk in claimed:
            sending.send_chunk(claim=chunk.claim, now=f.NOON + day * DAY)
        sent(day)
    for case in wave.cases.all():
        _is_as_planned(case, wave.planned)


def _is_as_planned(case, plan):
    got = letters(case)
    had = dict(case.events.values_list("kind", "at"))
    assert len(got) == len(set(got)), "nothing twice"
    reminders = [ordinal for kind, ordinal in got if kind in ("reminder", "continue")]
    assert len(reminders) == len(set(reminders)) <= 2, "the nth reminder is one letter"
    assert case.events.filter(kind__in=(E.REMINDED, E.CONTINUED)).count() == len(reminders)
    assert ("invitation", 1) in got
    for step in plan.steps:
        if step.kind == K.THANKS and E.COMPLETED in had and had[E.COMPLETED] < (f.NOON + 70 * DAY):
            assert ("thanks", 1) in got, "nobody is lost"
        if step.kind == K.REMINDER and E.STARTED not in had:
            assert step.ordinal in reminders, "nobody is lost"
