"""A project's end, step by step, and its extension (NO-04). What a step does stands in project_end.py."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import Study


class ProjectEnd(models.Model):
    """That a study is being ended, or was; its steps are rows of their own, so that it can be taken up again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.OneToOneField(Study, on_delete=models.PROTECT, related_name="end")
    begun_at = models.DateTimeField()
    begun_by = models.CharField(max_length=150)
    certificate = models.JSONField(
        default=dict, help_text="What was destroyed when, by whom: counts, no code."
    )
    certified_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        purpose = "ends a project and shows that it was ended"
        retention = "for good: it names nobody but staff"
        classes = dict.fromkeys(
            ("id", "study", "begun_at", "begun_by", "certificate", "certified_at"), "internal"
        )

    def __str__(self) -> str:
        return str(self.study)


class EndStep(models.Model):
    """One step of a project's end: begun, and done. The counts are those before it began."""

    class Step(models.TextChoices):
        RESULT = "result", _("Tell the members what was found")
        RELEASE = "release", _("Name the last cleared release")
        ARCHIVE = "archive", _("Archive the answers of those who agreed to it")
        OUTSIDE = "outside", _("Tick off what lies outside this service")
        LINK_KEY = "link_key", _("Destroy the link key and the contact cards")
        ROWS = "rows", _("Delete what is held by code")
        BACKUPS = "backups", _("Purge the backups")
        CERTIFICATE = "certificate", _("Write the certificate")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    end = models.ForeignKey(ProjectEnd, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=12, choices=Step)
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField(max_length=150)
    counts = models.JSONField(default=dict, help_text="What it concerned, counted.")
    words = models.TextField(blank=True, help_text="Why it was left out, or what was said of it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["end", "step"], name="each_step_of_an_end_once")]

    class Privacy:
        purpose = "shows who did which step of a project's end when"
        retention = "for good: it names nobody but staff"
        classes = dict.fromkeys(
            ("id", "end", "step", "begun_at", "done_at", "by", "counts", "words"), "internal"
        )


class Extension(models.Model):
    """A later end: members are told first, then it is put in force."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="extensions")
    message = models.UUIDField(help_text="The notice to members, which is the occasion of its letters.")
    ends_on = models.DateField()
    retention_until = models.DateField(null=True, blank=True)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    in_force_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        purpose = "shows that members were told before the project's end was moved"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "message", "ends_on", "retention_until", "asked_by", "asked_at", "in_force_at"),
            "internal",
        )
