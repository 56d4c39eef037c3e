"""A case's events -> exactly one AAPOR disposition. Pure; the code table is data with its edition.

The sample is the panel's members, whose eligibility was settled when they enrolled. So silence, a refused
address and a member who could not be written to are eligible non-response, never unknown eligibility (3.xx),
from wave 1 on; and no event tells where somebody lives, so having left Norway can't change a code (RES-05).
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


GROUPS: Mapping[Group, str | Promise] = {
    Group.COMPLETE: _("complete"),
    Group.PARTIAL: _("partial"),
    Group.REFUSAL: _("refusal and break-off"),
    Group.NON_CONTACT: _("non-contact"),
    Group.OTHER: _("other"),
    Group.UNKNOWN_HOUSEHOLD: _("unknown whether there is anybody"),
    Group.UNKNOWN_OTHER: _("unknown eligibility"),
    Group.NOT_ELIGIBLE: _("not eligible"),
}


@dataclass(frozen=True)
class Code:
    """One line of the code table."""

    code: str
    group: Group
    label: str | Promise


COMPLETE = "1.1"
#: The codes that events of this panel can lead to. A code stays here for good: waves keep counts by it.
CODES: Mapping[str, Code] = {
    line.code: line
    for line in (
        Code(COMPLETE, Group.COMPLETE, _("complete")),
        Code("1.2", Group.PARTIAL, _("partial or break-off with sufficient information")),
        Code("2.111", Group.REFUSAL, _("explicit refusal")),
        Code("2.12", Group.REFUSAL, _("break-off or partial with insufficient information")),
        Code("2.20", Group.NON_CONTACT, _("non-contact: nothing came back")),
        Code("2.26", Group.NON_CONTACT, _("not available during the field period: no invitation went out")),
        Code("2.30", Group.OTHER, _("could not take part")),
        Code("2.31", Group.OTHER, _("died")),
        Code("2.33", Group.OTHER, _("language barrier")),
        Code("4.90", Group.NOT_ELIGIBLE, _("not eligible")),
    )
}


@dataclass(frozen=True)
class Disposition:
    """What became of a case; interim as long as its wave is open and it may still change."""

    code: Code
    final: bool


@dataclass(frozen=True)
class Ruling:
    """The code that a kind of event decides; `stays` where nothing is expected to change it in an open wave."""

    kind: Kind
    code: str
    stays: bool = False


#: The first of these that a case has decides. Order in time has no part in it: who takes a stop back takes its
#: event along, and who asked for no more reminders and answered all the same has answered.
RULINGS: tuple[Ruling, ...] = (
    Ruling(Kind.ELIGIBILITY_LOST, "4.90", stays=True),
    Ruling(Kind.COMPLETED, COMPLETE, stays=True),
    Ruling(Kind.DIED, "2.31", stays=True),
    Ruling(Kind.WITHDREW, "2.111", stays=True),
    Ruling(Kind.SUFFICIENT, "1.2"),
    Ruling(Kind.LANGUAGE, "2.33"),
    Ruling(Kind.UNABLE, "2.30"),
    Ruling(Kind.REFUSED, "2.111"),
    Ruling(Kind.STARTED, "2.12"),
    Ruling(Kind.PRE_NOTIFIED, "2.20"),
    Ruling(Kind.INVITED, "2.20"),
    Ruling(Kind.REMINDED, "2.20"),
    Ruling(Kind.CONTINUED, "2.20"),
    Ruling(Kind.KEPT_IN_TOUCH, "2.20"),
    Ruling(Kind.ASKED_INTERVIEW, "2.20"),
    Ruling(Kind.BOUNCED, "2.20"),
)
#: Events that decide nothing: they are thanks for an answer, or say that no letter went out.
SILENT = frozenset({Kind.THANKED, Kind.NOT_SENT})
OTHERWISE = "2.26"
#: The place of a case in RULINGS whose events decide nothing, or that has none.
LAST = len(RULINGS)


def rank(kinds: Collection[str]) -> int:
    """Which ruling decides; the lowest rank of a case's events is that of the case."""
    return next((at for at, ruling in enumerate(RULINGS) if ruling.kind in kinds), LAST)


def of_rank(at: int, *, closed: bool) -> Disposition:
    """The disposition of a case whose deciding event has this rank."""
    if at == LAST:
        return Disposition(CODES[OTHERWISE], final=closed)
    return Disposition(CODES[RULINGS[at].code], final=closed or RULINGS[at].stays)


def disposition(kinds: Collection[str], *, closed: bool) -> Disposition:
    """The one disposition of a case with events of these kinds."""
    return of_rank(rank(kinds), closed=closed)


@dataclass(frozen=True)
class Tally:
    """How many cases have each code, and how many of those for good."""

    by_code: Counter[str]
    final: Counter[str]


def tally(ranks: Mapping[int, int], *, erased: Mapping[str, int], closed: bool) -> Tally:
    """From how many cases have each rank; cases of erased members come in as the counts they left."""
    counts, final = Counter(erased), Counter(erased)
    for at, number in ranks.items():
        found = of_rank(at, closed=closed)
        counts[found.code.code] += number
        final[found.code.code] += number if found.final else 0
    return Tally(+counts, +final)
