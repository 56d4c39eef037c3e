"""Days on which a study writes to nobody. Registered by models.py; the days every study begins with are data."""

import json
import uuid
from pathlib import Path
from typing import Any

from django.db import models

#: Days that weigh on people, or on which a letter from a study is out of place. A study may take one out, for a reason.
DEFAULTS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "silent_days.json").read_text(encoding="utf-8")
)


class SilentDay(models.Model):
    """Each year's, or of one year."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("members.Study", on_delete=models.CASCADE, related_name="silent_days")
    month = models.PositiveSmallIntegerField()
    day = models.PositiveSmallIntegerField()
    year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="None: each year.")
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "month", "day", "year"], name="one_silent_day_per_date"),
            models.UniqueConstraint(
                fields=["study", "month", "day"],
                condition=models.Q(year=None),
                name="one_silent_day_each_year",
            ),
        ]

    class Privacy:
        purpose = "leaves people in peace on days that weigh on them"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "study", "month", "day", "year", "name"), "internal")

    def __str__(self) -> str:
        return self.name
