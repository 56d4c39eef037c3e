"""What somebody typed on a public page: an address to send a link to, a new address. Sealed where it is typed; nobody's
until a worker looks.
"""

import uuid

from django.db import models


class AskedLink(models.Model):
    """An address to which the link to the own page is to go again, if a member has it. Gone after a minute."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed = models.BinaryField()
    asked_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["asked_at"], name="links_asked_for")]

    class Privacy:
        purpose = "sends a lost link again"
        retention = "until a worker's next look"
        classes = {"id": "internal", "asked_at": "internal", "sealed": "direct identifier"}


class GivenAddress(models.Model):
    """A new address that somebody gave on the public page, with a member's code and name. Gone after a minute."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed = models.BinaryField()
    given_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["given_at"], name="addresses_given")]

    class Privacy:
        purpose = "takes in a new address of a member who can't be reached any more"
        retention = "until a worker's next look"
        classes = {"id": "internal", "given_at": "internal", "sealed": "direct identifier"}
