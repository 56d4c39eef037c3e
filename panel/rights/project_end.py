"""The guided end of a project (NO-04): steps in order, each kept when it is done, so that it can be taken up again.

Only a project leader takes them. What can't be undone wants the study's name typed, is ordered, and carried out by
a worker, as erasures are: a crash leaves it ordered, to be done again.
Not here: what is destroyed and deleted (clearing.py), a later end instead (extension.py), the certificate's words
(certificate.py).
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words as staff_words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow, Refusal
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import ALIVE
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.releases.models import Release
from panel.rights import archive, certificate, clearing, extension, messages
from panel.rights.end_rules import Step, check_order, check_read, check_typed
from panel.rights.models import EndStep, OutsideItem, ProjectEnd, Request
from panel.rights.request_rules import UNANSWERED
from panel.waves.models import Wave

logger = logging.getLogger(__name__)

WORKER = Actor.system("project end")
#: What is for good.
ORDERED = (Step.LINK_KEY, Step.ROWS)


@transaction.atomic
def begin(*, by: Actor, study: Study, typed: str, now: datetime) -> ProjectEnd:
    """Opens the end of a project. Nothing is destroyed by it."""
    permissions.check(by, study, Verb.END_PROJECT)
    check_typed(typed, study.name)
    study = Study.objects.select_for_update().get(pk=study.pk)
    if ProjectEnd.objects.filter(study=study).exists():
        raise NotNow(_("The end of this project has begun already."))
    if Wave.objects.filter(study=study).exclude(status=Wave.Status.CLOSED).exists():
        raise NotNow(_("Close the waves first: an open or planned one is still there."))
    if extension.waiting(study):
        raise NotNow(_("Members are being told of a later end. Put that in force first."))
    end = ProjectEnd.objects.create(study=study, begun_at=now, begun_by=by.name)
    audit.record(by=by, verb="end.begun", now=now, study=study.slug)
    return end


@transaction.atomic
def tell_results(
    *, by: Actor, end: ProjectEnd, words: Mapping[str, str], reason: str = "", now: datetime
) -> None:
    """The results to each member, read on their own page; or, with a reason, none."""
    _check(by, end, Step.RESULT)
    if not any(text.strip() for text in words.values()):
        return _done(by, end, Step.RESULT, now, words=staff_words.reason(reason))
    told = messages.write(by=by, study=end.study, words=words, kind=LetterKind.RESULT, now=now)
    letters = Outgoing.objects.filter(occasion=told.pk, kind=LetterKind.RESULT).count()
    return _done(by, end, Step.RESULT, now, counts={"letters": letters})


@transaction.atomic
def name_release(
    *, by: Actor, end: ProjectEnd, release: Release | None, reason: str = "", now: datetime
) -> None:
    """The cleared release that the project ends with; or, with a reason, none."""
    _check(by, end, Step.RELEASE)
    if release is None:
        return _done(by, end, Step.RELEASE, now, words=staff_words.reason(reason))
    if release.study_id != end.study_id or release.state != Release.State.APPROVED:
        raise BadInput(_("Choose an approved release of this study."))
    counts = {"release": str(release.pk), "name": str(release), "sha256": release.sha256}
    return _done(by, end, Step.RELEASE, now, counts=counts)


@transaction.atomic
def make_archive(*, by: Actor, end: ProjectEnd, certificate: bytes, where: str, now: datetime) -> bytes:
    """The archive's file, given out once and kept nowhere. `where` says which archive it is handed to."""
    _check(by, end, Step.ARCHIVE)
    handed_to = staff_words.reason(where)
    made = archive.make(end.study, certificate=certificate)
    _done(by, end, Step.ARCHIVE, now, counts=made.counts, words=handed_to)
    return made.sealed


@transaction.atomic
def leave_archive_out(*, by: Actor, end: ProjectEnd, reason: str, now: datetime) -> None:
    """No archive, with a reason: nobody agreed, or no archive takes it."""
    _check(by, end, Step.ARCHIVE)
    _done(by, end, Step.ARCHIVE, now, words=staff_words.reason(reason))


@transaction.atomic
def make_archive_again(*, by: Actor, end: ProjectEnd, now: datetime) -> None:
    """The file didn't arrive: the step is open again, while there is still something to make it from."""
    permissions.check(by, end.study, Verb.END_PROJECT)
    if Step.LINK_KEY in done_steps(end):
        raise NotNow(_("The link key is destroyed: the file can't be made again."))
    if not EndStep.objects.filter(end=end, step__in=(Step.ARCHIVE, Step.OUTSIDE)).delete()[0]:
        raise NotNow(_("There is no archive yet."))
    audit.record(by=by, verb="end.archive_reopened", now=now, study=end.study.slug)


@transaction.atomic
def tick_outside(*, by: Actor, end: ProjectEnd, now: datetime) -> None:
    """All that lies outside is gone, but for the backups, which come last."""
    _check(by, end, Step.OUTSIDE)
    items = OutsideItem.objects.filter(study=end.study).exclude(kind=OutsideItem.Kind.BACKUP)
    if left := items.filter(gone_on=None).count():
        raise NotNow(
            _("%(items)d things outside aren't marked as gone yet: see the register of what lies outside.")
            % {"items": left}
        )
    _done(by, end, Step.OUTSIDE, now, counts={"items": items.count()})


@transaction.atomic
def order(*, by: Actor, end: ProjectEnd, step: Step | str, typed: str, now: datetime) -> None:
    """Orders what is for good: the link key, then the rows. A worker carries it out, for only it has the keys."""
    step = Step(step)
    check_typed(typed, end.study.name)
    _check(by, end, step)
    journal_state.check_in_step(now=now)  # a restored database doesn't know who left since
    if EndStep.objects.filter(end=end, step=step).exists():
        raise NotNow(_("This is ordered already: a worker carries it out within minutes."))
    if step == Step.LINK_KEY:
        _check_nothing_waits(end, now)
        counts = clearing.link_key_counts(end.study)
        Study.objects.filter(pk=end.study_id).update(ended_at=now)
        journal.record(kind=journal.Kind.STUDY_ENDED, study=end.study.slug, now=now)
    else:
        counts = clearing.row_counts(end.study)
    _begun(by, end, step, now, counts)
    audit.record(by=by, verb="end.step_ordered", now=now, study=end.study.slug, subject=step.value)


def carry_out_ordered(*, now: datetime) -> int:
    """A worker's: carries out what was ordered, and goes on where a crash left it. Not inside a transaction.

    What is refused stays ordered; the log says why, and the next beat tries again.
    """
    if not journal_state.in_step(now=now):
        return 0
    ordered = EndStep.objects.filter(step__in=ORDERED, done_at=None).select_related("end__study")
    done = 0
    for row in ordered.order_by("begun_at"):
        try:
            _carry_out(row, now)
        except Refusal as refusal:
            logger.error("A step of the end of %s was not carried out: %s", row.end.study.slug, refusal)
        else:
            done += 1
    return done


def _carry_out(row: EndStep, now: datetime) -> None:
    if row.step == Step.LINK_KEY:
        destroyed = clearing.destroy_link_key(row.end.study, by=WORKER, now=now)
        with transaction.atomic():
            _finish(WORKER, row.end, Step.LINK_KEY, now, destroyed)
    else:
        with transaction.atomic():
            clearing.delete_rows(row.end.study, now=now)
            _finish(WORKER, row.end, Step.ROWS, now, {})


@transaction.atomic
def tick_backups(*, by: Actor, end: ProjectEnd, words: str, now: datetime) -> None:
    """Who looks after the backups says when they were, or will be, purged."""
    _check(by, end, Step.BACKUPS)
    listed = OutsideItem.objects.filter(study=end.study, kind=OutsideItem.Kind.BACKUP)
    _done(
        by, end, Step.BACKUPS, now,
        counts={"backups": list(listed.order_by("made_on").values_list("what", flat=True))},
        words=staff_words.reason(words),
    )  # fmt: skip


def certify(*, by: Actor, end: ProjectEnd, now: datetime) -> dict[str, Any]:
    """The last step: what was destroyed when and by whom, with the head of the audit trail as it is then."""
    with transaction.atomic():
        _check(by, end, Step.CERTIFICATE)
        _done(by, end, Step.CERTIFICATE, now)
    audit.seal(now=now)
    with transaction.atomic():
        made = certificate.made(end, now=now)
        ProjectEnd.objects.filter(pk=end.pk).update(certificate=made, certified_at=now)
    end.certificate, end.certified_at = made, now
    return made


def done_steps(end: ProjectEnd) -> set[str]:
    """The steps that are done."""
    return set(EndStep.objects.filter(end=end, done_at__isnull=False).values_list("step", flat=True))


def _check(by: Actor, end: ProjectEnd, step: Step) -> None:
    """Holds the end's row, so that two people at once do a step once."""
    permissions.check(by, end.study, Verb.END_PROJECT)
    ProjectEnd.objects.select_for_update().get(pk=end.pk)
    check_order(step, done_steps(end))


def _check_nothing_waits(end: ProjectEnd, now: datetime) -> None:
    """Letters, requests and the time to read the results come before the cards go."""
    study = end.study
    if letters := Outgoing.objects.filter(ALIVE, member__study=study).count():
        raise NotNow(_("%(letters)d letters are still under way. See the outbox.") % {"letters": letters})
    if asked := Request.objects.filter(study=study, state__in=UNANSWERED).count():
        raise NotNow(_("%(requests)d requests of members wait for an answer.") % {"requests": asked})
    told = EndStep.objects.get(end=end, step=Step.RESULT)
    told_on = timezone.localdate(told.begun_at) if told.counts.get("letters") else None
    check_read(told_on, study.ends_on, today=timezone.localdate(now))


def _done(
    by: Actor, end: ProjectEnd, step: Step, now: datetime, *, counts: Mapping[str, Any] | None = None,
    words: str = "",
) -> None:  # fmt: skip
    _begun(by, end, step, now, counts or {}, words)
    _finish(by, end, step, now, {})


def _begun(
    by: Actor, end: ProjectEnd, step: Step, now: datetime, counts: Mapping[str, Any], words: str = ""
) -> None:
    """The counts are those of the first try: after a crash the second one finds less."""
    values = {"begun_at": now, "by": by.name, "counts": dict(counts), "words": words}
    EndStep.objects.get_or_create(end=end, step=step, defaults=values)


def _finish(by: Actor, end: ProjectEnd, step: Step, now: datetime, more: Mapping[str, Any]) -> None:
    row = EndStep.objects.select_for_update().get(end=end, step=step)
    row.done_at, row.counts = now, {**row.counts, **more}
    row.save(update_fields=["done_at", "counts"])
    detail = {"counts": row.counts, "words": row.words}
    audit.record(
        by=by, verb="end.step_done", now=now, study=end.study.slug, subject=step.value, detail=detail
    )
