"""A change of address: confirmed at the new one, told to the old one, and the old value is gone (LAW-09)."""

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.enrolment.models import IntakeKey, NewAddress
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations.models import LetterKind, Link, Outgoing
from panel.invitations.rules import Reason, State
from panel.keys import roots
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.rights import address_rules as rules
from panel.rights import addresses
from panel.rights.models import AddressChange
from panel.rights.services import ask_stop
from panel.vault import services as vault
from tests.factories import cast, fielding
from tests.factories.fielding import NOON

pytestmark = pytest.mark.django_db
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
#: A day after the old address was told at noon.
LATER = NOON + DAY
NEW = "amal.new@example.net"


@pytest.fixture
def study(mail_catcher):
    """With letters, and an intake key as the first tick makes it."""
    made = fielding.with_letters(fielding.study())
    return made


@pytest.fixture
def amal(study):
    (member,) = fielding.people(study)
    intake.ensure(today=NOON.date())
    return PanelMember.objects.select_related("study").get(pk=member.pk)


def ask(member, address=NEW, *, now=NOON, by=None, **more):
    by = by or Actor.member(member.code)
    return addresses.ask_change(by=by, member=member, address=address, now=now, **more)


def confirm(change, *, now=NOON):
    addresses.confirm_change(by=Actor.member(change.member.code), change=change, now=now)


def changed(member, address=NEW, *, now=NOON):
    """The whole way: asked, letters sent, confirmed, carried out a day later."""
    change = ask(member, address, now=now)
    fielding.send_all(now)
    confirm(change, now=now)
    assert addresses.apply_confirmed(now=now + DAY) == 1
    change.refresh_from_db()
    member.refresh_from_db()
    return change


def address_of(member) -> str:
    found = vault.open_cards([member.code], by=cast.SYSTEM, reason="test", now=NOON, study=member.study.slug)
    return found[member.code].email


def to(letters, address):
    return [letter for letter in letters if letter["To"] == address]


def test_law_09_asked_confirmed_there_told_here_and_changed(amal, mail_catcher):
    change = ask(amal, f" <{NEW.upper()}>. ")
    assert address_of(amal) == "m0@example.org"
    fielding.send_all(NOON)
    letters = mail_catcher.letters()
    (there,), (here,) = to(letters, NEW), to(letters, "m0@example.org")
    assert "/c/" in there.get_body(("plain",)).get_content()
    assert "/c/" not in here.get_body(("plain",)).get_content()
    assert addresses.apply_confirmed(now=NOON) == 0
    confirm(change)
    assert addresses.apply_confirmed(now=NOON) == 0
    assert address_of(amal) == "m0@example.org"
    assert addresses.apply_confirmed(now=LATER) == 1
    assert address_of(amal) == NEW
    change.refresh_from_db()
    assert (change.state, change.ended_at) == ("done", LATER)
    assert not NewAddress.objects.exists()
    verbs = AuditEvent.objects.filter(subject=amal.code).order_by("id").values_list("verb", flat=True)
    assert [verb for verb in verbs if "address" in verb] == [
        "address_change.asked",
        "address.opened",
        "address_change.confirmed",
        "address.opened",
        "card.address_changed",
        "address.changed",
        "address_change.carried_out",
    ]


def test_law_09_the_letter_to_a_new_address_opens_no_card_and_holds_none_of_the_members_own_links(
    amal, mail_catcher
):
    Link.objects.all().delete()
    ask(amal)
    Outgoing.objects.filter(kind=LetterKind.ADDRESS_NOTICE).delete()
    fielding.send_all(NOON)
    (letter,) = mail_catcher.letters()
    assert [link.use for link in Link.objects.all()] == [Link.Use.CONFIRM]
    for part in letter.iter_parts():
        assert set(re.findall(r"testserver(/[a-z]/)", part.get_content())) == {"/c/"}
    assert not AuditEvent.objects.filter(verb=vault.OPEN_CHUNK).exists()


def test_the_links_of_both_letters_lead_to_the_change_and_of_another_member_to_none(amal):
    change = ask(amal)
    (other,) = fielding.people(amal.study, start=1)
    fielding.send_all(NOON)
    uses = {link.use for link in Link.objects.all() if addresses.change_of(link) == change}
    assert uses == {Link.Use.CONFIRM, Link.Use.CANCEL, Link.Use.STOP, Link.Use.OWN}
    link = Link.objects.get(use=Link.Use.CONFIRM)
    link.member = other
    assert addresses.change_of(link) is None


def test_nothing_of_the_address_is_clear_and_every_one_is_equally_long(amal):
    ask(amal, "a@b.example.org")
    short = NewAddress.objects.get()
    ask(amal, "a" * 60 + "@" + "b" * 60 + ".example.org")
    long = NewAddress.objects.get()
    assert len(bytes(short.sealed)) == len(bytes(long.sealed))
    assert b"example.org" not in bytes(short.sealed) + bytes(long.sealed)
    assert "example.org" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize("address", ["", "amal", "a b@example.org", "a@" + "b" * 250 + ".example.org"])
def test_what_cannot_be_written_to_is_refused(amal, address):
    with pytest.raises(BadInput, match=r"name@example\.org"):
        ask(amal, address)
    assert not AddressChange.objects.exists()
    assert not Outgoing.objects.exists()


def test_the_answer_is_the_same_whether_or_not_somebody_has_the_address(amal):
    fielding.people(amal.study, start=1)
    taken, free = ask(amal, "m1@example.org"), ask(amal, NEW)
    assert (taken.told_staff, taken.expires) == (free.told_staff, free.expires)
    kinds = Outgoing.objects.values_list("occasion", "kind")
    assert {kind for occasion, kind in kinds if occasion == taken.pk} == {
        kind for occasion, kind in kinds if occasion == free.pk
    }


def test_only_the_member_confirms_and_only_in_time(amal):
    (other,) = fielding.people(amal.study, start=1)
    change = ask(amal)
    for by in (Actor.member(other.code), fielding.LIV, cast.SYSTEM):
        with pytest.raises(NotAllowed):
            addresses.confirm_change(by=by, change=change, now=NOON)
    with pytest.raises(NotAllowed):
        ask(amal, by=Actor.member(other.code))
    with pytest.raises(NotNow):
        confirm(change, now=NOON + 7 * DAY)
    confirm(change, now=NOON + 7 * DAY - timedelta(seconds=1))
    with pytest.raises(NotNow):
        confirm(change)


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_change_is_stopped_from_either_address_until_it_is_carried_out(amal, confirmed, mail_catcher):
    change = ask(amal)
    if confirmed:
        confirm(change)
    assert addresses.waiting_change(amal, now=NOON) == change
    addresses.cancel_change(by=Actor.member(amal.code), change=change, now=NOON)
    assert addresses.waiting_change(amal, now=NOON) is None
    assert not NewAddress.objects.exists()
    assert addresses.apply_confirmed(now=NOON + 3 * DAY) == 0
    fielding.send_all(NOON)
    assert to(mail_catcher.letters(), NEW) == []
    row = Outgoing.objects.get(kind=LetterKind.CONFIRM_ADDRESS)
    assert (row.state, row.reason) == (State.CANCELLED, Reason.TAKEN_BACK)
    with pytest.raises(NotNow):
        addresses.cancel_change(by=Actor.member(amal.code), change=change, now=NOON)
    with pytest.raises(NotNow):
        confirm(change)


def test_who_changed_it_cannot_stop_it_any_more(amal):
    change = changed(amal)
    with pytest.raises(NotNow):
        addresses.cancel_change(by=Actor.member(amal.code), change=change, now=LATER)


def test_of_two_changes_the_later_stands(amal):
    first = ask(amal)
    second = ask(amal, "other@example.net")
    first.refresh_from_db()
    assert first.state == "replaced"
    assert addresses.waiting_change(amal, now=NOON) == second
    assert NewAddress.objects.get().pk == second.pk


def test_a_few_a_week_and_no_more_each_writes_to_a_stranger_perhaps(amal):
    for hour in range(3):
        ask(amal, f"a{hour}@example.net", now=NOON + timedelta(hours=hour))
    with pytest.raises(NotNow, match="several times this week"):
        ask(amal, now=NOON + 6 * DAY)
    ask(amal, now=NOON + 7 * DAY + timedelta(minutes=1))


def test_unconfirmed_it_is_forgotten_after_a_week(amal):
    change = ask(amal)
    assert addresses.expire(now=NOON + 7 * DAY - timedelta(seconds=1)) == 0
    assert addresses.waiting_change(amal, now=NOON + 7 * DAY) is None
    assert addresses.expire(now=NOON + 7 * DAY) == 1
    change.refresh_from_db()
    assert change.state == "expired"
    assert not NewAddress.objects.exists()


def test_confirmed_at_the_last_moment_it_still_has_three_days_and_then_it_is_forgotten_too(amal):
    """So that no sealed address waits for ever for a change that can't be carried out."""
    change = ask(amal)
    fielding.send_all(NOON)
    confirm(change, now=NOON + 7 * DAY - timedelta(seconds=1))
    members.hold(by=fielding.LIV, member=amal, kind=Hold.Kind.RESTRICTION, reason="asked", now=NOON)
    assert addresses.expire(now=NOON + 10 * DAY - timedelta(seconds=1)) == 0
    assert addresses.expire(now=NOON + 10 * DAY) == 1
    assert not NewAddress.objects.exists()


def test_without_a_card_the_change_ends(amal):
    """Contact data go at the date in the letter, whatever waits."""
    change = ask(amal)
    fielding.send_all(NOON)
    confirm(change)
    vault.destroy_cards([amal.code])
    assert addresses.apply_confirmed(now=LATER) == 0
    change.refresh_from_db()
    assert change.state == "cancelled"
    assert not AuditEvent.objects.filter(verb__in=["card.address_changed", "address.changed"]).exists()


def test_the_old_address_is_told_before_it_is_gone(amal, mail_catcher):
    """Otherwise the notice would go to the new one."""
    change = ask(amal)
    confirm(change)
    sent = NOON + 2 * DAY
    assert addresses.apply_confirmed(now=sent) == 0
    fielding.send_all(sent)
    assert addresses.apply_confirmed(now=sent + DAY - SECOND) == 0
    assert addresses.apply_confirmed(now=sent + DAY) == 1
    assert len(to(mail_catcher.letters(), "m0@example.org")) == 1


def test_law_09_who_holds_a_forwarded_letter_takes_over_nothing_while_the_old_address_can_stop_it(amal):
    """Asked, and confirmed at an address of their own within a minute: the rightful reader has a day."""
    change = ask(amal, "stranger@example.net")
    fielding.send_all(NOON)
    confirm(change)
    addresses.turn(now=LATER - SECOND)
    assert address_of(amal) == "m0@example.org"
    addresses.cancel_change(by=Actor.member(amal.code), change=change, now=LATER - SECOND)
    addresses.turn(now=LATER)
    assert address_of(amal) == "m0@example.org"


def test_a_day_after_the_notice_counts_from_its_sending_and_not_from_the_confirmation(amal):
    change = ask(amal)
    fielding.send_all(NOON)
    confirm(change, now=NOON + 5 * DAY)
    assert addresses.apply_confirmed(now=NOON + 5 * DAY) == 1


def test_a_dead_mailbox_is_waited_for_no_longer(amal, mail_catcher):
    mail_catcher.refuse.write_text("m0@example.org")
    change = ask(amal)
    fielding.send_all(NOON)
    confirm(change)
    notice = Outgoing.objects.get(kind=LetterKind.ADDRESS_NOTICE)
    assert (notice.state, notice.reason) == (State.FAILED, Reason.ADDRESS_REFUSED)
    assert addresses.apply_confirmed(now=NOON) == 1


NOTICES = st.builds(
    Outgoing,
    state=st.sampled_from(State),
    reason=st.sampled_from(["", *Reason]),
    sent_at=st.none() | st.integers(-7, 4).map(lambda days: NOON + days * DAY),
)


@given(notice=st.none() | NOTICES, told_staff=st.booleans(), hours=st.integers(0, 200))
def test_law_09_the_rule_never_overtakes_the_notice_and_never_waits_beyond_its_bounds(
    notice, told_staff, hours
):
    now = NOON + timedelta(hours=hours)
    may = rules.may_carry_out(confirmed_at=NOON, told_staff=told_staff, notice=notice, now=now)
    three_days = now >= NOON + 3 * DAY
    if notice is None or notice.state in {
        State.QUEUED,
        State.DEFERRED,
        State.CLAIMED,
        State.READY,
        State.SENDING,
    }:
        assert may == three_days
    elif told_staff or notice.reason == Reason.ADDRESS_REFUSED:
        assert may
    elif notice.state == State.SENT and notice.sent_at:
        assert may == (now - notice.sent_at >= DAY)
    else:
        assert may == three_days


def test_an_old_address_that_takes_nothing_holds_the_change_up_for_three_days(amal, mail_catcher):
    change = ask(amal)
    confirm(change)
    assert addresses.apply_confirmed(now=NOON + 3 * DAY - timedelta(seconds=1)) == 0
    assert addresses.apply_confirmed(now=NOON + 3 * DAY) == 1
    fielding.send_all(NOON + 3 * DAY)
    assert mail_catcher.letters() == []


def test_letters_go_again_to_who_was_out_of_reach(amal):
    members.mark_unreachable(by=cast.SYSTEM, members=[amal], now=NOON)
    changed(amal)
    assert not amal.unreachable


def test_a_new_address_that_refuses_its_letter_makes_nobody_unreachable(amal, mail_catcher):
    mail_catcher.refuse.write_text(NEW)
    ask(amal)
    fielding.send_all(NOON)
    amal.refresh_from_db()
    assert not amal.unreachable
    assert Outgoing.objects.get(kind=LetterKind.CONFIRM_ADDRESS).state == State.FAILED


def test_households_are_settled_on_both_sides(amal):
    """Who moves away leaves one behind without a mark; who moves in shares one."""
    one, other = fielding.people(amal.study, 2, start=1)
    changed(amal, "m1@example.org")
    one.refresh_from_db()
    assert amal.shared_address == one.shared_address is not None
    later = NOON + 8 * DAY
    changed(amal, "m2@example.org", now=later)
    one.refresh_from_db()
    other.refresh_from_db()
    assert one.shared_address is None
    assert amal.shared_address == other.shared_address is not None
    changed(amal, NEW, now=later + 8 * DAY)
    other.refresh_from_db()
    assert amal.shared_address is other.shared_address is None


def test_a_member_of_another_study_at_the_address_shares_nothing(amal):
    elsewhere = fielding.study("elsewhere")
    (same,) = fielding.people(elsewhere, start=1)
    changed(amal, "m1@example.org")
    same.refresh_from_db()
    assert amal.shared_address is same.shared_address is None


def test_who_left_meanwhile_keeps_the_address_that_is_being_deleted(amal):
    change = ask(amal)
    confirm(change)
    ask_stop(by=Actor.member(amal.code), member=amal, rung="leave_keep", channel="stop page", now=NOON)
    fielding.send_all(NOON)
    assert addresses.apply_confirmed(now=NOON) == 0
    change.refresh_from_db()
    assert change.state == "cancelled"
    amal.refresh_from_db()
    with pytest.raises(NotNow, match="left the study"):
        ask(amal)


def test_law_10_restriction_freezes_the_address_too(amal):
    change = ask(amal)
    confirm(change)
    fielding.send_all(NOON)
    held = members.hold(by=fielding.LIV, member=amal, kind=Hold.Kind.RESTRICTION, reason="asked", now=NOON)
    assert addresses.apply_confirmed(now=LATER) == 0
    with pytest.raises(NotNow, match="frozen"):
        ask(amal)
    members.lift(by=fielding.LIV, held=held, now=LATER)
    assert addresses.apply_confirmed(now=LATER) == 1


def test_the_contact_keeper_changes_it_for_who_phoned_by_the_same_way(amal):
    members.assign_role(by=cast.SYSTEM, user=cast.user(cast.VERA), study=amal.study, role="keeper", now=NOON)
    with pytest.raises(NotAllowed):
        ask(amal, by=fielding.SIGNE, reason="phoned")
    with pytest.raises(BadInput, match="reason"):
        ask(amal, by=cast.VERA)
    for _call in range(4):  # what members may do in a week is no limit here
        change = ask(amal, by=cast.VERA, reason="Phoned on Monday from 98 76 54 32.")
    assert change.told_staff
    row = AuditEvent.objects.filter(verb="address_change.asked").latest("id")
    assert row.detail["reason"] == "Phoned on Monday from [phone]."
    confirm(change)
    assert addresses.apply_confirmed(now=NOON) == 0  # the old address is told first, here too
    fielding.send_all(NOON)
    assert address_of(amal) == "m0@example.org"
    assert addresses.apply_confirmed(now=NOON) == 1
    assert address_of(amal) == NEW


@pytest.mark.parametrize("last", ["panel.rights.addresses._note"])
def test_a_request_that_breaks_at_its_last_write_leaves_nothing(amal, monkeypatch, last):
    def broken(*_args, **_more):
        raise DatabaseError("broken")

    monkeypatch.setattr(last, broken)
    with pytest.raises(DatabaseError):
        ask(amal)
    assert not AddressChange.objects.exists()
    assert not NewAddress.objects.exists()
    assert not Outgoing.objects.exists()


def test_carried_out_twice_after_a_crash_it_is_the_same(amal, monkeypatch, caplog):
    """The card is written first; a crash before `default` leaves the change standing."""
    (other,) = fielding.people(amal.study, start=1)
    changed(amal, "m1@example.org")
    later = NOON + 8 * DAY
    change = ask(amal, now=later)
    fielding.send_all(later)
    confirm(change, now=later)
    later += DAY
    with monkeypatch.context() as broken:
        broken.setattr(members, "settle_address", lambda **_: (_ for _ in ()).throw(DatabaseError(NEW)))
        assert addresses.apply_confirmed(now=later) == 0
    assert amal.code in caplog.text
    assert NEW not in caplog.text
    assert address_of(amal) == NEW
    assert addresses.apply_confirmed(now=later) == 1
    other.refresh_from_db()
    assert other.shared_address is None


def test_a_damaged_address_holds_up_no_other_and_is_named_by_code(amal, caplog):
    (other,) = fielding.people(amal.study, start=1)
    other = PanelMember.objects.select_related("study").get(pk=other.pk)
    broken, whole = ask(amal), ask(other, "whole@example.net")
    fielding.send_all(NOON)
    confirm(broken)
    confirm(whole)
    NewAddress.objects.filter(pk=broken.pk).update(sealed=bytes(NewAddress.objects.get(pk=whole.pk).sealed))
    assert addresses.apply_confirmed(now=LATER) == 1
    assert amal.code in caplog.text
    assert address_of(other) == "whole@example.net"
    assert address_of(amal) == "m0@example.org"


def test_without_an_intake_key_the_page_says_to_try_again(study):
    (member,) = fielding.people(study)
    with pytest.raises(NotNow, match="few minutes"):
        ask(PanelMember.objects.select_related("study").get(pk=member.pk))
    assert not AddressChange.objects.exists()


def test_an_older_intake_key_opens_until_nothing_waits_and_then_it_is_destroyed(amal):
    change = ask(amal)
    rotated = intake.rotate(by=cast.SYSTEM, now=NOON)
    assert (rotated.version, rotated.destroyed) == (2, [])
    fielding.send_all(NOON)
    confirm(change)
    addresses.turn(now=LATER)
    assert address_of(amal) == NEW
    assert list(IntakeKey.objects.values_list("version", flat=True)) == [2]
    assert roots.labels(intake.LABEL) == ["intake-2"]
