"""Runs that ask who signed older words to agree to new ones, and whom each run asked. Answers stand in the ledger."""

import uuid

from django.db import models

from consent.models import ConsentForm
from panel.members.models import PanelMember, Study


class ReconsentRun(models.Model):
    """One asking of a study's members for one form; at most one is open in a study."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="reconsent_runs")
    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="+")
    asked = models.PositiveIntegerField(help_text="How many had signed older words when it began.")
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    closed_by = models.CharField(max_length=150, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    lifted = models.BooleanField(
        null=True, help_text="Whether the close let survey mail go on to those who hadn't answered."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study"], condition=models.Q(closed_at=None), name="one_open_reconsent_run"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None, lifted=None)
                | models.Q(closed_at__isnull=False, lifted__isnull=False),
                name="closed_runs_say_what_became_of_holds",
            ),
        ]

    class Privacy:
        purpose = "asks members to agree to new words before they are written to again"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "form", "asked", "started_by", "started_at", "closed_by", "closed_at", "lifted"),
            "internal",
        )

    def __str__(self) -> str:
        return f"{self.study} · {self.form}"


class ReconsentAsk(models.Model):
    """One member of a run. What they answered stands in the consent ledger, never here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(ReconsentRun, on_delete=models.CASCADE, related_name="asks")
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="reconsent_asks")
    written_to = models.BooleanField(
        help_text="A letter was queued; not to who can't be reached or wants no letters."
    )
    answered_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "member"], name="asked_once_a_run")]

    class Privacy:
        purpose = "knows who still has to answer"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "run", "member", "written_to", "answered_on"), "internal")
