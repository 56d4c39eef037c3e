"""From what is due to what was sent: queue, claim, check again, send, remind, close, sweep, decide."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core import mail as django_mail  # noqa: TID251 (what would have been sent)
from django.db import IntegrityError, transaction

from consent import services as consent
from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import dispatching, marking, queueing, rules, sending, services
from panel.invitations.models import LetterKind, Link, Outgoing
from panel.invitations.post import Answer, Outcome, Postman
from panel.invitations.rules import Reason, State
from panel.keys import macs
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.vault import services as vault
from panel.vault.models import Card
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent, Wave
from tests.factories import fielding as f
from tests.invitations.servers import mail_server

pytestmark = pytest.mark.django_db
K = CaseEvent.Kind
DAY = timedelta(days=1)


@pytest.fixture
def livet():
    return f.with_letters(f.study())


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state, reason in Outgoing.objects.values_list("state", "reason"):
        key = f"{state} {reason}".strip()
        found[key] = found.get(key, 0) + 1
    return found


def events(kind: CaseEvent.Kind) -> int:
    return CaseEvent.objects.filter(kind=kind).count()


def sent_to() -> list[str]:
    return sorted(letter.to[0] for letter in django_mail.outbox)


# --- queueing


def test_due_letters_are_queued_once_and_a_second_run_adds_none(livet):
    f.people(livet, 3)
    f.opened(livet)
    assert services.queue_due(now=f.NOON) == 3
    assert services.queue_due(now=f.NOON) == 0
    assert states() == {"queued": 3}
    assert AuditEvent.objects.filter(verb="letters.queued").count() == 1


def test_what_another_run_queued_a_moment_ago_is_not_queued_again(livet, monkeypatch):
    """Two at once: this one decided on its rows before the other's were there. The constraint decides."""
    f.people(livet, 3)
    f.opened(livet)
    wave = Wave.objects.get()
    seen = queueing._for(wave.planned.steps[0], wave, f.NOON)
    values = list(seen.values_list("pk", "member_id"))
    services.queue_due(now=f.NOON)

    class Stale:
        def values_list(self, *_names):
            return values

    nobody = Case.objects.none()
    monkeypatch.setattr(
        queueing, "_for", lambda step, *_given: Stale() if step.kind == "invitation" else nobody
    )
    assert services.queue_due(now=f.NOON) == 0
    assert Outgoing.objects.count() == 3


def test_the_database_itself_holds_each_letter_once(livet):
    f.people(livet)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    row = Outgoing.objects.get()
    row.pk = uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_nothing_is_queued_before_the_wave_opens_or_after_it_closed(livet):
    f.people(livet)
    wave = f.planned(livet, opens_at=f.NOON + DAY)
    waves.approve_wave(by=f.LIV, wave=wave, now=f.NOON)
    waves.turn(now=f.NOON)
    assert services.queue_due(now=f.NOON) == 0
    waves.turn(now=f.NOON + DAY)
    assert services.queue_due(now=wave.closes_at) == 0


# --- claiming


def test_claims_come_in_chunks_and_each_row_has_one(livet, settings):
    settings.MAIL_CHUNK = 4
    f.people(livet, 9)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    claims = list(services.dispatch(now=f.NOON))
    assert len(claims) == 3
    assert list(services.dispatch(now=f.NOON)) == []
    assert {row.claim for row in Outgoing.objects.all()} == {chunk.claim for chunk in claims}


def test_a_row_that_another_dispatcher_took_a_moment_ago_is_not_claimed_again(livet, monkeypatch):
    """The update, not the look before it, decides: what is no longer waiting isn't taken."""
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    mine, theirs = Outgoing.objects.order_by("pk")
    claim_of_theirs = uuid4()

    def overtaken():
        Outgoing.objects.filter(pk=theirs.pk).update(state=State.CLAIMED, claim=claim_of_theirs)
        return uuid4()

    monkeypatch.setattr(dispatching, "uuid4", overtaken)
    (chunk,) = services.dispatch(now=f.NOON)
    theirs.refresh_from_db()
    mine.refresh_from_db()
    assert theirs.claim == claim_of_theirs
    assert mine.claim == chunk.claim


def test_no_more_is_claimed_than_the_broker_should_hold(livet, monkeypatch, settings):
    settings.MAIL_CHUNK = 2
    monkeypatch.setattr(rules, "CLAIMED_MAX", 3)
    f.people(livet, 9)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    list(services.dispatch(now=f.NOON))
    list(services.dispatch(now=f.NOON))
    assert states() == {"claimed": 3, "queued": 6}


def test_a_receipt_never_waits_behind_a_wave(livet, monkeypatch):
    monkeypatch.setattr(rules, "CLAIMED_MAX", 2)
    people = f.people(livet, 4)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    list(services.dispatch(now=f.NOON))
    services.queue_service(member=people[0], occasion=uuid4(), now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    assert chunk.service_mail


def test_service_mail_is_claimed_apart_and_first(livet):
    (one,) = f.people(livet)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    services.queue_service(member=one, occasion=uuid4(), now=f.NOON)
    assert [chunk.service_mail for chunk in services.dispatch(now=f.NOON)] == [True, False]


# --- sending


def test_each_is_invited_once_in_their_language_with_links_of_their_own(livet, settings):
    settings.BASE_URL = "https://panel.example.org"
    f.people(livet, 4)
    f.opened(livet)
    assert f.send_all() == 4
    assert f.send_all() == 0
    assert sent_to() == [f"m{n}@example.org" for n in range(4)]
    assert states() == {"sent": 4}
    assert events(K.INVITED) == 4
    assert Link.objects.count() == 16
    subjects = {letter.to[0]: letter.subject for letter in django_mail.outbox}
    assert subjects["m0@example.org"] == "Nye spørsmål fra Livet nå"
    assert subjects["m2@example.org"] == "Нові запитання від Livet nå"
    links_in = [set(word for word in letter.body.split() if "://" in word) for letter in django_mail.outbox]
    assert len(set.union(*links_in)) == 12, "no link is shared"


def test_zon_05_one_audit_row_for_the_cards_of_a_chunk(livet):
    f.people(livet, 5)
    f.opened(livet)
    before = AuditEvent.objects.count()
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    after_queueing = AuditEvent.objects.count()
    sending.send_chunk(claim=chunk.claim, now=f.NOON)
    assert AuditEvent.objects.count() == after_queueing + 1 == before + 2


def test_queries_of_a_check_do_not_grow_with_the_chunk(livet, django_assert_max_num_queries):
    f.people(livet, 30)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    with django_assert_max_num_queries(30):
        assert len(sending.make_ready(claim=chunk.claim, now=f.NOON)) == 30


def withdraw_consent(one):
    consent.withdraw(
        study_key=one.study.key, subject=one.code, purposes=["waves"], channel="portal", day=f.NOON.date()
    )


def leave(one):
    members.set_status(by=f.SYSTEM, member=one, status=PanelMember.Status.DELETING, now=f.NOON)


def finish(one):
    waves.record_event(case=one.cases.get(), kind=K.COMPLETED, at=f.NOON)


def refuse(one):
    waves.record_event(case=one.cases.get(), kind=K.REFUSED, at=f.NOON)


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (withdraw_consent, "cancelled no_consent"),
        (leave, "cancelled left"),
        (
            lambda one: members.set_mail(by=f.SYSTEM, member=one, stopped=True, now=f.NOON),
            "cancelled stopped",
        ),
        (
            lambda one: members.set_mail(
                by=f.SYSTEM, member=one, stopped=None, paused_until=(f.NOON + DAY).date(), now=f.NOON
            ),
            "deferred paused",
        ),
        (
            lambda one: members.hold(
                by=f.SYSTEM, member=one, kind=Hold.Kind.RESTRICTION, reason="asked", now=f.NOON
            ),
            "deferred held",
        ),
        (
            lambda one: members.mark_unreachable(by=f.SYSTEM, members=[one], now=f.NOON),
            "deferred unreachable",
        ),
        (finish, "cancelled completed"),
        (refuse, "cancelled refused"),
        (lambda one: waves.close_wave(by=f.LIV, wave=Wave.objects.get(), now=f.NOON), "cancelled closed"),
    ],
)
@pytest.mark.parametrize("when", ["before the claim", "after the claim"])
def test_law_03_law_07_nev_11_what_happens_between_queue_and_send_stops_the_letter(livet, act, state, when):
    """LAW-03, LAW-07, NEV-11: each letter is checked when it is sent, not when it was queued."""
    one, _other = f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    if when == "before the claim":
        act(one)
    chunks = list(services.dispatch(now=f.NOON))
    if when == "after the claim":
        act(one)
    for chunk in chunks:
        sending.send_chunk(claim=chunk.claim, now=f.NOON)
    stopped = Outgoing.objects.get(member=one)
    assert f"{stopped.state} {stopped.reason}" == state
    assert "m0@example.org" not in sent_to()
    assert sent_to() == ([] if state == "cancelled closed" else ["m1@example.org"])


def test_res_05_a_leaver_gets_the_same_letter_as_everybody(livet):
    here, gone = f.people(livet, 2, language="en")
    members.set_place(by=f.SYSTEM, member=gone, place=PanelMember.Place.RETURNED, now=f.NOON)
    f.opened(livet)
    assert f.send_all() == 2
    bodies = [
        "\n".join(line for line in letter.body.splitlines() if "://" not in line)
        for letter in django_mail.outbox
    ]
    assert bodies[0] == bodies[1]


def test_outside_hours_letters_wait_for_the_morning_unless_lifted(livet):
    f.people(livet, 2)
    wave = f.opened(livet)
    night = f.NOON + timedelta(hours=10)
    assert f.send_all(night) == 0
    assert states() == {"deferred outside_hours": 2}
    morning = datetime(2023, 10, 3, 10, tzinfo=f.OSLO)
    assert {row.due_at for row in Outgoing.objects.all()} == {morning}
    assert f.send_all(morning - timedelta(seconds=1)) == 0
    assert f.send_all(morning) == 2
    f.people(livet, 1, start=2)
    waves.lift_hours(by=f.LIV, wave=wave, reason="An example.", now=f.NOON)
    late = f.opened(livet, name="late", number=2, instrument=wave.instrument)
    assert f.send_all(night + DAY) == 0, "lifted for one wave only"
    assert late.hours_lifted is False


def test_lifted_hours_let_a_wave_s_letters_go_at_night(livet):
    f.people(livet, 2)
    waves.lift_hours(by=f.LIV, wave=f.opened(livet), reason="An example.", now=f.NOON)
    assert f.send_all(f.NOON + timedelta(hours=10)) == 2


def test_a_member_without_a_letter_in_their_language_gets_the_study_s(livet):
    f.people(livet, 1, language="pl")
    f.opened(livet)
    f.send_all()
    assert django_mail.outbox[0].subject == "Нові запитання від Livet nå"


def test_a_lost_card_fails_its_own_letter_only(livet):
    one, _other = f.people(livet, 2)
    vault.destroy_cards([one.code])
    f.opened(livet)
    assert f.send_all() == 1
    assert states() == {"sent": 1, "failed no_card": 1}


def test_a_damaged_card_fails_its_own_letter_only(livet):
    one, _other = f.people(livet, 2)
    card = Card.objects.get(locator=macs.Index.load().card_locator(one.code))
    card.email = bytes(card.email)[:-1] + bytes([bytes(card.email)[-1] ^ 1])
    card.save()
    f.opened(livet)
    assert f.send_all() == 1
    assert states() == {"sent": 1, "failed no_card": 1}


def test_household_members_can_tell_their_letters_apart(livet):
    shared = uuid4()
    f.people(livet, 2, language="en", shared_address=shared)
    f.people(livet, 1, start=2, language="en")
    f.opened(livet)
    f.send_all()
    marks = {
        letter.to[0]: [line for line in letter.body.splitlines() if "Several people" in line]
        for letter in django_mail.outbox
    }
    assert marks["m2@example.org"] == []
    first, second = marks["m0@example.org"], marks["m1@example.org"]
    assert first != second
    assert not {"Navn0", "Navn1"} & set(" ".join(first + second).split())


# --- reminders


def at(days: int, hour: int = 12) -> datetime:
    return datetime(2023, 10, 2, hour, tzinfo=f.OSLO) + timedelta(days=days)


def test_reminders_go_to_those_not_finished_after_7_and_14_days_and_never_again(livet):
    one, other = f.people(livet, 2)
    f.opened(livet)
    f.send_all()
    assert f.send_all(at(6)) == 0
    assert f.send_all(at(7, 9)) == 0, "not before ten"
    assert f.send_all(at(7, 10)) == 2, "by the calendar: the invitation went at noon"
    finish(one)
    assert f.send_all(at(13)) == 0
    assert f.send_all(at(14)) == 1
    for day in range(15, 30):
        assert f.send_all(at(day)) == 0
    assert events(K.REMINDED) == 3
    assert Outgoing.objects.filter(member=other).count() == 3


def test_no_reminder_between_completion_and_sending(livet):
    (one,) = f.people(livet)
    f.opened(livet)
    f.send_all()
    services.queue_due(now=at(7))
    (chunk,) = services.dispatch(now=at(7))
    finish(one)
    assert sending.send_chunk(claim=chunk.claim, now=at(7)) == 0
    assert Outgoing.objects.get(kind=LetterKind.REMINDER).reason == Reason.COMPLETED


def test_reminders_stay_seven_days_apart_after_a_delay(livet):
    """Two reminders can be overdue at once, after a pause: they go a week apart all the same."""
    (one,) = f.people(livet)
    f.opened(livet)
    f.send_all()
    members.set_mail(by=f.SYSTEM, member=one, paused_until=at(16).date(), now=f.NOON)
    for day in range(7, 30):
        f.send_all(at(day))
    moments = list(CaseEvent.objects.order_by("at").values_list("at", flat=True))
    assert [(moment - f.NOON).days for moment in moments] == [0, 16, 23]


def test_no_reminder_while_the_invitation_is_in_doubt(livet):
    f.people(livet)
    f.opened(livet)
    f.send_all()
    Outgoing.objects.update(state=State.UNCONFIRMED)
    assert services.queue_due(now=at(7)) == 0


# --- the end of a wave


def test_what_the_close_overtakes_ends_as_not_sent_and_is_counted(livet):
    waiting, sent = f.people(livet, 2)
    wave = f.opened(livet)
    members.set_mail(by=f.SYSTEM, member=waiting, paused_until=at(60).date(), now=f.NOON)
    f.send_all()
    waves.turn(now=wave.closes_at)
    services.queue_due(now=wave.closes_at)
    assert Outgoing.objects.get(member=waiting).reason == Reason.CLOSED
    assert list(CaseEvent.objects.filter(kind=K.NOT_SENT).values_list("case__member", flat=True)) == [
        waiting.pk
    ]
    assert Outgoing.objects.get(member=sent).state == State.SENT


def test_who_takes_a_stop_back_gets_the_invitation_it_held_up(livet):
    (one,) = f.people(livet)
    f.opened(livet)
    members.set_mail(by=f.SYSTEM, member=one, stopped=True, now=f.NOON)
    assert f.send_all() == 0
    members.set_mail(by=f.SYSTEM, member=one, stopped=False, now=f.NOON)
    assert f.send_all() == 1
    assert f.send_all() == 0


# --- what the mail server says


def test_an_address_refused_for_good_bounces_and_a_busy_server_is_tried_again(livet):
    refused, busy = f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    ready = marking.begin(sending.make_ready(claim=chunk.claim, now=f.NOON), f.NOON)
    rows = {letter.row.member_id: letter.row for letter in ready}
    marking.note(rows[refused.pk], Answer(Outcome.ADDRESS_REFUSED, 550, "5.1.1"), f.NOON)
    marking.note(rows[busy.pk], Answer(Outcome.LATER, 421), f.NOON)
    refused.refresh_from_db()
    assert not refused.unreachable, (
        "two letters that can't have arrived are a dead address, one isn't (returns.py)"
    )
    assert refused.place == PanelMember.Place.UNKNOWN, "RES-03: a bounce is no evidence of leaving"
    assert events(K.BOUNCED) == 1
    later = Outgoing.objects.get(member=busy)
    assert (later.state, later.reason, later.attempts) == (State.DEFERRED, Reason.SERVER_BUSY, 1)
    assert later.due_at == f.NOON + timedelta(minutes=2)
    assert f.send_all(f.NOON + timedelta(minutes=1)) == 0
    assert f.send_all(f.NOON + timedelta(minutes=2)) == 1


def test_when_the_server_is_gone_the_whole_chunk_waits(livet, settings):
    settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 9, False
    f.people(livet, 3)
    f.opened(livet)
    assert f.send_all() == 0
    assert states() == {"deferred no_server": 3}
    assert events(K.INVITED) == 0
    assert not Link.objects.exists(), "nobody was shown one"


def test_a_server_away_for_days_uses_up_no_letter_s_tries(livet, settings):
    """Else the first greylisting afterwards would be the last straw."""
    settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 9, False
    f.people(livet, 1)
    f.opened(livet)
    for hour in range(0, 60, 3):
        f.send_all(f.NOON + timedelta(minutes=hour * 5))
    row = Outgoing.objects.get()
    assert (row.state, row.reason, row.attempts) == (State.DEFERRED, Reason.NO_SERVER, 0)


def test_one_letter_at_which_the_line_breaks_each_time_keeps_no_other_back(livet, settings):
    f.people(livet, 6)
    f.opened(livet)

    def on_rcpt(recipient: str) -> str:
        return "421 4.3.2 not you" if recipient == "m2@example.org" else "250 OK"

    with mail_server(on_rcpt=on_rcpt) as server:
        settings.EMAIL_BACKEND = "panel.invitations.post.Backend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
        for minute in range(4):
            f.send_all(f.NOON + timedelta(minutes=minute))
        assert sorted(server.recipients) == [f"m{n}@example.org" for n in (0, 1, 3, 4, 5)]


def test_law_07_a_check_counts_for_half_a_minute_only(livet, monkeypatch):
    """LAW-07: against a slow server the rest of a chunk goes back to the queue and is checked again."""
    f.people(livet, 5)
    f.opened(livet)
    passed, hand_over = [0.0], Postman.hand_over

    def slowly(postman, *letter):
        passed[0] += 16
        return hand_over(postman, *letter)

    monkeypatch.setattr(sending, "monotonic", lambda: passed[0])
    with monkeypatch.context() as patch:
        patch.setattr(Postman, "hand_over", slowly)
        assert f.send_all() == 2
    assert states() == {"sent": 2, "queued": 3}
    assert f.send_all() == 3
    assert sent_to() == sorted(set(sent_to())), "nobody twice"


# --- crashes and doubts


@pytest.fixture
def in_doubt(livet):
    """A row that a crash left in `sending`, past its lease."""
    f.people(livet)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    (ready,) = marking.begin(sending.make_ready(claim=chunk.claim, now=f.NOON), f.NOON)
    assert services.sweep_leases(now=f.NOON) == 0
    assert services.sweep_leases(now=f.NOON + rules.SENDING_LEASE + timedelta(seconds=1)) == 1
    assert states() == {"unconfirmed lease_lost": 1}
    return ready.row


def test_a_claim_that_nobody_took_up_is_claimed_again(livet):
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (lost,) = services.dispatch(now=f.NOON)
    later = f.NOON + rules.CLAIM_LEASE + timedelta(seconds=1)
    services.sweep_leases(now=later)
    (again,) = services.dispatch(now=later)
    assert sending.send_chunk(claim=lost.claim, now=later) == 0, "the lost hand-over turns up after all"
    assert sending.send_chunk(claim=again.claim, now=later) == 2


def test_a_task_delivered_twice_sends_once(livet):
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    assert sending.send_chunk(claim=chunk.claim, now=f.NOON) == 2
    assert sending.send_chunk(claim=chunk.claim, now=f.NOON) == 0


def test_the_doubtful_wait_for_a_person(in_doubt):
    for days in range(1, 9):
        assert f.send_all(at(days)) == 0
    assert states() == {"unconfirmed lease_lost": 1}


def test_a_slow_worker_may_still_say_that_it_was_sent(in_doubt):
    marking.sent([in_doubt], f.NOON)
    assert states() == {"sent": 1}
    assert events(K.INVITED) == 1


def test_a_person_sends_again_and_a_slow_worker_s_late_word_changes_nothing(in_doubt):
    services.decide_unconfirmed(
        by=f.SIGNE, row=in_doubt, send_again=True, reason="Nothing in the log.", now=f.NOON
    )
    marking.sent([in_doubt], f.NOON)
    assert states() == {"queued": 1}
    assert f.send_all() == 1
    assert AuditEvent.objects.filter(verb="letter.decided", actor="signe").count() == 1


def test_a_person_takes_it_as_sent_and_it_counts_as_a_contact(in_doubt):
    services.decide_unconfirmed(
        by=f.SIGNE, row=in_doubt, send_again=False, reason="In the server's log.", now=f.NOON
    )
    assert states() == {"sent taken_as_sent": 1}
    assert f.send_all() == 0
    assert f.send_all(at(7)) == 1, "so reminders go on"


def test_who_may_decide_and_only_once_with_a_reason(in_doubt):
    def decide(by=f.SIGNE, reason="Seen in the log."):
        services.decide_unconfirmed(by=by, row=in_doubt, send_again=True, reason=reason, now=f.NOON)

    with pytest.raises(NotAllowed):
        decide(by=f.LIV)
    with pytest.raises(BadInput):
        decide(reason=" ")
    decide()
    with pytest.raises(NotNow):
        decide()


# --- service mail


def test_a_receipt_goes_at_night_to_who_just_left_and_says_nothing_of_it(livet):
    (one,) = f.people(livet, language="en")
    leave(one)
    request = uuid4()
    for _twice in range(2):
        services.queue_service(member=one, occasion=request, now=f.NOON + timedelta(hours=14))
    assert f.send_all(f.NOON + timedelta(hours=14)) == 1
    (letter,) = django_mail.outbox
    assert "/m/" in letter.body
    assert "/a/" not in letter.body
    assert "List-Unsubscribe" not in letter.extra_headers


def test_a_receipt_counts_as_no_contact(livet):
    (one,) = f.people(livet)
    f.opened(livet)
    services.queue_service(member=one, occasion=uuid4(), now=f.NOON)
    assert f.send_all() == 2
    assert events(K.INVITED) == 1


# --- nothing half done


class Broken(Exception):
    """Stands for whatever breaks the last write."""


def test_if_the_last_write_of_making_ready_breaks_nothing_is_kept(livet, monkeypatch):
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    audited = AuditEvent.objects.count()

    def breaks(*_args, **_values):
        raise Broken

    monkeypatch.setattr(marking, "ready", breaks)
    with pytest.raises(Broken):
        sending.send_chunk(claim=chunk.claim, now=f.NOON)
    assert states() == {"claimed": 2}
    assert not Link.objects.exists()
    assert AuditEvent.objects.count() == audited
    assert django_mail.outbox == []


def test_if_the_last_write_breaks_a_decision_and_a_queueing_leave_nothing(in_doubt, monkeypatch):
    def breaks(**_values):
        raise Broken

    monkeypatch.setattr("panel.audit.services.record", breaks)
    for send_again in (True, False):
        with pytest.raises(Broken):
            services.decide_unconfirmed(
                by=f.SIGNE, row=in_doubt, send_again=send_again, reason="x", now=f.NOON
            )
    assert states() == {"unconfirmed lease_lost": 1}
    assert events(K.INVITED) == 0
    Outgoing.objects.all().delete()
    with pytest.raises(Broken):
        services.queue_due(now=f.NOON)
    assert not Outgoing.objects.exists()


def test_if_the_event_of_a_sent_letter_breaks_it_stays_in_sending(livet, monkeypatch):
    f.people(livet)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)

    def breaks(**_values):
        raise Broken

    monkeypatch.setattr("panel.waves.services.record_events", breaks)
    with pytest.raises(Broken):
        sending.send_chunk(claim=chunk.claim, now=f.NOON)
    assert states() == {"sending": 1}, "so that it ends in doubt, not in a second mail"


def test_who_takes_a_pause_back_or_makes_it_shorter_does_not_wait_for_its_first_end(livet):
    back, shorter, paused = f.people(livet, 3)
    f.opened(livet)
    for one in (back, shorter, paused):
        members.set_mail(by=f.SYSTEM, member=one, paused_until=at(60).date(), now=f.NOON)
    assert f.send_all() == 0
    members.set_mail(by=f.SYSTEM, member=back, paused_until=None, now=f.NOON)
    members.set_mail(by=f.SYSTEM, member=shorter, paused_until=at(2).date(), now=f.NOON)
    assert f.send_all() == 1
    assert f.send_all(at(2)) == 1
    assert set(Outgoing.objects.filter(state=State.SENT).values_list("member", flat=True)) == {
        back.pk,
        shorter.pk,
    }
