"""Changes of address that members asked for. The address itself stands elsewhere, sealed (panel/enrolment)."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember


class AddressChange(models.Model):
    """One request to write to another address: confirmed there, told to the old one (LAW-09)."""

    class State(models.TextChoices):
        ASKED = "asked", _("waits for a confirmation at the new address")
        CONFIRMED = "confirmed", _("confirmed, about to be carried out")
        DONE = "done", _("carried out")
        CANCELLED = "cancelled", _("stopped")
        REPLACED = "replaced", _("replaced by a newer request")
        EXPIRED = "expired", _("not confirmed or not carried out in time")
        REFUSED = "refused", _("the new address may never be written to")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="address_changes")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    told_staff = models.BooleanField(
        default=False, help_text="Asked for by mail or phone, recorded by staff."
    )
    by_code = models.BooleanField(
        default=False,
        help_text="Given on the public page with code and name: a contact keeper has to accept it.",
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField()
    expires = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=Q(state__in=["asked", "confirmed"]), name="one_change_waits"
            )
        ]
        indexes = [models.Index(fields=["state", "expires"], name="address_changes_waiting")]

    class Privacy:
        purpose = "changes an address only where its holder says so"
        retention = "until erasure; holds no address"
        classes = dict.fromkeys(
            ("id", "member", "state", "told_staff", "by_code", "accepted_at", "asked_at", "expires",
             "confirmed_at", "ended_at"),
            "internal",
        )  # fmt: skip
