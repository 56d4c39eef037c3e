"""Stops that members asked for, rung by rung (LAW-06), and erasures that wait their days."""

import uuid

from django.db import models

from panel.members.models import PanelMember
from panel.waves.models import Case


class Stop(models.Model):
    """One rung a member chose. Undone where the rung allows it; an erasure is carried out when due.

    The row outlives the member as a proof by code (`code`), so its foreign keys are emptied by an erasure.
    """

    class Rung(models.TextChoices):
        PAUSE = "pause", "pause until a date"
        NO_REMINDERS = "no_reminders", "no more reminders in this wave"
        NO_MAIL = "no_mail", "no more mail"
        LEAVE_KEEP = "leave_keep", "leave the panel, keep coded answers"
        LEAVE_DELETE = "leave_delete", "leave and delete"

    class State(models.TextChoices):
        IN_FORCE = "in_force", "in force"
        UNDONE = "undone", "undone by the member"
        REPLACED = "replaced", "replaced by a newer one of its rung"
        DONE = "done", "carried out"

    class Channel(models.TextChoices):
        ANSWER_PAGE = "answer page", "on a page of the survey"
        STOP_PAGE = "stop page", "on the page of stops"
        ONE_CLICK = "one click", "by the mail program's button"
        TOLD_STAFF = "told staff", "told staff"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(
        PanelMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="stops"
    )
    code = models.CharField(max_length=12)
    case = models.ForeignKey(Case, on_delete=models.SET_NULL, null=True, blank=True, related_name="stops")
    rung = models.CharField(max_length=12, choices=Rung)
    state = models.CharField(max_length=10, choices=State, default=State.IN_FORCE)
    channel = models.CharField(max_length=20, choices=Channel)
    withdrawn = models.JSONField(
        default=list, help_text="Consent purposes it withdrew; an undo gives them again."
    )
    asked_at = models.DateTimeField()
    until = models.DateField(null=True, blank=True, help_text="End of a pause.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When leaving is carried out for good.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="stops_due")]

    class Privacy:
        purpose = "carries out what a member asked for, and shows that it was"
        retention = "as long as the study; names nobody after an erasure"
        classes = dict.fromkeys(
            ("id", "member", "code", "case", "rung", "state", "channel", "withdrawn", "asked_at", "until",
             "due_at", "ended_at"),
            "internal",
        )  # fmt: skip
