"""What a restored backup must not forget, as rows; which of them stand in the file; what the worker saw last.

Entries and lines are append-only in the database itself, like the audit. No foreign key, no contact data: codes
and keyed hashes. The file itself is file.py's.
"""

import uuid

from django.db import models


class JournalEntry(models.Model):
    """One thing that stays done: asked, taken back or carried out. `id` only keeps the order."""

    class Kind(models.TextChoices):
        STOP_ASKED = "stop_asked", "a stop was asked for"
        STOP_WAIVED = "stop_waived", "the wait of a deletion was waived"
        STOP_UNDONE = "stop_undone", "a stop was taken back"
        STOP_DONE = "stop_done", "a stop was carried out"
        WITHDRAWN = "withdrawn", "a consent was withdrawn"
        OBJECTED = "objected", "a member objected"
        HELD = "held", "a member was restricted"
        LIFTED = "lifted", "a restriction was lifted"
        CARD_ERASED = "card_erased", "a contact card was destroyed"
        MEMBER_ERASED = "member_erased", "a member was erased"
        SUPPRESSED = "suppressed", "an address is never contacted again"
        ADDRESS_CHANGED = "address_changed", "a contact card was changed"
        ENROLLED = "enrolled", "members were enrolled"
        STUDY_ENDED = "study_ended", "a study's end was ordered"
        ROW_LEFT = "row_left", "who a row of a file is left, or came back"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=Kind)
    study = models.CharField(max_length=60, blank=True, help_text="Slug.")
    code = models.CharField(max_length=12, blank=True, help_text="Member code.")
    payload = models.JSONField(default=dict, help_text="Ids, rungs, purposes, keyed hashes: no contact data.")

    class Meta:
        verbose_name_plural = "journal entries"
        indexes = [models.Index(fields=["code", "kind"], name="journal_by_code")]

    class Privacy:
        purpose = "keeps withdrawals and erasures done when a backup is restored"
        retention = "as long as any backup that is older than the entry"
        classes = dict.fromkeys(("id", "uid", "at", "kind", "study", "code", "payload"), "internal")

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"


class JournalLine(models.Model):
    """An entry's line in the file: its place there and its hash, so that each betrays a change of the other."""

    position = models.BigIntegerField(primary_key=True)
    entry = models.UUIDField(unique=True)
    hash = models.CharField(max_length=64)

    class Privacy:
        purpose = "shows that the journal's file is whole"
        retention = "as long as any backup that is older than the entry"
        classes = dict.fromkeys(("position", "entry", "hash"), "internal")


class JournalState(models.Model):
    """One row: how the worker found file and clock, for processes that can't see the file."""

    one = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    reason = models.CharField(max_length=12, blank=True, help_text="Why database and file are out of step.")
    checked_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="The latest moment the clock ever showed: it must not go back.")
    dead_upto = models.BigIntegerField(
        default=0, help_text="Up to this entry, keys of who was erased are dead in old copies too (CRY-06)."
    )

    class Privacy:
        purpose = "stops sending while the database is older than its journal"
        retention = "as long as the service"
        classes = dict.fromkeys(("one", "reason", "checked_at", "seen_at", "dead_upto"), "internal")
