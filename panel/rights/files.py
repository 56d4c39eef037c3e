"""The register of what lies outside this service: linked files, recordings, transcripts, backups, paper.

Nothing here can delete such a thing. It is told who must be taken out of it, and by whom that was done
(LAW-14), and at the project's end that it is gone (NO-04).
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb, tidy_code
from panel.rights import selectors
from panel.rights.models import OutsideHolding, OutsideItem
from panel.sets import SIZE, batched

#: So many wrong codes are named; the rest of a list looks the same.
NAMED = 5


@transaction.atomic
def register(
    *,
    by: Actor,
    study: Study,
    kind: OutsideItem.Kind | str,
    what: str,
    where: str,
    holder: str,
    made_on: date,
    now: datetime,
    codes: Sequence[str] = (),
) -> OutsideItem:
    """Something new outside, and whose data it holds where that is known."""
    permissions.check(by, study, Verb.EDIT_STUDY)
    if kind not in OutsideItem.Kind.values:
        raise BadInput(_("Say what it is, in one of the listed words."))
    if made_on > timezone.localdate(now):
        raise BadInput(_("It can’t have been made later than today."))
    words = [text.strip() for text in (what, where, holder)]
    if not all(words):
        raise BadInput(_("Say what it is, where it lies and who keeps it."))
    held = _known(study, codes)
    item = OutsideItem.objects.create(
        study=study, kind=OutsideItem.Kind(kind), what=words[0], where=words[1], holder=words[2],
        made_on=made_on, registered_by=by.name,
    )  # fmt: skip
    OutsideHolding.objects.bulk_create(
        (OutsideHolding(item=item, code=code) for code in held), batch_size=SIZE
    )
    _tell(by, item, "outside.registered", now, {"kind": item.kind, "people": len(held)})
    return item


@transaction.atomic
def take_out(*, by: Actor, item: OutsideItem, codes: Collection[str], now: datetime) -> int:
    """These people's data were removed from it; returns how many that is. Only who left is taken out."""
    permissions.check(by, item.study, Verb.ANSWER_REQUEST)
    wanted = {tidy_code(code) for code in codes}
    due = selectors.to_take_out([item.study]).filter(item=item, code__in=wanted)
    found = dict(due.values_list("pk", "code"))
    if not wanted or set(found.values()) != wanted:
        raise NotNow(_("Choose people who are still to be taken out of it. Load its page again."))
    today = timezone.localdate(now)
    OutsideHolding.objects.filter(pk__in=found).update(removed_on=today, removed_by=by.name)
    for code in sorted(wanted):
        _tell(by, item, "outside.cleaned", now, {"kind": item.kind}, subject=code)
    return len(wanted)


@transaction.atomic
def mark_gone(*, by: Actor, item: OutsideItem, now: datetime, gone_on: date | None = None) -> None:
    """It was destroyed or deleted, all copies; so nobody is left to be taken out of it."""
    permissions.check(by, item.study, Verb.EDIT_STUDY)
    today = timezone.localdate(now)
    day = gone_on or today
    if not item.made_on <= day <= today:
        raise BadInput(_("Give the day on which it was destroyed: today or earlier, after it was made."))
    left = OutsideItem.objects.filter(pk=item.pk, gone_on=None)
    if not left.update(gone_on=day, gone_by=by.name):
        raise NotNow(_("This is marked as gone already."))
    item.gone_on, item.gone_by = day, by.name
    _tell(by, item, "outside.gone", now, {"kind": item.kind, "day": day.isoformat()})


def _known(study: Study, codes: Sequence[str]) -> list[str]:
    """The codes as they are stored, each once; refused if one is nobody's in this study."""
    tidy = list(dict.fromkeys(tidy_code(code) for code in codes if code.strip()))
    known: set[str] = set()
    for some in batched(tidy):
        found = PanelMember.objects.filter(study=study, code__in=some)
        known.update(found.values_list("code", flat=True))
    if wrong := [code for code in tidy if code not in known]:
        raise BadInput(
            _("No member of this study has these codes: %(codes)s. Check them and register it again.")
            % {"codes": ", ".join(wrong[:NAMED]) + (" …" if len(wrong) > NAMED else "")}
        )
    return tidy


def _tell(
    by: Actor, item: OutsideItem, verb: str, now: datetime, detail: dict[str, object], *, subject: str = ""
) -> None:
    """By its id: what people call a file may hold a name."""
    detail = {**detail, "item": str(item.pk)}
    audit.record(by=by, verb=verb, now=now, study=item.study.slug, subject=subject, detail=detail)
