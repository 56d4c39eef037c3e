"""Cards stored, opened, found and destroyed. Who may ask is decided above; the audit row is written here.

A write goes keystore → vault, and the caller writes `default` last: what a crash leaves has no member and is
swept after a day.
"""

import random
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from panel import sets
from panel.audit import selectors as audit_events
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import Damaged, NotAllowed, NotFound, NotNow
from panel.keys import crypto
from panel.keys import renewal as next_keys
from panel.keys import services as keys
from panel.keys.crypto import Place
from panel.keys.macs import Index
from panel.keys.services import CardKeys
from panel.sets import batched
from panel.vault.cards import ALL, BLOCKS, open_column, opened_card, sealed_card
from panel.vault.models import Card
from panel.vault.rules import DAILY_QUOTA, ContactData, bits_fit, bucket_bits, tidy_address, too_many_orphans

OPEN, QUOTA_ALARM, OPEN_CHUNK = "card.opened", "card.quota_exceeded", "cards.opened_for_sending"
LOOK_UP = "member.looked_up"
CHANGED = "card.address_changed"
SWEPT_BY_FORCE, SWEEP_REFUSED = "orphans.swept", "orphans.sweep_refused"
_random = random.SystemRandom()
Read = TypeVar("Read")
#: Other cards that are written again with one whose address changes.
MIXED = 50


def store_cards(cards: Iterable[ContactData], *, today: date) -> None:
    """Seal and store cards, all or none of them; a known member's card is replaced under the key it has.

    Shuffled, so that the order of rows tells nothing of the order of members (ZON-02).
    """
    shuffled = list(cards)
    _random.shuffle(shuffled)
    bits = _bits_for(Card.objects.count() + len(shuffled))
    index = Index.load()
    with transaction.atomic(using="vault"):
        for chunk in batched(shuffled):
            _lock_cards(index.card_locator(data.code) for data in chunk)
            data_keys = keys.create_data_keys([data.code for data in chunk], today=today)
            _upsert(
                [sealed_card(d, key=data_keys[d.code], index=index, bits=bits, today=today) for d in chunk],
                [*BLOCKS, "bucket", "bucket_bits"],
            )
    rebucket()


def _lock_cards(locators: Iterable[bytes]) -> None:
    """Before their data keys are read: nobody renews a card while it is written (keyring.renew_cards)."""
    list(Card.objects.select_for_update().filter(locator__in=list(locators)).values_list("bucket_bits"))


def _upsert(rows: Sequence[Card], fields: Sequence[str]) -> None:
    Card.objects.bulk_create(rows, update_conflicts=True, unique_fields=["locator"], update_fields=fields)


def _bits_for(n: int) -> int:
    """The bits in use while they do for n cards, else the ones that do."""
    used = Card.objects.values_list("bucket_bits").annotate(n=Count("pk")).order_by("-n").first()
    return used[0] if used and bits_fit(n, used[0]) else bucket_bits(n)


def rebucket() -> int:
    """Give cards new buckets when theirs no longer fit their number, in sets; each row says its own bits."""
    bits, index, moved = _bits_for(Card.objects.count()), Index.load(), 0
    while done := _rebucket_chunk(bits, index):
        moved += done
    return moved


@transaction.atomic(using="vault")
def _rebucket_chunk(bits: int, index: Index) -> int:
    """The rows stay locked to the end, so that the write can't bring back one that is being erased."""
    rows = list(Card.objects.select_for_update().exclude(bucket_bits=bits)[: sets.SIZE])
    data_keys = keys.data_keys_of_cards(bytes(row.locator) for row in rows)
    for row in rows:
        address = tidy_address(open_column(row, "email", data_keys))
        row.bucket, row.bucket_bits = index.address_bucket(address, bits), bits
    _upsert(rows, ["bucket", "bucket_bits"])
    return len(rows)


def open_card(code: str, *, by: Actor, reason: str, now: datetime, study: str) -> ContactData:
    """One card for a person: the audit row is committed first; the 51st of a day is refused (ZON-05).

    Not to be called inside a transaction on `default`, whose rollback would take the audit row with it.
    """
    _note(by, OPEN, reason, now, study, code)
    found = _open([code])
    if code not in found:
        raise NotFound(_("There is no contact card for this member."))
    return found[code]


def look_up(address: str, *, by: Actor, reason: str, now: datetime, study: str) -> list[str]:
    """The codes of the cards at an address, of whatever study, for a person: noted and counted as an opening."""
    _note(by, LOOK_UP, reason, now, study, "")
    return [card.code for card in find_by_address([address])[address]]


def _note(by: Actor, verb: str, reason: str, now: datetime, study: str, code: str) -> None:
    with transaction.atomic(durable=True):
        audit.record(by=by, verb=verb, now=now, study=study, subject=code, detail={"reason": reason})
    # Counted after the row is there for all to see, so that two openings at once can't both be the last.
    if _opened_today(by, now) > DAILY_QUOTA:
        with transaction.atomic(durable=True):
            detail = {"quota": DAILY_QUOTA}
            audit.record(by=by, verb=QUOTA_ALARM, now=now, study=study, subject=code, detail=detail)
        raise NotAllowed(_("You have opened as many contact cards today as one person may. Go on tomorrow."))


def _opened_today(by: Actor, now: datetime) -> int:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    day = {"since": midnight, "until": midnight + timedelta(days=1)}
    return sum(audit_events.count(by=by, verb=verb, **day) for verb in (OPEN, LOOK_UP))


def open_cards(
    codes: Sequence[str], *, by: Actor, reason: str, now: datetime, study: str
) -> dict[str, ContactData]:
    """Cards for sending: one audit row for the chunk, not counted; members without a card are absent."""
    if not codes:
        return {}
    detail = {"reason": reason, "codes": sorted(codes)}
    audit.record(by=by, verb=OPEN_CHUNK, now=now, study=study, detail=detail)
    return _open(codes)


def open_for_letters(
    to: Collection[str], *, names: Collection[str], by: Actor, reason: str, now: datetime, study: str
) -> dict[str, ContactData]:
    """The same for letters, and no more of each card than they need: the address of whom they go `to`, the first name
    of `names`, who are those at an address that several share.
    """
    codes = sorted({*to, *names})
    if not codes:
        return {}
    audit.record(by=by, verb=OPEN_CHUNK, now=now, study=study, detail={"reason": reason, "codes": codes})
    addresses, first_names = _open([*to], {"email"}), _open([*names], {"first_name"})
    for code, card in addresses.items():
        found = first_names.get(code)
        first_names[code] = replace(card, first_name=found.first_name) if found else card
    return first_names


def _open(codes: Sequence[str], columns: Collection[str] = ALL) -> dict[str, ContactData]:
    if not codes:
        return {}
    index, found = Index.load(), dict[str, ContactData]()
    for chunk in batched(codes):
        found |= _twice(partial(_open_chunk, {index.card_locator(code): code for code in chunk}, columns))
    return found


def _open_chunk(asked: dict[bytes, str], columns: Collection[str]) -> dict[str, ContactData]:
    data_keys = keys.data_keys_of_cards(asked)
    cards = Card.objects.filter(locator__among=asked).only("locator", "code", *columns)
    rows = {asked[bytes(card.locator)]: card for card in cards}
    return {code: _opened_as(code, card, data_keys, columns) for code, card in rows.items()}


def _twice(read: Callable[[], Read]) -> Read:
    """A card may be renewed between the reading of its key and its own: only a second failure is damage."""
    try:
        return read()
    except Damaged:
        return read()


def _opened_as(code: str, card: Card, data_keys: CardKeys, columns: Collection[str] = ALL) -> ContactData:
    try:
        data = opened_card(card, data_keys, columns)
    except Damaged:
        raise Damaged(
            _("The contact card of %(code)s does not open. Run `manage.py keys verify`, which says why.")
            % {"code": code}
        ) from None
    if data.code != code:
        raise Damaged(_("The contact card of %(code)s is another member's.") % {"code": code})
    return data


def change_address(code: str, address: str, *, by: Actor, reason: str, now: datetime, study: str) -> None:
    """A member's card with another address, under a new data key: no old copy of the vault opens the old one (LAW-09).

    Its next key is stored, the card is sealed with it, then it takes the old one's place; the card opens at each
    moment, and a second try goes on where a crash left it.
    """
    index, run = Index.load(), uuid4()
    locator = index.card_locator(code)
    next_keys.prepare([index.key_locator(locator)], run=run)
    with transaction.atomic(using="vault"):
        _reseal(code, locator, address, index)
        audit.record(by=by, verb=CHANGED, now=now, study=study, subject=code, detail={"reason": reason})
    next_keys.promote(run=run, but=())


def _reseal(code: str, locator: bytes, address: str, index: Index) -> None:
    """Some other cards are written again with this one in one shuffled batch, so that the place of a row in the
    database's files doesn't tell whose address changed last (ZON-02). All are locked: none that is being erased
    comes back.
    """
    cards = Card.objects.select_for_update()
    card = cards.filter(locator=locator).first()
    if card is None:
        raise NotFound(_("There is no contact card for this member."))
    data_keys = keys.data_keys_of_cards([locator])
    data, bits = replace(_opened_as(code, card, data_keys), email=address), card.bucket_bits
    new = sealed_card(data, key=data_keys[locator][0], index=index, bits=bits, today=card.made_on)
    others = cards.exclude(locator=locator).filter(locator__gte=secrets.token_bytes(32))
    rows = [new, *others.order_by("locator")[:MIXED]]
    _random.shuffle(rows)
    _upsert(rows, [*BLOCKS, "bucket", "bucket_bits"])


def find_by_address(addresses: Iterable[str]) -> dict[str, list[ContactData]]:
    """The cards that hold each address, compared in clear after a search by bucket (CRY-08).

    Every address asked for is in the answer; a list is empty where nobody has it.
    """
    asked = list(addresses)
    return _twice(lambda: _find(asked))


def _find(addresses: list[str]) -> dict[str, list[ContactData]]:
    found: dict[str, list[ContactData]] = {address: [] for address in addresses}
    wanted: dict[str, list[str]] = {}
    for address in found:
        wanted.setdefault(tidy_address(address), []).append(address)
    for chunk in batched(_in_buckets_of(wanted)):
        data_keys = keys.data_keys_of_cards(bytes(card.locator) for card in chunk)
        for card in chunk:
            asked = wanted.get(tidy_address(open_column(card, "email", data_keys)))
            if asked:
                data = opened_card(card, data_keys)
                for address in asked:
                    found[address].append(data)
    return found


def _in_buckets_of(addresses: Iterable[str]) -> Iterable[Card]:
    """Candidates; while cards are moved to new buckets, rows of both sizes stand side by side."""
    index, addresses = Index.load(), list(addresses)
    for bits in Card.objects.order_by().values_list("bucket_bits", flat=True).distinct():
        buckets = {index.address_bucket(address, bits) for address in addresses}
        yield from Card.objects.filter(bucket_bits=bits, bucket__in=buckets).iterator(chunk_size=sets.SIZE)


def count_cards(codes: Iterable[str]) -> int:
    """How many of these members have a card."""
    index = Index.load()
    asked = batched(index.card_locator(code) for code in codes)
    return sum(Card.objects.filter(locator__in=some).count() for some in asked)


def destroy_cards(codes: Iterable[str]) -> int:
    """Delete cards, then their data keys; returns how many cards there were."""
    codes, index = list(codes), Index.load()
    destroyed = _delete(index.card_locator(code) for code in codes)
    keys.destroy_data_keys(codes)
    return destroyed


def sweep_orphans(known_codes: Iterable[str], *, by: Actor, now: datetime, force: bool = False) -> int:
    """Remove cards and data keys without a member, once they are a whole day old; returns how many rows.

    Many at once are no crash's: then `default` is empty, another one or an old copy, and the members' cards
    are all there is of them. Nothing goes until a person has looked and forces it.
    """
    index, before = Index.load(), timezone.localdate(now) - timedelta(days=1)
    known = {index.card_locator(code) for code in known_codes}
    old = Card.objects.filter(made_on__lt=before).values_list("locator", flat=True)
    cards = [bytes(locator) for locator in old.iterator() if bytes(locator) not in known]
    data_keys, of_keys = keys.orphans(known, before=before)
    found = {
        "cards": len(cards),
        "of_cards": Card.objects.count(),
        "keys": len(data_keys),
        "of_keys": of_keys,
    }
    if force:
        _note_sweep(by, SWEPT_BY_FORCE, now, found)
    elif too_many_orphans(len(cards), found["of_cards"]) or too_many_orphans(len(data_keys), of_keys):
        _note_sweep(by, SWEEP_REFUSED, now, found)
        raise NotNow(
            _(
                "%(cards)d of %(of_cards)d contact cards and %(keys)d of %(of_keys)d data keys have no member. "
                "That is more than a crash leaves, so nothing was removed: the main database may be empty, "
                "another one or an old copy. If it is the right one, run `manage.py sweep_orphans --force`."
            )
            % found
        )
    return _delete(cards) + keys.destroy_orphans(data_keys)


def _note_sweep(by: Actor, verb: str, now: datetime, found: dict[str, int]) -> None:
    with transaction.atomic(durable=True):
        audit.record(by=by, verb=verb, now=now, detail=found)


def _delete(locators: Iterable[bytes]) -> int:
    return sum(Card.objects.filter(locator__in=chunk).delete()[0] for chunk in batched(locators))


def seal_blob(data: bytes, *, name: str) -> bytes:
    """Bytes that wait a short while, as a staged upload; they open under the same name only."""
    return crypto.seal(data, key=Index.load().blob, place=Place("blob", name, b""))


def open_blob(sealed: bytes, *, name: str) -> bytes:
    """What `seal_blob` was given."""
    return crypto.open_sealed(sealed, key=Index.load().blob, place=Place("blob", name, b""))
