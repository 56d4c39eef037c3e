"""Asks who signed older words to agree to the form of today: starts a run, closes it, reports coverage.

A run holds the survey mail of those it asks until they answer: it is deferred, never cancelled. What a member
answers is consenting.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent.models import ConsentForm
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations.models import LetterKind
from panel.invitations.services import cancel_service, queue_service_many
from panel.members import holding, permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.rights.models import ReconsentAsk, ReconsentRun
from panel.sets import SIZE


@transaction.atomic
def start(*, by: Actor, study: Study, form: ConsentForm, now: datetime) -> ReconsentRun:
    """Hold the survey mail of all who signed older words, and write to each of them once."""
    permissions.check(by, study, Verb.RUN_RECONSENT)
    if form != consents.current_form(study.key, study.languages):
        raise NotNow(_("Only the form that is shown today can be asked for: the latest approved one."))
    members = older_signers(study, form)
    if not members:
        raise NotNow(_("Nobody has signed older words than these, so there is nobody to ask."))
    run = _begin(by, study, form, len(members), now)
    # The others see the question on their own page.
    write_to = set(study.members.open_to_letters().values_list("pk", flat=True).iterator())
    ReconsentAsk.objects.bulk_create(
        (ReconsentAsk(run=run, member_id=pk, written_to=pk in write_to) for pk in members), batch_size=SIZE
    )
    reason = f"re-consent to the form {form.version}"
    holding.hold_for_consent(by=by, study=study, members=members, reason=reason, now=now)
    letters = [pk for pk in members if pk in write_to]
    queue_service_many(members=letters, occasion=run.pk, kind=LetterKind.RECONSENT, now=now)
    _tell(by, run, "reconsent.started", now, asked=len(members), written_to=len(letters))
    return run


@transaction.atomic
def close(*, by: Actor, run: ReconsentRun, lift: bool, now: datetime) -> ReconsentRun:
    """End a run: letters that wait are not sent. Whether mail goes on to who hasn't answered is said, never guessed."""
    permissions.check(by, run.study, Verb.RUN_RECONSENT)
    open_run = ReconsentRun.objects.filter(pk=run.pk, closed_at=None)
    if not open_run.update(closed_at=now, closed_by=by.name, lifted=lift):
        raise NotNow(_("This run is closed already."))
    cancelled = cancel_service(occasion=run.pk, kind=LetterKind.RECONSENT)
    lifted = 0
    if lift:
        lifted = holding.lift_for_consent(by=by, study=run.study, now=now)
    _tell(by, run, "reconsent.closed", now, lifted=lifted, letters_cancelled=cancelled)
    run.refresh_from_db()
    return run


def older_signers(study: Study, form: ConsentForm) -> list[UUID]:
    """Active members who agreed to older words and haven't answered these."""
    codes = consents.signed_older(form)
    active = PanelMember.objects.filter(study=study, status=PanelMember.Status.ACTIVE)
    return [pk for pk, code in active.values_list("pk", "code").iterator() if code in codes]


def _begin(by: Actor, study: Study, form: ConsentForm, asked: int, now: datetime) -> ReconsentRun:
    try:
        with transaction.atomic():
            return ReconsentRun.objects.create(
                study=study, form=form, asked=asked, started_by=by.name, started_at=now
            )
    except IntegrityError as error:
        raise NotNow(_("A run is open in this study already. Close it first.")) from error


def _tell(by: Actor, run: ReconsentRun, verb: str, now: datetime, **numbers: int) -> None:
    detail = {"run": str(run.pk), **numbers}
    audit.record(by=by, verb=verb, now=now, study=run.study.slug, subject=run.form.version, detail=detail)


# --- how far it is


@dataclass(frozen=True)
class Cohort:
    """One cohort of a run: exact counts of work, none of what anybody said."""

    name: str
    asked: int
    written_to: int
    answered: int

    @property
    def waiting(self) -> int:
        return self.asked - self.answered


@dataclass(frozen=True)
class Coverage:
    """How far a run is. `gone` were asked and are erased since; what was said is counted over all."""

    cohorts: Sequence[Cohort]
    gone: int
    said: Sequence[tuple[str, int, int]]

    def total(self, count: str) -> int:
        """One of the counts over all cohorts."""
        return sum(getattr(cohort, count) for cohort in self.cohorts)


def coverage(run: ReconsentRun) -> Coverage:
    """By cohort; two queries, however many were asked."""
    answered, written = (
        Count("id", filter=Q(answered_on__isnull=False)),
        Count("id", filter=Q(written_to=True)),
    )
    rows = (
        run.asks.order_by()
        .values("member__cohort")
        .annotate(asked=Count("id"), written=written, done=answered)
    )
    cohorts = [
        Cohort(row["member__cohort"], row["asked"], row["written"], row["done"])
        for row in rows.order_by("member__cohort")
    ]
    said = [(purpose, yes, no) for purpose, (yes, no) in sorted(consents.said_to(run.form).items())]
    return Coverage(cohorts, run.asked - sum(one.asked for one in cohorts), said)
