"""What mail systems say, as data: status codes and words, each with what it tells of the address.

Only tables and the patterns in them. How a message is taken apart stands in bounce_mail.py, what is made of it in
bounces.py. A pattern says what many systems say in their own ways; the first that fits decides, so what tells of
the sender, the line or the moment stands before what tells of the address: an address given up by mistake costs
more than one tried again.
"""

import re
from enum import StrEnum


class Word(StrEnum):
    """Why a letter came back: a code of ours, all that is kept of the words."""

    MOVED = "moved"
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_HOST = "no_such_host"
    NO_MAIL_HERE = "no_mail_here"
    MAILBOX_FULL = "mailbox_full"
    SUSPENDED = "suspended"
    GREYLISTED = "greylisted"
    TOO_MANY = "too_many"
    TOO_BIG = "too_big"
    REFUSED_SENDER = "refused_sender"
    REFUSED_CONTENT = "refused_content"
    REFUSED_BY_RECIPIENT = "refused_by_recipient"
    NO_RELAY = "no_relay"
    LOOP = "loop"
    NETWORK = "network"
    SYSTEM = "system"
    EXPIRED = "expired"
    DELAYED = "delayed"
    UNCLEAR = "unclear"


#: Only these tell that an address is of no use; every other word means "perhaps next time".
FOR_GOOD = frozenset({Word.NO_SUCH_USER, Word.NO_SUCH_HOST, Word.NO_MAIL_HERE})

#: Enhanced status codes (RFC 3463 and its registry) without their class digit. Without an entry the code says too
#: little: x.0.0, x.1.0, x.2.0 and x.7.1 are sent for anything.
CODES: dict[str, Word] = {
    "1.1": Word.NO_SUCH_USER,
    "1.2": Word.NO_SUCH_HOST,
    "1.3": Word.NO_SUCH_USER,
    "1.4": Word.NO_SUCH_USER,
    "1.6": Word.MOVED,
    "1.7": Word.REFUSED_SENDER,
    "1.8": Word.REFUSED_SENDER,
    "1.10": Word.NO_MAIL_HERE,
    "2.1": Word.SUSPENDED,
    "2.2": Word.MAILBOX_FULL,
    "2.3": Word.TOO_BIG,
    "2.4": Word.SYSTEM,
    "3.0": Word.SYSTEM,
    "3.1": Word.SYSTEM,
    "3.2": Word.SYSTEM,
    "3.3": Word.SYSTEM,
    "3.4": Word.TOO_BIG,
    "3.5": Word.SYSTEM,
    "4.0": Word.NETWORK,
    "4.1": Word.NETWORK,
    "4.2": Word.NETWORK,
    "4.3": Word.NETWORK,
    "4.4": Word.NETWORK,
    "4.5": Word.TOO_MANY,
    "4.6": Word.LOOP,
    "4.7": Word.EXPIRED,
}
#: For all that begin so: protocol, content, security.
CODE_FAMILIES: dict[str, Word] = {
    "3": Word.SYSTEM,
    "4": Word.NETWORK,
    "5": Word.SYSTEM,
    "6": Word.REFUSED_CONTENT,
    "7": Word.REFUSED_SENDER,
}
#: Plain SMTP codes that say something by themselves; 550, 553 and 554 are sent for anything.
REPLIES: dict[str, Word] = {
    "421": Word.SYSTEM,
    "422": Word.MAILBOX_FULL,
    "452": Word.MAILBOX_FULL,
    "552": Word.MAILBOX_FULL,
    "556": Word.NO_MAIL_HERE,
}


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in patterns), re.IGNORECASE)


_USER = r"(?:user(?:id| ?name)?|account|mailbox|recipients?|address(?:es|ee)?|person|inbox|alias|destinat\w+)"
_NOT = r"(?:not|n[o'’]t)"
_NOT_THERE = (
    r"(?:unknown(?! (?:error|reason|problem|failure))|invalid|undefined"
    r"|not (?:found|exist|known|valid|listed|registered|recogni[sz]ed)"
    rf"|does ?{_NOT} exist)"
)
_SLAVIC_USER = r"(?:пользовател|получател|ящик|адрес|користувач|отримувач|одержувач|скриньк)\w*"
_SLAVIC_NOT_THERE = (
    r"(?:не (?:существует|найден|зарегистрирован|існує|знайден)|неизвестн|недейств|невідом|недійсн)\w*"
)

#: In this order; the first that fits decides. Each pattern is looked for in one paragraph, written on one line.
TEXTS: tuple[tuple[Word, re.Pattern[str]], ...] = (
    (
        Word.MOVED,
        _any(
            r"not (?:our|a local) (?:user|customer)",
            r"user not local; (?:please )?(?:try|use)",
            r"\b(?:has|have) moved to\b",
            r"(?:user|recipient|mailbox) (?:has )?(?:moved|changed)\b",
            r"no longer on (?:this )?server",
            r"changed? (?:my|his|her|their|its|to a new)\b.{0,12}address",
            r"address has changed",
            r"has a new (?:e-?mail )?address",
        ),
    ),
    (
        Word.REFUSED_SENDER,
        _any(
            r"sender(?:'s)? (?:e-?mail )?(?:address |domain )?(?:is )?(?:rejected|refused|denied|blocked|invalid)",
            r"(?:sender|from|mailfrom|originat\w+) (?:address|domain).{0,60}"
            r"(?:not (?:exist|found)|unknown|invalid|listed)",
            r"domain of sender|sender (?:address )?verif|(?:invalid|bad) sender",
            r"\bmail from\b.{0,60}(?:reject|denied)",
            r"(?:after|in reply to) (?:the )?(?:mail from|ehlo|helo|initial)",
            r"(?:verify|resolve|validate|determine|find)\b.{0,24}\b(?:sender|your (?:domain|host|ip)|purported)",
            r"\bdmarc\b|\bdkim\b|\bspf\b|authenticat",
            r"reverse[- ](?:dns|lookup|ip|hostname)|\bptr\b|\brdns\b",
            r"\b(?:your|helo|ehlo|client) (?:host ?name|host|ip)\b",
            r"black ?-?list|block ?-?list|deny ?list|\brbls?\b|dnsbl|spamhaus|spamcop|sorbs\b|abuse",
            r"valid from:|my name was rejected|invalid ip\b|reputation|\bbanned\b",
            r"\bblocked (?:by|using|for|due|because|from|at)(?! the recipient)",
            r"\b(?:is|been|are|was) (?:being )?blocked|\bblocking\b",
            r"(?:client host|host network|your (?:server|network|domain)|\bip\b|connections? from).{0,48}"
            r"(?:reject|refuse|denied|not allowed|listed)",
            r"no access from|open relay|not accept(?:ing)? (?:mail|messages) from",
        ),
    ),
    (
        Word.MAILBOX_FULL,
        _any(
            r"(?:mailbox|inbox|account|folder|box|storage|disk) (?:(?:of|for) .{0,60})?"
            r"(?:is |are )?(?:too |temporarily )?full\b",
            r"full mailbox|quota|out of storage|over ?-?limit|mailbox (?:has )?exceed",
            r"exceed\w*.{0,40}(?:storage|space|mailbox|capacity|allowed size)",
            r"(?:storage|disk|disc|mailbox|space|number of messages).{0,48}(?:exceed|insufficient|exhausted)",
            r"insufficient (?:system |disk )?(?:storage|space|resources)",
            r"(?:not enough|no|out of) (?:disk |storage |free )?space",
            r"переполнен|превышен|переповнен|перевищен",
            r"(?:postboks|innboks)\w* er full|postfach ist voll|bo[iî]te.{0,30}pleine|buz[oó]n.{0,20}llen[oa]",
            r"一杯|いっぱい|容量",
        ),
    ),
    (
        Word.SUSPENDED,
        _any(
            r"(?:disabled|suspended|inactive|deactivated|discontinued|frozen|archived|terminated)",
            r"temporar(?:y|ily) (?:locked|disabled|blocked|inactive)",
            r"account (?:is )?(?:locked|blocked|expired)",
            r"compte du destinataire est bloqu",
            r"(?:ящик|скриньк\w+) (?:заблок|отключен|вимкнен)",
        ),
    ),
    (
        Word.REFUSED_BY_RECIPIENT,
        _any(
            r"recipient preferences|blocked by the recipient|user(?:'s)? (?:rule|refuse|reject|filter)",
            r"only accept\w*.{0,24}(?:from|specific)|does not accept (?:mail|messages) from",
            r"protected by|not a member|notauthori[sz]ed|message filtered|refuse\w* to receive",
            r"not (?:subscribed|(?:authori[sz]ed|permitted) to (?:post|send))",
        ),
    ),
    (Word.SYSTEM, _any(r"(?:could ?n[o'’]t|cannot|can't|unable to|error) (?:create|open|lock|writ)")),
    (Word.NETWORK, _any(r"certificate|\b(?:start)?tls\b|handshake")),
    (
        Word.NO_SUCH_USER,
        _any(
            rf"{_USER}\b[^.;]{{0,60}}\b{_NOT_THERE}",
            rf"\b(?:unknown|invalid|undefined|non-?exist\w*|no such|bad|illegal) (?:\w+ ){{0,3}}{_USER}\b",
            rf"\b{_NOT_THERE}\b.{{0,24}}{_USER}\b",
            r"\bno (?:mailbox|such person|valid recipient|account)|nobody (?:here )?by that name",
            r"not (?:listed|found) in\b.{0,30}(?:directory|book|table)|recip\w*notfound",
            rf"(?:address|recipient|account|user).{{0,60}}(?:could ?{_NOT}|cannot|can't) be found",
            rf"(?:address|user|account|recipient|mailbox).{{0,40}}(?:was|is) ?{_NOT} (?:found|valid|known)",
            rf"do(?:es)? ?{_NOT} have an? .{{0,40}}account|mailbox (?:is )?(?:unavailable|not available)",
            r"no longer (?:valid|in use|exist|active|work|employ|available|with)",
            r"(?:user|account|mailbox|recipient|person) (?:(?:has|have|is|was|been) ){0,2}"
            r"(?:left|gone|deleted|removed|closed)\b",
            rf"{_SLAVIC_USER}.{{0,40}}{_SLAVIC_NOT_THERE}|{_SLAVIC_NOT_THERE}.{{0,24}}{_SLAVIC_USER}",
            r"address rejected: access denied",
            r"finnes ikke|ukjent (?:bruker|mottaker|adresse)|ble ikke funnet",
            r"unbekannt|nicht gefunden|existiert nicht|destinataire invalide|inconnu|no existe|desconocid",
            r"(?:adresse|destinataire|utilisateur).{0,60}n['’]existe pas",
            r"見つから|見つかりません",
        ),
    ),
    (
        Word.NO_MAIL_HERE,
        _any(
            r"null mx|no smtp service",
            rf"(?:does ?)?{_NOT} (?:accept|receive) (?:any )?(?:e-?)?mail\b(?! from)",
        ),
    ),
    (
        Word.NO_SUCH_HOST,
        _any(
            r"(?:host|domain)(?: name| or domain)?s?\b.{0,60}"
            r"(?:not found|unknown|not exist|nonexist|invalid|unrouteable)(?!.{0,8}try again)",
            r"(?:unknown|invalid|no such|illegal|bad|unrouteable|nonexistent) (?:mail )?(?:host|domain|address)",
            r"nxdomain|illegal host|domain is not reachable|all relevant mx records point to",
            r"no (?:mx|mail exchanger|mx record)\b.{0,40}(?:host|domain|found|record)",
            rf"could ?{_NOT} find (?:any |a )?(?:host|mail exchanger)",
        ),
    ),
    (
        Word.REFUSED_CONTENT,
        _any(
            r"\bspam|\bjunk|unsolicited|\bbulk\b|phish|virus|malware|infected",
            r"\bcontents? (?:reject|refus|filter|restrict|not accept|is not)",
            r"prohibited|objectionable|suspicious|attachment|duplicate",
            r"rfc ?[258]?[382]22|(?:missing|invalid|malformed|illegal|multiple)\b.{0,30}header",
            r"\bbare (?:lf|cr)|\b8-?bit",
        ),
    ),
    (
        Word.TOO_BIG,
        _any(
            r"too (?:big|large)|message (?:is )?too long",
            r"size (?:limit|exceed)|exceed.{0,36}size|(?:maximum|fixed).{0,20}size",
        ),
    ),
    (Word.LOOP, _any(r"hop count|too many hops|\bloop|\bmx .{0,40}back to (?:me|itself)")),
    (
        Word.TOO_MANY,
        _any(
            r"too many|rate ?-?limit|too (?:fast|often|quick)|throttl|unexpected volume",
            r"exceed.{0,40}(?:rate|connections|messages|limit)",
        ),
    ),
    (Word.NO_RELAY, _any(r"relay")),
    (
        Word.REFUSED_SENDER,
        _any(
            r"policy|policies|security|permission|access (?:is )?denied|forbidden|blocked",
            r"not (?:allowed|permitted|authori[sz]ed)",
        ),
    ),
)

#: Words too common to be believed before a code; again in this order.
VAGUE: tuple[tuple[Word, re.Pattern[str]], ...] = (
    (Word.NO_SUCH_USER, _any(r"(?:recipient |user )?address rejected\b(?!:)|rejected address")),
    (Word.GREYLISTED, _any(r"gr[ea]y-?\s?list|try (?:it )?(?:again|later)|retry|later\b")),
    (
        Word.EXPIRED,
        _any(
            r"expired|timed? ?-?out|has been delayed|not yet been delivered|undelivered after|in the queue too"
        ),
    ),
    (
        Word.NETWORK,
        _any(
            r"connect|network|route to host|unreachable|name server|\bdns\b|lookup",
        ),
    ),
    (
        Word.SYSTEM,
        _any(r"temporar|system error|service|resources|internal|server error|lock|procmail|command|mailer"),
    ),
)
