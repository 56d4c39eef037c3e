"""Pages, lists and the outbox work in sets: as many queries for two hundred members as for twenty.

Nothing is timed. Each thing is done once before it is counted, so that caches are warm both times.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from panel import clock
from panel.invitations import links, marking, sending
from panel.invitations import services as outbox
from panel.invitations.dispatching import Claimed
from panel.invitations.models import Link
from panel.waves import selectors as waves
from tests.factories import cast, fielding, scene
from tests.factories.staged import staged
from tests.journeys import town as t

pytestmark = pytest.mark.django_db
FEW, MANY = 20, 200
PAGES = ("index", "members_panelmember_changelist", "invitations_outgoing_changelist", "waves_wave_changelist",
         "residency_flag_changelist", "consent_consententry_changelist")  # fmt: skip
ON_PAGES = ("answer: GET", "answer: POST", "progress", *(f"desk: {name}" for name in PAGES))


def queries(act: Callable[[], Any]) -> int:
    """How many queries on all databases; savepoints are none."""
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections]
        act()
        return sum(
            not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
            for one in captured
            for query in one.captured_queries
        )


def measured(members: int) -> dict[str, float]:
    """One wave of so many members: what each thing costs."""
    study = cast.study("large", how_to_check=scene.HOW_TO_CHECK)
    fielding.with_letters(study)
    people = cast.people(study, members)
    wave = scene.wave(study)
    counts: dict[str, float] = {"queue_due": queries(lambda: outbox.queue_due(now=scene.NOW))}
    claims: list[Claimed] = []
    counts["dispatch"] = queries(lambda: claims.extend(outbox.dispatch(now=scene.NOW)))
    ready: list[marking.Ready] = []
    (claim,) = (one.claim for one in claims)
    counts["make_ready"] = queries(lambda: ready.extend(sending.make_ready(claim=claim, now=scene.NOW)))
    assert len(ready) == members
    counts["begin"] = queries(lambda: marking.begin(ready, scene.NOW))
    counts["sent"] = queries(lambda: marking.sent([one.row for one in ready], scene.NOW))
    for member in people[::2]:
        case = member.cases.select_related("wave__instrument", "member__study").get()
        scene.answer(case, scene.RETURNED, now=scene.NOW)
    counts["progress"] = queries(lambda: waves.progress(wave))
    return counts | answer_page([people[1], people[-1]]) | desk()


def answer_page(people: list[Any]) -> dict[str, int]:
    """A page of questions, shown and saved; the second respondent is counted."""
    counts = {}
    for member in people:
        case = member.cases.get()
        (token,) = links.mint_many([links.NewLink(Link.Use.ANSWER, member, case)], today=scene.NOW.date())
        page = t.pages(Client(), f"/a/{token}")
        counts["answer: GET"] = queries(partial(Client().get, page.action()))
        given = {"revision": page.revision(), "where_live": "in_norway"}
        counts["answer: POST"] = queries(partial(Client().post, page.action(), given))
    return counts


def desk() -> dict[str, int]:
    client, counts = Client(), {}
    client.force_login(cast.user(cast.SIGNE))
    for name in PAGES:
        for _warm in range(2):
            counts[f"desk: {name}"] = queries(partial(client.get, reverse(f"desk:{name}")))
    return counts


@pytest.fixture(scope="module")
def counts(django_db_setup, django_db_blocker):
    """Few and many, each in a database of their own as it were: what is made is rolled back."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: scene.NOW)
        for members in (FEW, MANY):
            with staged(django_db_blocker, partial(measured, members)) as found[members]:
                pass
    return found


@pytest.mark.parametrize("what", ON_PAGES)
def test_a_page_costs_as_many_queries_whatever_the_size_of_the_panel(counts, what):
    assert 0 < counts[MANY][what] <= counts[FEW][what]


def test_a_chunk_is_made_ready_in_sets(counts):
    """Twenty letters or two hundred: cards, links, facts and states in as many queries; eight hundred links are more
    values than SQLite takes in one insert.
    """
    assert 0 < counts[MANY]["make_ready"] <= counts[FEW]["make_ready"] + 8


def test_a_batch_is_begun_and_noted_in_sets(counts):
    """Its states and its events; how many letters a batch has says what a crash leaves in doubt."""
    assert counts[MANY]["begin"] == counts[FEW]["begin"] == 1
    assert counts[MANY]["sent"] <= counts[FEW]["sent"] + 1 <= 4


def test_what_is_due_is_queued_in_sets(counts):
    """SQLite takes so many values in a statement: a few more inserts, never one for each member."""
    assert counts[MANY]["queue_due"] - counts[FEW]["queue_due"] <= (MANY - FEW) // 30


def test_claiming_costs_by_the_chunk(counts):
    assert counts[MANY]["dispatch"] == counts[FEW]["dispatch"]
