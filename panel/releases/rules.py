"""Which step a release may take, who may review it, and what a reviewer looks at. Pure."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.errors import NotAllowed, NotNow
from panel.releases.models import Release

State = Release.State

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.ASKED: frozenset({State.APPROVED, State.REJECTED, State.WITHDRAWN}),
    State.APPROVED: frozenset({State.WITHDRAWN}),
    State.REJECTED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
"""A withdrawn release is not given out any more; what was downloaded can't be recalled (LAW-14)."""

CHECKLIST: Mapping[str, str | Promise] = {
    "thresholds": _("The manifest's thresholds are the study's, and they were reached."),
    "variables": _("No variable lets somebody be recognised who isn't by the declared quasi-identifiers."),
    "earlier": _("Beside the study's earlier releases it gives nobody away."),
    "purpose": _("The purpose is that of the study's information letter."),
}
"""What a reviewer ticks (SDC-08). What a machine can check isn't asked of a person."""


def check_step(old: str, new: State) -> None:
    """Refuse a step the table doesn't have."""
    if new not in TRANSITIONS[State(old)]:
        raise NotNow(
            _("A release that is “%(old)s” can't become “%(new)s”.")
            % {"old": State(old).label, "new": new.label}
        )


def check_second_person(asked_by: str, reviewer: str) -> None:
    """SDC-08: who asks never approves. The only place where this is decided."""
    if asked_by == reviewer:
        raise NotAllowed(_("You asked for this release yourself: another reviewer must decide on it."))


def unticked(checked: Mapping[str, bool]) -> list[str]:
    """Points of the checklist that the reviewer left open."""
    return [point for point in CHECKLIST if not checked.get(point)]
