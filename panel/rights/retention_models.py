"""What retention found to be past its day in a study, who ordered it gone, and when it went (LAW-12)."""

import uuid

from django.db import models

from panel.members.models import Study


class RetentionReport(models.Model):
    """One finding; at most one of a study is open. Nothing goes until a project leader ordered it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="retention_reports")
    found_on = models.DateField()
    counts = models.JSONField(default=dict, help_text="What is past its day, by kind.")
    ordered_by = models.CharField(max_length=150, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study"], condition=models.Q(done_at=None), name="one_open_retention_report"
            )
        ]

    class Privacy:
        purpose = "shows that contact data went on the day members were told"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "found_on", "counts", "ordered_by", "ordered_at", "done_at"), "internal"
        )
