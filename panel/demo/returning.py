"""What comes back of letters: the notifications of mail systems, an absent person's machine, a person's own words.

Written into the Maildir that the service reads, as a mail server on the same machine would. Pure but for `deliver`.
"""

import mailbox
from pathlib import Path

from panel.demo.mailbox import Mail

NOT_DELIVERED = """From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
To: {back}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {to}
Action: failed
Status: {status}

--part--
"""
AWAY = """From: <{to}>
To: {back}
Subject: Automatic reply
Auto-Submitted: auto-replied
In-Reply-To: {message_id}
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

I am away until the end of the month.
"""
WORDS = """From: <{to}>
To: {back}
Subject: Re: your letter
In-Reply-To: {message_id}
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Hello, I began a new job and have little time. Until when may I answer?
"""


def not_delivered(mail: Mail, status: str) -> bytes:
    """A notification as RFC 3464 wants it, with the code of RFC 3463."""
    return _filled(NOT_DELIVERED, mail, status=status)


def away(mail: Mail) -> bytes:
    """The answer of somebody's machine."""
    return _filled(AWAY, mail)


def words(mail: Mail) -> bytes:
    """What a person writes, with a mail program that answers to the envelope's sender."""
    return _filled(WORDS, mail)


def _filled(text: str, mail: Mail, **more: str) -> bytes:
    return text.format(to=mail.to, back=mail.return_path, message_id=mail.message_id, **more).encode()


def deliver(maildir: Path, *messages: bytes) -> None:
    """Into the mailbox of returned letters."""
    box = mailbox.Maildir(maildir, create=False)
    for message in messages:
        box.add(message)


def waiting(maildir: Path) -> int:
    """How many were not read yet."""
    return len(mailbox.Maildir(maildir, create=False))
