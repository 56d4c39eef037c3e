"""The intake key: public where respondents' pages run, opened by a worker, rotated, destroyed when spent (ZON-01)."""

import json
import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from panel.audit.models import AuditEvent
from panel.enrolment import intake
from panel.enrolment.models import IntakeKey, NewAddress
from panel.errors import Damaged, NotNow
from panel.keys import crypto, roots
from panel.members.models import PanelMember
from panel.vault import keyring
from tests.factories import cast

pytestmark = pytest.mark.django_db
ADDRESS = "amal.new@example.net"


@pytest.fixture
def amal():
    member = cast.amal(cast.study())
    intake.ensure(today=cast.NOW.date())
    return member


def kept(member: PanelMember) -> NewAddress:
    return intake.keep_address(pk=uuid.uuid4(), member=member, address=ADDRESS)


def opened(address: NewAddress) -> str:
    return intake.open_address(address, by=cast.SYSTEM, reason="test", now=cast.NOW)


def test_what_was_sealed_opens_with_its_audit_row_by_code(amal):
    address = kept(amal)
    assert opened(address) == ADDRESS
    event = AuditEvent.objects.get(verb="address.opened")
    assert (event.subject, event.detail) == (amal.code, {"reason": "test", "request": str(address.pk)})


def test_zon_01_sealing_needs_neither_kek_nor_the_other_databases(
    amal, settings, monkeypatch, django_assert_num_queries
):
    settings.KEK_FILE = ""
    monkeypatch.setattr(roots, "kept_root", lambda *_: pytest.fail("a root was opened"))
    with django_assert_num_queries(0, using="vault"), django_assert_num_queries(0, using="keystore"):
        kept(amal)


def test_cry_02_in_another_row_it_does_not_open_and_the_error_names_the_code(amal):
    one, other = kept(amal), kept(amal)
    NewAddress.objects.filter(pk=one.pk).update(sealed=bytes(other.sealed))
    one.refresh_from_db()
    with pytest.raises(Damaged, match=amal.code):
        opened(one)


def test_a_missing_private_part_is_named_with_its_version(amal):
    address = kept(amal)
    roots.destroy_root("intake-1")
    with pytest.raises(Damaged, match=f"intake key 1 is missing.*{amal.code}"):
        opened(address)


def test_it_is_made_once_and_lives_through_a_new_kek(amal):
    assert intake.ensure(today=cast.NOW.date()) == 1
    address = kept(amal)
    keyring.rotate(by=cast.SYSTEM, now=cast.NOW)
    assert opened(address) == ADDRESS


def test_a_rotation_destroys_the_older_key_unless_something_waits_for_it(amal):
    assert intake.rotate(by=cast.SYSTEM, now=cast.NOW) == intake.Rotation(2, [1])
    waits = kept(amal)
    assert intake.rotate(by=cast.SYSTEM, now=cast.NOW) == intake.Rotation(3, [])
    assert opened(waits) == ADDRESS
    assert kept(amal).key_id == 3
    intake.forget_addresses([waits.pk])
    assert intake.destroy_spent(by=cast.SYSTEM, now=cast.NOW) == [2]
    assert roots.labels(intake.LABEL) == ["intake-3"]
    verbs = AuditEvent.objects.filter(verb__startswith="intake_key").order_by("id")
    assert [(e.verb, e.detail["version"]) for e in verbs] == [
        ("intake_key.made", 2), ("intake_key.destroyed", 1), ("intake_key.made", 3), ("intake_key.destroyed", 2),
    ]  # fmt: skip


def test_a_crash_before_the_last_write_leaves_a_root_that_nothing_hangs_on(amal, monkeypatch):
    def broken(**_values):
        raise DatabaseError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(IntakeKey.objects, "create", broken)
        with pytest.raises(DatabaseError):
            intake.rotate(by=cast.SYSTEM, now=cast.NOW)
    assert list(intake.waiting()) == [1]
    assert opened(kept(amal)) == ADDRESS
    assert roots.labels(intake.LABEL) == ["intake-1", "intake-2"]
    assert intake.rotate(by=cast.SYSTEM, now=cast.NOW) == intake.Rotation(3, [])
    assert roots.labels(intake.LABEL) == ["intake-1", "intake-3"]


def test_of_two_that_make_one_at_once_the_second_is_refused(amal, monkeypatch):
    roots.keep_root("intake-2", crypto.random_key())
    monkeypatch.setattr(roots, "labels", lambda _prefix: [])  # it looked before the other had written
    with pytest.raises(NotNow, match="another process"):
        intake.rotate(by=cast.SYSTEM, now=cast.NOW)


def test_the_operators_command(amal, capsys):
    def says(do: str) -> Any:
        call_command("intake_key", do, "--json")
        return json.loads(capsys.readouterr().out)

    assert says("ensure") == {"version": 1, "waiting": {"1": 0}, "destroyed": []}
    kept(amal)
    assert says("rotate") == {"version": 2, "waiting": {"1": 1, "2": 0}, "destroyed": []}
    call_command("intake_key", "status")
    assert capsys.readouterr().out.splitlines()[0] == "Version 1, to which 1 addresses are sealed that wait."


def test_the_command_before_there_is_a_key(db, capsys):
    call_command("intake_key", "status")
    assert "intake_key ensure" in capsys.readouterr().out
