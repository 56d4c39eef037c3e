"""The audit trail at the desk (AUD-01): the data-protection officer reads, filters and takes it along; nobody else."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.keys.models import DataKey
from panel.rights import trail
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db
TRAIL, CSV = "/desk/audit/", "/desk/audit/csv/"


@pytest.fixture
def events(field):
    """Three that are easily told apart, beside those of the scene."""
    code, slug = field.members[0].code, field.study.slug
    audit.record(
        by=cast.VERA, verb="card.opened", now=NOW, study=slug, subject=code, detail={"reason": "one"}
    )
    audit.record(by=Actor.system("log-in"), verb="login.failed", now=NOW - timedelta(days=3), subject="vera")
    audit.record(by=cast.TOR, verb="wave.planned", now=NOW, study="another", subject="2031")
    return field


@pytest.fixture
def dag(at_desk, events):
    return at_desk(cast.DAG)


def found(client, **wanted):
    """What is downloaded, as dictionaries."""
    answer = client.post(CSV, wanted)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_he_sees_his_studies_and_what_is_of_no_study(dag):
    text = dag.get(TRAIL).text
    assert "card.opened" in text
    assert "login.failed" in text
    assert "2031" not in text


@pytest.mark.parametrize(
    ("wanted", "verbs"),
    [
        ({"group": "staff", "study": "-", "actor": "log-in"}, ["login.failed"]),
        ({"actor": "VERA", "group": "contact"}, ["card.opened"]),
        ({"study": "-", "subject": "ver"}, ["login.failed"]),
        ({"since": str(NOW.date() - timedelta(days=3)), "until": str(NOW.date() - timedelta(days=3)), "study": "-"},
         ["login.failed"]),
        ({"since": str(NOW.date() + timedelta(days=1))}, []),
        ({"group": "results", "actor": "vera"}, []),
    ],
    ids=["group", "actor", "start of a name", "a day", "tomorrow", "nothing"],
)  # fmt: skip
def test_he_narrows_it(dag, wanted, verbs):
    assert [row["verb"] for row in found(dag, **wanted)] == verbs
    page = dag.get(TRAIL, wanted).text
    assert all(verb in page for verb in verbs)
    assert ("Nothing was recorded that fits." in page) == (not verbs)


def test_a_member_is_found_by_the_code_as_it_is_typed(dag, events):
    code = events.members[0].code
    typed = f"{code[:4]}-{code[4:]}".lower()
    assert {row["subject"] for row in found(dag, subject=typed)} == {code}


def test_the_days_are_whole_days_in_norway(dag):
    """What happened half an hour before midnight in Oslo is of that day, though UTC has it so too; after it, not."""
    late = NOW.replace(hour=23, minute=30)
    audit.record(by=cast.DAG, verb="setting.decided", now=late, study="exitnorway")
    audit.record(by=cast.DAG, verb="study.created", now=late + timedelta(hours=1), study="exitnorway")
    day = str(late.date())
    assert [row["verb"] for row in found(dag, since=day, until=day, group="study", actor="dag")] == [
        "setting.decided"
    ]


def test_taking_it_along_is_recorded_before_the_first_line(dag):
    answer = dag.post(CSV, {"group": "contact"})
    kept = AuditEvent.objects.get(verb="audit.exported")
    assert (kept.actor, kept.detail["group"]) == ("dag", "contact")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert kept.detail["events"] == len(lines) - 1
    assert answer["Content-Disposition"] == 'attachment; filename="audit-trail.csv"'
    assert "no-store" in answer["Cache-Control"]
    assert "audit.exported" not in "".join(lines)


def test_a_file_is_not_made_without_its_row(dag, monkeypatch):
    def broken(**given):
        raise RuntimeError("broken")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(RuntimeError, match="broken"):
        dag.post(CSV)


def test_no_cell_is_a_formula(dag):
    audit.record(by=cast.DAG, verb="setting.decided", now=NOW, study="exitnorway", subject="=1+1")
    assert [row["subject"] for row in found(dag, group="study", actor="dag")] == ["'=1+1"]


@pytest.mark.parametrize("wanted", [{"since": "yesterday"}, {"group": "all of them"}, {"study": "another"}])
def test_what_cannot_be_looked_for_shows_everything_or_is_refused(dag, wanted):
    """Never less than what is there as if it were all; and no other study by its name."""
    assert dag.get(TRAIL, wanted).url == TRAIL
    assert dag.post(CSV, wanted).status_code == 400


def test_nobody_else_reads_or_takes_it(events, at_desk):
    for who in (cast.LIV, cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.TOR):
        client = at_desk(who)
        assert client.get(TRAIL).status_code == 403
        assert client.post(CSV).status_code == 403
        assert not trail.readable(cast.user(who)).exists()
    assert not AuditEvent.objects.filter(verb="audit.exported").exists()


def test_looking_at_the_address_of_the_file_writes_nothing(dag):
    """NEV-08."""
    assert dag.get(CSV).url == TRAIL
    assert not AuditEvent.objects.filter(verb="audit.exported").exists()


def test_as_many_queries_for_many_events_as_for_few(dag):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            dag.get(TRAIL, {"group": "contact"})
        return len(asked)

    queries()
    few = queries()
    for number in range(120):
        audit.record(by=cast.VERA, verb="card.opened", now=NOW, study="exitnorway", subject=f"C{number}")
    assert queries() == few


def test_the_pages_of_a_long_trail_keep_what_was_looked_for(dag):
    for number in range(60):
        audit.record(by=cast.VERA, verb="card.opened", now=NOW, study="exitnorway", subject=f"C{number}")
    page = dag.get(TRAIL, {"group": "contact", "actor": "vera"}).text
    assert "group=contact" in page.partition('class="desk-pages"')[2]
    assert "card.opened" in dag.get(TRAIL, {"group": "contact", "actor": "vera", "p": "2"}).text


def test_leader_and_officer_see_the_keys_state_and_no_key(events, at_desk):
    audit.record(by=Actor.system("operator"), verb="keys.rotated", now=NOW, detail={"version": 1})
    for who in (cast.LIV, cast.DAG):
        page = at_desk(who).get(reverse("desk:keys")).text
        assert "keys.rotated" in page
        assert f"<td>{DataKey.objects.count()}</td>" in page
        assert "current" in page
    assert at_desk(cast.SIGNE).get(reverse("desk:keys")).status_code == 403
