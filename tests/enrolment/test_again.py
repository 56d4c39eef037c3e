"""The same row in a file once more: nobody who left comes back by it, and nobody becomes a member twice."""

from datetime import timedelta

import pytest

from consent.models import ConsentEntry
from panel.audit.rules import Actor
from panel.enrolment.models import ErasedRow, RecruitmentRecord
from panel.members.models import PanelMember, Study
from panel.rights.erasure import erase_due
from panel.rights.services import ask_stop
from panel.vault.models import Card
from tests.factories import cast
from tests.factories.cast import NOW
from tests.factories.recruits import row

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=15)


def without_row_id() -> Study:
    return cast.study(recruitment={**cast.data("recruitment.json"), "row_id": ""})


def leave(member: PanelMember, rung: str = "leave_keep") -> None:
    by = Actor.member(member.code)
    ask_stop(by=by, member=member, rung=rung, channel="stop page", typed_word="DELETE", now=NOW)


@pytest.mark.parametrize("make", [cast.study, without_row_id])
def test_who_left_and_lost_the_card_is_not_admitted_again_by_the_same_file(make):
    study = make()
    amal = cast.amal(study)
    leave(amal)
    assert erase_due(now=LATER) == 1
    again = cast.enrol(study, row(1), row(2), now=LATER)
    assert again.outcome == {"already_member": 1, "enrolled": 1}
    assert study.members.get(pk=amal.pk).status == "left"
    assert study.members.count() == 2
    assert Card.objects.count() == 1


@pytest.mark.parametrize("rung", ["leave_keep", "leave_delete"])
def test_who_is_leaving_is_not_admitted_again_while_it_can_be_undone(rung):
    study = cast.study()
    leave(cast.amal(study), rung)
    assert cast.enrol(study, row(1)).outcome == {"already_member": 1}
    assert not study.members.filter(status="active").exists()


@pytest.mark.parametrize("make", [cast.study, without_row_id])
@pytest.mark.parametrize(
    "changes", [{}, {"E_post": "new@example.org"}, {"Samtykke_ny_kontakt": "Nei"}, {"E_post": ""}]
)
def test_law_06_who_had_everything_deleted_does_not_come_back_by_the_same_file(make, changes):
    study = make()
    leave(cast.amal(study), "leave_delete")
    assert erase_due(now=LATER) == 1
    entries = ConsentEntry.objects.count()
    again = cast.enrol(study, row(1, **changes), now=LATER)
    assert (again.outcome, again.left_out, again.wave0_answers) == ({"erased": 1}, [(2, "erased")], 0)
    assert not PanelMember.objects.exists()
    assert not RecruitmentRecord.objects.exists()
    assert not Card.objects.exists()
    assert ConsentEntry.objects.count() == entries


def test_of_an_erased_row_only_its_keyed_hash_stays_and_only_in_its_study():
    study, other = cast.study(), cast.study("other")
    amal, mark = cast.amal(study), RecruitmentRecord.objects.get().fingerprint
    leave(amal, "leave_delete")
    assert not ErasedRow.objects.exists()
    erase_due(now=LATER)
    kept = ErasedRow.objects.get()
    assert (kept.study, bytes(kept.fingerprint)) == (study, bytes(mark))
    assert {field.name for field in ErasedRow._meta.get_fields()} == {"id", "study", "fingerprint"}
    assert cast.enrol(study, row(1), row(2), now=LATER).outcome == {"enrolled": 1, "erased": 1}
    assert cast.enrol(other, row(1), now=LATER).outcome == {"enrolled": 1}


def test_a_row_whose_address_was_changed_makes_no_second_member_of_one_person():
    study = cast.study()
    cast.amal(study)
    assert cast.enrol(study, row(1, E_post="new@example.org")).outcome == {"already_member": 1}
    assert study.members.count() == 1


def test_without_row_ids_two_people_may_give_the_same_answers_on_one_day_but_each_joins_once():
    study = without_row_id()
    cast.amal(study)
    other = row(1, E_post="other@example.org", Fornavn="Other")
    assert cast.enrol(study, other).outcome == {"enrolled": 1}
    assert cast.enrol(study, other).outcome == {"already_member": 1}
    assert study.members.count() == 2
