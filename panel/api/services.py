"""Tokens of the API: made by an operator, kept as a hash by knox, shown once."""

from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _
from knox.models import get_token_model

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotFound
from panel.members.permissions import studies_for
from panel.members.rules import Verb

#: A token is a key to approved releases; a year is the longest.
LONGEST = 366


@transaction.atomic
def make_token(*, by: Actor, username: str, days: int, now: datetime) -> str:
    """A new token for somebody who may download releases. It can't be shown again."""
    if by.kind != "system":
        raise NotAllowed(_("Tokens are made by the operator, with a command."))
    if not 1 <= days <= LONGEST:
        raise BadInput(_("A token lives for 1 to 366 days."))
    user = get_user_model().objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotFound(_("There is no active user of this name."))
    studies = list(studies_for(user, Verb.DOWNLOAD_RELEASE))
    if not studies:
        raise NotAllowed(_("This person may download releases of no study: give them a role first."))
    _stored, token = get_token_model().objects.create(user=user, expiry=timedelta(days=days))
    for study in studies:
        audit.record(
            by=by, verb="token.made", now=now, study=study.slug, subject=username, detail={"days": days}
        )
    return str(token)


@transaction.atomic
def revoke_tokens(*, by: Actor, username: str, now: datetime) -> int:
    """All tokens of somebody, at once; how many there were."""
    if by.kind != "system":
        raise NotAllowed(_("Tokens are revoked by the operator, with a command."))
    tokens = get_token_model().objects.filter(user__username=username)
    number: int = tokens.count()
    if not number:
        raise NotFound(_("This person has no token."))
    tokens.delete()
    audit.record(by=by, verb="token.revoked", now=now, subject=username, detail={"tokens": number})
    return number
