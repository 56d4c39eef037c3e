"""Never contact again (LAW-13): who may say so for whom, and what the audit keeps of it. The lists are the vault's."""

from collections.abc import Iterable
from datetime import datetime

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.journal import services as journal
from panel.members import permissions
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.vault import services as vault
from panel.vault import suppression

REASON = "never contact again"


def suppress(*, by: Actor, member: PanelMember, now: datetime) -> list[bytes]:
    """The address in a member's card is never contacted again by this study, in whatever file it comes.

    Joins the caller's transaction on `default`. Returns its mark; none where the card is gone. The journal knows
    the mark without the code, which would prove with it whose address it was (CRY-11).
    """
    study = member.study
    permissions.check(by, study, Verb.RECORD_STOP)
    cards = vault.open_cards([member.code], by=by, reason=REASON, now=now, study=study.slug)
    marks = suppression.add(study.key, [card.email for card in cards.values()])
    audit.record(
        by=by, verb="address.suppressed", now=now, study=study.slug, subject=member.code,
        detail={"addresses": len(marks)},
    )  # fmt: skip
    for mark in marks:
        journal.record(kind=journal.Kind.SUPPRESSED, study=study.slug, payload={"mark": mark.hex()}, now=now)
    return marks


def suppressed(study: Study, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses that this study never contacts again."""
    return suppression.found(study.key, addresses)


def destroy_suppression(*, by: Actor, study: Study, now: datetime) -> int:
    """At project end: the list and its key, for good."""
    if by.kind != "system":
        permissions.check(by, study, Verb.END_PROJECT)
    gone = suppression.destroy(study.key)
    audit.record(by=by, verb="suppression.destroyed", now=now, study=study.slug, detail={"addresses": gone})
    return gone
