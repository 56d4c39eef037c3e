"""Real processes: a withdrawal stops what is queued within a minute, a killed replay goes on (LAW-07, CRY-11)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connections

from config.local import process
from panel import clock
from panel.audit.rules import Actor
from panel.invitations import sending
from panel.invitations import services as outbox
from panel.invitations.models import Outgoing
from panel.invitations.post import Postman
from panel.invitations.rules import CHECK_HOLDS, State
from panel.journal import selectors, services
from panel.journal.models import JournalEntry, JournalLine
from panel.journal.rules import Reason
from panel.members.models import PanelMember
from panel.rights.models import Stop
from panel.rights.services import ask_stop
from tests import triggers
from tests.conftest import ROOT
from tests.factories import fielding as f
from tests.faults.test_outbox import a_wave_of, call, states, wait_until
from tests.invitations.servers import Server

pytestmark = pytest.mark.django_db(transaction=True)


def leaves(member: PanelMember, now=None) -> None:
    ask_stop(
        by=Actor.member(member.code), member=member, rung="leave_delete", channel="stop page", typed_word="SLETT",
        now=now or clock.now(),
    )  # fmt: skip


def test_law_07_what_waits_behind_a_worker_stops_at_once(
    smtp: Server,
    service_env,
    celery_worker_process,
    broker,
):
    """The mail server is slow, and the next chunk is claimed already and waits in the broker."""
    a_wave_of(70)
    smtp.seconds = 0.1
    celery_worker_process(concurrency=1, env={"MAIL_CHUNK": "50"})
    call("queue_due", broker)
    assert wait_until(lambda: len(smtp.arrived) >= 2)
    behind = list(Outgoing.objects.filter(state=State.CLAIMED).select_related("member")[:10])
    assert behind, "a second chunk waits"
    for row in behind:
        leaves(row.member)
    assert wait_until(lambda: set(states()) <= {State.SENT, State.CANCELLED})
    gone = Outgoing.objects.filter(pk__in=[row.pk for row in behind])
    assert set(gone.values_list("state", "reason")) == {(State.CANCELLED, "no_consent")}
    assert states() == {State.SENT: 60, State.CANCELLED: 10}
    assert len(smtp.arrived) == 60


def test_law_07_what_a_worker_holds_in_its_hand_is_checked_again_within_a_minute(
    transactional_db, monkeypatch, mailoutbox
):
    """Each letter takes the server ten seconds; all but the first few leave meanwhile."""
    livet = f.with_letters(f.study())
    people = f.people(livet, 12)
    f.opened(livet)
    outbox.queue_due(now=f.NOON)
    (chunk,) = outbox.dispatch(now=f.NOON)
    passed, hand_over = [0], Postman.hand_over

    def slowly(postman, *letter):
        passed[0] += 10
        outcome = hand_over(postman, *letter)
        for member in people:
            if not Stop.objects.filter(member=member).exists():
                leaves(member, now=f.NOON)
        return outcome

    monkeypatch.setattr(sending, "monotonic", lambda: passed[0])
    monkeypatch.setattr(Postman, "hand_over", slowly)
    sent = sending.send_chunk(claim=chunk.claim, now=f.NOON)
    assert sent <= CHECK_HOLDS.total_seconds() / 10 < 60 / 10
    for again in outbox.dispatch(now=f.NOON):
        assert sending.send_chunk(claim=again.claim, now=f.NOON) == 0
    assert len(mailoutbox) == sent
    assert states() == {State.SENT: sent, State.CANCELLED: 12 - sent}


def run(env: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    return process.spawn([sys.executable, "manage.py", *words], env=env, cwd=ROOT)


def test_cry_11_a_replay_killed_by_sigkill_is_finished_by_the_next_and_nothing_is_sent_between(
    service_env, mailoutbox
):
    """The database is emptied of what the journal knows, as by an old backup."""
    a_wave_of(40)
    now = clock.now()
    for member in PanelMember.objects.select_related("study"):
        ask_stop(by=Actor.member(member.code), member=member, rung="no_mail", channel="stop page", now=now)
    services.write(now=now)
    with triggers.lifted([connections["default"]]):
        for model in (Stop, JournalLine, JournalEntry):
            model.objects.all().delete()
    PanelMember.objects.update(mail_stopped=False)
    outbox.queue_due(now=now)

    killed = run(service_env, "journal", "replay")
    assert wait_until(lambda: JournalLine.objects.count() >= 5)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    time.sleep(0.3)
    done = JournalLine.objects.count()
    assert 5 <= done < 40, "the kill came in the middle"
    assert Stop.objects.count() == done
    assert selectors.compare(now=now).reason is Reason.BEHIND
    assert list(outbox.dispatch(now=now)) == []

    assert run(service_env, "journal", "replay").wait() == 0
    assert Stop.objects.count() == JournalLine.objects.count() == 40
    assert PanelMember.objects.filter(mail_stopped=False).count() == 0
    assert not selectors.verify(Path(django_settings.JOURNAL_FILE)).fault
    assert selectors.in_step(now=now)
    assert f.send_all(now) == 0
    assert states() == {State.CANCELLED: 40}
    assert mailoutbox == []
