"""LAW-09, TOK-01: a new address from who can't be reached: a code alone moves no letter, nor do code and name."""

import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import lost_contacts
from panel.invitations.models import LostContact, Outgoing
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.members.rules import Role, member_code
from panel.residency.models import Evidence, Flag
from panel.rights import addresses, new_address, reaching
from panel.rights.models import AddressChange, GivenAddress
from panel.rights.new_address import is_named
from panel.vault.rules import ContactData
from tests.factories import cast, fielding
from tests.factories.fielding import NOON
from tests.rights.test_addresses import address_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NEW = "new@example.net"
READER = Actor.system("bounces")


@pytest.fixture
def study(mail_catcher):
    made = fielding.with_letters(fielding.study())
    members.assign_role(by=cast.SYSTEM, user=cast.user(cast.VERA), study=made, role=Role.KEEPER, now=NOON)
    intake.ensure(today=NOON.date())
    return made


@pytest.fixture
def amal(study):
    (member,) = fielding.people(study)
    return PanelMember.objects.select_related("study").get(pk=member.pk)


@pytest.fixture
def lost(amal):
    members.mark_unreachable(by=READER, members=[amal], now=NOON)
    lost_contacts.open_case(by=READER, member=amal, now=NOON)
    return amal


def give(member, *, name="Navn0 Etternavn0", address=NEW, now=NOON, code=None):
    new_address.give(code=code or member.code, name=name, address=address, now=now)
    return new_address.look(now=now)


def change():
    return AddressChange.objects.select_related("member__study").get()


def confirm(now=NOON):
    addresses.confirm_change(by=Actor.member(change().member.code), change=change(), now=now)


def accept(now=NOON):
    reason = "Called the number on the card."
    reaching.accept_address(by=cast.VERA, change=change(), reason=reason, now=now)


def kinds(member):
    return list(lost_contacts.open_case_of(member).steps.order_by("number").values_list("kind", flat=True))


def test_law_09_given_confirmed_there_accepted_by_a_keeper_and_changed(lost, mail_catcher):
    assert give(lost) == 1
    fielding.send_all(NOON)
    asked = [mail for mail in mail_catcher.letters() if mail["To"] == NEW]
    assert re.search(r"/c/\S+", asked[0].get_body(("plain",)).get_content())
    confirm()
    assert addresses.apply_confirmed(now=NOON + 3 * DAY) == 0, "a keeper has to accept it"
    accept(NOON + 3 * DAY)
    assert kinds(lost) == ["opened", "address_given", "address_accepted"]
    assert addresses.apply_confirmed(now=NOON + 3 * DAY) == 1
    assert address_of(lost) == NEW
    lost.refresh_from_db()
    assert not lost.unreachable
    case = LostContact.objects.get()
    assert (case.state, case.outcome) == ("closed", "new_address")


def test_res_03_a_new_address_moves_no_place_status_or_flag(lost):
    before = (lost.status, lost.place)
    give(lost)
    confirm()
    accept()
    assert addresses.apply_confirmed(now=NOON + 3 * DAY) == 1
    lost.refresh_from_db()
    assert (lost.status, lost.place) == before
    assert not Evidence.objects.exists()
    assert not Flag.objects.exists()


def test_a_code_and_a_name_take_over_no_letters(lost):
    """Whoever knows both, and owns a mailbox, still needs a person here to be convinced."""
    give(lost, address="thief@example.net")
    confirm()
    for days in range(1, 21):
        addresses.turn(now=NOON + days * DAY)
    assert address_of(lost) == "m0@example.org"
    assert change().state == "confirmed"
    addresses.turn(now=NOON + 22 * DAY)
    assert change().state == "expired"
    assert address_of(lost) == "m0@example.org"


def test_a_wrong_name_asks_nobody_and_is_noted_three_times_at_most(lost):
    for _guess in range(5):
        give(lost, name="Somebody Else")
    assert kinds(lost) == ["opened", *["wrong_name"] * 3]
    assert give(lost) == 0, "after three guesses the right name is not heard either"
    assert not AddressChange.objects.exists()
    assert give(lost, now=NOON + 8 * DAY) == 1


def test_while_letters_arrive_the_address_we_have_gets_the_link_to_the_own_page(amal):
    assert give(amal) == 1
    assert not AddressChange.objects.exists()
    row = Outgoing.objects.get()
    assert (row.member, row.kind) == (amal, "receipt")
    assert not LostContact.objects.exists()


def test_an_address_refused_before_there_were_cases_opens_one(amal):
    members.mark_unreachable(by=READER, members=[amal], now=NOON)
    assert give(amal) == 1
    assert kinds(amal) == ["opened", "address_given"]


def test_it_takes_the_place_of_no_change_that_waits(lost):
    asked = addresses.ask_change(
        by=cast.VERA, member=lost, address="told@example.net", reason="Called.", now=NOON
    )
    assert give(lost) == 0
    assert change() == asked


def test_who_left_is_frozen_or_unknown_is_written_to_by_nobody(lost, study):
    (other,) = fielding.people(study, 1, start=5)
    members.set_status(by=cast.SYSTEM, member=other, status="left", now=NOON)
    members.hold(by=cast.SYSTEM, member=lost, kind=Hold.Kind.RESTRICTION, reason="Asked.", now=NOON)
    for code in (lost.code, other.code, member_code()):
        assert give(lost, code=code) == 0
    assert not Outgoing.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"code": "ABC"}, {"code": "123456789"}, {"name": "  "}, {"name": "x" * 81}, {"address": "amal@"}],
)
def test_what_can_not_be_right_is_said_at_once(amal, wrong):
    typed = {"code": amal.code, "name": "Navn0", "address": NEW, **wrong}
    with pytest.raises(BadInput):
        new_address.give(**typed, now=NOON)
    assert not GivenAddress.objects.exists()


def test_the_longest_that_can_be_typed_fits_its_seal(amal):
    longest = "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".org"
    new_address.give(code=amal.code, name="Щ" * 80, address=longest, now=NOON)
    new_address.give(code=amal.code, name="A", address="a@example.org", now=NOON)
    lengths = {len(bytes(one.sealed)) for one in GivenAddress.objects.all()}
    assert len(lengths) == 1, "all are equally long"
    assert new_address.look(now=NOON) == 1
    assert not GivenAddress.objects.exists()


def test_zon_01_nothing_typed_stands_in_the_row(amal):
    new_address.give(code=amal.code, name="Navn0", address=NEW, now=NOON)
    sealed = bytes(GivenAddress.objects.get().sealed)
    assert not [typed for typed in (amal.code, "Navn0", NEW) if typed.encode() in sealed]


def test_a_flood_fills_no_table(amal, monkeypatch):
    monkeypatch.setattr(new_address, "MOST", 2)
    for _again in range(5):
        new_address.give(code=amal.code, name="Navn0", address=NEW, now=NOON)
    assert GivenAddress.objects.count() == 2


@pytest.mark.parametrize("actor", [cast.SIGNE, cast.LIV, cast.INES, cast.DAG])
def test_only_a_contact_keeper_accepts(lost, actor):
    give(lost)
    confirm()
    with pytest.raises(NotAllowed):
        reaching.accept_address(by=actor, change=change(), reason="So.", now=NOON)


def test_it_is_accepted_once_and_after_it_was_confirmed(lost):
    give(lost)
    with pytest.raises(NotNow):
        accept()
    confirm()
    assert [one.pk for one in reaching.to_accept([lost.study])] == [change().pk]
    accept()
    assert not reaching.to_accept([lost.study])
    with pytest.raises(NotNow):
        accept()


def test_what_the_member_asked_by_a_letter_s_link_needs_no_keeper(amal):
    asked = addresses.ask_change(by=Actor.member(amal.code), member=amal, address=NEW, now=NOON)
    with pytest.raises(NotNow):
        reaching.accept_address(by=cast.VERA, change=asked, reason="So.", now=NOON)


@pytest.mark.parametrize("broken", ["look", "accept"])
def test_a_broken_last_write_keeps_nothing(lost, broken):
    new_address.give(code=lost.code, name="Navn0", address=NEW, now=NOON)
    act = {"look": lambda: new_address.look(now=NOON), "accept": accept}[broken]
    if broken == "accept":
        new_address.look(now=NOON)
        confirm()
    rows = lambda: [  # noqa: E731
        list(model.objects.order_by("pk").values())
        for model in (GivenAddress, AddressChange, Outgoing, LostContact)
    ]
    before, events = rows(), AuditEvent.objects.count()
    module = new_address if broken == "look" else lost_contacts
    with patch.object(module.audit, "record", side_effect=RuntimeError), pytest.raises(RuntimeError):
        act()
    assert (rows(), AuditEvent.objects.count()) == (before, events)


# --- names

CARD = ContactData("C", "a@example.org", "Олена-Марія", "Ковальчук")


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("Олена-Марія Ковальчук", True), ("ковальчук олена марія", True), ("Олена", True),
        ("КОВАЛЬЧУК", True), ("Олена Петренко", False), ("Olena", False), ("  ", False),
    ],
)  # fmt: skip
def test_a_name_fits_in_whatever_order_and_case(said, fits):
    assert is_named(CARD, said) == fits


def test_a_card_without_a_name_fits_nobody_for_a_code_alone_moves_no_letters():
    assert not is_named(ContactData("C", "a@example.org", "", ""), "Anybody")


@given(st.text(max_size=80))
def test_only_words_of_the_name_fit(said):
    known = {"олена", "марія", "ковальчук"}
    if is_named(CARD, said):
        assert new_address._words(said) <= {new_address._words(one).pop() for one in known}
