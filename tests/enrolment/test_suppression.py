"""Never contact again (LAW-13): a keyed hash under a key of the study's own, checked at every enrolment."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from panel.audit.models import AuditEvent
from panel.enrolment import services as enrolment
from panel.enrolment import suppression
from panel.enrolment.models import RecruitmentRecord
from panel.errors import Damaged, NotAllowed
from panel.keys import roots
from panel.keys.models import WrappedRoot
from panel.members.models import PanelMember
from panel.vault import keyring
from panel.vault import services as vault
from panel.vault import suppression as lists
from panel.vault.models import Card, Suppressed
from tests.factories import cast
from tests.factories.recruits import csv_of, row

pytestmark = pytest.mark.django_db
LATER = cast.NOW + timedelta(days=30)


def never(member):
    return suppression.suppress(by=cast.VERA, member=member, now=cast.NOW)


def gone(member):
    """Card and member, as an erasure leaves it; the row's own hash is not there, as with another file."""
    vault.destroy_cards([member.code])
    RecruitmentRecord.objects.filter(member=member).delete()
    member.delete()


@pytest.fixture
def study():
    return cast.study()


def test_law_13_a_suppressed_address_in_any_file_is_refused_and_nothing_of_it_is_stored(study):
    amal = cast.amal(study)
    never(amal)
    gone(amal)
    again = row(9, Fornavn="Amal", E_post=" <AMAL@Example.org>. ", Kjønn="Mann")
    for dry_run in (True, False):
        result = enrolment.enrol(
            by=cast.VERA, study=study, data=csv_of(again), suffix=".csv", now=LATER, dry_run=dry_run
        )
        assert result.outcome == {"suppressed": 1}
        assert result.left_out == [(2, "suppressed")]
    assert not study.members.exists()
    assert not Card.objects.exists()
    record = RecruitmentRecord.objects.get()
    assert record.member is None
    assert "example" not in f"{record.answers}{AuditEvent.objects.values_list('detail')}".lower()


@pytest.mark.parametrize(
    "again", ["amal@bücher.example.org", "AMAL@BU\u0308CHER.example.org", "amal@xn--bcher-kva.example.org"]
)
def test_law_13_another_spelling_of_the_domain_is_the_same_address(study, again):
    amal = cast.amal(study, E_post="amal@bücher.example.org")
    never(amal)
    gone(amal)
    assert cast.enrol(study, row(9, E_post=again), now=LATER).outcome == {"suppressed": 1}


def test_law_13_nobody_else_is_refused(study):
    amal = cast.amal(study)
    never(amal)
    gone(amal)
    others = [row(n, E_post=address) for n, address in enumerate(
        ("amal@example.net", "amal.h@example.org", "amal+1@example.org", "xamal@example.org"), start=11
    )]  # fmt: skip
    assert cast.enrol(study, *others, now=LATER).outcome == {"enrolled": 4}


def test_law_13_another_study_has_a_list_of_its_own(study):
    amal = cast.amal(study)
    never(amal)
    other = cast.study("other")
    assert cast.enrol(other, row(1)).outcome == {"enrolled": 1}
    never(PanelMember.objects.get(study=other))
    assert Suppressed.objects.count() == 2
    assert len(set(Suppressed.objects.values_list("register", flat=True))) == 2


def test_a_standing_member_of_that_address_stays_one(study):
    never(cast.amal(study))
    assert cast.enrol(study, row(1), now=LATER).outcome == {"already_member": 1}
    assert study.members.count() == 1


def test_a_row_that_was_suppressed_may_come_again_and_stores_nothing_new(study):
    amal = cast.amal(study)
    never(amal)
    gone(amal)
    first = cast.enrol(study, row(9, E_post="amal@example.org"), now=LATER)
    again = cast.enrol(study, row(9, E_post="amal@example.org"), now=LATER)
    assert (first.wave0_answers, again.wave0_answers) == (1, 0)
    assert again.outcome == {"suppressed": 1}


def test_law_13_the_hash_is_full_length_and_needs_the_studys_key(study):
    (mark,) = never(cast.amal(study))
    assert len(mark) == 32
    assert bytes(Suppressed.objects.get().mark) == mark
    (label,) = roots.labels(lists.LABEL)
    root = roots.kept_root(label)
    WrappedRoot.objects.filter(label=label).delete()
    with pytest.raises(Damaged, match="keystore"):  # not taken for an empty list
        cast.enrol(study, row(9), now=LATER)
    assert root
    roots.keep_root(label, root)
    assert cast.enrol(study, row(9), now=LATER).outcome == {"enrolled": 1}


def test_cry_04_the_key_of_the_list_lives_through_a_rotation(study):
    amal = cast.amal(study)
    never(amal)
    gone(amal)
    keyring.rotate(by=cast.SYSTEM, now=LATER)
    assert suppression.suppressed(study, ["amal@example.org", "m2@example.org"]) == {"amal@example.org"}


def test_law_13_at_project_end_list_and_key_are_destroyed(study):
    amal = cast.amal(study)
    never(amal)
    other = cast.study("other")
    cast.enrol(other, row(1))
    never(PanelMember.objects.get(study=other))
    with pytest.raises(NotAllowed):
        suppression.destroy_suppression(by=cast.VERA, study=study, now=LATER)
    assert suppression.destroy_suppression(by=cast.LIV, study=study, now=LATER) == 1
    assert len(roots.labels(lists.LABEL)) == Suppressed.objects.count() == 1
    assert suppression.suppressed(study, ["amal@example.org"]) == set()
    assert suppression.suppressed(other, ["amal@example.org"])
    assert suppression.destroy_suppression(by=cast.LIV, study=study, now=LATER) == 0


def test_marks_come_back_after_a_restored_backup(study):
    (mark,) = never(cast.amal(study))
    Suppressed.objects.all().delete()
    lists.add_marks(study.key, [mark])
    lists.add_marks(study.key, [mark])
    assert suppression.suppressed(study, ["amal@example.org"])
    assert Suppressed.objects.count() == 1


def test_without_a_card_there_is_nothing_to_suppress_and_that_is_noted(study):
    amal = cast.amal(study)
    vault.destroy_cards([amal.code])
    assert never(amal) == []
    assert AuditEvent.objects.get(verb="address.suppressed").detail == {"addresses": 0}


def test_only_who_may_record_a_stop_suppresses(study):
    amal = cast.amal(study)
    for by in (cast.INES, cast.DAG, cast.TOR):
        with pytest.raises(NotAllowed):
            suppression.suppress(by=by, member=amal, now=cast.NOW)
    assert not Suppressed.objects.exists()


def test_zon_02_a_list_names_no_study_and_nothing_of_it_stands_in_another_zone(study):
    never(cast.amal(study))
    one = Suppressed.objects.get()
    (label,) = roots.labels(lists.LABEL)
    assert study.key.hex not in bytes(one.register).hex()
    assert str(study.key)[:8] not in label.lower()
    mark = label.removeprefix(lists.LABEL)
    assert mark.encode() not in bytes(one.register) + bytes(one.mark)
    assert {field.name for field in Suppressed._meta.get_fields()} == {"mark", "register"}


def test_zon_02_the_order_of_a_list_does_not_tell_who_came_when(study):
    connection = connections["vault"]
    for number in range(40):
        lists.add(study.key, [f"m{number}@example.org"])
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            with pytest.raises(OperationalError, match="rowid"):
                cursor.execute("SELECT rowid FROM vault_suppressed")
            return
        cursor.execute("SELECT mark FROM vault_suppressed ORDER BY ctid")
        physical = [bytes(mark) for (mark,) in cursor.fetchall()]
    key = lists._key(lists._label(study.key))
    came = [lists._mark(key, f"m{number}@example.org") for number in range(40)]
    assert physical[-5:] != came[-5:]
    assert physical != came
