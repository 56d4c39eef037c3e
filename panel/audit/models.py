"""Audit events and their seals. Append-only in the database itself; no foreign key, no contact data.

Events are written unsealed in the transaction they tell of; a sealer chains them afterwards, so that no
global lock stands in every write (panel/audit/services.py).
"""

import uuid

from django.db import models


class AuditEvent(models.Model):
    """Who did what to whom, by code. `id` only keeps the order and never leaves the table."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor = models.CharField(max_length=150, blank=True)
    verb = models.CharField(max_length=60)
    study = models.CharField(max_length=60, blank=True, help_text="Slug.")
    subject = models.CharField(
        max_length=80, blank=True, help_text="Member code, wave, release …: never an address."
    )
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["actor", "verb", "at"], name="audit_by_actor")]

    class Privacy:
        purpose = "shows who touched what"
        retention = "five years after project end"
        classes = dict.fromkeys(
            ("id", "uid", "at", "actor_kind", "actor", "verb", "study", "subject", "detail"), "internal"
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"


class AuditSeal(models.Model):
    """One link of the chain: HMAC over the previous hash and the canonical event (AUD-01)."""

    position = models.BigIntegerField(primary_key=True)
    event = models.UUIDField(unique=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Privacy:
        purpose = "shows that no event was changed"
        retention = "five years after project end"
        classes = dict.fromkeys(("position", "event", "previous", "hash", "sealed_at"), "internal")
