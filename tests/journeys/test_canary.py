"""CRY-12, NEV-09, ZON-06: people whose every word is a canary go through every flow; then all that is kept is
searched. Canaries may stand in the delivered mail and on the contact keeper's own page, nowhere else.

Here: enrolment, waves, the desk, releases, faults. The rights of members are in test_canary_rights.py.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from redis import Redis

from panel.demo import canary, haystack
from panel.demo.mailbox import Mail
from panel.invitations import services as outbox
from panel.invitations import tasks
from panel.invitations.models import Outgoing
from panel.rights.models import Stop
from panel.rights.rules import DELETE_WORDS
from panel.waves import services as waves
from tests.factories import cast, recruits
from tests.journeys import town as t
from tests.journeys.aviary import (
    BOUNCES,
    BY_COMMAND,
    BY_UPLOAD,
    MEMBERS,
    OWN_WORDS,
    UPLOADED,
    WORDS,
    all_kept,
    in_database_files,
    leaks,
    person,
)

pytestmark = pytest.mark.django_db(transaction=True)


# --- flows; each gives what it showed somebody


def enrol_by_command(town: t.Town, folder: Path, capsys: Any) -> str:
    """A dry run, a file that is refused, the file itself, the file once more."""
    file, broken = folder / "outside" / "people.csv", folder / "outside" / "broken.csv"
    file.parent.mkdir()
    file.write_bytes(recruits.csv_of(*BY_COMMAND))
    broken.write_bytes(recruits.csv_of(BY_COMMAND[0], {**BY_COMMAND[1], "Fylke": BY_COMMAND[1]["E-post"]}))
    call_command("enrol", str(file), "--study", town.study.slug, "--dry-run")
    with pytest.raises(CommandError) as refused:
        call_command("enrol", str(broken), "--study", town.study.slug)
    for _again in range(2):
        call_command("enrol", str(file), "--study", town.study.slug, "--json")
    assert town.study.members.count() == MEMBERS
    said = capsys.readouterr()
    return f"{said.out}{said.err}{refused.value}"


def enrol_at_desk(town: t.Town) -> Iterator[str]:
    """Upload, preview, and while it waits, nothing of it is readable; then it is admitted."""
    vera = town.at_desk(cast.VERA)
    for data in (recruits.csv_of(*BY_UPLOAD), recruits.xlsx_of(*BY_UPLOAD[:-1])):
        name = "file.xlsx" if data.startswith(b"PK") else "file.csv"
        given = {"study": town.study.pk, "file": SimpleUploadedFile(name, data)}
        preview = vera.post(reverse("desk:enrol"), given, follow=True)
        assert preview.status_code == 200
        yield preview.text
        address = preview.redirect_chain[-1][0]
        yield vera.post(address, {"decision": "admit"}, follow=True).text
    assert town.study.members.count() == MEMBERS + UPLOADED


def answer_and_stop(town: t.Town, invited: dict[str, Mail]) -> Iterator[str]:
    """Answers with own words and mistakes; each rung; wrong links and log-ins that hold an address."""
    client, someone = Client(), person(2)["E-post"]
    links = [invited[address] for address in sorted(invited)]
    yield t.answer(client, links[0].answer_link, where_live="in_norway", comment=OWN_WORDS).text
    yield t.answer(client, links[1].answer_link, where_live="moved_on", exit_reasons=["no_work"]).text
    page = t.pages(client, links[2].answer_link)
    yield client.post(page.action(), {"revision": "0", "where_live": "nowhere"}).text
    later = f"{town.clock.moment + 40 * t.DAY:%Y-%m-%d}"
    for letter, rung in zip(
        links[3:], ("pause", "no_reminders", "no_mail", "leave_keep", "leave_delete"), strict=False
    ):
        given = {"until": later, "word": DELETE_WORDS["en"]}
        assert (done := t.stop(client, letter, rung, **given)).status == 200
        yield done.text
    assert t.one_click(client, links[9]) == 200
    yield client.get(f"/a/{someone}").text
    # Their own typing comes back to them on the page; what it leaves behind is looked for later.
    assert client.post(reverse("desk:login"), {"username": someone, "password": "wrong"}).status_code == 200


def staff_at_work(town: t.Town) -> Iterator[str]:
    """A stop told to staff; every page of every role."""
    member = town.study.members.filter(status="active").order_by("code").last()
    given = {"study": town.study.pk, "code": member.code, "rung": "no_mail"}
    yield town.at_desk(cast.VERA).post(reverse("desk:stop"), given, follow=True).text
    for who in (cast.LIV, cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.DAG):
        yield from pages_of(town.at_desk(who))


def pages_of(client: Client) -> Iterator[str]:
    """All pages that links lead to, three of each kind; tests/desk follows every one."""
    kinds: Counter[str] = Counter()
    waiting, seen = [reverse("desk:index")], set()
    while waiting:
        address = waiting.pop()
        kind = re.sub("[0-9a-f-]{36}", "*", address)
        if address in seen or kinds[kind] == 3 or "/logout/" in address:
            continue
        seen.add(address)
        kinds[kind] += 1
        answer = client.get(address)
        assert answer.status_code in (200, 302)
        body = answer.content.decode(errors="replace")
        yield f"{address}\n{body}"
        waiting += re.findall(r'href="(/desk/[^"?#]*)', body)
    assert len(seen) >= 4


def release(town: t.Town, folder: Path) -> Iterator[str]:
    """By command into a folder, and by the API."""
    call_command("release", town.study.slug, "0", "--asked-by", "ines", "--approved-by", "ravn",
                 "--out", str(folder / "released"))  # fmt: skip
    headers = {"Authorization": f"Token {town.command('api_token', 'ines')['token']}"}
    listed = Client().get("/api/v1/releases/", headers=headers)
    yield listed.text
    files = [file for one in listed.json()["results"] for file in one["files"]]
    assert len(files) >= 3
    for file in files:
        yield Client().get(t.path(file["url"]), headers=headers).content.decode(errors="replace")


def open_a_card(town: t.Town) -> str:
    """The contact keeper's own page, the one place on a screen."""
    member = town.study.members.filter(status="active").order_by("code").first()
    given = {"study": town.study.pk, "code": member.code, "reason": "A letter came back."}
    return town.at_desk(cast.VERA).post(reverse("desk:card"), given).text


def say(*_given: Any, **_named: Any) -> None:
    """A fault as a careless library makes it."""
    raise RuntimeError(f"It was about {person(1)['E-post']}, +47 904 02 001")


def break_views(town: t.Town, letter: Mail, patch: Any) -> Iterator[str]:
    """With a card, a file, an answer in hand; what the person before the screen gets."""
    vera, client = town.at_desk(cast.VERA), Client()
    vera.raise_request_exception = client.raise_request_exception = False
    member = town.study.members.filter(status="active").order_by("code").first()
    card = {"study": town.study.pk, "code": member.code, "reason": "A letter came back."}
    file = {"study": town.study.pk, "file": SimpleUploadedFile("file.csv", recruits.csv_of(*BY_UPLOAD))}
    page = t.pages(client, letter.answer_link).action()
    for where in (
        "panel.desk.pages.Shown",
        "panel.enrolment.services.matching.plan",
        "panel.portal.survey.save_page",
    ):
        patch.setattr(where, say)
    for browser, address, given in (
        (vera, reverse("desk:card"), card),
        (vera, reverse("desk:enrol"), file),
        (client, page, {"revision": "0", "comment": OWN_WORDS}),
    ):
        answer = browser.post(address, given)
        assert answer.status_code == 500
        yield answer.text


def break_a_task(town: t.Town, patch: Any) -> None:
    """With a letter in hand; logged as a worker logs it."""
    town.clock.set(t.OPENS + 14 * t.DAY)
    outbox.queue_due(now=town.clock.moment)
    claim = list(outbox.dispatch(now=town.clock.moment))[0].claim
    patch.setattr("panel.invitations.marking.sent", say)
    assert tasks.send_chunk.apply(args=(str(claim),)).failed()


def break_down(town: t.Town, letter: Mail, monkeypatch: Any, settings: Any) -> Iterator[str]:
    """Faults with contact data in hand, with DEBUG on and off; a request that Django itself refuses."""
    settings.ADMINS = [("Operator", "operator@example.org")]
    for debug in (True, False):
        settings.DEBUG = debug
        with monkeypatch.context() as patch:
            yield from break_views(town, letter, patch)
    with monkeypatch.context() as patch:
        break_a_task(town, patch)
    yield Client().get(f"/a/{person(1)['E-post']}", headers={"host": "elsewhere.example.org"}).text


# --- the test


def messages_wait(town: t.Town, redis_url: str) -> None:
    """No worker yet: what beat and dispatch ask for lies in the broker."""
    town.clock.set(t.OPENS)
    waves.turn(now=t.OPENS)
    tasks.queue_due()
    tasks.dispatch()
    with Redis.from_url(redis_url) as redis:
        assert (redis.llen("default"), redis.llen("letters")) == (1, 1)
    assert not leaks(haystack.broker(redis_url))


def test_cry_12_canaries_stand_in_the_delivered_mail_and_on_the_keepers_card_only(
    aviary, smtp, kept, redis_url, celery_worker_process, by_worker, capsys, monkeypatch, settings
):
    town, shown = aviary, dict[str, set[str]]()

    def watch(flow: str, texts: Iterable[str]) -> None:
        for number, text in enumerate(texts):
            shown.update(leaks([(f"{flow} {number}", text.encode())], {*WORDS, OWN_WORDS}))

    watch("command", [enrol_by_command(town, kept, capsys)])
    watch("desk", enrol_at_desk(town))
    town.wave()
    messages_wait(town, redis_url)
    worker = celery_worker_process(env={"CLOCK_FILE": str(town.clock.file)})
    invited = by_worker(town, t.OPENS, letters=MEMBERS + UPLOADED - 1)
    watch("portal", answer_and_stop(town, invited))
    reminded = by_worker(town, t.OPENS + 7 * t.DAY, letters=len(invited) - 2 - len(Stop.Rung))
    unanswered = [letter for letter in reminded.values() if letter.answer_link][-1]
    watch("release", release(town, kept))
    watch("staff", staff_at_work(town))
    watch("faults", break_down(town, unanswered, monkeypatch, settings))
    assert not shown
    assert not leaks(all_kept(kept, redis_url))
    assert not in_database_files()
    assert set(leaks(all_kept(kept, redis_url), {OWN_WORDS})) == {"default.responses_response"}

    # The search finds what is there, and all the flows left their traces.
    assert leaks(("mail", letter.as_bytes()) for letter in smtp.arrived)
    assert BOUNCES not in invited
    assert Outgoing.objects.filter(reason="address_refused").exists()
    assert len(canary.found(open_a_card(town).encode(), WORDS)) >= 4
    assert b"send_chunk" in worker.log.read_bytes()
    log = (kept / "product.log").read_text()
    assert log.count("Traceback") >= 7
    assert "celery.app.trace" in log
    assert "operator@example.org" not in {str(letter["To"]) for letter in smtp.arrived}
