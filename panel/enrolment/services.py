"""Enrolment: a recruitment file in, members out; staged uploads; opening one contact card.

`left_out` of a result lists every row that this run did not enrol, with its reason: rows = enrolled + left.
All rows are judged before any is admitted. Neither results nor errors hold anything of a cell.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment import admission, matching, reader, rules
from panel.enrolment.mapping import Recruitment
from panel.enrolment.matching import Plan
from panel.enrolment.models import EnrolmentRun, StagedFile
from panel.enrolment.rules import JudgedRow, Limits, Outcome
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.journal import selectors as journal_state
from panel.journal import services as journal
from panel.members import permissions, selectors, setup
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.vault import services as vault
from panel.vault.rules import ContactData, is_usable_address, tidy_address

STAGED_FOR = timedelta(hours=1)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EnrolmentResult:
    """What became, or would become, of a file: counts, line numbers, reasons (ZON-06)."""

    study: str
    dry_run: bool
    rows: int
    wave0_answers: int
    outcome: dict[str, int]
    left_out: list[tuple[int, str]]
    sharing: int
    repairable: list[int]

    def as_json(self) -> dict[str, Any]:
        """The JSON of the command."""
        return {
            "study": self.study,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "wave0_answers": self.wave0_answers,
            "outcome": self.outcome,
            "left_out": [{"row": line, "reason": reason} for line, reason in self.left_out],
        }


def enrol(
    *,
    by: Actor,
    study: Study,
    data: bytes,
    suffix: str,
    now: datetime,
    dry_run: bool = False,
    progress: Progress = lambda done, total: None,
) -> EnrolmentResult:
    """Enrols a file: keystore, vault, and `default` last, in one transaction. A dry run writes nothing."""
    permissions.check(by, study, Verb.ENROL)
    setup.check_running(study)
    # A restored database doesn't know who was erased or suppressed since.
    journal_state.check_in_step(now=now)
    mapping = Recruitment.of(study.recruitment, study.default_language)
    rows = _judged(study, mapping, data, suffix, progress)
    if dry_run:
        return _result(study, matching.plan(study=study, mapping=mapping, rows=rows), dry_run=True)
    with transaction.atomic():
        # One at a time: (address, person) is unique, and the study's end may have been ordered meanwhile.
        setup.check_running(Study.objects.select_for_update().get(pk=study.pk))
        plan = matching.plan(study=study, mapping=mapping, rows=rows)
        result = _result(study, plan, dry_run=False)
        admission.carry_out(study=study, plan=plan, today=localdate(now))
        _note_run(by, study, result, now)
    return result


def _note_run(by: Actor, study: Study, result: EnrolmentResult, now: datetime) -> None:
    """The run with its audit row; the journal tells after a restore how many members were lost with it."""
    run = EnrolmentRun.objects.create(
        study=study, rows=result.rows, wave0_answers=result.wave0_answers, outcome=result.outcome,
        by=by.name, at=now,
    )  # fmt: skip
    slug, detail = study.slug, {"rows": result.rows, "outcome": result.outcome}
    audit.record(by=by, verb="file.enrolled", now=now, study=slug, subject=str(run.pk), detail=detail)
    if enrolled := result.outcome.get(Outcome.ENROLLED.value):
        counts = {"run": str(run.pk), "members": enrolled}
        journal.record(kind=journal.Kind.ENROLLED, study=slug, payload=counts, now=now)


def _judged(
    study: Study, mapping: Recruitment, data: bytes, suffix: str, progress: Progress
) -> list[JudgedRow]:
    """Reads a file and judges each row against the rules and the file itself; refuses what can't be read."""
    table = reader.read(data, suffix, mapping.columns())
    total = data.count(b"\n") or 1
    return rules.judge(
        table.header,
        table.rows,
        mapping,
        Limits(minors=study.minors_allowed, phone=study.phone_channel),
        lambda line: progress(min(line, total), total),
    )


def _result(study: Study, plan: Plan, *, dry_run: bool) -> EnrolmentResult:
    counts = Counter(row.outcome for row in plan.rows)
    return EnrolmentResult(
        study=study.slug,
        dry_run=dry_run,
        rows=len(plan.rows),
        wave0_answers=len(plan.new_answers),
        outcome={outcome.value: counts[outcome] for outcome in sorted(counts)},
        left_out=[(row.line, row.outcome.value) for row in plan.rows if row.outcome != Outcome.ENROLLED],
        sharing=plan.sharing,
        repairable=[row.line for row in plan.rows if row.repairable],
    )


# --- staged uploads


def stage(
    *, by: Actor, study: Study, data: bytes, suffix: str, now: datetime
) -> tuple[StagedFile, EnrolmentResult]:
    """Keeps an upload for one hour, sealed, and says what admitting it would do. A bad file isn't kept."""
    preview = enrol(by=by, study=study, data=data, suffix=suffix, now=now, dry_run=True)
    staged = StagedFile(study=study, by=by.name, suffix=suffix, expires_at=now + STAGED_FOR)
    staged.sealed = vault.seal_blob(data, name=str(staged.pk))
    with transaction.atomic():
        staged.save(force_insert=True)
        audit.record(by=by, verb="file.staged", now=now, study=study.slug, subject=str(staged.pk))
    return staged, preview


def staged(*, by: Actor, pk: str, now: datetime) -> StagedFile:
    """A staged upload, for who staged it and within its hour."""
    found = StagedFile.objects.filter(pk=pk, by=by.name).select_related("study").first()
    if found is None:
        raise NotFound(_("There is no such upload, or it was admitted already. Upload the file again."))
    if found.expires_at <= now:
        raise NotNow(_("This upload is older than an hour. Upload the file again."))
    return found


def preview_staged(*, by: Actor, pk: str, now: datetime) -> EnrolmentResult:
    """What admitting a staged upload would do, as things are now."""
    kept = staged(by=by, pk=pk, now=now)
    return enrol(by=by, study=kept.study, data=_opened(kept), suffix=kept.suffix, now=now, dry_run=True)


def admit_staged(*, by: Actor, pk: str, now: datetime) -> EnrolmentResult:
    """Enrols a staged upload and forgets it, both or neither."""
    with transaction.atomic():
        kept = staged(by=by, pk=pk, now=now)
        data = _opened(kept)
        kept.delete()
        return enrol(by=by, study=kept.study, data=data, suffix=kept.suffix, now=now)


def discard_staged(*, by: Actor, pk: str, now: datetime) -> None:
    """Forgets a staged upload that isn't to be admitted."""
    with transaction.atomic():
        kept = staged(by=by, pk=pk, now=now)
        audit.record(by=by, verb="file.discarded", now=now, study=kept.study.slug, subject=str(kept.pk))
        kept.delete()


def drop_staged(*, now: datetime) -> int:
    """Forgets uploads past their hour."""
    return StagedFile.objects.filter(expires_at__lte=now).delete()[0]


def _opened(kept: StagedFile) -> bytes:
    return vault.open_blob(bytes(kept.sealed), name=str(kept.pk))


# --- contact cards


def open_card(*, by: Actor, member_code: str, reason: str, now: datetime) -> ContactData:
    """One contact card for a person who may see it; quota and audit row are the vault's (ZON-05)."""
    member = selectors.member(member_code)
    _check_card(by, member.study)
    return vault.open_card(member.code, by=by, reason=words.reason(reason), now=now, study=member.study.slug)


def find_member(*, by: Actor, study: Study, address: str, reason: str, now: datetime) -> list[str]:
    """The codes of a study's members at an address, for a contact keeper whom somebody wrote to (ZON-04).

    It says of any address whether it is known here, so it wants a reason and counts as an opened card (ZON-05).
    """
    _check_card(by, study)
    asked = tidy_address(address)
    if not is_usable_address(asked):
        raise BadInput(_("This isn’t an e-mail address. Check it for a typing error."))
    codes = vault.look_up(asked, by=by, reason=words.reason(reason), now=now, study=study.slug)
    with transaction.atomic():
        found = PanelMember.objects.filter(study=study, code__in=codes).order_by("code")
        here = list(found.values_list("code", flat=True))
        for code in here:
            audit.record(by=by, verb="member.found", now=now, study=study.slug, subject=code)
    return here


def _check_card(by: Actor, study: Study) -> None:
    """Staff of another study learn nothing, not even that the code exists."""
    if by.kind == "staff" and not selectors.roles_of(by.name, study):
        raise NotFound(_("There is no member of this code. Check it for a typing error."))
    permissions.check(by, study, Verb.OPEN_CARD)


def sweep_orphans(*, by: Actor, now: datetime, force: bool = False) -> int:
    """Removes cards and keys that a crash left without their member; the youngest may still get theirs.

    Refused where so many are without one that members must be missing; `force` is for who has looked.
    """
    if by.kind != "system":
        raise NotAllowed(_("Orphans are swept by the operator, with `manage.py sweep_orphans`."))
    journal_state.check_in_step(now=now)  # in a restored database members are missing whose cards are not
    codes = PanelMember.objects.values_list("code", flat=True).iterator(chunk_size=5000)
    return vault.sweep_orphans(codes, by=by, now=now, force=force)
