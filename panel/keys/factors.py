"""Seals what second factors are made from (the secret of an app, the seed of recovery codes).

Under a key of its own from the service key: the desk checks a code without opening any card.
"""

from base64 import b64decode, b64encode
from binascii import Error

from django.conf import settings

from panel.keys import crypto
from panel.keys.crypto import Place

PLACE = Place("mfa_authenticator", "data", b"")


def seal_factor(text: str) -> str:
    """`text` as it is kept."""
    key = crypto.derive(settings.SERVICE_KEY, "second-factor")
    return b64encode(crypto.seal(text.encode(), key=key, place=PLACE)).decode()


def open_factor(sealed: str) -> str:
    """What was sealed; raises Damaged for anything else."""
    try:
        raw = b64decode(sealed, validate=True)
    except Error as error:
        raise PLACE.damaged() from error
    key = crypto.derive(settings.SERVICE_KEY, "second-factor")
    return crypto.open_sealed(raw, key=key, place=PLACE).decode()
