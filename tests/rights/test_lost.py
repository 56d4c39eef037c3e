"""TOK-01: a lost link is sent again to whoever has the address, and nobody learns whether anybody has it."""

import re
from datetime import timedelta

import pytest

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.errors import BadInput, Damaged
from panel.invitations.models import Outgoing
from panel.rights import erasure, lost, services
from panel.rights.models import AskedLink
from panel.vault import services as vault
from tests.factories import fielding
from tests.factories.fielding import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def study(db):
    made = fielding.with_letters(fielding.study())
    fielding.people(made, 3)
    intake.ensure(today=NOON.date())
    return made


def ask(address, now=NOON):
    lost.ask_link(address=address, now=now)


def queued():
    return sorted(Outgoing.objects.values_list("member__language", "kind"))


def test_a_member_gets_a_letter_with_the_link(study, mail_catcher, settings):
    ask(" M1@Example.ORG ")
    assert lost.mail_links(now=NOON) == 1
    assert fielding.send_all() == 1
    (mail,) = mail_catcher.letters()
    assert mail["To"] == "m1@example.org"
    assert re.search(rf"{settings.BASE_URL}/p/\S+", mail.get_body(("plain",)).get_content())
    assert not AskedLink.objects.exists()


def test_a_damaged_card_keeps_nobody_else_from_their_letter(study, monkeypatch):
    find = vault.find_by_address

    def beside_damage(addresses):
        if "m0@example.org" in addresses:
            raise Damaged("shut")
        return find(addresses)

    monkeypatch.setattr(vault, "find_by_address", beside_damage)
    ask("m0@example.org")
    ask("m1@example.org")
    assert lost.mail_links(now=NOON) == 1
    assert not AskedLink.objects.exists()


def test_a_stranger_who_asks_every_day_fills_nobodys_mailbox(study):
    """Three letters in any seven days; each of their links goes on working."""
    letters = []
    for day in range(10):
        ask("m1@example.org", NOON + day * DAY)
        letters.append(lost.mail_links(now=NOON + day * DAY))
    assert letters == [1, 1, 1, 0, 0, 0, 0, 1, 1, 1]


def test_nobody_s_address_leads_to_nothing_and_is_forgotten(study):
    ask("stranger@example.net")
    assert lost.mail_links(now=NOON) == 0
    assert not Outgoing.objects.exists()
    assert not AskedLink.objects.exists()
    assert "stranger" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


def test_the_page_keeps_the_address_sealed_and_asks_for_no_key(study, settings, tmp_path):
    """ZON-01: the portal can seal and can't open; all rows are equally long."""
    settings.KEK_FILE = str(tmp_path / "none.json")
    for address in ("m1@example.org", "somebody.with.a.long.name@institution.example.org"):
        ask(address)
    rows = [bytes(row.sealed) for row in AskedLink.objects.all()]
    assert len({len(row) for row in rows}) == 1
    assert not any(b"example" in row for row in rows)


def test_once_a_day_however_often_it_is_asked(study):
    for _time in range(3):
        ask("m0@example.org")
        lost.mail_links(now=NOON)
    assert queued() == [("nb", "receipt")]
    ask("m0@example.org")
    assert lost.mail_links(now=NOON + DAY) == 1


def test_everybody_at_one_address_gets_their_own(study):
    fielding.people(study, 1, start=0)  # another member at m0@example.org
    ask("m0@example.org")
    assert lost.mail_links(now=NOON) == 2


def test_who_asked_for_deletion_gets_none_and_who_left_does_until_the_card_is_gone(study):
    members = {one.language: one for one in study.members.all()}
    for language, rung in (("nb", "leave_delete"), ("en", "leave_keep")):
        member = members[language]
        services.ask_stop(
            by=Actor.member(member.code), member=member, rung=rung, channel="stop page", typed_word="DELETE",
            now=NOON,
        )  # fmt: skip
    Outgoing.objects.all().delete()
    for address in ("m0@example.org", "m1@example.org"):
        ask(address)
    assert lost.mail_links(now=NOON) == 1
    assert queued() == [("en", "receipt")]
    erasure.erase_due(now=NOON + 15 * DAY)
    ask("m1@example.org")
    assert lost.mail_links(now=NOON + 15 * DAY) == 0


@pytest.mark.parametrize("typed", ["", "x", "a@b", "two@example.org three@example.org"])
def test_what_is_no_address_is_refused(study, typed):
    with pytest.raises(BadInput):
        ask(typed)
    assert not AskedLink.objects.exists()


def test_a_flood_fills_no_table(study, monkeypatch):
    monkeypatch.setattr(lost, "MOST", 3)
    for number in range(5):
        ask(f"n{number}@example.org")
    assert AskedLink.objects.count() == 3


def test_what_does_not_open_any_more_holds_up_no_other(study, caplog):
    ask("m0@example.org")
    ask("m1@example.org")
    AskedLink.objects.filter(pk=AskedLink.objects.first().pk).update(sealed=b"x" * 80)
    assert lost.mail_links(now=NOON) == 1
    assert "does not open" in caplog.text
    assert "example" not in caplog.text


def test_if_the_last_write_fails_nothing_is_queued_and_the_address_waits(study, monkeypatch):
    ask("m0@example.org")
    with monkeypatch.context() as patch:
        patch.setattr(lost.audit, "record", lambda **_given: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            lost.mail_links(now=NOON)
    assert not Outgoing.objects.exists()
    assert lost.mail_links(now=NOON) == 1
