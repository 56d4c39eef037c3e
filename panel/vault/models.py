"""The vault database: contact cards as ciphertext, and keyed hashes of addresses never to be contacted again.

Nothing of study, status or answers.
"""

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


class Suppressed(models.Model):
    """An address that a study never contacts again (LAW-13), as a full-length keyed hash.

    Its key is the study's own, a root in the keystore, and is destroyed at project end. Unlike a bucket the hash
    would prove something to whoever has the key: that this address asked never to be contacted again.
    """

    mark = models.BinaryField(primary_key=True, max_length=32)
    register = models.BinaryField(
        max_length=32, db_index=True, help_text="Whose list it is on: a keyed hash, which names no study."
    )

    class Privacy:
        purpose = "whoever asked never to be contacted again is not enrolled again"
        retention = "until project end"
        classes = dict.fromkeys(("mark", "register"), "internal")
