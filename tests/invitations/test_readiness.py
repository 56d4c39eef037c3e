"""NO-01: a study that lacks anything sends nothing; each gap has its sentence, and letters go once it is filled."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core import mail  # noqa: TID251
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.forms import retire_form
from consent.models import ConsentForm
from panel.invitations import readiness, sending, services
from panel.invitations.models import Letter, LetterKind, LetterText, Outgoing
from panel.members.models import StaffRole, Study, StudyDecision
from tests.factories import fielding as f
from tests.factories import ready

pytestmark = pytest.mark.django_db


def field(name, empty):
    return lambda study: Study.objects.filter(pk=study.pk).update(**{name: empty})


def letter(kind):
    return lambda study: LetterText.objects.filter(
        letter__study=study, letter__kind=kind, language="uk"
    ).delete()


#: What is taken away, and the name of the gap it leaves.
GAPS = {
    "institution": (field("institution", " "), "institution"),
    "Sikt's reference": (field("sikt_reference", ""), "sikt_reference"),
    "Sikt's date": (field("sikt_assessed_on", None), "sikt_assessed_on"),
    "end date": (field("ends_on", None), "ends_on"),
    "data-protection contact": (field("dpo_contact", ""), "dpo_contact"),
    "leader": (lambda study: StaffRole.objects.filter(study=study, role="leader").delete(), "leader"),
    "an active leader": (
        lambda study: [
            one.user.__class__.objects.filter(pk=one.user_id).update(is_active=False)
            for one in StaffRole.objects.filter(study=study, role="leader")
        ],
        "leader",
    ),
    "decision on a DPIA": (lambda study: StudyDecision.objects.filter(study=study).delete(), "dpia"),
    "an information letter": (
        lambda study: retire_form(
            form=ConsentForm.objects.exclude(approved_by="").get(study_key=study.key), day=f.NOON.date()
        ),
        "form",
    ),
    "an approval": (
        lambda study: LetterText.objects.filter(letter__study=study, language="uk").delete(),
        "letters:uk",
    ),
    **{f"letter {kind}": (letter(kind), "letters:uk") for kind in readiness.NEEDED},
}


def states():
    return {(row.state, row.reason) for row in Outgoing.objects.all()}


@pytest.fixture
def livet(db):
    return f.with_letters(f.study())


def test_no_01_a_study_with_all_of_it_is_ready(livet):
    assert readiness.missing(livet) == []


@pytest.mark.parametrize("gap", GAPS)
def test_no_01_without_any_of_it_dispatch_refuses_and_says_why(livet, gap):
    """Survey mail and receipts alike wait, visibly, and the gap has one sentence that says what to do."""
    take, name = GAPS[gap]
    amal, _other = f.people(livet, 2)
    f.opened(livet)
    services.queue_service(member=amal, occasion=uuid4(), now=f.NOON)
    take(livet)
    livet.refresh_from_db()
    (missing,) = readiness.missing(livet)
    assert missing.what == name
    assert str(missing.sentence).endswith(".")
    assert f.send_all() == 0
    assert mail.outbox == []
    assert states() == {("deferred", "study_not_ready")}
    assert Outgoing.objects.count() == 3


@pytest.mark.parametrize("gap", GAPS)
def test_no_01_what_is_lost_between_claim_and_sending_stops_the_letters_too(livet, gap):
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    (chunk,) = services.dispatch(now=f.NOON)
    GAPS[gap][0](livet)
    assert sending.send_chunk(claim=chunk.claim, now=f.NOON) == 0
    assert mail.outbox == []
    assert states() == {("deferred", "study_not_ready")}


def test_no_01_letters_go_at_the_next_look_once_the_study_is_ready(db):
    livet = f.study()
    amal, _other = f.people(livet, 2)
    f.opened(livet)
    services.queue_service(member=amal, occasion=uuid4(), now=f.NOON)
    assert f.send_all() == 0
    gaps = {gap.what for gap in readiness.missing(livet)}
    assert gaps == {"form", *(f"letters:{code}" for code in f.LANGUAGES)}
    f.with_letters(livet)
    assert f.send_all(f.NOON + timedelta(minutes=1)) == 3


def test_no_01_another_study_s_gap_holds_up_nobody_else(livet):
    bare = f.study("bare", sikt_reference="")
    f.people(livet, 2)
    f.people(bare, 2, start=5)
    f.opened(livet)
    f.opened(bare)
    assert f.send_all() == 2
    assert set(Outgoing.objects.filter(member__study=bare).values_list("state", "reason")) == {
        ("deferred", "study_not_ready")
    }


def test_no_01_a_drafted_letter_is_no_approved_one(db):
    livet = f.study()
    ready.with_letters(livet, now=f.NOON)
    LetterText.objects.filter(letter__study=livet, letter__kind="notice", language="nb").delete()
    (missing,) = readiness.missing(livet)
    assert str(missing.sentence) == (
        "Approve the letters in “nb” that are missing: “what the law demands: a longer study, a breach”."
    )


def test_no_01_letters_that_only_some_plans_use_are_not_needed_by_every_study(livet):
    """A usual wave invites and reminds; who plans more is asked for those letters when the plan is approved."""
    unusual = set(LetterKind) - set(readiness.NEEDED)
    assert unusual == {
        LetterKind.PRE_NOTIFICATION, LetterKind.THANKS, LetterKind.KEEP_IN_TOUCH, LetterKind.INTERVIEW_REQUEST
    }  # fmt: skip
    Letter.objects.filter(study=livet, kind__in=unusual).delete()
    assert readiness.missing(livet) == []


def test_no_01_a_letter_with_a_name_of_its_own_is_not_the_standard_one(livet):
    Letter.objects.filter(study=livet, kind=LetterKind.REMINDER).update(name="second")
    assert {gap.what for gap in readiness.missing(livet)} == {f"letters:{code}" for code in f.LANGUAGES}


def test_as_many_queries_for_many_studies_and_members_as_for_one(livet):
    f.people(livet, 2)
    f.opened(livet)
    services.queue_due(now=f.NOON)
    with CaptureQueriesContext(connection) as one:
        readiness.missing_of([livet])
    others = [f.study(f"study-{n}", sikt_assessed_on=date(2022, 5, n + 1)) for n in range(3)]
    with CaptureQueriesContext(connection) as four:
        readiness.missing_of([livet, *others])
    assert len(one) == len(four)
