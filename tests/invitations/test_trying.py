"""A letter tried on oneself: to who asks and nobody else, marked, with links that lead nowhere; counts for nothing."""

from datetime import timedelta

import pytest
from django.core import mail  # noqa: TID251
from django.test import Client

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import letter_versions, tasks, trying
from panel.invitations.models import Letter, Link, Outgoing, Trial
from panel.invitations.post import Outcome
from panel.waves.models import CaseEvent
from tests.factories import cast
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def livet(db):
    study = f.with_letters(f.study())
    for actor in (f.SIGNE, f.LIV):
        user = cast.user(actor)
        user.email = f"{actor.name}@example.org"
        user.save()
    return study


@pytest.fixture
def letter(livet):
    return Letter.objects.get(study=livet, kind="invitation")


def ask(letter, by=f.SIGNE, language="uk", now=f.NOON):
    return trying.send_to_self(by=by, letter=letter, language=language, now=now)


def test_it_goes_to_who_asked_marked_and_counts_for_nothing(letter, livet):
    f.people(livet, 3)
    f.opened(livet)
    before = (Outgoing.objects.count(), Link.objects.count(), CaseEvent.objects.count())
    trial = ask(letter)
    assert mail.outbox == []
    assert trying.send_due(now=f.NOON) == 1
    (sent,) = mail.outbox
    assert (sent.to, sent.cc, sent.bcc) == (["signe@example.org"], [], [])
    assert sent.subject == f"[test] {letter.texts.get(language='uk').subject.replace('{study}', 'Livet nå')}"
    assert "List-Unsubscribe" not in sent.extra_headers
    assert (Outgoing.objects.count(), Link.objects.count(), CaseEvent.objects.count()) == before
    trial.refresh_from_db()
    assert trial.state == "sent"
    assert trying.send_due(now=f.NOON + timedelta(hours=1)) == 0


def test_its_links_lead_to_a_page_that_says_they_cannot_be_used(letter):
    ask(letter, language="en")
    trying.send_due(now=f.NOON)
    (sent,) = mail.outbox
    links = [word for word in sent.body.split() if word.startswith("http://testserver/")]
    assert len(links) == 3
    for link in links:
        answer = Client().get(link.removeprefix("http://testserver"))
        assert answer.status_code == 404
        assert "can’t be used" in answer.text


def test_a_draft_can_be_tried_before_it_is_approved(livet):
    draft = letter_versions.draft(by=f.SIGNE, study=livet, kind="reminder", now=f.NOON)
    ask(draft, by=f.LIV, language="nb")
    assert trying.send_due(now=f.NOON) == 1
    assert mail.outbox[0].to == ["liv@example.org"]


def test_aud_01_it_is_audited_without_the_address(letter):
    ask(letter)
    row = AuditEvent.objects.get(verb="letter.tried")
    assert (row.actor, row.subject, row.detail) == ("signe", "invitation/standard/1", {"language": "uk"})


def test_without_an_address_or_words_or_a_role_it_is_refused(letter):
    with pytest.raises(BadInput, match="no words in this language"):
        ask(letter, language="fa")
    with pytest.raises(NotAllowed):
        ask(letter, by=f.TOR)
    user = cast.user(f.SIGNE)
    user.email = ""
    user.save()
    with pytest.raises(NotNow, match="no e-mail address"):
        ask(letter)
    assert not Trial.objects.exists()


def test_so_many_within_an_hour_are_enough(letter):
    for _number in range(trying.MOST_AN_HOUR):
        ask(letter)
    with pytest.raises(NotNow, match="Wait a little"):
        ask(letter)
    ask(letter, by=f.LIV)
    ask(letter, now=f.NOON + timedelta(hours=1, seconds=1))


def test_a_log_in_closed_meanwhile_gets_nothing(letter):
    trial = ask(letter)
    user = cast.user(f.SIGNE)
    user.is_active = False
    user.save()
    assert trying.send_due(now=f.NOON) == 0
    trial.refresh_from_db()
    assert (trial.state, mail.outbox) == ("failed", [])


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.LATER, "asked"), (Outcome.NO_SERVER, "asked"), (Outcome.DOUBT, "sent"),
        (Outcome.ADDRESS_REFUSED, "failed"), (Outcome.MAIL_REFUSED, "failed"),
    ],
)  # fmt: skip
def test_what_the_server_says_decides(letter, outcome, state, monkeypatch):
    monkeypatch.setattr("panel.invitations.post.Postman.hand_over", lambda *_given: outcome)
    trial = ask(letter)
    assert trying.send_due(now=f.NOON) == 0
    trial.refresh_from_db()
    assert trial.state == state
    assert (trial.due_at > f.NOON) == (state == "asked")


def test_it_is_given_up_after_some_tries(letter, monkeypatch):
    monkeypatch.setattr("panel.invitations.post.Postman.hand_over", lambda *_given: Outcome.NO_SERVER)
    trial, now = ask(letter), f.NOON
    for _try in range(len(trying.WAITS) + 1):
        trying.send_due(now=now)
        now += timedelta(hours=2)
    trial.refresh_from_db()
    assert (trial.state, trial.attempts) == ("failed", len(trying.WAITS) + 1)


def test_of_two_workers_one_sends_it(letter, monkeypatch):
    ask(letter)

    def meanwhile(_postman, _mail, now):
        assert trying.send_due(now=now) == 0
        return Outcome.ACCEPTED

    monkeypatch.setattr("panel.invitations.post.Postman.hand_over", meanwhile)
    assert trying.send_due(now=f.NOON) == 1


def test_a_trial_is_kept_for_a_week(letter):
    ask(letter)
    trying.send_due(now=f.NOON + timedelta(days=7, seconds=1))
    assert not Trial.objects.exists()


def test_the_worker_s_task_sends_them(letter, monkeypatch):
    ask(letter)
    monkeypatch.setattr("panel.clock.now", lambda: f.NOON)
    tasks.send_trials()
    assert len(mail.outbox) == 1


def test_if_its_last_write_breaks_nothing_is_kept(letter, monkeypatch):
    def broken(**_given):
        raise OSError("full")

    monkeypatch.setattr("panel.audit.services.record", broken)
    with pytest.raises(OSError, match="full"):
        ask(letter)
    assert not Trial.objects.exists()
