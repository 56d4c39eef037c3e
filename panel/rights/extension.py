"""A later end of the project (NO-04): members are told first, and only then the new day is put in force."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations.models import LetterKind, Outgoing
from panel.invitations.rules import ALIVE
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import messages
from panel.rights.models import Extension, ProjectEnd


@transaction.atomic
def ask(
    *,
    by: Actor,
    study: Study,
    ends_on: date,
    retention_until: date | None,
    words: Mapping[str, str],
    now: datetime,
) -> Extension:
    """Tells every member of the new day, in their language. The day itself changes when they were told."""
    permissions.check(by, study, Verb.END_PROJECT)
    study = Study.objects.select_for_update().get(pk=study.pk)
    _check(study, ends_on, retention_until, timezone.localdate(now))
    told = messages.write(by=by, study=study, words=words, kind=LetterKind.NOTICE, now=now)
    asked = Extension.objects.create(
        study=study,
        message=told.pk,
        ends_on=ends_on,
        retention_until=retention_until,
        asked_by=by.name,
        asked_at=now,
    )
    _note(by, asked, "extension.asked", now)
    return asked


def waiting(study: Study) -> Extension | None:
    """The extension of which members are being told."""
    return Extension.objects.filter(study=study, in_force_at=None).first()


def letters_under_way(asked: Extension) -> int:
    """How many members have not been told yet."""
    return Outgoing.objects.filter(ALIVE, occasion=asked.message, kind=LetterKind.NOTICE).count()


@transaction.atomic
def put_in_force(*, by: Actor, study: Study, now: datetime) -> Extension:
    """The new day holds, once no notice is under way any more."""
    permissions.check(by, study, Verb.END_PROJECT)
    asked = Extension.objects.select_for_update().filter(study=study, in_force_at=None).first()
    if asked is None:
        raise NotNow(_("No extension waits. Tell the members of the new day first."))
    if under_way := letters_under_way(asked):
        raise NotNow(
            _("%(letters)d notices are still under way: members are told first.") % {"letters": under_way}
        )
    asked.in_force_at = now
    asked.save(update_fields=["in_force_at"])
    new = {"ends_on": asked.ends_on}
    if asked.retention_until:
        new["retention_until"] = asked.retention_until
    Study.objects.filter(pk=study.pk).update(**new)
    _note(by, asked, "extension.put_in_force", now)
    return asked


def _check(study: Study, ends_on: date, retention_until: date | None, today: date) -> None:
    if study.ended_at or ProjectEnd.objects.filter(study=study).exists():
        raise NotNow(_("The end of this project has begun: it can't be extended any more."))
    if waiting(study):
        raise NotNow(_("Members are being told of another day already. Put that one in force first."))
    if ends_on <= max(study.ends_on or today, today):
        raise BadInput(_("Choose a day after the one members were told, and after today."))
    if retention_until and study.retention_until and retention_until < study.retention_until:
        raise BadInput(_("Contact data can be kept until a later day only; to shorten it, edit the study."))


def _note(by: Actor, asked: Extension, verb: str, now: datetime) -> None:
    detail = {
        "ends_on": asked.ends_on.isoformat(),
        "retention_until": asked.retention_until.isoformat() if asked.retention_until else "",
    }
    audit.record(by=by, verb=verb, now=now, study=asked.study.slug, detail=detail)
