"""A study's questionnaires and their versions. What a compiled form is stands in questionnaire.py.

An approved version is frozen: answers point at it. A new wording is a new version.
"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import Study


class Instrument(models.Model):
    """A questionnaire of a study over the years."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="instruments")
    slug = models.SlugField()
    title = models.CharField(max_length=120, help_text="For staff; respondents see the study's public name.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "slug"], name="one_instrument_per_slug")]

    class Privacy:
        purpose = "names a questionnaire"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "study", "slug", "title"), "internal")

    def __str__(self) -> str:
        return self.title


class VersionManager(models.Manager["InstrumentVersion"]):
    """Leaves the form itself in the database until it is asked for, so that rows stay light."""

    def get_queryset(self) -> models.QuerySet["InstrumentVersion"]:
        return super().get_queryset().defer("source", "compiled")


class InstrumentVersion(models.Model):
    """One wording of a questionnaire: the form as it came, and as it is run."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        RETIRED = "retired", _("retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    source = models.BinaryField(help_text="The .xlsx as it came.")
    sha256 = models.CharField(max_length=64, help_text="Of the source.")
    compiled = models.JSONField(help_text="The questionnaire, as questionnaire.py reads it.")
    languages = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    created_on = models.DateField()
    approved_by = models.CharField(max_length=150, blank=True)
    approved_on = models.DateField(null=True, blank=True)

    objects = VersionManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["instrument", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["instrument", "sha256"], name="one_version_per_form"),
            models.CheckConstraint(
                condition=models.Q(status="draft") | models.Q(approved_on__isnull=False),
                name="only_drafts_are_unapproved",
            ),
        ]

    class Privacy:
        purpose = "what is asked, word by word"
        retention = "as long as the study's answers"
        classes = dict.fromkeys(
            (
                "id", "instrument", "number", "source", "sha256", "compiled", "languages", "status",
                "created_on", "approved_by", "approved_on",
            ),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.instrument.title}, version {self.number}"
