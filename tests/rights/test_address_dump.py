"""LAW-09: after a change of address real dumps of all three databases hold the old value in no form."""

import subprocess
from pathlib import Path

import pytest
from django.db import connections

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.demo import canary
from panel.enrolment import intake
from panel.enrolment.models import NewAddress
from panel.errors import Damaged
from panel.journal import backup
from panel.journal import services as journal
from panel.keys.macs import Index
from panel.members.models import PanelMember
from panel.rights import addresses, erasure, replay
from panel.rights.address_rules import TIME_TO_STOP
from panel.rights.models import AddressChange
from panel.vault import services as vault
from panel.vault.models import Card
from tests.factories import cast, fielding
from tests.factories.fielding import NOON
from tests.rights.test_restore import restore
from tests.settings import ALIASES, TEST_DB

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pg_programs")]
#: A day after the old address was told at noon.
LATER = NOON + TIME_TO_STOP
OLD, NEW = "m0@example.org", "zvirka.nova@example.net"


def dumped(folder: Path) -> bytes:
    """Everything as a thief of the backups has it: SQLite's files, PostgreSQL's rows as SQL with hexadecimal bytes."""
    parts = []
    for path in backup.dump(folder, aliases=tuple(ALIASES), now=NOON):
        words = ["cat", str(path)] if TEST_DB == "sqlite" else ["pg_restore", "--file=-", str(path)]
        parts.append(subprocess.run(words, check=True, capture_output=True).stdout)
    return b"\n".join(parts)


def stands_in(value: bytes, dump: bytes) -> bool:
    return value in dump or value.hex().encode() in dump


def test_law_09_the_old_address_is_gone_from_every_table_and_from_its_cipher(mail_catcher, tmp_path):
    study = fielding.with_letters(fielding.study())
    fielding.people(study, 3)
    intake.ensure(today=NOON.date())
    codes = list(study.members.values_list("code", flat=True))
    cards = vault.open_cards(codes, by=cast.SYSTEM, reason="test", now=NOON, study=study.slug)
    (code,) = [code for code, card in cards.items() if card.email == OLD]
    member = PanelMember.objects.select_related("study").get(code=code)
    row = Card.objects.get(locator=Index.load().card_locator(code))
    sealed_old = bytes(row.email)
    folder = tmp_path / "before"
    assert stands_in(sealed_old, dumped(folder))  # the search would find it
    change = addresses.ask_change(by=Actor.member(code), member=member, address=NEW, now=NOON)
    sealed_new = bytes(NewAddress.objects.get().sealed)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(code), change=change, now=NOON)
    addresses.turn(now=LATER)
    dump = dumped(tmp_path / "after")
    assert not canary.found(dump, {OLD, NEW})
    assert not stands_in(sealed_old, dump)
    assert not stands_in(sealed_new, dump)
    row.refresh_from_db()
    assert stands_in(bytes(row.email), dump)
    after = vault.open_cards(codes, by=cast.SYSTEM, reason="test", now=NOON, study=study.slug)
    assert after[code].email == NEW
    assert {other: card for other, card in after.items() if other != code} == {
        other: card for other, card in cards.items() if other != code
    }
    assert set(connections) == set(ALIASES)


def test_law_09_yesterdays_vault_opens_the_old_address_neither_with_todays_keystore_nor_after_the_night_with_its_own(
    mail_catcher, tmp_path
):
    study = fielding.with_letters(fielding.study())
    amal, other = fielding.people(study, 2)
    intake.ensure(today=NOON.date())
    aliases = ("vault", "keystore")
    dumps = dict(zip(aliases, backup.dump(tmp_path, aliases=aliases, now=NOON), strict=True))
    addresses.ask_change(by=Actor.member(amal.code), member=amal, address=NEW, now=NOON)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(amal.code), change=AddressChange.objects.get(), now=NOON)
    assert addresses.apply_confirmed(now=LATER) == 1
    assert erasure.nightly(now=NOON).rotated_to == 2
    restore(dumps["vault"], "vault")
    assert opens(other)
    assert not opens(amal)
    restore(dumps["keystore"], "keystore")
    assert not opens(other)  # their keys are wrapped by a version that is gone
    assert not opens(amal)


def test_law_09_a_restored_vaults_shut_card_stands_in_nobodys_way_after_the_replay(mail_catcher, tmp_path):
    study = fielding.with_letters(fielding.study())
    amal, other = fielding.people(study, 2)
    intake.ensure(today=NOON.date())
    (dump,) = backup.dump(tmp_path, aliases=("vault",), now=NOON)
    addresses.ask_change(by=Actor.member(amal.code), member=amal, address=NEW, now=NOON)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(amal.code), change=AddressChange.objects.get(), now=NOON)
    assert addresses.apply_confirmed(now=LATER) == 1
    journal.write(now=NOON)
    replay.replay(by=cast.SYSTEM, now=NOON)
    assert opens(amal)  # nothing was restored, nothing is dropped
    restore(dump, "vault")
    replay.replay(by=cast.SYSTEM, now=NOON)
    assert vault.find_by_address(["m1@example.org", OLD, NEW])["m1@example.org"]
    assert opens(other)
    amal.refresh_from_db()
    assert amal.unreachable
    assert AuditEvent.objects.filter(verb="address.lost", subject=amal.code).exists()


def opens(member: PanelMember) -> bool:
    try:
        return bool(vault.open_cards([member.code], by=cast.SYSTEM, reason="t", now=NOON, study="livet"))
    except Damaged:
        return False
