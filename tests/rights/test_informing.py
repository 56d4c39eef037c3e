"""LAW-11: where the basis is public interest, members are informed and may object; nobody is informed by consent."""

import json
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consent import forms as consent_forms
from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry, ConsentForm
from panel import clock
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.members.models import Study
from panel.rights import informing, objections, services
from tests.factories import cast, forms

pytestmark = pytest.mark.django_db
TOLD = date(2022, 8, 1)


@pytest.fixture
def study() -> Study:
    """Of public interest, with three members and a letter."""
    made = cast.study(legal_basis="public_interest")
    cast.people(made, 3)
    forms.approved(made, now=cast.NOW)
    return made


def inform(study: Study, *purposes: str, **changes: Any) -> int:
    given = {"by": cast.LIV, "purposes": purposes or ("archive",), "channel": "letter", "given_on": TOLD}
    return informing.inform(**{**given, **changes}, study=study, now=cast.NOW)


def holding(study: Study, purpose: str = "archive") -> set[str]:
    return consents.holding(study_key=study.key, subjects=None, purpose=purpose)


def test_who_was_informed_holds_until_they_object(study):
    assert inform(study) == 3
    codes = {member.code for member in study.members.all()}
    assert holding(study) == codes
    entry = ConsentEntry.objects.filter(purpose="archive")[0]
    assert (entry.action, entry.day, entry.channel) == ("informed", TOLD, "letter")
    one = study.members.first()
    objections.object_to(
        by=Actor.member(one.code), member=one, purposes=["archive"], channel="own page", now=cast.NOW
    )
    assert holding(study) == codes - {one.code}
    assert inform(study) == 0  # what they said is not overwritten
    assert holding(study) == codes - {one.code}
    assert AuditEvent.objects.filter(verb="members.informed").count() == 2


def test_what_somebody_said_before_stands(study):
    first = study.members.first()
    ledger.withdraw(
        study_key=study.key, subject=first.code, purposes=["waves"], channel="letter", day=cast.NOW.date()
    )
    inform(study, "waves", "quote")
    assert first.code not in holding(study, "waves")
    assert len(holding(study, "quote")) == 3
    assert not ConsentEntry.objects.filter(purpose="waves", action="informed").exists()


def test_a_study_that_rests_on_consent_informs_nobody_into_it(study):
    Study.objects.filter(pk=study.pk).update(legal_basis="consent")
    with pytest.raises(NotNow, match="must agree"):
        inform(Study.objects.get(pk=study.pk))
    assert not holding(study)


def test_who_may_and_what_can_be_told(study):
    with pytest.raises(NotAllowed):
        inform(study, by=cast.SIGNE)
    for wrong in ((), ("service",), ("everything",)):
        with pytest.raises(BadInput, match="informed of"):
            inform(study, purposes=wrong)
    with pytest.raises(BadInput, match="future"):
        inform(study, given_on=date(2030, 1, 1))
    for form in ConsentForm.objects.filter(study_key=study.key, status="approved").exclude(approved_by=""):
        consent_forms.retire_form(form=form, day=TOLD)
    with pytest.raises(NotNow, match="no approved consent form"):
        inform(study)


def test_a_record_that_breaks_at_its_last_write_keeps_nothing(study, monkeypatch):
    def broken(**_given: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(informing.audit, "record", broken)
    with pytest.raises(RuntimeError):
        inform(study)
    assert not holding(study)


def test_who_takes_leaving_back_is_informed_again_and_never_made_to_have_agreed(study):
    inform(study)
    one = study.members.select_related("study").first()
    by = Actor.member(one.code)
    stop = services.ask_stop(
        by=by, member=one, rung="leave_delete", channel="stop page", typed_word="DELETE", now=cast.NOW
    )
    assert one.code not in holding(study)
    services.undo_stop(by=by, stop=stop, now=cast.NOW)
    assert one.code in holding(study)
    last = ConsentEntry.objects.filter(subject=one.code, purpose="archive").order_by("id").last()
    assert last is not None
    assert last.action == "informed"


def test_the_command(study, monkeypatch, capsys):
    monkeypatch.setattr(clock, "now", lambda: cast.NOW)
    words = ("inform", "--study", study.slug, "--by", "liv", "--purpose", "archive", "--on")
    call_command(*words, "2022-08-01", "--json")
    assert json.loads(capsys.readouterr().out) == {"study": study.slug, "purposes": ["archive"], "lines": 3}
    with pytest.raises(CommandError, match="future"):
        call_command(*words, "2030-08-01")
