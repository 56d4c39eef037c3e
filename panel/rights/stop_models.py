"""Stops that members chose (LAW-06), those whose erasure waits and those that are over. How one moves is rules.py's."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember
from panel.waves.models import Case


class Stop(models.Model):
    """One rung a member chose. Undone where the rung allows it; an erasure is carried out when due.

    The row outlives the member as a proof by code (`code`), so its foreign keys are emptied by an erasure.
    """

    class Rung(models.TextChoices):
        PAUSE = "pause", _("pause until a date")
        NO_REMINDERS = "no_reminders", _("no more reminders in this wave")
        NO_MAIL = "no_mail", _("no more mail")
        LEAVE_KEEP = "leave_keep", _("leave the panel, keep coded answers")
        LEAVE_DELETE = "leave_delete", _("leave and delete")

    class State(models.TextChoices):
        IN_FORCE = "in_force", _("in force")
        UNDONE = "undone", _("undone by the member")
        REPLACED = "replaced", _("replaced by a newer one of its rung")
        DONE = "done", _("carried out")

    class Channel(models.TextChoices):
        ANSWER_PAGE = "answer page", _("on a page of the survey")
        STOP_PAGE = "stop page", _("on the page of stops")
        OWN_PAGE = "own page", _("on the member’s own page")
        OTHER_PAGE = "other page", _("on the page of a request’s link")
        ONE_CLICK = "one click", _("by the mail program's button")
        TOLD_STAFF = "told staff", _("told staff")
        COMPLAINT = "complaint", _("by a mark as unwanted mail")

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
    told_on = models.DateField(null=True, blank=True, help_text="The day on which the member told staff.")
    never_again = models.BooleanField(
        default=False, help_text="On leaving: this address is never to be contacted again, in whatever file."
    )
    until = models.DateField(null=True, blank=True, help_text="End of a pause.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When leaving is carried out for good.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="stops_due")]

    class Privacy:
        purpose = "carries out what a member asked for, and shows that it was"
        retention = "as long as the study; names nobody after an erasure"
        classes = dict.fromkeys(
            ("id", "member", "code", "case", "rung", "state", "channel", "withdrawn", "asked_at", "told_on",
             "never_again", "until", "due_at", "ended_at"),
            "internal",
        )  # fmt: skip
