"""LAW-06, rung by rung: what stops, what stays, how it is taken back; and nothing half done."""

from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model

from consent import selectors as consents
from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import services as outbox
from panel.invitations.checking import gather
from panel.invitations.models import Outgoing
from panel.invitations.rules import may_send
from panel.members import services as members
from panel.members.models import PanelMember, StaffRole
from panel.responses.models import Response
from panel.rights import selectors
from panel.rights.models import Stop
from panel.rights.rules import WAIT, Channel, Rung, State
from panel.rights.services import ask_stop, undo_stop
from panel.waves import services as waves
from panel.waves.models import CaseEvent
from tests.factories.answering import CLOSES, NOW, SYSTEM

pytestmark = pytest.mark.django_db

UNTIL = date(2024, 1, 1)
CONTACT = {"waves", "keep_in_touch", "interview"}
LATER = NOW + timedelta(hours=1)


def ask(field, rung, **changes):
    given = {
        "by": Actor.member(field.amal.code),
        "member": field.amal,
        "channel": Channel.STOP_PAGE,
        "case": field.case(),
        "until": UNTIL if rung == "pause" else None,
        "typed_word": "ВИДАЛИТИ",
        "now": NOW,
    }
    stop = ask_stop(rung=rung, **{**given, **changes})
    field.amal.refresh_from_db()
    return stop


def undo(field, stop, now=LATER, **changes):
    stop = Stop.objects.select_related("member__study", "case__wave").get(pk=stop.pk)
    undo_stop(stop=stop, now=now, **{"by": Actor.member(field.amal.code), **changes})
    field.amal.refresh_from_db()
    stop.refresh_from_db()
    return stop


def held(field, member=None):
    """The purposes a member agrees to now."""
    code = (member or field.amal).code
    key = field.study.key
    return {p for p in CONTACT if code in consents.holding(study_key=key, subjects={code}, purpose=p)}


def kinds(field):
    return list(CaseEvent.objects.filter(case=field.case()).order_by("id").values_list("kind", flat=True))


def mail(field):
    return field.amal.status, field.amal.mail_stopped, field.amal.paused_until


def verdicts(field, now=NOW):
    """What the outbox would do now with this member's letters."""
    outbox.queue_due(now=now)
    rows = list(Outgoing.objects.filter(member=field.amal).select_related("member__study", "case__wave"))
    facts = gather(rows, now)
    return {(row.kind, may_send(facts[row.pk], now).reason) for row in rows}


ACTIVE = (PanelMember.Status.ACTIVE, False, None)


def test_before_any_stop_the_invitation_goes(field):
    assert mail(field) == ACTIVE
    assert verdicts(field) == {("invitation", None)}


def test_pause_stops_letters_until_the_day_and_keeps_the_rest(field):
    stop = ask(field, "pause")
    assert mail(field) == ("active", False, UNTIL)
    assert verdicts(field) == {("invitation", "paused")}
    assert (held(field), kinds(field)) == (CONTACT, [])
    undo(field, stop)
    assert mail(field) == ACTIVE
    assert verdicts(field) == {("invitation", None)}


def test_a_new_day_replaces_the_pause(field):
    first = ask(field, "pause")
    ask(field, "pause", until=date(2023, 11, 1))
    first.refresh_from_db()
    assert first.state == State.REPLACED
    assert mail(field) == ("active", False, date(2023, 11, 1))
    assert len(selectors.in_force(field.amal, now=NOW)) == 1


def test_a_pause_that_is_over_is_not_in_force(field):
    ask(field, "pause", until=date(2023, 10, 7))
    assert selectors.in_force(field.amal, now=NOW)
    assert not selectors.in_force(field.amal, now=NOW + timedelta(days=2))


def test_no_reminders_is_about_this_wave_only(field):
    outbox.queue_due(now=NOW)
    stop = ask(field, "no_reminders")
    assert stop.case == field.case()
    assert kinds(field) == ["refused"]
    assert verdicts(field) == {("invitation", "refused")}
    assert (mail(field), held(field)) == (ACTIVE, CONTACT)
    undo(field, stop)
    assert kinds(field) == []
    assert verdicts(field) == {("invitation", None)}


def test_no_reminders_needs_an_open_wave(field):
    with pytest.raises(NotNow):
        ask(field, "no_reminders", case=None)


def test_no_mail_stops_all_letters_and_keeps_the_membership(field):
    stop = ask(field, "no_mail")
    assert mail(field) == ("active", True, None)
    assert verdicts(field) == {("invitation", "stopped")}
    assert held(field) == CONTACT
    undo(field, stop)
    assert mail(field) == ACTIVE


def test_leaving_withdraws_what_letters_rest_on_and_keeps_the_answers(answered):
    """LAW-06, NEV-11."""
    before = Response.objects.count()
    stop = ask(answered, "leave_keep")
    assert mail(answered) == ("left", False, None)
    assert held(answered) == set()
    assert held(answered, answered.other) == CONTACT
    assert kinds(answered) == ["started", "completed", "withdrew"]
    assert stop.due_at == NOW + WAIT
    assert Response.objects.count() == before
    assert ("invitation", None) not in verdicts(answered)
    receipt = Outgoing.objects.get(member=answered.amal, purpose="service")
    assert receipt.occasion == stop.pk


def test_law_02_undoing_a_leave_agrees_again_to_the_words_shown(field):
    stop = ask(field, "leave_keep")
    shown = {text.sha256 for text in selectors.wording_of(stop)}
    undo(field, stop)
    assert (mail(field), held(field), kinds(field)) == (ACTIVE, CONTACT, [])
    given = ConsentEntry.objects.filter(subject=field.amal.code, action="given")
    assert {entry.purpose for entry in given} == CONTACT
    assert {entry.text_sha256 for entry in given} == shown
    assert {entry.language for entry in given} == {"uk"}


def test_law_06_deletion_stops_contact_and_use_at_once_and_waits_its_days(answered):
    stop = ask(answered, "leave_delete")
    assert mail(answered) == ("deleting", False, None)
    assert (held(answered), stop.due_at) == (set(), NOW + WAIT)
    assert not Outgoing.objects.filter(member=answered.amal, purpose="service").exists()
    undo(answered, stop, now=NOW + WAIT - timedelta(seconds=1))
    assert (mail(answered), held(answered)) == (ACTIVE, CONTACT)
    assert Response.objects.filter(case__member=answered.amal).exists()


def test_undoing_a_deletion_leads_back_to_having_left(field):
    ask(field, "leave_keep")
    stop = ask(field, "leave_delete", now=LATER)
    assert [one.rung for one in selectors.in_force(field.amal, now=LATER)] == ["leave_delete"]
    undo(field, stop, now=LATER + timedelta(hours=1))
    assert (field.amal.status, held(field)) == ("left", set())


def test_a_deletion_without_the_word_does_nothing(field):
    with pytest.raises(BadInput):
        ask(field, "leave_delete", typed_word="please")
    assert mail(field) == ACTIVE
    assert not Stop.objects.exists()


def test_the_wait_can_be_waived_at_once_or_later(field):
    stop = ask(field, "leave_delete")
    again = ask(field, "leave_delete", waive=True, now=LATER)
    assert (again.pk, again.due_at) == (stop.pk, LATER)
    with pytest.raises(NotNow):
        undo(field, stop, now=LATER)


@pytest.mark.parametrize("rung", Rung.values)
def test_asked_twice_it_is_one_stop(field, rung):
    first = ask(field, rung)
    events, entries = CaseEvent.objects.count(), ConsentEntry.objects.count()
    second = ask(field, rung, now=LATER)
    assert first.pk == second.pk
    assert Stop.objects.count() == 1
    assert (CaseEvent.objects.count(), ConsentEntry.objects.count()) == (events, entries)


@pytest.mark.parametrize("rung", Rung.values)
def test_each_stop_and_each_undo_has_its_audit_row(field, rung):
    stop = ask(field, rung)
    undo(field, stop)
    rows = AuditEvent.objects.filter(subject=field.amal.code, verb__startswith="stop").order_by("id")
    assert [(row.verb, row.actor_kind, row.detail["rung"]) for row in rows] == [
        ("stop.asked", "member", rung),
        ("stop.undone", "member", rung),
    ]
    with pytest.raises(NotNow):
        undo(field, stop)


def all_of(field):
    """Everything a stop may write, for before and after."""
    return (
        list(Stop.objects.values()),
        list(PanelMember.objects.order_by("code").values()),
        list(ConsentEntry.objects.order_by("id").values()),
        list(CaseEvent.objects.order_by("id").values()),
        list(AuditEvent.objects.order_by("id").values()),
        list(Outgoing.objects.values()),
    )


def broken(**_given):
    raise RuntimeError


@pytest.mark.parametrize("rung", Rung.values)
def test_a_stop_whose_last_write_breaks_keeps_nothing(field, monkeypatch, rung):
    before = all_of(field)
    last = "queue_service" if rung == "leave_keep" else "audit.record"
    monkeypatch.setattr(f"panel.rights.services.{last}", broken)
    with pytest.raises(RuntimeError):
        ask(field, rung)
    assert all_of(field) == before


@pytest.mark.parametrize("rung", Rung.values)
def test_an_undo_whose_last_write_breaks_keeps_nothing(field, monkeypatch, rung):
    stop = ask(field, rung)
    before = all_of(field)
    monkeypatch.setattr("panel.rights.services.audit.record", broken)
    with pytest.raises(RuntimeError):
        undo(field, stop)
    assert all_of(field) == before


def test_nobody_stops_or_undoes_for_another_member(field):
    with pytest.raises(NotAllowed):
        ask(field, "no_mail", by=Actor.member(field.other.code))
    stop = ask(field, "no_mail")
    with pytest.raises(NotAllowed):
        undo(field, stop, by=Actor.member(field.other.code))


def staff(field, name, role):
    user = get_user_model().objects.create_user(name)
    members.assign_role(by=SYSTEM, user=user, study=field.study, role=role, now=NOW)
    return Actor.staff(name)


def test_staff_with_the_role_record_what_a_member_told_them_with_a_receipt(field):
    vera = staff(field, "vera", StaffRole.Role.KEEPER)
    stop = ask(field, "leave_delete", by=vera, channel="told staff", typed_word=None)
    assert (stop.channel, field.amal.status) == ("told staff", "deleting")
    assert Outgoing.objects.filter(member=field.amal, purpose="service", occasion=stop.pk).exists()
    with pytest.raises(NotAllowed, match="Only the member"):
        undo(field, stop, by=vera)


def test_staff_without_the_role_record_nothing(field):
    ines = staff(field, "ines", StaffRole.Role.RESEARCHER)
    with pytest.raises(NotAllowed):
        ask(field, "no_mail", by=ines, channel="told staff")
    assert not Stop.objects.exists()


def test_who_left_can_still_delete_but_not_pause(field):
    ask(field, "leave_keep")
    with pytest.raises(NotNow):
        ask(field, "pause")
    ask(field, "leave_delete")
    assert field.amal.status == "deleting"


def test_leaving_after_the_close_leaves_no_event_in_a_closed_wave(field):
    after = CLOSES + timedelta(days=3)
    waves.turn(now=after)
    ask(field, "leave_keep", now=after)
    assert kinds(field) == []
