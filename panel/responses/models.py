"""Answers of one case, saved page by page. The class of each answer stands in its form, not here."""

import uuid

from django.db import models

from panel.instruments.models import InstrumentVersion
from panel.waves.models import Case
from panel.waves.modes import Mode


class Response(models.Model):
    """One case's answers so far; complete once `completed_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="response")
    instrument = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, related_name="responses")
    language = models.CharField(max_length=10)
    mode = models.CharField(
        max_length=10,
        choices=Mode,
        default=Mode.SELF,
        help_text="How the answers came in; once keyed, always.",
    )
    answers = models.JSONField(default=dict, help_text="Item -> code, list of codes or text.")
    page = models.CharField(max_length=60, blank=True, help_text="The first page not saved.")
    saved = models.JSONField(default=list, help_text="Names of the pages that were saved.")
    revision = models.PositiveIntegerField(default=0, help_text="Counts saves: no device overwrites unseen.")
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        purpose = "the study's answers"
        retention = "coded answers stay; all go with an erasure"
        classes = {
            **dict.fromkeys(
                (
                    "id",
                    "case",
                    "instrument",
                    "mode",
                    "page",
                    "saved",
                    "revision",
                    "started_at",
                    "completed_at",
                ),
                "internal",
            ),
            "language": "quasi-identifier",
            "answers": "sensitive",
        }
