"""Messages as mail systems send them, written for these tests: the forms are theirs, every name and word is invented.

Each entry: its name, the message, and what it is: class, code, reason.
"""

from dataclasses import dataclass

AMAL = "amal@example.org"
HEAD = "Date: Tue, 10 Oct 2023 09:00:00 +0000\nTo: bounces@panel.example.org\n"
LETTER = (
    "From: A study of everyday life <post@panel.example.org>\nTo: amal@example.org\nSubject: Your survey\n"
    "Message-ID: <8f14e45fceea467fa8a03b1c5d7e9f01@panel.example.org>\n\nDear participant, user unknown to nobody.\n"
)


@dataclass(frozen=True)
class Sample:
    """One form, and what it must be taken for."""

    name: str
    message: bytes
    kind: str
    code: str = ""
    reason: str = ""


def dsn(
    status: str,
    diagnostic: str = "",
    *,
    action: str = "failed",
    words: str = "Your message could not be delivered.",
    sender: str = "Mail Delivery System <mailer-daemon@mx.example.net>",
    subject: str = "Undelivered Mail Returned to Sender",
) -> bytes:
    """A report as RFC 3464 wants it."""
    said = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return (
        f"Return-Path: <>\n{HEAD}From: {sender}\nSubject: {subject}\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\n\n'
        f"--b1\nContent-Type: text/plain; charset=utf-8\n\n{words}\n\n"
        "--b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {AMAL}\nAction: {action}\nStatus: {status}\n{said}\n"
        f"--b1\nContent-Type: message/rfc822\n\n{LETTER}\n--b1--\n"
    ).encode()


def plain(subject: str, body: str, sender: str = "MAILER-DAEMON@mx.example.net", more: str = "") -> bytes:
    """A message of one part."""
    return (
        f"{HEAD}From: {sender}\nSubject: {subject}\n{more}Content-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: 8bit\n\n{body}\n"
    ).encode()


def report(kind: str, part: str, fields: str, words: str = "This is a report.") -> bytes:
    """A multipart/report of another kind than RFC 3464's."""
    return (
        f"{HEAD}From: feedback@mail.example.com\nSubject: report\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b2"\n\n'
        f"--b2\nContent-Type: text/plain\n\n{words}\n\n--b2\nContent-Type: {part}\n\n{fields}\n\n"
        f"--b2\nContent-Type: message/rfc822\n\n{LETTER}\n--b2--\n"
    ).encode()


QMAIL = (
    "Hi. This is the qmail-send program at mx.example.net.\nI could not deliver your message to this address.\n"
    "This is a permanent error; I've given up.\n\n<amal@example.org>:\n{said}\n\n"
    "--- Below this line is a copy of the message.\n\nReturn-Path: <post@panel.example.org>\n" + LETTER
)
EXIM = (
    "This message was created automatically by mail delivery software.\n\nA message that you sent has not reached all "
    "of its recipients. This is a permanent error.\n\n  amal@example.org\n    {said}\n\n"
    "------ This is a copy of the message, including all the headers. ------\n\n" + LETTER
)
SENDMAIL = (
    "The original message was received at Tue, 10 Oct 2023 09:00:00 GMT\n\n"
    "   ----- The following addresses had permanent fatal errors -----\n<amal@example.org>\n\n"
    "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
    ">>> RCPT To:<amal@example.org>\n<<< {said}\n"
)
FAILED_EXIM = "Mail delivery failed: returning message to sender"
UNDELIVERED = "Undelivered Mail Returned to Sender"

HARD = [
    Sample("postfix", dsn("5.1.1", "smtp; 550 5.1.1 <amal@example.org>: Recipient address rejected: User unknown"),
           "hard", "5.1.1", "no_such_user"),
    Sample("postfix, code alone", dsn("5.1.1"), "hard", "5.1.1", "no_such_user"),
    Sample("gmail", dsn("5.1.1", "smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please "
           "check it"), "hard", "5.1.1", "no_such_user"),
    Sample("exchange online", dsn("5.1.10", "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
           sender="Outlook <postmaster@tenant.example.com>", subject="Undeliverable: Your survey"),
           "hard", "5.1.10", "no_such_user"),
    Sample("exchange online, edge", dsn("5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied. "
           "[edge.example.com]"), "hard", "5.4.1", "no_such_user"),
    Sample("yahoo-like", dsn("5.0.0", "smtp; 554 delivery error: This user doesn't have a mail.example.com account"),
           "hard", "5.0.0", "no_such_user"),
    Sample("no such domain", dsn("5.4.4", "X-Postfix; Host or domain name not found. Name service error for "
           "name=nowhere.example.org type=AAAA"), "hard", "5.4.4", "no_such_host"),
    Sample("null mx", dsn("5.1.10", "smtp; 556 5.1.10 Address has null MX"), "hard", "5.1.10", "no_mail_here"),
    Sample("qmail", plain("failure notice", QMAIL.format(said="Sorry, no mailbox here by that name. (#5.1.1)")),
           "hard", "5.1.1", "no_such_user"),
    Sample("exim", plain(FAILED_EXIM, EXIM.format(
           said="SMTP error from remote mail server after RCPT TO:<amal@example.org>:\n    550 no such recipient")),
           "hard", "550", "no_such_user"),
    Sample("exim, domain", plain(FAILED_EXIM, EXIM.format(said="Unrouteable address")), "hard", "", "no_such_host"),
    Sample("sendmail", plain("Returned mail: see transcript for details",
           SENDMAIL.format(said="550 5.1.1 <amal@example.org>... User unknown")), "hard", "5.1.1", "no_such_user"),
    Sample("lotus notes", plain("DELIVERY FAILURE", "Your message was not delivered because:\n\n"
           "User Amal Example (amal@example.org) not listed in Domino Directory", "postmaster@notes.example.net"),
           "hard", "", "no_such_user"),
    Sample("courier", dsn("5.1.1", "smtp; 550 User unknown.", sender="postmaster@courier.example.net",
           subject="NOTICE: mail delivery status."), "hard", "5.1.1", "no_such_user"),
    Sample("russian", plain(UNDELIVERED, "Ваше письмо не доставлено.\n\namal@example.org\nпользователь не найден"),
           "hard", "", "no_such_user"),
    Sample("ukrainian", plain(UNDELIVERED, "Лист не доставлено.\n\nСкринька amal@example.org не існує"),
           "hard", "", "no_such_user"),
    Sample("norwegian", plain("Mail delivery failed", "Ikke levert.\n\nUkjent mottaker amal@example.org"),
           "hard", "", "no_such_user"),
    Sample("amazon ses in a mail", plain("Notification", '{"notificationType":"Bounce","bounce":{"bounceType":'
           '"Permanent","bouncedRecipients":[{"diagnosticCode":"smtp; 550 5.1.1 user unknown"}]}}',
           "no-reply@sns.example.com"), "hard", "5.1.1", "no_such_user"),
]  # fmt: skip
SOFT = [
    Sample("full", dsn("5.2.2", "smtp; 552 5.2.2 <amal@example.org>: Mailbox full"), "soft", "5.2.2", "mailbox_full"),
    Sample("full, code of another", dsn("5.1.1", "smtp; 552 5.2.2 Over quota"), "soft", "5.2.2", "mailbox_full"),
    Sample("quota without a code", plain("failure notice", QMAIL.format(said="The user is over quota.")),
           "soft", "", "mailbox_full"),
    Sample("delayed", dsn("4.4.1", "smtp; connect to mx.example.org: Connection timed out", action="delayed",
           subject="Delayed Mail (still being retried)"), "soft", "4.4.1", "delayed"),
    Sample("delayed, of an unknown user", dsn("4.1.1", "smtp; 450 4.1.1 User unknown", action="delayed"),
           "soft", "4.1.1", "delayed"),
    Sample("exim's warning", plain("Warning: message 1qp-0001 delayed 24 hours", EXIM.format(said="No route to host")),
           "soft", "", "delayed"),
    Sample("expired", dsn("4.4.7", "smtp; 550 4.4.7 Message expired after two days"), "soft", "4.4.7", "expired"),
    Sample("greylisted", dsn("4.7.1", "smtp; 451 4.7.1 Greylisted, please try again in 5 minutes"), "soft", "4.7.1"),
    Sample("relaying", dsn("5.7.1", "smtp; 554 5.7.1 Relay access denied"), "soft", "5.7.1", "no_relay"),
    Sample("block list", dsn("5.7.1", "smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using "
           "list.example.net"), "soft", "5.7.1", "refused_sender"),
    Sample("spam", dsn("5.7.1", "smtp; 550 5.7.1 This message looks like spam"), "soft", "5.7.1", "refused_content"),
    Sample("dmarc", dsn("5.7.26", "smtp; 550 5.7.26 Unauthenticated email is not accepted due to DMARC policy"),
           "soft", "5.7.26", "refused_sender"),
    Sample("sender's domain", dsn("5.1.8", "smtp; 553 5.1.8 Domain of sender address does not exist"),
           "soft", "5.1.8", "refused_sender"),
    Sample("too big", dsn("5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed limit"), "soft", "5.3.4", "too_big"),
    Sample("loop", dsn("5.4.6", "smtp; 554 5.4.6 Too many hops"), "soft", "5.4.6", "loop"),
    Sample("closed for now", dsn("5.2.1", "smtp; 550 5.2.1 The email account that you tried to reach is disabled"),
           "soft", "5.2.1", "suspended"),
    Sample("a refusal without a word", dsn("5.0.0", "smtp; 550 #X17"), "soft", "5.0.0", "unclear"),
    Sample("certificate", dsn("5.7.5", "smtp; 550 5.7.5 recipient's server: certificate is invalid"), "soft", "5.7.5"),
    Sample("two recipients", dsn("5.1.1", "smtp; 550 5.1.1 User unknown\n\nFinal-Recipient: rfc822; b@example.org\n"
           "Action: failed\nStatus: 5.2.2"), "soft", "5.2.2", "mailbox_full"),
    Sample("norwegian, full", plain("Mail delivery failed", "Kunne ikke leveres: Postboksen er full"),
           "soft", "", "mailbox_full"),
    Sample("a filter's refusal in a receipt's form", report("disposition-notification",
           "message/disposition-notification", "Disposition: automatic-action/MDN-sent-automatically; deleted",
           "Your message was refused: quota exceeded").replace(b"Subject: report", b"Subject: Rejected: Your survey"),
           "soft", "", "mailbox_full"),
    Sample("french, of an unknown user", plain(UNDELIVERED, "L'adresse amal@example.org n'existe pas."),
           "hard", "", "no_such_user"),
    Sample("russian, full", plain(UNDELIVERED, "Ящик amal@example.org переполнен"), "soft", "", "mailbox_full"),
]  # fmt: skip
CHANGED = [
    Sample("551", dsn("5.1.6", "smtp; 551 5.1.6 User not local; please try <other@example.net>"),
           "address changed", "5.1.6", "moved"),
    Sample("moved, in words", plain("failure notice", QMAIL.format(said="This user has moved to other@example.net")),
           "address changed", "", "moved"),
    Sample("a machine's answer", plain("Automatic reply: Your survey", "My new address is other@example.net", AMAL,
           "Auto-Submitted: auto-replied\n"), "address changed", "", "new_address"),
    Sample("a machine's answer (nb)", plain("Autosvar", "Jeg har byttet e-post.", AMAL), "address changed", "",
           "new_address"),
    Sample("a machine's answer (uk)", plain("Автовідповідь", "У мене нова адреса: other@example.net", AMAL),
           "address changed", "", "new_address"),
]  # fmt: skip
COMPLAINTS = [
    Sample("arf", report("feedback-report", "message/feedback-report", "Feedback-Type: abuse\nVersion: 1"),
           "complaint", "", "abuse"),
    Sample("arf, opt-out", report("feedback-report", "message/feedback-report", "Feedback-Type: opt-out"),
           "complaint", "", "opt_out"),
    Sample("arf without its type", report("feedback-report", "message/feedback-report", "Version: 1"),
           "complaint", "", "abuse"),
    Sample("a mail program's button", plain("unsubscribe", "Sent by the mail program.", AMAL,
           "Auto-Submitted: auto-generated\n"), "complaint", "", "opt_out"),
    Sample("authentication", report("feedback-report", "message/feedback-report", "Feedback-Type: auth-failure"),
           "complaint", "", "auth_failure"),
    Sample("amazon ses in a mail", plain("Notification", '{"notificationType":"Complaint"}', "no-reply@example.com"),
           "complaint", "", "abuse"),
]  # fmt: skip
ANSWERS = [
    Sample("rfc 3834", plain("Re: Your survey", "I read mail on Mondays.", AMAL, "Auto-Submitted: auto-replied\n"),
           "auto-reply", "", "absent"),
    Sample("nb", plain("Fravær: Your survey", "Jeg er på ferie til 20. oktober.", AMAL), "auto-reply", "", "absent"),
    Sample("uk", plain("Автоматична відповідь: Your survey", "Я у відпустці.", AMAL), "auto-reply", "", "absent"),
    Sample("en, no header of its own", plain("Out of office: Your survey", "Back next week.", AMAL),
           "auto-reply", "", "absent"),
    Sample("exchange", plain("Automatic reply: Your survey", "Away.", AMAL, "X-Auto-Response-Suppress: All\n"),
           "auto-reply", "", "absent"),
    Sample("vacation with an empty sender", plain("Away", "Gone fishing.", AMAL, "Return-Path: <>\nX-Autoreply: yes\n"),
           "auto-reply", "", "absent"),
    Sample("prove that you are human", plain("Please confirm your message", "Click to have it delivered.",
           "guard@example.net"), "auto-reply", "", "challenge"),
]  # fmt: skip
QUOTED = "\n".join("> " + line for line in SENDMAIL.format(said="550 5.1.1 User unknown").splitlines())
PERSONS = [
    Sample("an answer", plain("Re: Your survey", "Please delete me. The user is unknown to me.", AMAL), "none"),
    Sample("an answer that quotes a bounce", plain("Re: Your survey", f"What is this?\n\n{QUOTED}", AMAL), "none"),
    Sample("a bounce handed on", plain("Fwd: Undelivered Mail Returned to Sender", SENDMAIL.format(
           said="550 5.1.1 User unknown"), AMAL), "none"),
    Sample("a bounce handed on as an attachment", (
           f'{HEAD}From: {AMAL}\nSubject: strange\nContent-Type: multipart/mixed; boundary="b3"\n\n'
           "--b3\nContent-Type: text/plain\n\nI got this from you.\n\n--b3\nContent-Type: message/rfc822\n\n"
           f"{dsn('5.1.1').decode()}\n--b3--\n").encode(), "none"),
    Sample("a wish to stop, by hand", plain("unsubscribe", "please", AMAL), "none"),
    Sample("a new address, by hand", plain("hello", "My new address is other@example.net", AMAL), "none"),
    Sample("in russian", plain("Ответ: Анкета", "Я не получила ссылку. Автоматически не открывается.", AMAL), "none"),
    Sample("of somebody who is called Postmaster", plain("Re: your server", "Shall we meet about the relay?",
           "Ann <postmaster@example.net>"), "none"),
    Sample("html alone", f"{HEAD}From: {AMAL}\nSubject: question\nContent-Type: text/html\n\n<p>Is it <b>you</b>?</p>"
           .encode(), "none"),
    Sample("latin-1 bytes without a word of it", b"From: amal@example.org\nSubject: svar\n\nBl\xe5b\xe6r og v\xe5r",
           "none"),
    Sample("a charset that is none", plain("hi", "hello", AMAL).replace(b"utf-8", b"no-such-charset"), "none"),
]  # fmt: skip
MACHINES = [
    Sample("delivered", dsn("2.0.0", "smtp; 250 2.0.0 ok", action="delivered"), "none", "", "delivered"),
    Sample("relayed", dsn("2.0.0", action="relayed"), "none", "", "delivered"),
    Sample("shown", report("disposition-notification", "message/disposition-notification",
           "Disposition: manual-action/MDN-sent-manually; displayed"), "none", "", "read_receipt"),
    Sample("not spam", report("feedback-report", "message/feedback-report", "Feedback-Type: not-spam"),
           "none", "", "not_spam"),
]  # fmt: skip
WRONG_BOUNDARY = dsn("5.1.1").replace(b"--b1\n", b"--b9\n").replace(b"--b1--", b"--b9--")
DAMAGED_DSN = [
    Sample("another boundary than it names", WRONG_BOUNDARY, "hard", "5.1.1", "no_such_user"),
    Sample("cut off in the middle", dsn("5.1.1").partition(b"--b1\nContent-Type: message/rfc822")[0],
           "hard", "5.1.1", "no_such_user"),
    Sample("only carriage returns", dsn("5.1.1").replace(b"\n", b"\r"), "hard", "5.1.1", "no_such_user"),
    Sample("dos lines", dsn("5.1.1").replace(b"\n", b"\r\n"), "hard", "5.1.1", "no_such_user"),
    Sample("bytes of no charset", dsn("5.1.1", "smtp; 550 5.1.1 User unknown").replace(
           b"could not", b"could \xff\xfe not"), "hard", "5.1.1", "no_such_user"),
    Sample("very long", dsn("5.1.1") + b"x" * 3_000_000, "hard", "5.1.1", "no_such_user"),
]  # fmt: skip
ALL = [*HARD, *SOFT, *CHANGED, *COMPLAINTS, *ANSWERS, *PERSONS, *MACHINES, *DAMAGED_DSN]
