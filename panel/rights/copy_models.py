"""Copies of one's data that members asked for. The copy is sealed to its link's token, which is stored nowhere."""

import uuid

from django.db import models

from panel.invitations.models import Link
from panel.members.models import PanelMember


class CopyRequest(models.Model):
    """That a member asked for a copy of everything held (LAW-08)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="copy_requests")
    told_staff = models.BooleanField(
        default=False, help_text="Asked for by mail or phone, recorded by staff."
    )
    asked_at = models.DateTimeField()

    class Privacy:
        purpose = "gives a member a copy of everything held, and not without end"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "member", "told_staff", "asked_at"), "internal")


class Copy(models.Model):
    """One copy for one link: who has no token reads nothing, neither the portal nor a worker nor a thief.

    It goes with its link, seven days after the letter.
    """

    link = models.OneToOneField(Link, on_delete=models.CASCADE, primary_key=True, related_name="copy")
    request = models.ForeignKey(CopyRequest, on_delete=models.CASCADE, related_name="copies")
    sealed = models.BinaryField()
    made_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        purpose = "waits to be fetched by the member"
        retention = "seven days"
        classes = {
            **dict.fromkeys(("link", "request", "made_at", "fetched_at"), "internal"),
            "sealed": "direct identifier",
        }
