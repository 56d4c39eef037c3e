"""How a change of address moves on, how long it waits, how many may be asked for. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput
from panel.invitations.models import Outgoing
from panel.invitations.rules import UNDER_WAY, Reason
from panel.rights.models import AddressChange
from panel.vault.rules import is_usable_address, tidy_address

State = AddressChange.State

#: The whole life of a change; docs/states.md is made from it.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.ASKED: frozenset({State.CONFIRMED, State.CANCELLED, State.REPLACED, State.EXPIRED}),
    State.CONFIRMED: frozenset({State.DONE, State.CANCELLED, State.REPLACED, State.REFUSED, State.EXPIRED}),
    State.DONE: frozenset(),
    State.CANCELLED: frozenset(),
    State.REPLACED: frozenset(),
    State.EXPIRED: frozenset(),
    State.REFUSED: frozenset(),
}
#: How long the letter's link works.
LIFE = timedelta(days=7)
#: So many may be asked for on a member's page in so long: each writes to an address nobody has proven.
MOST, WITHIN = 3, timedelta(days=7)
#: The old address is told first. Where its mail server takes nothing for so long, the change goes on.
TELL_FIRST = timedelta(days=3)
#: So long the letter to the old address can be read before the change is made: who holds somebody's forwarded letter
#: can ask for one, and confirm it at an address of their own.
TIME_TO_STOP = timedelta(days=1)
#: So long nothing but letters goes to an address that was just changed: who holds somebody's forwarded letter can
#: ask for a change, and the old address has this time to be read.
SETTLED = timedelta(days=3)
#: So long a contact keeper may take to make sure of an address that was given by code; then it is forgotten.
ACCEPT_WITHIN = timedelta(days=14)
#: The longest address there can be (RFC 5321), and what its sealed field takes.
LONGEST = 254


def usable(text: str) -> str:
    """The address as it is stored and compared; refuses what can't be written to."""
    address = tidy_address(text)
    if not is_usable_address(address) or len(address.encode()) > LONGEST:
        raise BadInput(_("Please check the address. It should look like name@example.org."))
    return address


def may_carry_out(
    *, confirmed_at: datetime, told_staff: bool, notice: Outgoing | None, now: datetime
) -> bool:
    """Whether a confirmed change is made now, by what became of the letter to the old address. It never overtakes
    that letter, which would go to the new one; it waits for nobody at a mailbox that is dead.
    """
    if notice and notice.state not in UNDER_WAY and (told_staff or notice.reason == Reason.ADDRESS_REFUSED):
        return True
    if notice and notice.state == Outgoing.State.SENT and notice.sent_at:
        return now >= notice.sent_at + TIME_TO_STOP
    return now >= confirmed_at + TELL_FIRST  # it can't leave, or nobody knows whether it did


def can_confirm(state: str, expires: datetime, *, now: datetime) -> bool:
    """Whether the new address can still be confirmed."""
    return State.CONFIRMED in TRANSITIONS[State(state)] and now < expires


def can_cancel(state: str, expires: datetime, *, now: datetime) -> bool:
    """Whether the change can still be stopped: until it is carried out."""
    return State.CANCELLED in TRANSITIONS[State(state)] and (state == State.CONFIRMED or now < expires)
