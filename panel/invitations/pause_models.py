"""Pauses of all survey mail. Registered by models.py."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import Study


class SendingPause(models.Model):
    """Survey mail stands still: of one study because a person said so, or all of it because errors piled up."""

    class Why(models.TextChoices):
        PERSON = "person", _("a person paused it")
        ERRORS = "errors", _("too many letters failed")
        NO_SERVER = "no_server", _("the mail server can't be reached")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(
        Study,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="sending_pauses",
        help_text="None: all studies, for they share the mail server.",
    )
    why = models.CharField(max_length=10, choices=Why, default=Why.PERSON)
    reason = models.TextField(blank=True, help_text="In a person's words.")
    paused_by = models.CharField(max_length=150)
    since = models.DateTimeField()
    until = models.DateTimeField(
        null=True, blank=True, help_text="When one letter is tried; none where a person must lift it."
    )
    tries = models.PositiveSmallIntegerField(default=0)
    probe = models.UUIDField(null=True, blank=True, help_text="The claim of the one letter that is tried.")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study"], condition=models.Q(lifted_at=None), name="one_pause_per_study"
            ),
            models.UniqueConstraint(
                fields=["why"],
                condition=models.Q(lifted_at=None, study=None),
                name="one_pause_of_all",
            ),
            models.CheckConstraint(
                condition=models.Q(study=None) | models.Q(why="person"),
                name="one_study_is_paused_by_a_person",
            ),
        ]

    class Privacy:
        purpose = "stops letters at once"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "why", "reason", "paused_by", "since", "until", "tries", "probe", "lifted_at",
            "lifted_by"),
            "internal",
        )  # fmt: skip
