"""Member codes, what each role may do (ZON-04), how a membership moves. Pure: no database, no clock."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember, StaffRole

Role = StaffRole.Role
Status = PanelMember.Status

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 9
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def check_character(body: str) -> str:
    """Crockford's mod-37 character of a body, or "" where it would be a sign (*~$=) or U.

    Such bodies aren't used: a code is letters and digits only, in a letter, in an address and on the phone.
    """
    number = 0
    for character in body:
        number = number * 32 + DIGITS.index(character)
    rest = number % 37
    return DIGITS[rest] if rest < 32 else ""


def member_code() -> str:
    """A new code (CRY-09): 8 random Crockford base-32 characters and their check character."""
    while True:
        body = "".join(secrets.choice(DIGITS) for _place in range(CODE_LENGTH - 1))
        if check := check_character(body):
            return body + check


def is_code(text: str) -> bool:
    """Whether this can be a member's code: its form and its check character."""
    body, check = text[:-1], text[-1:]
    return len(text) == CODE_LENGTH and set(body) <= set(DIGITS) and check_character(body) == check != ""


def tidy_code(text: str) -> str:
    """A code as somebody typed it, in its stored form: case, blanks, dashes, O for 0, I and L for 1."""
    return text.upper().translate(_MISREAD)


class Verb(StrEnum):
    """What a role can allow."""

    SEE_PROGRESS = "see progress"
    SEE_MEMBERS = "see members by code"
    SEE_FLAGS = "see residency flags"
    REVIEW_FLAG = "review residency flags"
    PLAN_WAVE = "plan a wave"
    APPROVE_WAVE = "approve a wave"
    SEND = "send letters"
    SEE_OUTBOX = "see the outbox"
    DECIDE_UNCONFIRMED = "decide on unconfirmed letters"
    ENROL = "enrol a recruitment file"
    OPEN_CARD = "open a contact card"
    ASK_RELEASE = "ask for a release"
    REVIEW_RELEASE = "review a release"
    DOWNLOAD_RELEASE = "download a release"
    SEE_RATES = "see rates"
    SEE_AUDIT = "see the audit trail"
    SEE_CONSENT = "see consents"
    DECIDE_SETTING = "decide a study setting"
    RECORD_STOP = "record a withdrawal"
    APPROVE_LETTER = "approve a letter"
    ASSIGN_ROLE = "give a role"
    HOLD = "hold a member"
    EDIT_STUDY = "fill in what a study needs"
    DRAFT_FORM = "draft a consent form"
    APPROVE_FORM = "approve a consent form"
    RUN_RECONSENT = "ask members to agree to new words"
    SEE_REQUESTS = "see requests on rights"
    ANSWER_REQUEST = "answer a request on rights"
    ADVISE = "advise on a request"
    RUN_RETENTION = "carry out retention"
    END_PROJECT = "end the project"
    SEE_KEYS = "see the keys' state"
    CHANGE_ADDRESS = "change an address a member gave"
    DRAFT_LETTER = "draft a letter"
    PAUSE_SENDING = "pause all letters"
    SEE_LOST = "see lost contacts by code"
    HANDLE_LOST = "work on lost contacts"
    HANDLE_REPLY = "answer what members write"
    PASS_LINK = "pass a link on by phone"  # noqa: S105  (a verb, no password)
    KEY_ANSWERS = "key in a member's answers"


@dataclass(frozen=True)
class RoleCard:
    """A role one can read: its name, what it is for, what it may."""

    name: str | Promise
    sentence: str | Promise
    verbs: frozenset[Verb]


ROLES: Mapping[Role, RoleCard] = {
    Role.LEADER: RoleCard(
        Role.LEADER.label,
        _("Approves letters, plans and releases, decides the study's settings, answers requests on rights."),
        frozenset(
            {
                Verb.SEE_PROGRESS, Verb.SEE_RATES, Verb.SEE_MEMBERS, Verb.SEE_OUTBOX, Verb.SEE_CONSENT,
                Verb.APPROVE_LETTER, Verb.APPROVE_WAVE, Verb.REVIEW_RELEASE, Verb.DOWNLOAD_RELEASE,
                Verb.DECIDE_SETTING, Verb.RECORD_STOP, Verb.ENROL, Verb.ASSIGN_ROLE,
                Verb.HOLD, Verb.EDIT_STUDY, Verb.DRAFT_FORM, Verb.APPROVE_FORM, Verb.RUN_RECONSENT,
                Verb.SEE_REQUESTS, Verb.ANSWER_REQUEST, Verb.RUN_RETENTION, Verb.END_PROJECT, Verb.SEE_KEYS,
                Verb.DRAFT_LETTER, Verb.PAUSE_SENDING, Verb.SEE_LOST,
            }
        ),
    ),
    Role.COORDINATOR: RoleCard(
        Role.COORDINATOR.label,
        _("Sees codes, progress and residency flags, plans waves and sends; sees no address."),
        frozenset(
            {
                Verb.SEE_PROGRESS, Verb.SEE_RATES, Verb.SEE_MEMBERS, Verb.SEE_FLAGS, Verb.REVIEW_FLAG,
                Verb.PLAN_WAVE, Verb.SEND, Verb.SEE_OUTBOX, Verb.DECIDE_UNCONFIRMED, Verb.SEE_CONSENT,
                Verb.RECORD_STOP, Verb.EDIT_STUDY, Verb.DRAFT_FORM,
                Verb.DRAFT_LETTER, Verb.PAUSE_SENDING, Verb.SEE_LOST,
            }
        ),
    ),
    Role.KEEPER: RoleCard(
        Role.KEEPER.label,
        _("Enrols files and opens one contact card at a time, with a reason; sees no answers or flags."),
        frozenset(
            {
                Verb.OPEN_CARD, Verb.ENROL, Verb.RECORD_STOP, Verb.CHANGE_ADDRESS,
                Verb.SEE_LOST, Verb.HANDLE_LOST, Verb.HANDLE_REPLY, Verb.PASS_LINK, Verb.KEY_ANSWERS,
            }
        ),
    ),
    Role.INTERVIEWER: RoleCard(
        Role.INTERVIEWER.label,
        _("Sees the consented interviews assigned to them, until the outcome."),
        frozenset(),
    ),
    Role.RESEARCHER: RoleCard(
        Role.RESEARCHER.label,
        _("Asks for releases, downloads them and sees rates; sees no codes."),
        frozenset({Verb.ASK_RELEASE, Verb.DOWNLOAD_RELEASE, Verb.SEE_RATES}),
    ),
    Role.REVIEWER: RoleCard(
        Role.REVIEWER.label,
        _("Checks releases before anybody can download them."),
        frozenset({Verb.REVIEW_RELEASE}),
    ),
    Role.DPO: RoleCard(
        Role.DPO.label,
        _("Reads the audit trail, consents, requests and the keys' state, gives advice, and acts on nothing."),
        frozenset({Verb.SEE_AUDIT, Verb.SEE_CONSENT, Verb.SEE_REQUESTS, Verb.ADVISE, Verb.SEE_KEYS}),
    ),
}  # fmt: skip

APART = (Role.COORDINATOR, Role.KEEPER)
"""In one person these two would hold address and status together."""


def roles_with(verb: Verb) -> list[Role]:
    """The roles that allow something, in the order they are described."""
    return [role for role, card in ROLES.items() if verb in card.verbs]


def verbs_of(roles: Collection[str]) -> frozenset[Verb]:
    """What these roles of one person in one study allow.

    Who is its data-protection officer reads and advises, whatever else they are: to act as well would be a
    conflict of interest (ZON-04).
    """
    if Role.DPO in roles:
        return ROLES[Role.DPO].verbs
    return frozenset(verb for role in roles for verb in ROLES[Role(role)].verbs)


def breaks_apart(held: set[str], new: Role) -> bool:
    """Whether a role beside those held would put address and status into one person's hands (ZON-04)."""
    return new in APART and bool((set(APART) - {new}) & held)


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.ACTIVE: frozenset({Status.LEFT, Status.DELETING}),
    Status.LEFT: frozenset({Status.ACTIVE, Status.DELETING}),
    Status.DELETING: frozenset({Status.ACTIVE, Status.LEFT}),
}
"""Leaving can be taken back; deletion too, until it is carried out and no row is left (LAW-06)."""


def may_become(old: str, new: str) -> bool:
    """Whether a membership may move so."""
    return Status(new) in TRANSITIONS[Status(old)]
