"""Sends one claimed chunk: check each row now, open cards, render, mark `sending`, commit; then SMTP, mark
each.

Everything up to the commit is one transaction and in sets; no transaction is open while the mail server is
spoken to. Not here: what is due (services.py), whether a letter may go (rules.py), its words (letters.py).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic
from uuid import UUID

from django.db import transaction

from panel.audit.rules import Actor
from panel.errors import Damaged
from panel.invitations import again, checking, links, new_addresses, post, readiness, rules
from panel.invitations.letters import Prepared, Shelf, marks
from panel.invitations.models import LetterKind, Link, Outgoing
from panel.invitations.post import Mail, Outcome
from panel.invitations.rules import Reason, State, Verdict
from panel.journal import selectors as journal
from panel.members import services as members
from panel.members.models import PanelMember
from panel.vault import services as vault
from panel.vault.rules import ContactData
from panel.waves import services as waves
from panel.waves.models import Case, CaseEvent

SENDER = Actor.system("sender")
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


@dataclass(frozen=True)
class Ready:
    """A row marked `sending`, and its mail, in memory only."""

    row: Outgoing
    mail: Mail


def send_chunk(*, claim: UUID, now: datetime) -> int:
    """Sends what of this claim may go now; returns how many letters the mail server took."""
    began = monotonic()  # how long the check is good for; what time it is comes from the caller
    ready = make_ready(claim=claim, now=now)
    sent = 0
    with post.postman() as postman:
        for number, letter in enumerate(ready):
            if monotonic() - began > rules.CHECK_HOLDS.total_seconds():
                _put_back(ready[number:], now)
                break
            outcome = postman.hand_over(letter.mail, now)
            note(letter.row, outcome, now)
            sent += outcome is Outcome.ACCEPTED
            if outcome is Outcome.NO_SERVER:
                for unsent in ready[number + 1 :]:
                    note(unsent.row, outcome, now)
                break
    return sent


@transaction.atomic
def make_ready(*, claim: UUID, now: datetime) -> list[Ready]:
    """Checks the claim's rows once more: those that may go are made ready, the others put off."""
    checking.hold_people(claim)
    mine = Outgoing.objects.filter(claim=claim, state=State.CLAIMED)
    mine.update(lease_until=now + rules.SENDING_LEASE)  # locks the rows: no sweep takes them from here on
    rows = list(mine.select_related("member__study", "case__wave").order_by("planned_at"))
    if not journal.in_step(now=now):
        checking.put_off(dict.fromkeys(rows, Verdict(Reason.OUT_OF_STEP, until=now + rules.RETRIES[0])), now)
        return []
    verdicts = checking.verdicts(rows, now)
    studies = {row.member.study for row in rows}
    shelf, unready = Shelf(studies), readiness.unready(studies)
    letters: dict[Outgoing, Prepared] = {}
    for row, verdict in verdicts.items():
        if verdict.send and row.member.study_id in unready:
            verdicts[row] = Verdict(Reason.STUDY_NOT_READY, until=now)
        elif verdict.send:
            letters[row] = shelf.find(row.member, row.kind, row.letter_id)
    addresses, none = new_addresses.opened(letters, now)
    verdicts |= none
    letters = {row: letter for row, letter in letters.items() if row not in none}
    checking.put_off(verdicts, now)
    mails = _render(letters, addresses, now)
    _fail([row for row in letters if row not in mails], Reason.NO_CARD)
    Outgoing.objects.filter(pk__in=[row.pk for row in mails]).update(state=State.SENDING)
    return [Ready(row, mail) for row, mail in mails.items()]


def _render(
    letters: dict[Outgoing, Prepared], addresses: dict[UUID, str], now: datetime
) -> dict[Outgoing, Mail]:
    """Opens the cards, mints the links and writes the mails; a row without a readable card gets none.

    A letter to one of the new addresses opens no card, and bears no mark of a name.
    """
    to_cards = [row for row in letters if row.pk not in addresses]
    households = _households(to_cards)
    cards: dict[str, ContactData] = {}
    for study in {row.member.study for row in to_cards}:
        rows = [row for row in to_cards if row.member.study == study]
        at_home = {code for row in rows for code in households.get(row.member.shared_address or row.pk, [])}
        cards |= _open({row.member.code for row in rows} | at_home, study.slug, now)
    rows = [row for row in letters if row.pk in addresses or row.member.code in cards]
    about = again.about(rows)
    tokens = _mint(rows, about, rules.local_day(now))
    told_apart: dict[UUID, dict[str, str]] = {
        address: marks({code: cards[code].first_name for code in house if code in cards})
        for address, house in households.items()
    }
    mails: dict[Outgoing, Mail] = {}
    for row in rows:
        to, mark = addresses.get(row.pk), ""
        if to is None:
            to = cards[row.member.code].email
            house = told_apart.get(row.member.shared_address, {}) if row.member.shared_address else {}
            mark = house.get(row.member.code, "")
        mails[row] = _mail(row, about.get(row.pk), letters[row], to, tokens[row.pk], mark)
    return mails


def _households(rows: Collection[Outgoing]) -> dict[UUID, list[str]]:
    """Codes of all members at each address that several share; those who left the panel still live there."""
    shared = {row.member.shared_address for row in rows if row.member.shared_address}
    houses: dict[UUID, list[str]] = defaultdict(list)
    for member in PanelMember.objects.filter(shared_address__in=shared).only("shared_address", "code"):
        if member.shared_address:
            houses[member.shared_address].append(member.code)
    return houses


def _open(codes: Collection[str], study: str, now: datetime) -> dict[str, ContactData]:
    """The cards, with one audit row. A damaged one must not hold up the letters beside it."""
    try:
        return vault.open_cards(sorted(codes), by=SENDER, reason=REASON, now=now, study=study)
    except Damaged:
        return _open_each(codes, study, now)


def _open_each(codes: Collection[str], study: str, now: datetime) -> dict[str, ContactData]:
    cards: dict[str, ContactData] = {}
    for code in sorted(codes):
        try:
            cards |= vault.open_cards([code], by=SENDER, reason=REASON, now=now, study=study)
        except Damaged:
            continue  # its row ends as `failed: no_card`, where staff see it by code
    return cards


def _mint(
    rows: Sequence[Outgoing], about: Mapping[UUID, Case], today: date
) -> dict[UUID, dict[Link.Use, str]]:
    """New links for each letter, in one insert."""
    wanted = [(row, use) for row in rows for use in LINKS.get(row.kind, ALWAYS)]
    new = [links.NewLink(use, row.member, about.get(row.pk), row.occasion) for row, use in wanted]
    tokens = links.mint_many(new, today=today)
    minted: dict[UUID, dict[Link.Use, str]] = defaultdict(dict)
    for (row, use), token in zip(wanted, tokens, strict=True):
        minted[row.pk][use] = links.url(use, token)
    return minted


def _mail(
    row: Outgoing, case: Case | None, letter: Prepared, to: str, urls: dict[Link.Use, str], mark: str
) -> Mail:
    wave = case.wave if case else None
    values = {
        **{name: urls.get(use, "") for use, name in PLACEHOLDERS.items()},
        "joined": f"{row.member.joined_on:%m.%Y}",
        "closes": f"{rules.local_day(wave.closes_at):%d.%m.%Y}" if wave else "",
    }
    text, html = letter.fill(values, mark)
    return Mail(
        row=row.pk,
        to=to,
        subject=letter.subject,
        sender=letter.sender,
        reply_to=letter.reply_to,
        text=text,
        html=html,
        unsubscribe=urls.get(Link.Use.ONE_CLICK, ""),
        answers_a_request=row.kind not in rules.SURVEY_MAIL,
    )


def _fail(rows: Collection[Outgoing], reason: Reason) -> None:
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.FAILED, reason=reason, claim=None, lease_until=None
    )


def _put_back(unsent: Collection[Ready], now: datetime) -> None:
    """Their check is too old: they go back and are checked again. Surely none of them was sent."""
    for letter in unsent:
        _move(letter.row, State.QUEUED, due_at=now, claim=None, lease_until=None)


@transaction.atomic
def note(row: Outgoing, outcome: Outcome, now: datetime) -> None:
    """Marks a row by what the mail server said, with the event in its case."""
    Outgoing.objects.filter(pk=row.pk, claim=row.claim).update(tried_at=now)
    if outcome is Outcome.ACCEPTED:
        if _move(row, State.SENT, sent_at=now, reason="", lease_until=None) and row.case:
            waves.record_event(case=row.case, kind=rules.EVENTS[row.kind], at=now)
    elif outcome in {Outcome.LATER, Outcome.NO_SERVER}:
        attempts = row.attempts + 1
        _move(
            row,
            State.DEFERRED,
            reason=Reason.SERVER_BUSY,
            attempts=attempts,
            due_at=rules.retry_at(attempts, now),
            claim=None,
            lease_until=None,
        )
    elif outcome is Outcome.DOUBT:
        _move(row, State.UNCONFIRMED, reason=Reason.LINE_BROKE, lease_until=None)
    elif outcome is Outcome.MAIL_REFUSED:
        _move(row, State.FAILED, reason=Reason.LETTER_REFUSED, lease_until=None)
    else:
        _bounce(row, now)


def _bounce(row: Outgoing, now: datetime) -> None:
    """The address was refused for good. It tells nothing of where somebody lives (RES-03)."""
    if not _move(row, State.FAILED, reason=Reason.ADDRESS_REFUSED, lease_until=None):
        return
    if row.kind == LetterKind.CONFIRM_ADDRESS:
        return  # the card's own address was not written to
    members.mark_unreachable(by=SENDER, members=[row.member], now=now)
    if row.case:
        waves.record_event(case=row.case, kind=CaseEvent.Kind.BOUNCED, at=now)


def _move(row: Outgoing, to: State, **values: object) -> bool:
    """Compare-and-set: a sweep may have called the row doubtful, but a person's decision stands."""
    return bool(
        Outgoing.objects.filter(
            pk=row.pk, claim=row.claim, state__in=(State.SENDING, State.UNCONFIRMED)
        ).update(state=to, **values)
    )
