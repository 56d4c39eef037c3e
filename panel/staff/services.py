"""Writes of log-ins, each with its audit row: made, let in, changed, closed. Nothing here is about a study.

What a person typed as a name is kept only where a log-in has it: people type passwords and addresses there.
"""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.staff.rules import Ending


def add(
    *, by: Actor, username: str, email: str = "", oidc_subject: str = "", provider: str = "", now: datetime
) -> User:
    """A new log-in without a password: its person chooses one by a link, or comes by the institution's log-in."""
    _only_the_operator(by)
    users = get_user_model()
    made = users(username=username, email=users.objects.normalize_email(email), is_staff=True)
    made.set_unusable_password()
    try:
        made.clean_fields(exclude=["password"])
        if email:
            validate_email(email)
    except ValidationError as error:
        raise BadInput("; ".join(error.messages)) from error
    if users.objects.filter(username__iexact=username).exists():
        raise NotNow(_("There is a log-in of this name already."))
    if email and users.objects.filter(email__iexact=email).exists():
        raise NotNow(_("Another log-in has this address already."))
    with transaction.atomic():
        made.save(force_insert=True)
        if oidc_subject:
            SocialAccount.objects.create(user=made, provider=provider, uid=oidc_subject)
        _record(by, "login.made", made, now)
    return made


def password_link(*, by: Actor, user: User, now: datetime) -> tuple[str, str]:
    """The two parts of a link by which its person sets a password, once, within a day. It can't be shown again."""
    _only_the_operator(by)
    if not user.is_active:
        raise NotNow(_("This log-in is closed. Open it again first: `manage.py staff activate`."))
    audit.record(by=by, verb="password.link_made", now=now, subject=user.get_username())
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def reset_factor(*, by: Actor, user: User, now: datetime) -> None:
    """Forgets somebody's second factor and recovery codes; their sessions end, for they were made with it."""
    _only_the_operator(by)
    with transaction.atomic():
        if not Authenticator.objects.filter(user=user).delete()[0]:
            raise NotNow(_("This log-in has no second factor."))
        _record(by, "factor.reset", user, now)


def set_active(*, by: Actor, user: User, active: bool, now: datetime) -> None:
    """Closes a log-in at once, its sessions and API tokens with it, or opens it again. Its roles stay as they are."""
    _only_the_operator(by)
    with transaction.atomic():
        if not get_user_model().objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
            raise NotNow(_("This log-in is so already."))
        _record(by, "login.opened" if active else "login.closed", user, now)
    user.is_active = active


# --- what people do themselves


def logged_in(*, user: AbstractBaseUser, methods: list[str], now: datetime) -> None:
    """Somebody came in; `methods` says by what, as ["password", "totp"]."""
    _own(user, "login.succeeded", now, {"by": methods})


def log_in_failed(*, username: str, method: str, now: datetime) -> None:
    """Somebody did not come in. A name that no log-in has is not kept."""
    known = get_user_model().objects.filter(username=username).values_list("username", flat=True).first()
    audit.record(
        by=Actor.system("log-in"), verb="login.failed", now=now, subject=known or "", detail={"by": method}
    )


def logged_out(*, user: AbstractBaseUser, why: Ending | None, now: datetime) -> None:
    """A session ended, asked for or not."""
    _own(user, "login.ended", now, {"why": why.value if why else "asked"})


def password_set(*, user: AbstractBaseUser, now: datetime) -> None:
    """Somebody chose a password."""
    _own(user, "password.set", now)


def factor_added(*, user: AbstractBaseUser, kind: str, now: datetime) -> None:
    """Somebody set up a second factor."""
    _own(user, "factor.added", now, {"kind": kind})


def factor_removed(*, user: AbstractBaseUser, kind: str, now: datetime) -> None:
    """Somebody removed a second factor of theirs."""
    _own(user, "factor.removed", now, {"kind": kind})


def codes_made(*, user: AbstractBaseUser, now: datetime) -> None:
    """Somebody made new recovery codes; the old ones are void."""
    _own(user, "factor.codes_made", now)


def linked(*, user: AbstractBaseUser, now: datetime) -> None:
    """The institution's log-in was tied to this one, by a verified address."""
    _own(user, "login.linked", now)


def _own(user: AbstractBaseUser, verb: str, now: datetime, detail: dict[str, Any] | None = None) -> None:
    name = user.get_username()
    audit.record(by=Actor.staff(name), verb=verb, now=now, subject=name, detail=detail)


def _record(by: Actor, verb: str, user: AbstractBaseUser, now: datetime) -> None:
    audit.record(by=by, verb=verb, now=now, subject=user.get_username())


def _only_the_operator(by: Actor) -> None:
    if by.kind != "system":
        raise NotAllowed(_("Log-ins are made and closed by the operator, with `manage.py staff`."))
