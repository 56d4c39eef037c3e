"""Words that are read on the own page. The letter that tells of them holds none (panel/invitations)."""

import uuid

from django.db import models

from panel.invitations.models import LetterKind
from panel.members.models import PanelMember, Study


class Message(models.Model):
    """Words to one member, or to everybody of a study; read on the own page, for a mail holds no content."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="messages")
    member = models.ForeignKey(
        PanelMember, on_delete=models.CASCADE, null=True, blank=True, related_name="messages",
        help_text="None: everybody of the study.",
    )  # fmt: skip
    kind = models.CharField(max_length=20, choices=LetterKind, help_text="The letter that told of it.")
    words = models.JSONField(help_text="The text by language.")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["study", "member", "made_at"], name="messages_to_read")]

    class Privacy:
        purpose = "answers a member, and tells them what the law demands"
        retention = "until erasure; to everybody, as long as the study"
        classes = {
            **dict.fromkeys(("id", "study", "member", "kind", "made_at"), "internal"),
            "words": "free text",
        }

    def text(self, language: str) -> str:
        """The words in this language, else in the study's own, else in any there is."""
        found = self.words.get(language) or self.words.get(self.study.default_language)
        return str(found or next(iter(self.words.values()), ""))
