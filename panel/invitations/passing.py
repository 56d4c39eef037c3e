"""Answer links that go through a person's hands: passed on by SMS or telephone, or opened to key answers in.

Whoever handed one on still knows it, so no page behind it shows an answer that is saved (panel/portal/survey.py). Not
here: who may have one, and the words that go with it (panel/rights/pass_link.py).
"""

import secrets
from datetime import date, datetime

from panel.invitations import links
from panel.invitations.models import Link
from panel.keys import macs
from panel.waves.models import Case
from panel.waves.modes import Mode


def mint(*, case: Case, mode: Mode, today: date, until: datetime | None = None) -> str:
    """The address of a new one, shown once. It voids those that were made by hand for this case before."""
    Link.objects.filter(case=case, by_hand=True).delete()
    token = secrets.token_urlsafe(links.TOKEN_BYTES)
    Link.objects.create(
        hash=macs.token_hash(token), use=Link.Use.ANSWER, member=case.member, case=case, made_on=today,
        by_hand=True, mode=mode, until=until,
    )  # fmt: skip
    return links.url(Link.Use.ANSWER, token)
