"""Messages: who is written to, in which words, what a member finds on their own page; and nothing half done."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations.models import LetterKind, Outgoing
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.members.rules import member_code
from panel.rights import messages, selectors, services
from panel.rights.models import Message
from tests.factories import answering, cast
from tests.factories.answering import NOW, SYSTEM

pytestmark = pytest.mark.django_db

ALL = {
    "uk": "Дослідження триватиме довше.",
    "ru": "Исследование продлится.",
    "en": "Longer.",
    "nb": "Lenger.",
}


def write(field, **changes):
    given = {"by": SYSTEM, "study": field.study, "words": ALL, "kind": LetterKind.NOTICE, "now": NOW}
    return messages.write(**{**given, **changes})


def told(message):
    """The codes of those to whom a letter of this message goes."""
    return set(Outgoing.objects.filter(occasion=message.pk).values_list("member__code", flat=True))


def test_an_answer_to_one_member_is_a_letter_and_words_on_their_own_page(field):
    message = write(field, kind="answer", member=field.amal, words={"uk": "Так."})
    row = Outgoing.objects.get(occasion=message.pk)
    assert (row.kind, row.purpose, row.member, row.case) == ("answer", "service", field.amal, None)
    assert list(selectors.messages_for(field.amal)) == [message]
    assert not selectors.messages_for(field.other)
    assert message.text("uk") == message.text("nb") == "Так."


def test_a_notice_reaches_everybody_in_their_own_language(field):
    message = write(field)
    assert told(message) == {field.amal.code, field.other.code}
    assert [message.text(one.language) for one in (field.amal, field.other)] == [ALL["uk"], ALL["nb"]]
    assert list(selectors.messages_for(field.other)) == [message]


@pytest.mark.parametrize("rung", ["leave_keep", "leave_delete"])
def test_law_06_who_left_or_is_being_deleted_gets_nothing(field, rung):
    services.ask_stop(
        by=Actor.member(field.amal.code), member=field.amal, rung=rung, channel="stop page",
        typed_word="SLETT", now=NOW,
    )  # fmt: skip
    assert told(write(field)) == {field.other.code}


def test_law_10_what_the_law_demands_reaches_who_is_held_and_results_do_not(field):
    members.hold(by=SYSTEM, member=field.amal, kind=Hold.Kind.RESTRICTION, reason="Asked.", now=NOW)
    members.set_mail(by=SYSTEM, member=field.other, stopped=True, now=NOW)
    assert told(write(field)) == {field.amal.code, field.other.code}
    assert told(write(field, kind="result")) == set()


def test_nobody_is_written_to_who_is_never_to_be_contacted_or_cannot_be(field):
    members.hold(by=SYSTEM, member=field.amal, kind=Hold.Kind.SUPPRESSION, reason="Asked.", now=NOW)
    members.mark_unreachable(by=SYSTEM, members=[field.other], now=NOW)
    assert told(write(field)) == set()


def test_who_joined_later_reads_nothing_older(field):
    old = write(field, now=datetime(2022, 5, 1, tzinfo=UTC))
    assert old not in selectors.messages_for(field.amal)


def test_another_studys_members_hear_nothing(field):
    other = answering.consenting(answering.a_study("another"), "uk")[0]
    message = write(field)
    assert other.code not in told(message)
    assert not selectors.messages_for(other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": {**ALL, "ru": " "}},
        {"kind": "answer"},
        {"kind": "receipt"},
        {"words": {**ALL, "nb": "x" * 5001}},
        {"kind": "answer", "words": {"nb": "Ja."}, "one": True},
        {"kind": "answer", "words": {"uk": "amal@example.org"}, "one": True},
        {"kind": "answer", "words": {"uk": "+47 98 76 54 32"}, "one": True},
    ],
)
def test_words_nobody_could_read_or_that_hold_an_address_are_refused(field, wrong):
    one = {"member": field.amal} if wrong.pop("one", False) else {}
    with pytest.raises(BadInput):
        write(field, **wrong, **one)
    assert not Message.objects.exists()


def test_the_studys_own_address_may_stand_in_an_answer(field):
    assert write(field, kind="answer", member=field.amal, words={"uk": "study@example.org"})


def test_who_is_being_deleted_gets_no_answer(field):
    services.ask_stop(
        by=SYSTEM, member=field.amal, rung="leave_delete", channel="told staff", now=NOW
    )  # fmt: skip
    field.amal.refresh_from_db()
    with pytest.raises(NotNow):
        write(field, kind="answer", member=field.amal)


@pytest.mark.parametrize("actor", [cast.SIGNE, cast.VERA, cast.DAG])
def test_zon_04_the_project_leader_alone_writes(actor):
    study = cast.study()
    words = dict.fromkeys(study.languages, "Words.")
    with pytest.raises(NotAllowed):
        messages.write(by=actor, study=study, words=words, kind="notice", now=NOW)
    assert messages.write(by=cast.LIV, study=study, words=words, kind="notice", now=NOW)


def test_a_message_whose_last_write_breaks_keeps_nothing(field, monkeypatch):
    def broken(**_given):
        raise RuntimeError

    before = AuditEvent.objects.count()
    monkeypatch.setattr("panel.rights.messages.audit.record", broken)
    for one in ({}, {"member": field.amal, "kind": "answer"}):
        with pytest.raises(RuntimeError):
            write(field, **one)
    assert not Message.objects.exists()
    assert not Outgoing.objects.filter(purpose="service").exists()
    assert AuditEvent.objects.count() == before


def test_everybody_is_queued_in_sets(field):
    new = [members.NewMember(code=member_code(), language="uk") for _ in range(2500)]
    members.admit(study=field.study, new=new, cohort="2022", today=NOW.date())
    with CaptureQueriesContext(connection) as asked:
        message = write(field, now=NOW + timedelta(hours=1))
    assert len(told(message)) == field.study.members.filter(status=PanelMember.Status.ACTIVE).count() == 2502
    assert len(asked) < 100
