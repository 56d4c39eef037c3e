"""What kind of message came back: a letter that can't be delivered, a complaint, an automatic answer, or none of these.

Pure: bytes in, a finding out; nothing is kept of the words. The order is that of what can be relied on: a report as
RFC 5965 and RFC 3464 want it, then words and codes of the many systems that follow neither (what they say stands in
bounce_words.py), then flufl.bounce, which knows some more of them. Which letter it was stands in verp.py, what
follows from it in returns.py.
"""

import re
from dataclasses import dataclass

from flufl.bounce import all_failures

from panel.invitations import autoreplies
from panel.invitations.bounce_mail import Returned, Told
from panel.invitations.bounce_words import CODE_FAMILIES, CODES, FOR_GOOD, REPLIES, TEXTS, VAGUE, Word
from panel.invitations.return_models import Kind as Kind


@dataclass(frozen=True)
class Finding:
    """What a message is. `final`: the letter can't have arrived, and another to this address won't. `person`: somebody
    wrote it, so it is never discarded.
    """

    kind: Kind
    code: str = ""
    reason: str = ""
    final: bool = False
    person: bool = False


PERSON = Finding(Kind.NONE, reason="person", person=True)
DELIVERED = Finding(Kind.NONE, reason="delivered")
#: Neither headers nor words: nobody can say whose it is.
DAMAGED = Finding(Kind.NONE, reason="damaged")
RECEIPT = Finding(Kind.NONE, reason="read_receipt")

_DAEMON = re.compile(
    r"^(?:mailer-?(?:daemon)?|mail-?daemon|mmdf|m?daemon|poo?st_?master|mail-?delivery|smtpd?)\b",
    re.IGNORECASE,
)
_ROBOT = re.compile(r"^(?:no|do-?not|donot)-?_?\.?reply\b", re.IGNORECASE)
_SUBJECT = re.compile(
    r"^\W*(?:undeliver|non-?deliver|returned mail|failure notice|failed (?:mail|delivery)|delivery$"
    r"|mail (?:system error|delivery|status|failure)|message (?:status|delivery)|notice: mail delivery"
    r"|delivery (?:status|report|failure|notification|has failed)|warning: (?:message|could not)|delayed mail"
    r"|(?:mail )?could not (?:be )?deliver|unable to deliver)",
    re.IGNORECASE,
)
_REJECTED = re.compile(r"\breject", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"^\W*unsubscribe\W*$", re.IGNORECASE)
_COMPLAINT = re.compile(r"^\W*complaint about message", re.IGNORECASE)
_ANSWER = re.compile(r"^\W*(?:re|sv|vs|aw|fwd?|vb|wg|tr|пер|відп|ответ|на)\s?(?:\[\d+\])?:", re.IGNORECASE)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")
_REPLY = re.compile(r"(?<![\d.:/@-])([45]\d\d)(?=[ \-:#]|$)")
_PROVIDER = re.compile(r'notificationType\\?"\s*:\s*\\?"(Bounce|Complaint|Delivery)')
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
#: Paragraphs that are read, and how far: what decides stands near the top.
PARAGRAPHS, PARAGRAPH_MAX = 60, 1200


@dataclass(frozen=True)
class Cause:
    """One reason found, with the code that stood beside it."""

    word: Word
    code: str = ""


def classify(message: bytes) -> Finding:
    """What this message is; never raises."""
    return of(Returned(message))


def of(mail: Returned) -> Finding:
    """The same of one that is taken apart already."""
    try:
        return _of(mail)
    except RecursionError:  # nested without end, as only a program writes it
        return DAMAGED


def _of(mail: Returned) -> Finding:
    if not mail.readable:
        return DAMAGED
    feedback = mail.feedback_type()
    if feedback is not None:
        return _complaint(feedback)
    subject = mail.header("Subject")
    if _COMPLAINT.match(subject):
        return _complaint("abuse")
    if _UNSUBSCRIBE.match(subject) and mail.header("Auto-Submitted"):  # by the mail program's button
        return _complaint("opt_out")
    if mail.is_read_receipt:  # a filter may refuse a letter in the same form (RFC 5429)
        return _of_words(mail) if _REJECTED.search(subject) else RECEIPT
    told = mail.told()
    answer = bool(_ANSWER.match(subject))
    if mail.is_report or (told and not answer):
        return _of_report(mail, told)
    if not answer and _is_notification(mail):
        return _of_words(mail)
    return _answer_by_itself(mail) or _by_machine(mail, answer) or PERSON


def _answer_by_itself(mail: Returned) -> Finding | None:
    reason = autoreplies.reason_of(mail)
    if not reason:
        return None
    return Finding(
        Kind.ADDRESS_CHANGED if reason == autoreplies.NEW_ADDRESS else Kind.AUTO_REPLY, reason=reason
    )


def _complaint(feedback: str) -> Finding:
    """ "Not spam" takes a complaint back; a failed authentication is no person's complaint, and its reason says so."""
    if feedback == "not-spam":
        return Finding(Kind.NONE, reason="not_spam")
    return Finding(Kind.COMPLAINT, reason=feedback.replace("-", "_")[:24] or "abuse")


def _is_notification(mail: Returned) -> bool:
    """It says itself that a mail system wrote it."""
    local_part = mail.sender.partition("@")[0]
    return bool(
        _DAEMON.match(local_part)
        or _DAEMON.match(mail.header("From").strip('" '))
        or mail.header("X-Failed-Recipients")
        or _SUBJECT.match(mail.header("Subject"))
    )


def _of_report(mail: Returned, told: list[Told]) -> Finding:
    failed = [one for one in told if one.action not in {"delivered", "relayed", "expanded", "deliverable"}]
    if told and not failed:
        return DELIVERED
    final = [one for one in failed if one.action != "delayed"]
    if failed and not final:
        return Finding(Kind.SOFT, _code_in(failed[0].diagnostic) or _code_in(failed[0].status), Word.DELAYED)
    paragraphs = _paragraphs(mail)
    return _mildest([_cause([one.said, *paragraphs], one.status) for one in final] or [_cause(paragraphs)])


def _of_words(mail: Returned) -> Finding:
    """A notification that follows no standard."""
    cause = _cause(_paragraphs(mail))
    if re.search(r"warning|delay", mail.header("Subject"), re.IGNORECASE):
        return Finding(Kind.SOFT, cause.code, Word.DELAYED)
    return _mildest([cause])


def _paragraphs(mail: Returned) -> list[str]:
    """The notification's own words, each paragraph on one line, those with a code first, the subject last."""
    paragraphs = [
        " ".join(one.split())[:PARAGRAPH_MAX] for one in _BLANK_LINE.split(mail.words())[:PARAGRAPHS]
    ]
    subject = mail.header("Subject").partition("eturned mail: ")[2]
    return [*sorted(paragraphs, key=lambda one: not _code_in(one)), subject]


def _cause(said: list[str], status: str = "") -> Cause:
    """Why, and the code: the first thing said that is clear, else the first code, else what is vague.

    What comes first is nearest to the server that refused; the report's own status is a summary of it.
    """
    codes = [code for code in map(_code_in, (said[0], status, *said[1:])) if code]
    codes.sort(key=lambda code: "." not in code)  # of RFC 3463 first: it says more
    word = (
        _first(TEXTS, said[:1])
        or _by_code(_code_in(said[0]))
        or _first(TEXTS, said[1:])
        or next(filter(None, map(_by_code, codes)), None)
        or _first(VAGUE, said)
    )
    return Cause(word or Word.UNCLEAR, codes[0] if codes else "")


def _first(patterns: tuple[tuple[Word, re.Pattern[str]], ...], said: list[str]) -> Word | None:
    """The first word of the first text in which one is found."""
    return next((word for text in said for word, pattern in patterns if pattern.search(text)), None)


def _code_in(text: str) -> str:
    """The enhanced code in a text (the first that says more than "other"), else the plain one."""
    found = [match[0] for match in _ENHANCED.finditer(text) if match[1] != "2"]
    if found:
        return next((code for code in found if not code.endswith(".0.0")), found[0])
    reply = _REPLY.search(text)
    return reply[1] if reply else ""


def _by_code(code: str) -> Word | None:
    if "." not in code:
        return REPLIES.get(code)
    _, _, rest = code.partition(".")
    if rest in {"0.0", "1.0", "2.0", "7.0", "7.1", "5.0"}:
        return None
    return CODES.get(rest) or CODE_FAMILIES.get(rest.partition(".")[0])


def of_answer(said: str) -> Finding:
    """What a mail server's answer alone says."""
    return _finding(_cause([" ".join(said.split())[:PARAGRAPH_MAX]]))


def by_code(code: str) -> Finding:
    """An address refused at once, of which nothing is known but the code: for good, unless the code says otherwise."""
    return _finding(Cause(_by_code(code) or Word.NO_SUCH_USER, code))


def _mildest(causes: list[Cause]) -> Finding:
    """Of several recipients the one that gives least up: ours is one of them, and nobody knows which."""
    return _finding(min(causes, key=lambda one: (one.word in FOR_GOOD, one.word == Word.MOVED)))


def _finding(cause: Cause) -> Finding:
    if cause.code.startswith(
        "4"
    ):  # whatever the words say: its own system would try again (RFC 3463, class 4)
        return Finding(Kind.SOFT, cause.code, cause.word)
    if cause.word in FOR_GOOD:
        return Finding(Kind.HARD, cause.code, cause.word, final=True)
    if cause.word == Word.MOVED:
        return Finding(Kind.ADDRESS_CHANGED, cause.code, cause.word, final=True)
    return Finding(Kind.SOFT, cause.code, cause.word)


def _by_machine(mail: Returned, answer: bool) -> Finding | None:
    """Systems that say nothing of themselves in their headers, and providers' notices."""
    notice = _PROVIDER.search(mail.all_text())
    if notice:
        return {"Complaint": _complaint("abuse"), "Delivery": DELIVERED}.get(notice[1]) or _of_words(mail)
    if answer or mail.header("In-Reply-To") or not _is_machine(mail):
        return None
    found = _of_words(mail)
    return found if found.reason != Word.UNCLEAR else None


def _is_machine(mail: Returned) -> bool:
    return mail.no_sender or bool(_ROBOT.match(mail.sender)) or _failed_by_flufl(mail)


def _failed_by_flufl(mail: Returned) -> bool:
    try:
        temporary, permanent = all_failures(mail.mail)
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # its detectors trust a message to be well made
        return False
    return bool(temporary or permanent)
