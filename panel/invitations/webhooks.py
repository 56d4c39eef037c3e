"""What a mail provider's webhook tells of a letter, as a finding. Pure but for the key that proves an address ours.

django-anymail reads the providers' forms; here its event becomes a class, a code and a reason like any returned
message. Opened and clicked letters count as nothing (NEV-05). The page it is posted to is panel/portal/hooks.py.
"""

from uuid import UUID

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

from panel.invitations import bounces, verp
from panel.invitations.bounce_words import Word
from panel.invitations.bounces import Finding, Kind

#: Not delivered for good, not now, or not even tried by the provider.
FAILED = frozenset({EventType.BOUNCED, EventType.REJECTED, EventType.FAILED, EventType.DEFERRED})
ALIKE = {
    EventType.COMPLAINED: Finding(Kind.COMPLAINT, reason="abuse"),
    EventType.UNSUBSCRIBED: Finding(Kind.COMPLAINT, reason="opt_out"),
    EventType.AUTORESPONDED: Finding(Kind.AUTO_REPLY, reason="absent"),
}


def finding_of(event: AnymailTrackingEvent) -> Finding | None:
    """What counts of this event; None where nothing does."""
    if event.event_type not in FAILED:
        return ALIKE.get(event.event_type)
    said = " ".join(filter(None, (event.mta_response, event.description)))
    found = bounces.of_answer(said)
    if event.event_type == EventType.DEFERRED:
        return Finding(Kind.SOFT, found.code, Word.DELAYED)
    if found.reason == Word.UNCLEAR and event.reject_reason == RejectReason.INVALID:
        return Finding(Kind.HARD, found.code, Word.NO_SUCH_USER, final=True)
    return found


def row_of(event: AnymailTrackingEvent) -> UUID | None:
    """The letter it is about: by our own mark where the provider hands it back, else by our Message-ID."""
    marks = [*event.metadata.values()] if isinstance(event.metadata, dict) else []
    return verp.row_named([str(mark) for mark in (*marks, event.message_id or "")])
