"""A mailbox worked off: each message leaves it after its outcome is kept, a person's goes on, nothing is lost."""

import json
import mailbox as stdlib
import tracemalloc
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from panel.audit.models import AuditEvent
from panel.invitations import inbound, post, replies, returns, tasks, verp
from panel.invitations.mailbox import ASIDE, Maildir
from panel.invitations.models import Outgoing, ReplyCase, Returned
from panel.invitations.replies import Taken
from panel.invitations.services import queue_service
from panel.members.models import PanelMember
from tests.factories import cast
from tests.invitations import bounce_mails as m

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(tmp_path, settings):
    settings.BOUNCE_MAILBOX = f"maildir:{tmp_path}/box"
    settings.BOUNCE_ADDRESS = "bounces@panel.example.org"
    return stdlib.Maildir(tmp_path / "box")


@pytest.fixture
def amal():
    return cast.amal(cast.study())


@pytest.fixture
def row(amal):
    return queue_service(member=amal, occasion=uuid4(), now=cast.NOW)


def to(row: Outgoing, message: bytes) -> bytes:
    return message.replace(b"bounces@panel.example.org", verp.sender_of(row.pk).encode())


@pytest.fixture
def work_off(box, tmp_path):
    def run(limit: int = 500) -> inbound.Tally:
        return inbound.work_off(source=Maildir(tmp_path / "box"), now=cast.NOW, limit=limit)

    return run


def test_a_bounce_finds_its_letter_and_leaves_nothing_but_its_class(box, row, work_off):
    box.add(to(row, m.dsn("5.1.1", "smtp; 550 5.1.1 <amal@example.org>: User unknown")))
    tally = work_off()
    assert (tally.read, dict(tally.kinds), tally.unmatched) == (1, {"hard": 1}, 0)
    assert len(box) == 0
    kept = Returned.objects.get()
    assert (kept.letter, kept.kind, kept.code) == (row, "hard", "5.1.1")
    everything = json.dumps([str(list(AuditEvent.objects.values())), str(list(Returned.objects.values()))])
    assert "amal@example.org" not in everything
    assert "Undelivered" not in everything


def test_a_persons_mail_goes_on_and_is_taken_from_the_mailbox_then_only(box, row, work_off, mailoutbox, amal):
    box.add(to(row, m.PERSONS[0].message))
    assert work_off().passed_on == 1
    assert len(mailoutbox) == 1
    assert ReplyCase.objects.get().member == amal
    assert len(box) == 0


def test_what_the_mail_server_does_not_take_now_stays_and_the_run_ends(box, row, work_off, monkeypatch):
    box.add(to(row, m.PERSONS[0].message))
    box.add(to(row, m.PERSONS[1].message))
    monkeypatch.setattr(replies, "take_in", lambda **_given: Taken.LATER)
    tally = work_off()
    assert (tally.read, tally.left, tally.passed_on) == (1, 1, 0)
    assert len(box) == 2


def test_one_mail_that_is_not_taken_now_holds_up_none_behind_it(box, work_off, monkeypatch):
    for each in range(3):
        box.add(m.plain(f"Question {each}", "When is the next questionnaire?", sender="amal@example.org"))
    answers = iter((Taken.HELD, Taken.PASSED_ON, Taken.PASSED_ON))
    monkeypatch.setattr(replies, "take_in", lambda **_given: next(answers))
    tally = work_off()
    assert (tally.read, tally.left, tally.passed_on, len(box)) == (3, 1, 2, 1)


def test_one_mail_that_is_never_taken_has_its_case_is_put_aside_and_holds_up_none(
    box, tmp_path, amal, work_off, monkeypatch
):
    """A virus attached to a mail, say, is refused by the study's own mail server, each time."""
    refused = post.Outcome.MAIL_REFUSED
    answers = iter((refused, post.Outcome.ACCEPTED))
    monkeypatch.setattr(post, "pass_on", lambda *_given, **_more: next(answers))
    for each in range(2):
        box.add(m.plain(f"Question {each}", "Please stop.", sender="amal@example.org"))
    tally = work_off()
    assert (tally.aside, tally.passed_on, tally.left) == (1, 1, 0)
    assert ReplyCase.objects.get().mails == 2
    assert len(box) == 0
    assert len(box.get_folder(ASIDE)) == 1


def test_what_has_nowhere_to_go_is_put_aside_and_said(box, work_off, caplog):
    box.add(m.PERSONS[0].message)
    assert work_off().aside == 1  # no study, no operator
    assert "look at them" in caplog.text
    assert len(box.get_folder(ASIDE)) == 1


def test_a_damaged_message_is_put_aside_and_never_lost(box, work_off, caplog):
    (box.add(b"\0\0 \xff nothing that is a message"))
    assert work_off().aside == 1
    assert len(box) == 0
    assert len(box.get_folder(ASIDE)) == 1
    assert "1 messages" in caplog.text
    assert AuditEvent.objects.get(verb="returns.read").detail["aside"] == 1


def test_nev_05_receipts_are_thrown_away_uncounted(box, row, work_off):
    for sample in m.MACHINES:
        box.add(to(row, sample.message))
    tally = work_off()
    assert dict(tally.kinds) == {"none": len(m.MACHINES)}
    assert not Returned.objects.exists()
    assert len(box) == 0


def test_a_bounce_of_no_letter_of_ours_is_counted_as_such(box, work_off):
    box.add(m.dsn("5.1.1"))
    assert work_off().unmatched == 1
    assert not Returned.objects.exists()


def test_the_same_message_again_changes_nothing(box, row, work_off):
    for _each in range(2):
        box.add(to(row, m.dsn("5.1.1")))
    tally = work_off()
    assert (tally.known, Returned.objects.count()) == (1, 1)
    assert not PanelMember.objects.get().unreachable


def test_what_could_not_be_kept_stays_in_the_mailbox(box, row, work_off, monkeypatch):
    """Removed only after its outcome is committed: a crash before costs a second look, not a bounce."""
    box.add(to(row, m.dsn("5.1.1")))

    def broken(**_given):
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(returns, "note_return", broken)
        with pytest.raises(DatabaseError):
            work_off()
    assert len(box) == 1
    assert work_off().kinds["hard"] == 1
    assert len(box) == 0


def test_a_run_takes_so_many_and_the_next_one_the_next(box, row, work_off):
    for number in range(7):
        box.add(to(row, m.dsn(f"5.1.{number}")))
    assert [work_off(limit=3).read for _each in range(4)] == [3, 3, 1, 0]
    assert AuditEvent.objects.filter(verb="returns.read").count() == 3


def test_ten_thousand_bounces_need_no_more_memory_than_a_few(tmp_path, db):
    """One message at a time: the peak of many is the peak of few, but for their names."""
    peaks = []
    for many in (50, 600):
        path = tmp_path / str(many)
        box = stdlib.Maildir(path)
        for _each in range(many):
            box.add(m.dsn("5.1.1", words="x" * 20_000))
        tracemalloc.start()
        assert inbound.work_off(source=Maildir(path), now=cast.NOW, limit=many).read == many
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, lots = peaks
    assert lots < few + 2_000_000


# --- the clock's task and the operator's command


def test_the_task_reads_the_mailbox_where_there_is_one(box, row, settings, monkeypatch):
    again: list[None] = []
    monkeypatch.setattr(tasks.read_returns, "delay", lambda: again.append(None))
    box.add(to(row, m.dsn("5.1.1")))
    tasks.read_returns()
    assert Returned.objects.count() == 1
    assert not again
    monkeypatch.setattr(inbound, "AT_ONCE", 1)
    box.add(to(row, m.dsn("5.2.2")))
    tasks.read_returns()
    assert len(again) == 1  # there may be more: at once, not at the next look
    settings.BOUNCE_MAILBOX = ""
    tasks.read_returns()


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("bounces", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("layout", ["maildir", "plain"])
def test_classify_names_each_file_with_its_class(tmp_path, layout):
    folder = tmp_path / "new" if layout == "maildir" else tmp_path
    folder.mkdir(exist_ok=True)
    (tmp_path / "cur").mkdir() if layout == "maildir" else None
    for number, sample in enumerate(m.ALL):
        (folder / f"{number:03d}.eml").write_bytes(sample.message)
    (folder / "999.eml").write_bytes(b"")
    found = json.loads(command("classify", str(tmp_path), "--json"))
    assert [one["file"] for one in found] == [f"{number:03d}.eml" for number in range(len(m.ALL))] + [
        "999.eml"
    ]
    assert [(one["class"], one["code"]) for one in found] == [
        *((one.kind, one.code) for one in m.ALL),
        ("none", ""),
    ]
    assert found[-1]["reason"] == "damaged"
    assert all(one.keys() == {"file", "class", "code", "reason"} for one in found)
    assert m.AMAL not in command("classify", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("classify", "/nowhere"), 1), (("classify",), 2), (("read", "/tmp"), 2), (("read",), 1)],
)
def test_the_command_refuses_with_a_sentence(arguments, status, settings):
    settings.BOUNCE_MAILBOX = ""
    with pytest.raises(CommandError) as refused:
        command(*arguments)
    assert refused.value.returncode == status
    assert str(refused.value)


def test_read_tells_counts_and_asks_for_a_look_at_what_is_damaged(box, row):
    box.add(to(row, m.dsn("5.1.1")))
    assert json.loads(command("read", "--json"))["kinds"] == {"hard": 1}
    box.add(b"\0")
    with pytest.raises(CommandError, match="look at them"):
        command("read")
