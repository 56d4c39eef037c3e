"""A mark outlives a database that is away for a moment, and counts once. What marks mean is test_outbox.py's."""

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from panel.invitations import marking, sending, services
from panel.invitations.models import Link, Outgoing
from panel.invitations.post import Answer, Outcome
from panel.invitations.rules import State
from panel.waves.models import CaseEvent
from tests.factories import fielding as f


@pytest.fixture
def begun(transactional_db, monkeypatch) -> list[marking.Ready]:
    """Two letters that are being handed over."""
    monkeypatch.setattr(marking, "NAP", 0)
    livet = f.with_letters(f.study())
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    return marking.begin(sending.make_ready(claim=chunk.claim, now=f.NOON), f.NOON)


def away(monkeypatch, *, before: bool) -> list[type[Exception]]:
    """The database goes away so often, before it heard of the mark or after it kept it."""
    errors: list[type[Exception]] = [OperationalError, InterfaceError]
    really = marking.waves.record_events

    def record_events(**values: object) -> None:
        if errors and before:
            raise errors.pop()("gone")
        really(**values)
        if errors:
            marking.transaction.on_commit(lambda: (_ for _ in ()).throw(errors.pop()("gone")))

    monkeypatch.setattr(marking.waves, "record_events", record_events)
    return errors


@pytest.mark.parametrize("before", [True, False])
def test_letters_that_arrived_are_marked_once_the_database_is_back_and_counted_once(
    begun, monkeypatch, before
):
    errors = away(monkeypatch, before=before)
    marking.sent([one.row for one in begun], f.NOON)
    assert errors == ([] if before else [OperationalError]), "kept the first time, so nothing is left to keep"
    assert set(Outgoing.objects.values_list("state", flat=True)) == {State.SENT}
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.INVITED).count() == 2


def test_what_the_server_refused_and_what_was_never_tried_is_marked_too(begun, monkeypatch):
    moved = marking._of
    errors: list[type[Exception]] = [OperationalError, InterfaceError]

    def of(*args):
        if errors:
            raise errors.pop()("gone")
        return moved(*args)

    monkeypatch.setattr(marking, "_of", of)
    marking.note(begun[0].row, Answer(Outcome.LATER, 451), f.NOON)
    errors += [OperationalError]
    marking.put_back(begun[1:], f.NOON)
    assert set(Outgoing.objects.values_list("state", "reason")) == {
        (State.DEFERRED, "greylisted"),
        (State.QUEUED, ""),
    }


def test_a_database_that_stays_away_is_said_so(begun, monkeypatch):
    monkeypatch.setattr(marking, "PATIENCE", 0)
    away(monkeypatch, before=True)
    with pytest.raises(InterfaceError):
        marking.sent([one.row for one in begun], f.NOON)
    assert set(Outgoing.objects.values_list("state", flat=True)) == {State.SENDING}, (
        "in doubt after its lease"
    )


@pytest.mark.parametrize(
    ("mark", "state"),
    [
        (lambda unsent: marking.put_back(unsent, f.NOON), State.QUEUED),
        (lambda unsent: marking.no_server(unsent, f.NOON), State.DEFERRED),
        (lambda unsent: [marking.pace(one, f.NOON) for one in unsent], State.DEFERRED),
    ],
)
@pytest.mark.parametrize("error", [None, IntegrityError, InterfaceError])
def test_a_letter_that_nobody_got_leaves_no_links_behind(begun, monkeypatch, caplog, mark, state, error):
    """Each try makes new ones: a server that is slow for a night would leave millions. The mark stands anyway."""
    sent, unsent = begun
    assert Link.objects.filter(member=unsent.row.member).count() == 4

    def broken(_tokens):
        assert not connection.in_atomic_block, "it would take the mark with it"
        raise error("busy")

    if error:
        monkeypatch.setattr(marking.links, "forget", broken)
    mark([unsent])
    assert Outgoing.objects.get(pk=unsent.row.pk).state == state
    assert Outgoing.objects.get(pk=sent.row.pk).state == State.SENDING
    whose = set(Link.objects.values_list("member", flat=True))
    assert whose == ({sent.row.member_id, unsent.row.member_id} if error else {sent.row.member_id})
    assert ("The links of 1 unsent letters stay behind." in caplog.text) == bool(error)


def test_tokens_of_links_show_nowhere(begun):
    (token, *_others) = begun[0].tokens
    assert token not in repr(begun[0])
