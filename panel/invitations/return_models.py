"""What came back of the letters: the class, a code and the day. The words are thrown away. Registered by models.py."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """The classes that a returned message may have; of the last nothing is kept."""

    HARD = "hard", _("can’t be delivered")
    SOFT = "soft", _("not delivered now")
    COMPLAINT = "complaint", _("marked as unwanted")
    AUTO_REPLY = "auto-reply", _("answered by a machine")
    ADDRESS_CHANGED = "address changed", _("has another address")
    NONE = "none", _("none of these")


class Returned(models.Model):
    """One class of message that came back about one letter, however often. Says nothing of where somebody lives
    (RES-03), and never that a letter was read (NEV-05).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    letter = models.ForeignKey("invitations.Outgoing", on_delete=models.CASCADE, related_name="returned")
    kind = models.CharField(max_length=15, choices=Kind)
    code = models.CharField(max_length=11, blank=True, help_text="The mail system's code, as 5.1.1 or 550.")
    reason = models.CharField(max_length=24, blank=True, help_text="What it said, as one of our words.")
    final = models.BooleanField(
        default=False, help_text="The letter can't have arrived: two such, and letters stop."
    )
    day = models.DateField()
    acted_on = models.BooleanField(default=False, help_text="A complaint's pause is in force.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["letter", "kind"], name="each_class_once_a_letter"),
            models.CheckConstraint(condition=~Q(kind="none"), name="only_what_counts_is_kept"),
        ]
        indexes = [models.Index(fields=["kind", "acted_on"], name="complaints_to_act_on")]

    class Privacy:
        purpose = "stops letters to addresses that take none"
        retention = "until erasure; else as long as the study"
        classes = dict.fromkeys(
            ("id", "letter", "kind", "code", "reason", "final", "day", "acted_on"), "internal"
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.code}".strip()
