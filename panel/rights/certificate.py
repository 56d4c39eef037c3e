"""The certificate of a project's end: what was destroyed and deleted when and by whom, and what stays. No code."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from panel.audit import selectors as audit
from panel.rights.models import EndStep, ProjectEnd

#: What is kept after the end, and why nobody can be found in it.
KEPT = (
    _("Cleared releases, counts of each wave, questionnaires, letters and consent forms: they name nobody."),
    _(
        "The consent ledger, the audit trail and the journal: append-only by the database itself. They name members "
        "by codes that stand in no other table and lead to no answer, address or name."
    ),
    _(
        "The archive’s file, where one was made, with the archive: pseudonymised (personal data) under new numbers."
    ),
)


def made(end: ProjectEnd, *, now: datetime) -> dict[str, Any]:
    """As JSON; the page at the desk shows the same."""
    study, head = end.study, audit.head()
    return {
        "study": study.slug,
        "name": study.name,
        "institution": study.institution,
        "sikt_reference": study.sikt_reference,
        "ends_on": study.ends_on.isoformat() if study.ends_on else "",
        "begun": {"at": end.begun_at.isoformat(), "by": end.begun_by},
        "steps": [_step(row) for row in EndStep.objects.filter(end=end).order_by("done_at", "begun_at")],
        "kept": _kept(),
        "audit_head": {"position": head.position if head else 0, "hash": head.hash if head else ""},
        "certified_at": now.isoformat(),
    }


def _kept() -> list[str]:
    """In English, as the names in the file are; the page has the reader's language."""
    with override("en"):
        return [str(words) for words in KEPT]


def _step(row: EndStep) -> dict[str, Any]:
    done = row.done_at.isoformat() if row.done_at else ""
    return {"step": row.step, "done_at": done, "by": row.by, "counts": row.counts, "words": row.words}
