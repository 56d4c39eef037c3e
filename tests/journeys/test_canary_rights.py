"""CRY-12 over the rights of members: own page, addresses, copies, consent, requests, erasure, an operator's commands.

Canaries may stand in the delivered mail, in the member's own download and on what a member just typed, nowhere else.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from panel.demo import canary, haystack
from panel.demo.mailbox import Mail
from panel.invitations.models import Outgoing
from panel.invitations.tasks import dispatch
from panel.journal.models import JournalEntry
from panel.members.models import PanelMember
from panel.rights import addresses, consent_forms, reconsent
from panel.rights import tasks as rights
from panel.rights.models import Message, Request
from panel.rights.rules import DELETE_WORDS
from panel.vault import services as vault
from panel.vault.models import Suppressed
from tests.consent.documents import PURPOSES, whole_document
from tests.factories import cast, recruits
from tests.journeys import town as t
from tests.journeys.aviary import BY_COMMAND, MEMBERS, WORDS, leaks
from tests.journeys.aviary import all_kept as kept_everywhere
from tests.journeys.aviary import in_database_files as in_files

pytestmark = pytest.mark.django_db(transaction=True)

#: Addresses given later: on a page, to staff, by mistake.
TYPED, TOLD, STOPPED = (
    "Nova.Zvirka@Kanari.example.net",
    "fortalt.kanari@example.net",
    "stanset.kanari@example.net",
)
NEEDLES = {*WORDS, TYPED, TYPED.lower(), TOLD, STOPPED}
CLIENT = Client()
A_DAY = timedelta(days=1)


def post(link: str, **given: str) -> str:
    """What a page answers; refusals too."""
    return str(CLIENT.post(t.path(link), given, follow=True).text)


def at_own_page(letter: Mail, page: str = "", **given: str) -> str:
    return post(f"{letter.link('p')}{page}", **given)


def tick(town: t.Town, later: timedelta) -> list[Mail]:
    """Beat's whole table, the nightly jobs too; the letters that came."""
    town.beat(town.clock.moment + later)
    return list(town.box.new())


def to(letters: Iterable[Mail], address: str, use: str) -> Mail:
    """The letter to this address that has such a link."""
    (found,) = [letter for letter in letters if letter.to == address.lower() and letter.link(use)]
    return found


# --- flows; each gives what it showed somebody


def look_around(letter: Mail) -> Iterator[str]:
    """Each page of the own page; language, a correction of where they live."""
    for page in ("", "/residence", "/address", "/copy", "/consents", "/stop"):
        yield CLIENT.get(t.path(letter.link("p")) + page).text
    yield at_own_page(letter, language="nb")
    yield at_own_page(letter, "/residence", place="moved_on", month="", year="")


def change_addresses(town: t.Town, invited: list[Mail]) -> Iterator[str]:
    """Confirmed at the new address; stopped from the old one; told to the contact keeper."""
    confirms, stops, told = invited[:3]
    CLIENT.post(
        t.path(confirms.link("p")) + "/address", {"address": f"{TYPED} at"}
    )  # comes back to who typed it
    yield at_own_page(confirms, "/address", address=TYPED)
    yield at_own_page(stops, "/address", address=STOPPED)
    keeper_was_told(town, told.to)
    came = tick(town, timedelta(minutes=5))
    yield CLIENT.get(t.path(to(came, TYPED, "c").link("c"))).text
    yield post(to(came, TYPED, "c").link("c"))
    yield post(to(came, stops.to, "x").link("x"))
    yield post(to(came, TOLD, "c").link("c"))
    tick(town, A_DAY)  # so long the old address can stop it
    assert len(vault.find_by_address([TYPED.lower()])[TYPED.lower()]) == 1


def keeper_was_told(town: t.Town, address: str) -> None:
    (card,) = vault.find_by_address([address])[address]
    addresses.ask_change(
        by=cast.VERA, member=PanelMember.objects.get(code=card.code), address=TOLD,
        reason=f"Told on the phone, from {address}.", now=town.clock.moment,
    )  # fmt: skip


def fetch_copy(town: t.Town, letter: Mail) -> tuple[list[str], str]:
    """What is shown on the way, and the member's own download."""
    shown = [at_own_page(letter, "/copy")]
    came = to(tick(town, timedelta(minutes=5)), letter.to, "d")
    shown.append(CLIENT.get(t.path(came.link("d"))).text)
    return shown, "".join(post(came.link("d"), **{"as": kind}) for kind in ("page", "json"))


def consent_anew(town: t.Town, letters: list[Mail]) -> Iterator[str]:
    """A purpose taken back; then new words, asked for and answered."""
    yield at_own_page(letters[0], "/consents", withdraw="interview")
    now = town.clock.moment
    form = consent_forms.draft(
        by=cast.SIGNE, study=town.study, document=whole_document("2024-03-01"), now=now
    )
    form = consent_forms.approve(by=cast.LIV, study=town.study, form=form, now=now)
    reconsent.start(by=cast.LIV, study=town.study, form=form, now=now)
    came = to(tick(town, timedelta(minutes=5)), letters[1].to, "k")
    yield CLIENT.get(t.path(came.link("k"))).text
    yield post(came.link("k"), **dict.fromkeys(PURPOSES, "yes"))


def ask_for_rights(town: t.Town, letter: Mail) -> Iterator[str]:
    """Told to staff, with an address in the words; advised, answered, read on the own page."""
    (card,) = vault.find_by_address([letter.to])[letter.to]
    given = {
        "study": town.study.pk, "code": card.code, "kind": "restriction", "channel": "mail",
        "received_on": f"{town.clock.moment:%Y-%m-%d}", "asked": "Stop for a while.",
    }  # fmt: skip
    yield town.at_desk(cast.LIV).post(reverse("desk:request"), given, follow=True).text
    request = Request.objects.get()
    for who, step, words in (
        (cast.DAG, "advise", {"reason": "Restrict first."}),
        (cast.LIV, "restrict", {"reason": f"As {letter.to} asked."}),
        (cast.LIV, "answer", {"text": "Done.", "done": "Held."}),
    ):
        address = reverse("desk:rights_request_step", args=[request.pk, step])
        yield town.at_desk(who).post(address, words, follow=True).text
        yield town.at_desk(who).get(reverse("desk:rights_request_change", args=[request.pk])).text
    tick(town, timedelta(minutes=5))


def leave_for_ever(town: t.Town, letter: Mail, folder: Path, capsys: Any) -> Iterator[str]:
    """Deleted at once, never to be contacted; the same person in another file is not enrolled."""
    rung = {"rung": "leave_delete", "word": DELETE_WORDS["en"], "waive": "yes", "never_again": "yes"}
    yield post(letter.stop_link, **rung)
    tick(town, A_DAY)
    (row,) = [row for row in BY_COMMAND if row["E-post"].lower() == letter.to]
    file = folder / "outside" / "again.csv"
    file.write_bytes(recruits.csv_of({**row, "Fødselsår": "1971", "Fornavn": "Annen"}))
    call_command("enrol", str(file), "--study", town.study.slug, "--json")
    outcome = capsys.readouterr().out
    assert json.loads(outcome)["outcome"]["suppressed"] == 1
    yield outcome


def operate(town: t.Town, folder: Path, capsys: Any) -> str:
    """What an operator runs; the backup's files lie where all is searched."""
    for words in (
        ("keys", "status"), ("keys", "verify"), ("keys", "rotate"), ("audit", "anchor"), ("audit", "verify"),
        ("journal", "status"), ("journal", "verify"), ("ropa",), ("retention",),
        
        ("breach_scope", "--from", "2023-01-01", "--to", "2024-12-31", "--codes"),
        ("study_status", town.study.slug), ("staff", "list"), ("backup", str(folder / "backups")),
    ):  # fmt: skip
        call_command(*words, "--json")
    call_command("sql_roles")
    said = capsys.readouterr()
    return f"{said.out}{said.err}"


def say(*_given: Any, **_named: Any) -> None:
    """A fault as a careless library makes it."""
    raise RuntimeError(f"It was about {TYPED}, +47 904 02 001")


def break_down(town: t.Town, letter: Mail, monkeypatch: Any, settings: Any) -> Iterator[str]:
    """With an address in hand: on the page, in the worker that opens it, in the one that makes a copy."""
    client = Client()
    client.raise_request_exception = False
    for debug in (True, False):
        settings.DEBUG = debug
        with monkeypatch.context() as patch:
            patch.setattr("panel.rights.addresses.intake.keep_address", say)
            answer = client.post(t.path(letter.link("p")) + "/address", {"address": TYPED})
            assert answer.status_code == 500
            yield answer.text
    at_own_page(letter, "/copy")
    dispatch()  # a copy is made once its letter is on its way
    with monkeypatch.context() as patch:
        patch.setattr("panel.vault.services._open", say)
        assert rights.make_copies.apply(throw=False).failed()


def test_cry_12_the_rights_of_members_leave_no_canary_behind(
    aviary, in_process, kept, pg_programs, redis_url, capsys, monkeypatch, settings
):
    town, shown = aviary, dict[str, set[str]]()

    def watch(flow: str, texts: Iterable[str]) -> None:
        for number, text in enumerate(texts):
            shown.update(leaks([(f"{flow} {number}", text.encode())], NEEDLES))

    (kept / "outside").mkdir()
    town.enrol(kept / "outside" / "people.csv", *BY_COMMAND)
    assert town.study.members.count() == MEMBERS
    town.wave()
    invited = [letter for _address, letter in sorted(town.tick(t.OPENS).items())]
    watch("own page", look_around(invited[0]))
    watch("addresses", change_addresses(town, invited[1:4]))
    on_the_way, download = fetch_copy(town, invited[0])
    watch("copy", on_the_way)
    watch("consent", consent_anew(town, invited[4:6]))
    watch("requests", ask_for_rights(town, invited[6]))
    watch("leaving", leave_for_ever(town, invited[7], kept, capsys))
    watch("faults", break_down(town, invited[8], monkeypatch, settings))
    watch("commands", [operate(town, kept, capsys)])
    assert not shown
    assert not leaks(kept_everywhere(kept, redis_url), NEEDLES)
    assert not in_files(NEEDLES)

    # The flows did what they were for, and the search finds what is there.
    assert {invited[0].to} <= canary.found(download.encode(), NEEDLES)
    assert Outgoing.objects.filter(kind="copy_ready", state="sent").exists()
    assert Suppressed.objects.count() == 1
    assert Message.objects.count() == 1
    assert JournalEntry.objects.exists()
    assert any((kept / "backups").rglob("*.dump"))
    assert dict(haystack.tables())["default.django_admin_log"] == b""
