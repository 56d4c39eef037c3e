"""Does everything open? Every wrapped key and every field of every card is opened, in sets, and nothing is shown.

Rows that fail are looked at a second time before they are told of: a worker beside may just have moved them.
Nothing is changed here. The audit row is keyring.py's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils.translation import gettext as _

from panel.errors import Damaged
from panel.keys import verification as keys
from panel.keys.macs import Index
from panel.keys.models import DataKey, NextKey
from panel.keys.verification import Fault
from panel.vault.cards import BLOCKS, open_column
from panel.vault.models import Card
from panel.vault.renewal import card_locators, key_locators

#: So many rows are named; more are counted only, so that a wrong backup doesn't fill the memory.
NAMED = 1000


@dataclass
class Verdict:
    """How many keys and cards were opened, how many rows did not hold, and the first of them by name."""

    keys: int = 0
    cards: int = 0
    faulty: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, found: Iterable[Fault]) -> None:
        for fault in found:
            self.faulty += 1
            if len(self.faults) < NAMED:
                self.faults.append(fault)


def verify(
    codes: Iterable[str], *, before: date, progress: Callable[[int, int], None] | None = None
) -> Verdict:
    """`codes` are all members', to name rows by; keys made from the day `before` on may still await their card."""
    verdict, total = Verdict(), keys.count() + Card.objects.count()

    def tell() -> None:
        if progress:
            progress(verdict.keys + verdict.cards, max(total, verdict.keys + verdict.cards))

    verdict.add(keys.faulty_roots())
    if verdict.faults:  # without its root no key and no card is found
        return verdict
    for number, faults in keys.look_at_all():
        verdict.keys += number
        verdict.add(faults)
        tell()
    for locators in card_locators():
        verdict.cards += len(locators)
        verdict.add(_look(locators))
        tell()
    verdict.add(_keys_without_card(before))
    verdict.faults = _named(verdict.faults, codes)
    return verdict


def _look(locators: Sequence[bytes]) -> list[Fault]:
    """A set of cards, and those that fail once more by themselves."""
    return [fault for suspect in _faults(locators) for fault in _faults([suspect.row])]


def _faults(locators: Sequence[bytes]) -> list[Fault]:
    index = Index.load()
    by_key = {index.key_locator(locator): locator for locator in locators}
    coming, present = keys.look(NextKey, by_key), keys.look(DataKey, by_key)
    shut = {by_key[fault.row] for fault in present.faults}  # told of with the keys
    opens = {
        by_key[row]: (*([coming.keys[row]] if row in coming.keys else []), key)
        for row, key in present.keys.items()
    }
    return [
        fault
        for card in Card.objects.filter(locator__in=locators)
        if bytes(card.locator) not in shut and (fault := _fault(card, opens, index))
    ]


def _fault(card: Card, opens: dict[bytes, tuple[bytes, ...]], index: Index) -> Fault | None:
    """What is wrong with one card, if anything."""
    locator = bytes(card.locator)
    if locator not in opens:
        cure = _("Run `manage.py sweep_orphans` if it is no member's, else restore the keystore of its day.")
        return Fault("card", locator, _("has no data key"), cure)
    clear = {}
    for column in BLOCKS:
        try:
            clear[column] = open_column(card, column, opens)
        except Damaged:
            continue
    shut = ", ".join(column for column in BLOCKS if column not in clear)
    if shut:
        what = _("does not open: %s. Damaged, or swapped with another row") % shut
    elif index.card_locator(clear["code"]) != locator:
        what = _("is another member's card")
    else:
        return None
    return Fault("card", locator, what, _("Restore the vault from its backup, then run this again."))


def _keys_without_card(before: date) -> Iterator[Fault]:
    """Data keys that open nothing."""
    cure = _("Run `manage.py sweep_orphans` if it is no member's, else restore the vault.")
    for is_of_part, known in key_locators():
        for some in keys.made_before(before):
            for row in some:
                if is_of_part(row) and row not in known:
                    yield Fault("key", row, _("opens no card"), cure)


def _named(faults: list[Fault], codes: Iterable[str]) -> list[Fault]:
    """With the members' codes where the rows are members'; without one a row keeps the head of its locator."""
    index, wanted = Index.load(), {fault.row for fault in faults}
    names: dict[bytes, str] = {}
    for code in codes if wanted else ():
        card = index.card_locator(code)
        names |= {row: code for row in (card, index.key_locator(card)) if row in wanted}
    return [fault.named(names.get(fault.row, f"{_('no member')} {fault.row.hex()[:12]}")) for fault in faults]
