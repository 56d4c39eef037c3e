"""A case's events -> exactly one AAPOR disposition. Pure; the code table is data with its edition.

The sample is the panel's members, whose eligibility was settled when they enrolled. So silence, a refused
address and a member who could not be written to are eligible non-response, never unknown eligibility; and no
event tells where somebody lives, so having left Norway can't change a code (RES-05).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.waves.models import CaseEvent

Kind = CaseEvent.Kind

EDITION = "AAPOR Standard Definitions, 10th edition (2023): internet surveys of specifically named persons"


class Group(StrEnum):
    """The letters of the outcome rates."""

    COMPLETE = "I"
    PARTIAL = "P"
    REFUSAL = "R"
    NON_CONTACT = "NC"
    OTHER = "O"
    UNKNOWN_HOUSEHOLD = "UH"
    UNKNOWN_OTHER = "UO"
    NOT_ELIGIBLE = "NE"


@dataclass(frozen=True)
class Code:
    """One line of the code table."""

    code: str
    group: Group
    label: str | Promise


COMPLETE = "1.1"
CODES: dict[str, Code] = {
    line.code: line
    for line in (
        Code(COMPLETE, Group.COMPLETE, _("complete")),
        Code("1.2", Group.PARTIAL, _("partial or break-off with sufficient information")),
        Code("2.111", Group.REFUSAL, _("explicit refusal")),
        Code("2.12", Group.REFUSAL, _("break-off or partial with insufficient information")),
        Code("2.20", Group.NON_CONTACT, _("non-contact: nothing came back")),
        Code("2.26", Group.NON_CONTACT, _("not available during the field period: no invitation went out")),
        Code("4.90", Group.NOT_ELIGIBLE, _("not eligible")),
    )
}

#: The first event that a case has decides, from the top; order in time has no part in it.
PRECEDENCE: tuple[tuple[Kind, str], ...] = (
    (Kind.ELIGIBILITY_LOST, "4.90"),
    (Kind.COMPLETED, COMPLETE),
    (Kind.WITHDREW, "2.111"),
    (Kind.REFUSED, "2.111"),
    (Kind.SUFFICIENT, "1.2"),
    (Kind.STARTED, "2.12"),
    (Kind.INVITED, "2.20"),
    (Kind.REMINDED, "2.20"),
    (Kind.BOUNCED, "2.20"),
)
OTHERWISE = "2.26"

#: What no later event of an open wave is expected to change.
FINAL_WHILE_OPEN = frozenset({COMPLETE, "2.111", "4.90"})


@dataclass(frozen=True)
class Disposition:
    """What became of a case; interim as long as its wave is open and it may still change."""

    code: Code
    final: bool


def disposition(kinds: Collection[str], *, closed: bool) -> Disposition:
    """The one disposition of a case with events of these kinds."""
    code = next((code for kind, code in PRECEDENCE if kind in kinds), OTHERWISE)
    return Disposition(CODES[code], final=closed or code in FINAL_WHILE_OPEN)


def tally(cases: Mapping[frozenset[str], int], *, erased: Mapping[str, int], closed: bool) -> Counter[str]:
    """How many cases have each code; cases of erased members come in as the counts they left."""
    counts: Counter[str] = Counter()
    for kinds, number in cases.items():
        counts[disposition(kinds, closed=closed).code.code] += number
    counts.update(erased)
    return counts
