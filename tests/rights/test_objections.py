"""LAW-11: objection where the basis is public interest, withdrawal where it is consent; and nothing half done."""

import pytest

from consent import selectors as consents
from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import services as outbox
from panel.invitations.checking import gather
from panel.invitations.models import Outgoing
from panel.invitations.rules import may_send
from panel.members.models import Hold, LegalBasis, PanelMember, Study
from panel.rights import acts, objections, requests
from panel.waves.models import CaseEvent
from tests.factories import cast
from tests.factories.answering import NOW, SYSTEM

TODAY = NOW.date()
pytestmark = pytest.mark.django_db


@pytest.fixture
def field(field):
    """In a study that rests on public interest."""
    Study.objects.filter(pk=field.study.pk).update(legal_basis=LegalBasis.PUBLIC_INTEREST)
    field.amal = PanelMember.objects.select_related("study").get(pk=field.amal.pk)
    return field


def object_to(field, *purposes, **changes):
    given = {"by": SYSTEM, "member": field.amal, "channel": "told staff", "now": NOW}
    objections.object_to(purposes=purposes, **{**given, **changes})


def holds(field, purpose):
    code = field.amal.code
    return code in consents.holding(study_key=field.study.key, subjects={code}, purpose=purpose)


def test_law_11_what_is_queued_stops_at_once_and_the_rest_goes_on(field):
    outbox.queue_due(now=NOW)
    row = Outgoing.objects.select_related("member__study", "case__wave").get(member=field.amal)
    assert may_send(gather([row], NOW)[row.pk], NOW).send
    object_to(field, "waves", told_on=TODAY)
    assert may_send(gather([row], NOW)[row.pk], NOW).reason == "no_consent"
    assert (holds(field, "waves"), holds(field, "keep_in_touch")) == (False, True)
    entry = ConsentEntry.objects.filter(subject=field.amal.code).latest("id")
    assert (entry.action, entry.channel, entry.day) == ("objected", "told staff", TODAY)
    assert CaseEvent.objects.filter(case=field.case(), kind="refused").exists()
    event = AuditEvent.objects.get(verb="objection.recorded")
    assert (event.subject, event.detail["purposes"]) == (field.amal.code, ["waves"])


def test_law_11_an_objection_to_an_interview_leaves_the_waves_alone(field):
    object_to(field, "interview")
    assert holds(field, "waves")
    assert not CaseEvent.objects.filter(case=field.case(), kind="refused").exists()


def test_law_11_with_consent_as_basis_the_way_is_to_withdraw(field):
    Study.objects.filter(pk=field.study.pk).update(legal_basis=LegalBasis.CONSENT)
    field.amal.study.refresh_from_db()
    with pytest.raises(NotNow, match="withdrawing it is the way"):
        object_to(field, "waves")
    assert holds(field, "waves")


@pytest.mark.parametrize("purposes", [(), ("service",), ("waves", "money")])
def test_an_objection_to_nothing_or_to_what_there_is_not_is_refused(field, purposes):
    with pytest.raises(BadInput):
        object_to(field, *purposes)


def test_a_member_objects_for_themselves_only(field):
    object_to(field, "quote", by=Actor.member(field.amal.code), channel="stop page")
    with pytest.raises(NotAllowed):
        object_to(field, "quote", by=Actor.member(field.other.code), channel="stop page")


def test_an_objection_whose_last_write_breaks_keeps_nothing(field, monkeypatch):
    def broken(**_given):
        raise RuntimeError

    before = ConsentEntry.objects.count(), CaseEvent.objects.count()
    monkeypatch.setattr("panel.rights.objections.audit.record", broken)
    with pytest.raises(RuntimeError):
        object_to(field, "waves")
    assert (ConsentEntry.objects.count(), CaseEvent.objects.count()) == before


@pytest.mark.parametrize(("freeze", "notes"), [("", 2), ("They contest the use of answers.", 3)])
def test_from_its_request_with_a_freeze_of_the_answers_or_without(freeze, notes):
    study = cast.study(legal_basis=LegalBasis.PUBLIC_INTEREST)
    amal = cast.amal(study)
    request = requests.receive(by=cast.VERA, member=amal, kind="objection", channel="phone", now=cast.NOW)
    day = cast.NOW.date()
    given = {"request": request, "purposes": ["waves"], "told_on": day, "freeze": freeze, "now": cast.NOW}
    for who in (cast.DAG, cast.SIGNE):
        with pytest.raises(NotAllowed):
            acts.object_to(by=who, **given)
    acts.object_to(by=cast.LIV, **given)
    assert request.notes.count() == notes
    assert Hold.objects.filter(member=amal).exists() == bool(freeze)
    assert ConsentEntry.objects.filter(subject=amal.code).latest("id").action == "objected"
