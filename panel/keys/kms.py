"""KEK versions sealed by AWS KMS, through `boto3` (an optional extra).

The KMS key never leaves the service; what it sealed lies in the KEK file. KMS deletes a key after seven days at the
earliest, which is why ours are destroyed in the file. The version is bound as encryption context.
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from panel.errors import Damaged, Unreachable
from panel.keys.sealers import checked, damaged, library

REQUIREMENTS = "requirements-aws.txt"
SECONDS = 10
WRONG = {"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"}
DENIED = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "OptInRequired",
}
NO_KEY = {"NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException"}
BUSY = {"ThrottlingException", "LimitExceededException", "RequestLimitExceeded", "TooManyRequestsException"}


@dataclass(frozen=True)
class Kms:
    """One symmetric KMS key. Who we are is told to boto3 by its own means: role, profile or environment."""

    key: str
    region: str
    endpoint: str = ""

    name = "kms"

    def seal(self, key: bytes, version: int) -> str:
        with self._service(version) as service:
            answer = service.encrypt(KeyId=self.key, Plaintext=key, EncryptionContext=_bound(version))
            return base64.b64encode(answer["CiphertextBlob"]).decode()

    def open(self, sealed: str, version: int) -> bytes:
        try:
            blob = base64.b64decode(sealed, validate=True)
        except binascii.Error:
            raise damaged(version) from None
        with self._service(version) as service:
            answer = service.decrypt(KeyId=self.key, CiphertextBlob=blob, EncryptionContext=_bound(version))
            return checked(answer["Plaintext"], version)

    @contextmanager
    def _service(self, version: int) -> Iterator[Any]:
        """The service while it is asked one thing; what goes wrong becomes a sentence."""
        boto3, core = library("boto3", REQUIREMENTS), library("botocore.exceptions", REQUIREMENTS)
        config = library("botocore.config", REQUIREMENTS).Config(
            connect_timeout=SECONDS,
            read_timeout=SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        client = None
        try:
            client = boto3.Session().client(
                "kms", region_name=self.region, endpoint_url=self.endpoint or None, config=config
            )
            yield client
        except core.ClientError as error:
            raise _refusal(error.response["Error"]["Code"], version) from None
        except (core.NoCredentialsError, core.PartialCredentialsError):
            raise Unreachable(
                _("There are no AWS credentials: give this process a role or a profile."), permanent=True
            ) from None
        except core.BotoCoreError:
            raise Unreachable(_("AWS KMS does not answer.")) from None
        finally:
            if client is not None:
                client.close()


def _bound(version: int) -> dict[str, str]:
    return {"gjensyn-kek-version": str(version)}


def _refusal(code: str, version: int) -> Damaged | Unreachable:
    """Which kind of refusal an answer of the service is, and whether trying again makes sense."""
    if code in WRONG:
        return damaged(version)
    if code in DENIED:
        return Unreachable(
            _("AWS KMS refuses this process: give its role kms:Encrypt and kms:Decrypt on the key."),
            permanent=True,
        )
    if code in NO_KEY:
        return Unreachable(_("AWS KMS has no such key, or it is disabled: see KEK_KMS_KEY."), permanent=True)
    if code in BUSY:
        return Unreachable(_("AWS KMS has too much to do: try again later."))
    return Unreachable(_("AWS KMS failed: try again later."))
