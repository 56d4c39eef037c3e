"""Waves, cases and their events. Knows nothing of addresses, letters or answers: those leave events here."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.instruments.models import InstrumentVersion
from panel.members.models import PanelMember, Study


class Wave(models.Model):
    """One round of asking. Status changes go by the table in waves/rules.py."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("planned")
        APPROVED = "approved", _("approved, sample drawn")
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="waves")
    name = models.SlugField(max_length=40)
    number = models.PositiveSmallIntegerField(help_text="Wave 0 is the recruitment.")
    instrument = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, related_name="waves")
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    reminder_days = models.JSONField(default=list, help_text="Days after the invitation, as [7, 14].")
    cohorts = models.JSONField(default=list, help_text="Cohorts in the sample; empty for all.")
    hours_lifted = models.BooleanField(
        default=False, help_text="By a recorded decision only (StudyDecision)."
    )
    erased = models.JSONField(
        default=dict, help_text="Final dispositions of erased members' cases, as counts only."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="one_wave_per_name"),
            models.UniqueConstraint(fields=["study", "number"], name="one_wave_per_number"),
            models.CheckConstraint(
                condition=models.Q(closes_at__gt=models.F("opens_at")), name="closes_after_opening"
            ),
        ]

    class Privacy:
        purpose = "plans a round of asking"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "name", "number", "instrument", "status", "opens_at", "closes_at",
            "reminder_days", "cohorts", "hours_lifted", "erased"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name


class Case(models.Model):
    """One member in one wave. Its disposition is derived from its events (waves/dispositions.py)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="cases")
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="cases")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "member"], name="one_case_per_member")]

    class Privacy:
        purpose = "follows one member through one wave"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "wave", "member"), "internal")


class CaseEvent(models.Model):
    """What happened in a case, left by invitations, responses and rights through waves/services.py.

    Added only, except that a stop which its member takes back takes its events along.
    `id` only keeps the order and never leaves the table.
    """

    class Kind(models.TextChoices):
        INVITED = "invited", "invitation sent"
        REMINDED = "reminded", "reminder sent"
        STARTED = "started", "first page saved"
        SUFFICIENT = "sufficient", "answered enough to count as a partial"
        COMPLETED = "completed", "completed"
        BOUNCED = "bounced", "address refused"
        REFUSED = "refused", "said no to this wave"
        WITHDREW = "withdrew", "left the panel"
        NOT_SENT = "not_sent", "closed before it could be sent"
        ELIGIBILITY_LOST = "ineligible", "found not eligible"

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["case", "kind"], name="events_by_case")]

    class Privacy:
        purpose = "shows the way of a case"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "case", "kind", "at"), "internal")
