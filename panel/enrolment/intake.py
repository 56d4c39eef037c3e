"""The intake: addresses come in sealed to a public key, in a process without KEK and vault (ZON-01).

`keep_address` needs the main database only. All else opens or makes keys and runs in a worker or at the desk.
Not here: when an address may change, and what becomes of it (panel/rights/addresses.py).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment.models import IntakeKey, NewAddress
from panel.errors import Damaged, NotNow
from panel.keys import crypto, roots
from panel.keys.crypto import Place
from panel.members.models import PanelMember

LABEL = "intake-"
#: As many 64-byte blocks as a card's address fills: every usable one is equally long.
BLOCKS = 4
#: A member meets this one: its languages are the portal's.
NO_KEY = gettext_lazy("An address can’t be taken in right now. Please try again in a few minutes.")


@dataclass(frozen=True)
class Rotation:
    """What a rotation of the intake key did."""

    version: int
    destroyed: list[int]


def keep_address(*, pk: UUID, member: PanelMember, address: str) -> NewAddress:
    """Seals a tidied address for the request `pk`, in the caller's transaction. Nobody here can open it again.

    The key stays locked to the end, so that a rotation can't destroy it between sealing and storing.
    """
    key = IntakeKey.objects.select_for_update().order_by("-version").first()
    if key is None:
        raise NotNow(NO_KEY)
    sealed = crypto.seal_to(
        bytes(key.public), address.encode(), place=_place(pk), version=key.version, blocks=BLOCKS
    )
    return NewAddress.objects.create(pk=pk, member=member, key=key, sealed=sealed)


def open_address(kept: NewAddress, *, by: Actor, reason: str, now: datetime) -> str:
    """The address in clear, with its audit row in the caller's transaction, as for any opening of a card."""
    member = kept.member
    detail = {"reason": reason, "request": str(kept.pk)}
    audit.record(
        by=by, verb="address.opened", now=now, study=member.study.slug, subject=member.code, detail=detail
    )
    private = roots.kept_root(f"{LABEL}{kept.key_id}")
    if private is None:
        raise Damaged(
            _("The intake key %(version)d is missing, so the new address of %(code)s does not open.")
            % {"version": kept.key_id, "code": member.code}
        )
    try:
        opened = crypto.open_with_private(bytes(kept.sealed), private=private, place=_place(kept.pk))
    except Damaged:
        raise Damaged(_("The new address of %(code)s does not open.") % {"code": member.code}) from None
    return opened.decode()


def seal_typed(typed: str, *, place: Place, blocks: int = BLOCKS) -> bytes:
    """Seals a tidied address, say, that nobody knows to be a member's, for a worker's next look; see `open_typed`."""
    key = IntakeKey.objects.order_by("-version").first()
    if key is None:
        raise NotNow(NO_KEY)
    return crypto.seal_to(bytes(key.public), typed.encode(), place=place, version=key.version, blocks=blocks)


def open_typed(sealed: bytes, *, place: Place) -> str:
    """What `seal_typed` was given; Damaged where its key went meanwhile."""
    private = roots.kept_root(f"{LABEL}{crypto.key_version(sealed, place=place)}")
    if private is None:
        raise place.damaged()
    return crypto.open_with_private(sealed, private=private, place=place).decode()


def forget_addresses(requests: Collection[UUID]) -> int:
    """Removes what was sealed for these requests."""
    return NewAddress.objects.filter(pk__in=requests).delete()[0]


def ensure(*, today: date) -> int:
    """The version of the intake key, made at first need."""
    newest = _newest()
    return newest if newest else _make(today)


def waiting() -> dict[int, int]:
    """Each version there is, and how many addresses wait that were sealed to it."""
    counted = IntakeKey.objects.order_by("version").annotate(number=Count("addresses"))
    return dict(counted.values_list("version", "number"))


def rotate(*, by: Actor, now: datetime) -> Rotation:
    """A new intake key; older ones are destroyed unless an address that waits is sealed to them."""
    with transaction.atomic():
        version = _make(timezone.localdate(now))
        audit.record(by=by, verb="intake_key.made", now=now, detail={"version": version})
    return Rotation(version, destroy_spent(by=by, now=now))


def destroy_spent(*, by: Actor, now: datetime) -> list[int]:
    """Destroys older intake keys to which nothing is sealed any more; says which. A crash's private parts too."""
    newest = _newest()
    known = set(IntakeKey.objects.values_list("version", flat=True))
    for version in _private_parts():
        if version not in known and version < newest:
            roots.destroy_root(f"{LABEL}{version}")
    spent = IntakeKey.objects.filter(addresses=None, version__lt=newest).order_by("version")
    return [version for version in spent.values_list("version", flat=True) if _destroy(version, by, now)]


@transaction.atomic
def _destroy(version: int, by: Actor, now: datetime) -> bool:
    """Private part first, `default` last. Locked: an address sealed to it a moment ago is seen."""
    IntakeKey.objects.select_for_update().filter(pk=version).first()
    if NewAddress.objects.filter(key_id=version).exists():
        return False
    roots.destroy_root(f"{LABEL}{version}")
    IntakeKey.objects.filter(pk=version).delete()
    audit.record(by=by, verb="intake_key.destroyed", now=now, detail={"version": version})
    return True


def _newest() -> int:
    return IntakeKey.objects.order_by("-version").values_list("version", flat=True).first() or 0


def _private_parts() -> list[int]:
    return [int(label.removeprefix(LABEL)) for label in roots.labels(LABEL)]


def _make(today: date) -> int:
    """Private part first, `default` last: what a crash leaves is a root that nothing was ever sealed to, and
    the next version is above it. Of two that make one at once the second is refused.
    """
    version = max([_newest(), *_private_parts()]) + 1
    private, public = crypto.public_pair()
    if not roots.keep_root(f"{LABEL}{version}", private):
        raise NotNow(_("An intake key is being made by another process. Try again in a minute."))
    IntakeKey.objects.create(version=version, public=public, made_on=today)
    return version


def _place(request: UUID) -> Place:
    return Place("enrolment_newaddress", "sealed", request.bytes)
