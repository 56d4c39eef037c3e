"""Who seals the key-encryption key (KEK), as the settings say. Nobody above sees a KEK: they ask the ring."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from panel.errors import Unreachable
from panel.keys.kms import Kms
from panel.keys.ring import RingFile
from panel.keys.sealers import Clear, FromEnvironment, Sealer
from panel.keys.transit import Transit


def provider() -> RingFile:
    """The ring's keeper, with the provider the settings name."""
    if not settings.KEK_FILE:
        raise Unreachable(_("This process has no KEK: it may not open contact cards."), permanent=True)
    return RingFile(Path(settings.KEK_FILE), settings.KEK_PROVIDER, sealer)


def sealer(name: str) -> Sealer:
    """One of them by name; a file's versions say whose they are."""
    if name not in _SEALERS:
        raise Unreachable(_("The KEK file names a provider that isn't known: %s.") % name, permanent=True)
    return _SEALERS[name]()


def _environment() -> Sealer:
    if not settings.DEBUG:
        raise Unreachable(
            _("KEK_PROVIDER=environment is for development. Choose file, transit or kms."), permanent=True
        )
    return FromEnvironment(_given("KEK_ENVIRONMENT"))


def _transit() -> Sealer:
    return Transit(
        url=_given("KEK_TRANSIT_URL"),
        key=_given("KEK_TRANSIT_KEY"),
        token_file=Path(_given("KEK_TRANSIT_TOKEN_FILE")),
        mount=settings.KEK_TRANSIT_MOUNT,
        namespace=settings.KEK_TRANSIT_NAMESPACE,
        ca_file=settings.KEK_TRANSIT_CA_FILE,
    )


def _kms() -> Sealer:
    return Kms(_given("KEK_KMS_KEY"), _given("KEK_KMS_REGION"), settings.KEK_KMS_ENDPOINT)


def _given(name: str) -> str:
    value: str = getattr(settings, name)
    if not value:
        raise Unreachable(
            _("%(name)s is not set, and the KEK needs it to be opened.") % {"name": name}, permanent=True
        )
    return value


_SEALERS: dict[str, Callable[[], Sealer]] = {
    "file": Clear,
    "environment": _environment,
    "transit": _transit,
    "kms": _kms,
}
