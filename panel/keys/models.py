"""The keystore database: wrapped data keys and wrapped roots. Keys without locks: no code, no card."""

from django.db import models


class WrappedRoot(models.Model):
    """A random root key wrapped by the KEK, from which the index and locator keys come by HKDF.

    It lives here and not in a setting so that a new KEK re-wraps it and every index stays valid.
    """

    label = models.CharField(max_length=20, primary_key=True)
    kek_version = models.PositiveIntegerField()
    wrapped = models.BinaryField()

    class Privacy:
        purpose = "finds cards and data keys by keyed hashes"
        retention = "destroyed at project end"
        classes = dict.fromkeys(("label", "kek_version", "wrapped"), "internal")


class DataKey(models.Model):
    """One member's data key, wrapped by the KEK. Found by a keyed hash of the code (not the vault's)."""

    locator = models.BinaryField(primary_key=True, max_length=32)
    kek_version = models.PositiveIntegerField()  # no index: it would double the work of a rotation
    wrapped = models.BinaryField()
    made_on = models.DateField(help_text="A day, never a time: times would join the zones (ZON-02).")

    class Privacy:
        purpose = "opens one contact card"
        retention = "deleted at erasure, destroyed at project end"
        classes = dict.fromkeys(("locator", "kek_version", "wrapped", "made_on"), "internal")


class NextKey(models.Model):
    """A new data key while its card is sealed anew; it then takes the old one's place (CRY-04)."""

    locator = models.BinaryField(primary_key=True, max_length=32)
    kek_version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    run = models.UUIDField(help_text="The run that seals cards with it; a later one takes it over.")

    class Privacy:
        purpose = "opens one contact card while its data key is replaced"
        retention = "until the card is sealed with it, at erasure, at project end"
        classes = dict.fromkeys(("locator", "kek_version", "wrapped", "run"), "internal")
