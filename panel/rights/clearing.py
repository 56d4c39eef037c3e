"""What a project's end destroys and deletes, counted and done (NO-04). The order and who may: project_end.py.

Answers are deleted, not coarsened: a panel of some hundred people stays recognisable however coarse its rows are.
What research keeps are the cleared releases, the archive's file and the counts of each wave.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import suppression
from panel.enrolment.models import ErasedRow, RecruitmentRecord, StagedFile
from panel.errors import Damaged
from panel.invitations.models import Link, Outgoing
from panel.journal import services as journal
from panel.keys import roots
from panel.members.models import PanelMember, Study
from panel.residency.models import Evidence
from panel.responses.models import Response
from panel.rights import traces
from panel.rights.models import Message, OutsideHolding, Request, RequestNote, Stop
from panel.sets import batched
from panel.vault import keyring
from panel.vault import services as vault
from panel.vault.models import Suppressed
from panel.waves import services as waves
from panel.waves.models import Case

STOP_ASKED = "stop.asked"


def codes_of(study: Study) -> list[str]:
    """The codes of the study's members, and of those erased before, whose stops and requests still name them."""
    codes = set(study.members.values_list("code", flat=True))
    codes |= set(ConsentEntry.objects.filter(study_key=study.key).values_list("subject", flat=True))
    codes |= set(Request.objects.filter(study=study).values_list("code", flat=True))
    stopped = AuditEvent.objects.filter(study=study.slug, verb=STOP_ASKED)
    return sorted(codes.union(stopped.values_list("subject", flat=True)) - {""})


def link_key_counts(study: Study) -> dict[str, int]:
    """What destroying the link key would destroy."""
    codes = list(study.members.values_list("code", flat=True))
    return {"members": len(codes), "cards": vault.count_cards(codes)}


def row_counts(study: Study) -> dict[str, int]:
    """What deleting would delete, by kind."""
    of_member = {"member__study": study}
    return {
        "members": study.members.count(),
        "cases": Case.objects.filter(**of_member).count(),
        "responses": Response.objects.filter(case__member__study=study).count(),
        "wave_0_records": RecruitmentRecord.objects.filter(study=study).count(),
        "evidence": Evidence.objects.filter(**of_member).count(),
        "letters": Outgoing.objects.filter(**of_member).count(),
        "links": Link.objects.filter(**of_member).count(),
        "messages": Message.objects.filter(study=study).exclude(member=None).count(),
        "requests": Request.objects.filter(study=study).count(),
        "stops": sum(Stop.objects.filter(code__in=some).count() for some in batched(codes_of(study))),
    }


def destroy_link_key(study: Study, *, by: Actor, now: datetime) -> dict[str, object]:
    """Cards and data keys of this study's members, its list of addresses never to be contacted and that list's
    key, the index root if nobody else needs it; then every old version of the key-encryption key.

    May be run again after a crash: what is gone is gone, and the rotation begins anew.
    """
    vault.destroy_cards(list(study.members.values_list("code", flat=True)))
    with transaction.atomic():
        suppression.destroy_suppression(by=by, study=study, now=now)
    index_destroyed = not _index_is_needed(study) and roots.destroy_index()
    turned = keyring.rotate(by=by, now=now)
    return {
        "key_version": turned.version,
        "versions_destroyed": list(turned.destroyed),
        "index_destroyed": index_destroyed,
    }


def _index_is_needed(study: Study) -> bool:
    """Whether another study's rows, or an upload that waits, are found or opened by the index root."""
    held = (RecruitmentRecord, ErasedRow, StagedFile)
    others = any(model.objects.exclude(study=study).exists() for model in held)
    return others or Suppressed.objects.exists()


@transaction.atomic
def delete_rows(study: Study, *, now: datetime) -> None:
    """Deletes what is held by code, then searches every table; a trace that is left keeps everything as it was.

    The journal knows each, so that a backup that is restored later is cleared again.
    """
    codes = codes_of(study)
    for some in batched(codes):
        Stop.objects.filter(code__in=some).delete()
    for code in study.members.values_list("code", flat=True):
        journal.record(kind=journal.Kind.MEMBER_ERASED, study=study.slug, code=code, now=now)
    for members in batched(study.members.values_list("pk", flat=True)):
        waves.keep_dispositions(cases=list(Case.objects.filter(member__in=members).select_related("wave")))
        PanelMember.objects.filter(pk__in=members).delete()
    for model in (RecruitmentRecord, ErasedRow, StagedFile):
        model.objects.filter(study=study).delete()
    OutsideHolding.objects.filter(item__study=study).delete()
    RequestNote.objects.filter(request__study=study).update(words="")
    Request.objects.filter(study=study).update(code="")
    if left := traces.tables_with(codes):
        raise Damaged(
            _("Members are still named in %(tables)s: nothing was deleted. Report this.")
            % {"tables": ", ".join(sorted(left))}
        )
