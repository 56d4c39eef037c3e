"""Makes the mails of checked rows: opens their cards, mints their links, fills their letters in. All in sets.

A letter in one language is made once by the mail library and then only filled in (mime.py); where the mail doesn't go
by SMTP, or something doesn't fit, it is composed one by one. Not here: who may get one (checking.py), what was the
outcome (marking.py), the words (letters.py).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from uuid import UUID, uuid4

from panel.errors import Damaged
from panel.invitations import again, links, post, rules
from panel.invitations.letters import Prepared, marks
from panel.invitations.marking import SENDER, Ready
from panel.invitations.models import LetterKind, Link, Outgoing
from panel.invitations.post import Form, Mail, Printed
from panel.members.models import PanelMember
from panel.vault import services as vault
from panel.vault.rules import ContactData
from panel.waves.models import Case

REASON = "sending letters"
#: The links of each letter besides the way out and the own page: placeholder by use.
PLACEHOLDERS = {
    Link.Use.ANSWER: "link",
    Link.Use.STOP: "stop_link",
    Link.Use.OWN: "own_link",
    Link.Use.CONFIRM: "confirm_link",
    Link.Use.CANCEL: "cancel_link",
    Link.Use.COPY: "copy_link",
    Link.Use.CONSENT: "consent_link",
}
ALWAYS = (Link.Use.STOP, Link.Use.OWN)
SURVEY_LINKS = (*ALWAYS, Link.Use.ANSWER, Link.Use.ONE_CLICK)
LINKS: dict[str, tuple[Link.Use, ...]] = {
    LetterKind.PRE_NOTIFICATION: (*ALWAYS, Link.Use.ONE_CLICK),
    LetterKind.INVITATION: SURVEY_LINKS,
    LetterKind.REMINDER: SURVEY_LINKS,
    LetterKind.CONTINUE: SURVEY_LINKS,
    LetterKind.THANKS: (*ALWAYS, Link.Use.ONE_CLICK),
    LetterKind.KEEP_IN_TOUCH: (*ALWAYS, Link.Use.ONE_CLICK),
    LetterKind.INTERVIEW_REQUEST: SURVEY_LINKS,
    LetterKind.LINK_AGAIN: (*ALWAYS, Link.Use.ANSWER),
    # To an address nobody has proven yet, perhaps a stranger's: it can confirm, and nothing else.
    LetterKind.CONFIRM_ADDRESS: (Link.Use.CONFIRM,),
    LetterKind.ADDRESS_NOTICE: (*ALWAYS, Link.Use.CANCEL),
    LetterKind.COPY_READY: (*ALWAYS, Link.Use.COPY),
    LetterKind.RECONSENT: (*ALWAYS, Link.Use.CONSENT),
}


def render(
    letters: Mapping[Outgoing, Prepared], addresses: Mapping[UUID, str], now: datetime, *, printed: bool
) -> list[Ready]:
    """Opens the cards, mints the links and writes the mails; a row without a readable card gets none.

    A letter to one of the new addresses opens no card, and bears no mark of a name.
    """
    to_cards = [row for row in letters if row.pk not in addresses]
    households = _households(to_cards)
    cards: dict[str, ContactData] = {}
    by_study: dict[str, list[PanelMember]] = defaultdict(list)
    for row in to_cards:
        by_study[row.member.study.slug].append(row.member)
    for study, members in by_study.items():
        houses = [households.get(member.shared_address, ()) for member in members if member.shared_address]
        at_home = {code for house in houses for code in house}
        cards |= _open({member.code for member in members}, at_home, study, now)
    rows = [row for row in letters if row.pk in addresses or row.member.code in cards]
    about = again.about(rows)
    tokens = _mint(rows, about, rules.local_day(now))
    told_apart: dict[UUID, dict[str, str]] = {
        address: marks({code: cards[code].first_name for code in house if code in cards})
        for address, house in households.items()
    }
    press = Press(now) if printed else None
    made = []
    for row in rows:
        letter, member, to, mark = letters[row], row.member, addresses.get(row.pk), ""
        if to is None:
            to = cards[member.code].email
            house = told_apart.get(member.shared_address, {}) if member.shared_address else {}
            mark = house.get(member.code, "")
        own = values_of(row, tokens[row.pk], about.get(row.pk))
        mail = press.print(row, letter, to, own, mark) if press else None
        made.append(Ready(row, mail or compose(row, letter, own, to, mark), tokens[row.pk].values()))
    return made


class Press:
    """The forms of one chunk: each letter in each language is made once, and once more for shared addresses."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._forms: dict[tuple[int, str, bool, bool], Form | None] = {}

    def print(
        self, row: Outgoing, letter: Prepared, to: str, own: Mapping[str, str], mark: str
    ) -> Printed | None:
        key = id(letter), row.kind, bool(own["closes"]), bool(mark)
        if key not in self._forms:
            lengths = {name: len(value) for name, value in own.items()}
            written = partial(_specimen, row, letter)
            self._forms[key] = post.form(written, lengths, marked=bool(mark), now=self._now)
        form = self._forms[key]
        return form.print(row.pk, to, own, mark) if form else None


def _specimen(row: Outgoing, letter: Prepared, own: Mapping[str, str], to: str, mark: str) -> Mail:
    """A letter like this row's to nobody."""
    return compose(row, letter, own, to, mark, number=uuid4())


def values_of(row: Outgoing, tokens: Mapping[Link.Use, str], case: Case | None) -> dict[str, str]:
    """What differs from letter to letter: the links' tokens by use, and two dates."""
    return {
        **{use.value: token for use, token in tokens.items()},
        "joined": f"{row.member.joined_on:%m.%Y}",
        "closes": f"{rules.local_day(case.wave.closes_at):%d.%m.%Y}" if case else "",
    }


def compose(
    row: Outgoing, letter: Prepared, own: Mapping[str, str], to: str, mark: str, *, number: UUID | None = None
) -> Mail:
    """One letter, its words filled in."""
    urls = {use: links.url(use, own[use]) for use in LINKS.get(row.kind, ALWAYS)}
    values = {name: urls.get(use, "") for use, name in PLACEHOLDERS.items()}
    text, html = letter.fill({**values, "joined": own["joined"], "closes": own["closes"]}, mark)
    return Mail(
        row=number or row.pk,
        to=to,
        subject=letter.subject,
        sender=letter.sender,
        reply_to=letter.reply_to,
        text=text,
        html=html,
        unsubscribe=urls.get(Link.Use.ONE_CLICK, ""),
        answers_a_request=row.kind not in rules.SURVEY_MAIL,
    )


def _households(rows: Collection[Outgoing]) -> dict[UUID, list[str]]:
    """Codes of all members at each address that several share; those who left the panel still live there."""
    shared = {row.member.shared_address for row in rows if row.member.shared_address}
    houses: dict[UUID, list[str]] = defaultdict(list)
    at_home = (
        PanelMember.objects.filter(shared_address__among=shared) if shared else PanelMember.objects.none()
    )
    for address, code in at_home.values_list("shared_address", "code"):
        if address:
            houses[address].append(code)
    return houses


def _open(to: Collection[str], at_home: Collection[str], study: str, now: datetime) -> dict[str, ContactData]:
    """The cards, with one audit row. A damaged one must not hold up the letters beside it."""
    try:
        return vault.open_for_letters(to, names=at_home, by=SENDER, reason=REASON, now=now, study=study)
    except Damaged:
        return _open_each(to, at_home, study, now)


def _open_each(
    to: Collection[str], at_home: Collection[str], study: str, now: datetime
) -> dict[str, ContactData]:
    cards: dict[str, ContactData] = {}
    for code in sorted({*to, *at_home}):
        name = {code} & set(at_home)
        try:
            cards |= vault.open_for_letters(
                [code], names=name, by=SENDER, reason=REASON, now=now, study=study
            )
        except Damaged:
            continue  # its row ends as `failed: no_card`, where staff see it by code
    return cards


def _mint(
    rows: Sequence[Outgoing], about: Mapping[UUID, Case], today: date
) -> dict[UUID, dict[Link.Use, str]]:
    """New links for each letter, in one insert."""
    wanted = [(row, row.member, about.get(row.pk), LINKS.get(row.kind, ALWAYS)) for row in rows]
    new = [links.NewLink(use, to, case, row.occasion) for row, to, case, uses in wanted for use in uses]
    tokens = iter(links.mint_many(new, today=today))
    return {row.pk: {use: next(tokens) for use in uses} for row, _to, _case, uses in wanted}
