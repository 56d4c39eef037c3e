"""One link of the audit chain, made alike when sealing and when verifying."""

from datetime import UTC

from panel.audit.models import AuditEvent, AuditSeal
from panel.audit.rules import canonical
from panel.keys.macs import audit_mac


def chained(seal: AuditSeal, event: AuditEvent) -> str:
    """The seal's hash: HMAC over the previous hash, the seal's own place and time, and the event (AUD-01)."""
    sealed_at = seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return audit_mac(f"{seal.previous}|{seal.position}|{sealed_at}|".encode() + canonical(event)).hex()
