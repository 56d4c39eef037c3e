"""Pauses of all survey mail: a person's button, and the one that comes by itself when errors pile up."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core import mail as django_mail  # noqa: TID251 (what would have been sent)
from django.db import IntegrityError, transaction

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import pauses, sending, services
from panel.invitations.models import LetterKind, Outgoing, SendingPause
from panel.invitations.rules import Reason, State
from tests.factories import fielding as f

MINUTE = timedelta(minutes=1)
Why = SendingPause.Why


@pytest.fixture
def livet(db):
    return f.with_letters(f.study())


def states():
    return sorted(
        f"{state} {reason}".strip() for state, reason in Outgoing.objects.values_list("state", "reason")
    )


def begun(now=f.NOON) -> tuple[SendingPause, datetime]:
    """The pause that comes by itself, and when its next letter is tried."""
    here = pauses.watch(now=now) or pauses.of_all()
    assert here is not None
    assert here.until is not None
    return here, here.until


def pause(of, by=f.LIV, reason="A wrong link in the letter."):
    return pauses.pause(by=by, study=of, reason=reason, now=f.NOON)


def tried(of, number, *, state=State.DEFERRED, reason=Reason.SERVER_BUSY, at=f.NOON):
    """So many letters that were handed over just now, with this outcome."""
    one = of.members.first() or f.people(of)[0]
    rows = [
        Outgoing(
            member=one, purpose="service", occasion=uuid4(), kind=LetterKind.RECEIPT, state=state, reason=reason,
            planned_at=at, due_at=at + 10 * f.timedelta(days=1), tried_at=at, claim=uuid4(),
        )
        for _number in range(number)
    ]  # fmt: skip
    Outgoing.objects.bulk_create(rows)
    return rows


# --- by a person


@pytest.mark.parametrize("who", [f.LIV, f.SIGNE])
def test_law_07_a_pause_stops_what_waits_and_what_is_claimed_and_nothing_of_others(livet, who):
    f.people(livet, 2)
    other = f.with_letters(f.study("annet", name="Annet"))
    f.people(other, 1, start=7)
    f.opened(livet)
    f.opened(other)
    services.queue_due(now=f.NOON)
    claimed = list(services.dispatch(now=f.NOON))
    pause(livet, who)
    for chunk in claimed:
        sending.send_chunk(claim=chunk.claim, now=f.NOON + MINUTE)
    assert [letter.to for letter in django_mail.outbox] == [["m7@example.org"]]
    assert states() == ["deferred sending_paused"] * 2 + ["sent"]
    f.people(livet, 1, start=9)
    assert list(services.dispatch(now=f.NOON + 2 * MINUTE)) == []


def test_service_mail_is_not_held_by_a_pause(livet):
    (one,) = f.people(livet)
    pause(livet)
    services.queue_service(member=one, occasion=uuid4(), now=f.NOON)
    assert f.send_all() == 1


def test_what_waited_goes_in_the_order_of_the_plans_once_a_person_lifts_it(livet, settings):
    f.people(livet, 3)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    for number, row in enumerate(Outgoing.objects.order_by("pk")):
        Outgoing.objects.filter(pk=row.pk).update(planned_at=f.NOON - number * MINUTE)
    standing = pause(livet)
    list(services.dispatch(now=f.NOON))
    assert states() == ["deferred sending_paused"] * 3
    pauses.lift(by=f.SIGNE, pause=standing, now=f.NOON + MINUTE)
    settings.MAIL_CHUNK = 1
    claims = [chunk.claim for chunk in services.dispatch(now=f.NOON + MINUTE)]
    order = [Outgoing.objects.get(claim=claim).planned_at for claim in claims]
    assert order == sorted(order)
    assert len(order) == 3
    assert list(AuditEvent.objects.filter(verb__startswith="sending.").values_list("verb", flat=True)) == [
        "sending.paused",
        "sending.went_on",
    ]


def test_a_pause_takes_a_reason_and_a_role_and_is_one_at_a_time(livet):
    with pytest.raises(BadInput):
        pause(livet, reason=" ")
    with pytest.raises(NotAllowed):
        pause(livet, by=f.TOR)
    standing = pause(livet)
    with pytest.raises(NotNow, match="paused already"):
        pause(livet)
    with pytest.raises(NotAllowed):
        pauses.lift(by=f.TOR, pause=standing, now=f.NOON)
    pauses.lift(by=f.LIV, pause=standing, now=f.NOON)
    with pytest.raises(NotNow, match="lifted already"):
        pauses.lift(by=f.LIV, pause=standing, now=f.NOON)
    assert pauses.standing(livet) is None


@pytest.mark.parametrize("lifting", [False, True])
def test_nothing_of_it_stays_when_its_record_can_t_be_written(livet, monkeypatch, lifting):
    standing = pause(livet) if lifting else None

    def broken(**_given):
        raise RuntimeError("no audit")

    def act():
        return pauses.lift(by=f.LIV, pause=standing, now=f.NOON) if standing else pause(livet)

    monkeypatch.setattr(pauses.audit, "record", broken)
    with pytest.raises(RuntimeError):
        act()
    assert pauses.standing(livet) == standing


def test_the_database_itself_holds_one_pause_a_study(livet):
    pause(livet)
    with pytest.raises(IntegrityError), transaction.atomic():
        SendingPause.objects.create(study=livet, paused_by="x", since=f.NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        SendingPause.objects.create(
            study=f.study("to", name="To"), why=Why.ERRORS, paused_by="x", since=f.NOON
        )


# --- by itself


@pytest.mark.parametrize(
    ("tries", "why"),
    [
        ([], None),
        (["no_server"] * 2, None),
        (["no_server"] * 3, Why.NO_SERVER),
        (["no_server", "", "no_server"], None),
        (["server_busy"] * 19, None),
        (["policy"] * 7 + [""] * 13, Why.ERRORS),
        (["policy"] * 6 + [""] * 14, None),
        (["outside_hours"] * 30, None),
        (["address_refused"] * 5 + [""] * 95, None),
    ],
)
def test_what_is_too_much(tries, why):
    assert pauses.piled_up(tries) == why


def test_when_errors_pile_up_all_survey_mail_waits_and_one_letter_is_tried_later_and_later(livet):
    f.people(livet, 3)
    f.opened(livet)
    tried(livet, 20)
    services.queue_due(now=f.NOON)
    assert list(services.dispatch(now=f.NOON)) == []
    here, until = begun()
    assert (here.why, until) == (Why.ERRORS, f.NOON + pauses.WAITS[0])
    assert AuditEvent.objects.get(verb="sending.paused").detail["why"] == "errors"
    assert list(services.dispatch(now=f.NOON + MINUTE)) == [], "nothing before its time"
    (probe,) = services.dispatch(now=until)
    assert Outgoing.objects.filter(claim=probe.claim).count() == 1
    assert SendingPause.objects.get().until == until + pauses.WAITS[1]
    assert list(services.dispatch(now=until + MINUTE)) == []


def test_a_letter_that_goes_through_ends_the_pause(livet):
    f.people(livet, 3)
    f.opened(livet)
    tried(livet, 20)
    services.queue_due(now=f.NOON)
    list(services.dispatch(now=f.NOON))
    now = f.NOON + pauses.WAITS[0]
    (probe,) = services.dispatch(now=now)
    assert sending.send_chunk(claim=probe.claim, now=now) == 1
    assert f.send_all(now + MINUTE) == 2
    assert pauses.of_all() is None
    assert SendingPause.objects.get().lifted_by == "clock"


def test_full_mailboxes_tried_once_more_hold_nobody_else_up(livet):
    """They fail one like the other; so does a letter given up after three days of it."""
    tried(livet, 60, reason=Reason.MAILBOX_FULL)
    tried(livet, 60, state=State.FAILED, reason=Reason.GAVE_UP)
    assert pauses.watch(now=f.NOON) is None


def test_the_letter_that_is_tried_in_a_pause_is_one_that_has_failed_least(livet):
    """Else one that fails for a reason of its own, planned before all others, would keep the pause up."""
    f.people(livet, 3)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    early = Outgoing.objects.filter(kind=LetterKind.INVITATION).first()
    Outgoing.objects.filter(pk=early.pk).update(attempts=4, planned_at=f.NOON - MINUTE, due_at=f.NOON)
    tried(livet, 20)
    _here, until = begun()
    (probe,) = services.dispatch(now=until)
    assert Outgoing.objects.get(claim=probe.claim).attempts == 0


def test_a_pause_soon_after_the_last_one_goes_on_where_that_one_was(livet):
    tried(livet, 20)
    first, _until = begun()
    pauses.lift(by=f.LIV, pause=first, study=livet, now=f.NOON + MINUTE)
    assert pauses.watch(now=f.NOON + MINUTE) is None, "what failed before says nothing of now"
    again = f.NOON + 5 * MINUTE
    tried(livet, 20, at=again)
    second = pauses.watch(now=again)
    assert second.until == again + pauses.WAITS[1]


def test_a_server_that_is_back_shows_by_any_letter_it_takes(livet):
    (one,) = f.people(livet, start=40)
    tried(livet, 30, reason=Reason.NO_SERVER)
    assert pauses.watch(now=f.NOON) is None, "one worker's try, whatever it had in hand"
    for seconds in (1, 2):
        tried(livet, 5, reason=Reason.NO_SERVER, at=f.NOON - timedelta(seconds=seconds))
    assert pauses.watch(now=f.NOON).why == Why.NO_SERVER
    assert pauses.watch(now=f.NOON + MINUTE) is not None
    services.queue_service(member=one, occasion=uuid4(), now=f.NOON)
    assert f.send_all(f.NOON + MINUTE) == 1, "who asked for it waits for it"
    assert pauses.watch(now=f.NOON + 2 * MINUTE) is None


def test_two_who_see_it_at_once_make_one_pause(livet):
    tried(livet, 20)
    first = pauses.watch(now=f.NOON)
    assert pauses._begin(Why.ERRORS, f.NOON) == first
    assert SendingPause.objects.count() == 1


def test_only_one_of_two_dispatchers_tries_the_letter(livet):
    tried(livet, 20)
    here, until = begun()
    assert pauses.try_one(here=here, claim=uuid4(), now=until)
    assert not pauses.try_one(here=here, claim=uuid4(), now=until)
