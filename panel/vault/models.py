"""The vault database: contact cards as ciphertext. Nothing of study, status or answers."""

from django.db import models


class Card(models.Model):
    """A member's contact card; each field sealed under the member's data key (CRY-01 to CRY-03).

    Found by a keyed hash of the member code (`locator`), or by the truncated keyed hash of its address
    (`bucket`, CRY-08), which several unrelated cards share on purpose.
    """

    locator = models.BinaryField(primary_key=True, max_length=32)
    code = models.BinaryField(help_text="Sealed member code.")
    email = models.BinaryField()
    first_name = models.BinaryField()
    last_name = models.BinaryField()
    phone = models.BinaryField(help_text="Sealed even where there is none: nobody sees who has one.")
    bucket = models.PositiveIntegerField(db_index=True)
    bucket_bits = models.PositiveSmallIntegerField()
    made_on = models.DateField(help_text="A day, never a time (ZON-02).")

    class Privacy:
        purpose = "reaches a member who agreed to be contacted"
        retention = "until withdrawal with erasure, the date in the letter, or project end"
        classes = {
            "locator": "internal",
            "code": "direct identifier",
            "email": "direct identifier",
            "first_name": "direct identifier",
            "last_name": "direct identifier",
            "phone": "direct identifier",
            "bucket": "internal",
            "bucket_bits": "internal",
            "made_on": "internal",
        }
