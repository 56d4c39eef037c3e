"""Links of letters: minted, kept as a keyed hash, resolved. The token itself is stored nowhere (TOK-01,
TOK-02).

What a page does with a link is the portal's; an answer link whose wave is closed still resolves for 14 days,
so that the page can say thanks.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from panel import sets
from panel.invitations.models import Link
from panel.invitations.rules import local_day
from panel.keys import macs
from panel.members.models import PanelMember
from panel.waves.models import Case, Wave

TOKEN_BYTES = 32
THANKS_DAYS = timedelta(days=14)
#: How long a request's own link works, as its letter says; the request ends with it.
REQUEST_DAYS = timedelta(days=7)
OF_REQUESTS = (Link.Use.CONFIRM, Link.Use.CANCEL, Link.Use.COPY)
COLUMNS = ("hash", "use", "member_id", "case_id", "occasion", "public", "made_on")
#: First part of the path: one letter, which says nothing (NEV-07).
PATHS = {
    Link.Use.ANSWER: "a",
    Link.Use.STOP: "m",
    Link.Use.ONE_CLICK: "o",
    Link.Use.OWN: "p",
    Link.Use.CONFIRM: "c",
    Link.Use.CANCEL: "x",
    Link.Use.COPY: "d",
    Link.Use.CONSENT: "k",
}


class NewLink(NamedTuple):
    """A link to be made. (No dataclass: four are made for each letter.)"""

    use: Link.Use
    member: PanelMember
    case: Case | None
    occasion: UUID | None = None


def mint_many(wanted: Sequence[NewLink], *, today: date) -> list[str]:
    """Tokens for many links, in one insert; the caller shows each once and forgets it.

    Older links of the same members stay valid.
    """
    tokens = [secrets.token_urlsafe(TOKEN_BYTES) for _ in wanted]
    rows = [
        (
            macs.token_hash(token),
            new.use.value,
            new.member.pk,
            new.case.pk if new.case else None,
            new.occasion,
            macs.copy_keys(token)[1] if new.use == Link.Use.COPY else None,
            today,
        )
        for token, new in zip(tokens, wanted, strict=True)
    ]
    sets.insert(Link, COLUMNS, rows)
    return tokens


def forget(tokens: Collection[str]) -> None:
    """Removes links that nobody was ever shown; what was sealed to one goes with it."""
    for some in sets.batched(tokens):
        Link.objects.filter(hash__in=[macs.token_hash(token) for token in some]).delete()


def url(use: Link.Use, token: str) -> str:
    """The address a letter shows."""
    return f"{settings.BASE_URL}/{PATHS[use]}/{token}"


#: Large columns that no page of respondents needs: each request would read and parse them.
HEAVY = (
    *(
        f"{study}__{column}"
        for study in ("member__study", "case__wave__study")
        for column in ("recruitment", "disclosure")
    ),
    *(f"case__wave__instrument__{column}" for column in ("source", "compiled")),
)


def resolve(*, token: str, use: Link.Use, now: datetime, also_left: bool = False) -> Link | None:
    """The link, or None: unknown, of another use, expired and withdrawn look the same.

    `also_left` is for the page of stops: who left by an answer link must see that, and can take it back.
    """
    link = (
        Link.objects.select_related("member__study", "case__wave__study", "case__wave__instrument")
        .defer(*HEAVY)
        .filter(hash=macs.token_hash(token), use=use)
        .first()
    )
    if link is None or _is_over(link, now):
        return None
    if use == Link.Use.ANSWER and not _may_answer(link, now, also_left):
        return None
    return link


def drop_ended(*, now: datetime) -> int:
    """Removes links that would look like unknown ones anyway; the copy that hangs on one goes with it."""
    closed = Q(
        use=Link.Use.ANSWER,
        case__wave__status=Wave.Status.CLOSED,
        case__wave__closes_at__lte=now - THANKS_DAYS,
    )
    over = Q(use__in=OF_REQUESTS, made_on__lt=local_day(now) - REQUEST_DAYS)
    return Link.objects.filter(closed | over | Q(until__lte=now)).delete()[0]


def _is_over(link: Link, now: datetime) -> bool:
    if link.until and now >= link.until:
        return True
    return link.use in OF_REQUESTS and link.made_on < local_day(now) - REQUEST_DAYS


def _may_answer(link: Link, now: datetime, also_left: bool) -> bool:
    """Answer links end 14 days after the close as it stands now, or when their member leaves."""
    if link.case is None or not (also_left or link.member.status == PanelMember.Status.ACTIVE):
        return False
    return now < link.case.wave.closes_at + THANKS_DAYS
