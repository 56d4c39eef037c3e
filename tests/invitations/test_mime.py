"""A filled-in form is the letter Django itself would have made: all example letters, any values, compared as parsed."""

import json
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from functools import cache
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.invitations import letters, mime, post, rendering
from panel.invitations.letters import Prepared
from panel.invitations.models import LetterKind, LetterText, Outgoing
from panel.invitations.post import MARK_BYTES, Form
from panel.members.models import PanelMember, Study
from panel.waves.models import Case
from tests.factories import fielding as f

NOW = datetime(2023, 10, 2, 10, tzinfo=UTC)
LANGUAGES = tuple(file.stem for file in (f.DEMO / "letters").glob("*.json"))
TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=43, max_size=43)
MARKS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=2).map(
    lambda name: f"{name[0]}…{name[1:]}"
)
ADDRESSES = st.emails() | st.sampled_from(
    ["amal@example.org", "a.b+c_d@x.example.org", "Åse@example.org", "o'x@example.org"]
)
#: A paragraph too long for a line of mail: its part travels as quoted-printable, broken at any place.
LONG = "Дуже довгий рядок без кінця. " * 40


@cache
def prepared(language: str, kind: str, long: bool) -> Prepared:
    words = json.loads((f.DEMO / "letters" / f"{language}.json").read_text())["letters"][kind]
    body = "\n\n".join(words["body"]) + "\n"
    study = Study(public_name="Livet nå", institution="Instituttet", contact_email="studie@example.org",
                  how_to_check=json.dumps(dict.fromkeys(LANGUAGES, "studie@example.org")))  # fmt: skip
    text = LetterText(
        language=language, subject=words["subject"], shared_line=words["shared_line"],
        body=body.replace("{joined}", f"{LONG}{{joined}} {LONG}") if long else body,
    )  # fmt: skip
    return letters.prepare(text, study)


def row_of(kind: str) -> Outgoing:
    return Outgoing(kind=kind, member=PanelMember(joined_on=NOW.date()), case=Case())


def values(kind: str, tokens: list[str]) -> dict[str, str]:
    uses = [use.value for use in rendering.LINKS.get(kind, rendering.ALWAYS)]
    return dict(zip(uses, tokens, strict=False)) | {"joined": "06.2022", "closes": "01.11.2023"}


def form_of(row: Outgoing, letter: Prepared, own: dict[str, str], marked: bool) -> Form | None:
    lengths = {name: len(value) for name, value in own.items()}
    written = lambda *given: rendering.compose(row, letter, *given, number=uuid4())  # noqa: E731
    return post.form(written, lengths, marked=marked, now=NOW)


def parts(content: bytes):
    """All that a reader's program makes of it: headers, structure, decoded text; boundaries are random."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    headers = [(name, str(value)) for name, value in mail.items() if name != "Content-Type"]
    bodies = [
        (part.get_content_type(), part["Content-Transfer-Encoding"], part.get_content())
        for part in mail.walk() if not part.is_multipart()
    ]  # fmt: skip
    return headers, mail.get_content_type(), bodies, [type(fault) for fault in mail.defects]


def by_django(mail: post.Mail) -> bytes:
    return post.compose(mail, NOW).message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # (Django's own)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("long", [False, True], ids=["short lines", "long lines"])
@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(LetterKind.values),
    to=ADDRESSES,
    mark=st.just("") | MARKS,
    tokens=st.lists(TOKEN, min_size=5, max_size=5),
)
def test_a_filled_form_is_what_django_would_have_made(language, long, kind, to, mark, tokens):
    row, letter, own = row_of(kind), prepared(language, kind, long), values(kind, tokens)
    form = form_of(row, letter, own, bool(mark))
    assert form or (long and mark), "only a mark in a part that is encoded can't be found again"
    printed = form.print(row.pk, to, own, mark) if form else None
    if printed is None:
        assert not mime.is_plain_address(to) or mark
        return
    theirs = rendering.compose(row, letter, own, to, mark)
    assert parts(printed.content) == parts(by_django(theirs))


def test_mails_that_bear_a_hash_of_their_own_have_no_form(settings):
    settings.MAIL_PROVIDER = "postmark"
    row, letter = row_of(LetterKind.INVITATION), prepared("uk", LetterKind.INVITATION, False)
    assert form_of(row, letter, values(LetterKind.INVITATION, ["t" * 43] * 5), marked=False) is None


@pytest.mark.parametrize("long", [False, True])
def test_it_is_django_s_bytes_but_for_the_boundary(long):
    row, letter = row_of(LetterKind.INVITATION), prepared("uk", LetterKind.INVITATION, long)
    own = values(LetterKind.INVITATION, ["t" * 43] * 5)
    form = form_of(row, letter, own, marked=False)
    printed = form.print(row.pk, "amal@example.org", own, "")
    theirs = by_django(rendering.compose(row, letter, own, "amal@example.org", ""))
    ours = printed.content
    mine, other = (BytesParser().parsebytes(content).get_boundary().encode() for content in (ours, theirs))
    assert ours.replace(mine, other) == theirs


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "x" * 42},
        {"answer": "x" * 41 + "\r\n"},
        {"answer": "x" * 42 + "\n"},
        {"joined": "06.20\r\n"},
        {"stop": "<" * 43},
    ],
)
def test_a_value_that_could_end_a_line_or_a_tag_is_not_filled_in(changes):
    row, letter = row_of(LetterKind.INVITATION), prepared("en", LetterKind.INVITATION, False)
    own = values(LetterKind.INVITATION, ["t" * 43] * 5)
    form = form_of(row, letter, own, marked=False)
    assert form.print(row.pk, "amal@example.org", own, "")
    assert form.print(row.pk, "amal@example.org", own | changes, "") is None


@pytest.mark.parametrize(
    "to",
    ["", "amal", "a@b@example.org", "a@example.org\r\nBcc: b@example.org", "a b@example.org", '"a"@example.org',
     "å@example.org", "a@example.org,b@example.org", "<a@example.org>", "a..b@example.org", f"{'a' * 60}@example.org"],
)  # fmt: skip
def test_mail_02_an_address_that_is_not_one_plain_mailbox_is_left_to_django(to):
    row, letter = row_of(LetterKind.INVITATION), prepared("en", LetterKind.INVITATION, False)
    own = values(LetterKind.INVITATION, ["t" * 43] * 5)
    assert form_of(row, letter, own, marked=False).print(row.pk, to, own, "") is None


@pytest.mark.parametrize("mark", ["<…", "&…", '"…', "\n…", "x" * MARK_BYTES + "…", "\u2028…"])
def test_a_mark_that_html_or_a_line_would_change_is_left_to_django(mark):
    row, letter = row_of(LetterKind.INVITATION), prepared("en", LetterKind.INVITATION, False)
    own = values(LetterKind.INVITATION, ["t" * 43] * 5)
    form = form_of(row, letter, own, marked=True)
    assert form.print(row.pk, "amal@example.org", own, "О…а")
    assert form.print(row.pk, "amal@example.org", own, mark) is None


@given(st.binary(max_size=60), st.lists(st.integers(0, 72), max_size=5))
def test_a_form_filled_with_what_it_was_cut_at_is_what_it_was_cut_from(around, places):
    """Wherever soft line breaks fall, in the value or beside it."""
    content = around + b"stand-in-one" + around
    for place in sorted(places, reverse=True):
        content = content[:place] + mime.SOFT_BREAK + content[place:]
    form = mime.cut(content, {"one": "stand-in-one"}, {"one": 1}, frozenset())
    if form:  # the bytes around it may have held it too, or a break made of theirs
        assert form.fill({"one": "stand-in-one"}, {}) == content


def test_what_is_not_found_as_often_as_it_was_written_makes_no_form():
    assert mime.cut(b"a mark", {"one": "mark"}, {"one": 2}, frozenset()) is None
    assert mime.cut(b"a ma=\r\nrk", {"one": "mark"}, {"one": 1}, frozenset({"one"})) is None


def test_nev_09_a_printed_letter_shows_nothing_of_itself():
    assert "amal" not in repr(post.Printed(uuid4(), "amal@example.org", b"To: amal@example.org"))
