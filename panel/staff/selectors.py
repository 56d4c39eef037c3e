"""Reads of log-ins: whose they are, with which factors, what they are in which study. What that allows is members'."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.utils.translation import gettext as _

from panel.errors import NotFound
from panel.staff.rules import Factor, has_second


@dataclass(frozen=True)
class LogIn:
    """One log-in, as an operator sees it."""

    username: str
    active: bool
    second_factor: bool
    last_login: datetime | None
    roles: list[str]


def user(username: str) -> User:
    """The log-in of this name."""
    found: User | None = get_user_model().objects.filter(username=username).first()
    if found is None:
        raise NotFound(_("There is no log-in of this name. Make one with `manage.py staff add`."))
    return found


def factors(user: AbstractBaseUser | AnonymousUser) -> list[Factor]:
    """The factors somebody set up."""
    return list(Authenticator.objects.filter(user_id=user.pk).values_list("pk", "type"))


def log_ins() -> list[LogIn]:
    """All of them, by name; as many queries for a hundred as for one."""
    users = get_user_model().objects.order_by("username").prefetch_related("panel_roles__study")
    kinds: dict[int, list[Factor]] = {}
    for owner, row, kind in Authenticator.objects.values_list("user_id", "pk", "type"):
        kinds.setdefault(owner, []).append((row, kind))
    return [
        LogIn(
            username=one.get_username(),
            active=one.is_active,
            second_factor=has_second(kinds.get(one.pk, [])),
            last_login=one.last_login,
            roles=sorted(f"{role.study.slug}: {role.role}" for role in one.panel_roles.all()),
        )
        for one in users
    ]
