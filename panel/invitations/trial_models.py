"""Trials of letters: asked for at the desk, sent by a worker to who asked. Of staff, not of members."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Trial(models.Model):
    """A letter in one language that somebody of staff wants in their own mailbox. Counts for nothing."""

    class State(models.TextChoices):
        ASKED = "asked", _("on its way")
        SENT = "sent", _("sent")
        FAILED = "failed", _("refused by the mail server")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    letter = models.ForeignKey("invitations.Letter", on_delete=models.CASCADE, related_name="trials")
    language = models.CharField(max_length=10)
    to = models.CharField(max_length=150, help_text="The user name; the address is the log-in's.")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    attempts = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="trials_due")]

    class Privacy:
        purpose = "sends a letter to who works on it"
        retention = "a week"
        classes = dict.fromkeys(
            ("id", "letter", "language", "to", "state", "attempts", "asked_at", "due_at"), "internal"
        )
