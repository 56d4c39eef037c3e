"""Changes of address by several workers and pages at once: one outcome, whoever comes first (LAW-09)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.enrolment.models import NewAddress
from panel.errors import NotNow
from panel.members.models import PanelMember
from panel.rights import addresses
from panel.rights.address_rules import TIME_TO_STOP
from panel.rights.models import AddressChange
from tests.factories import fielding
from tests.factories.fielding import NOON

pytestmark = pytest.mark.django_db(transaction=True)
#: A day after the old address was told at noon.
LATER = NOON + TIME_TO_STOP


@pytest.fixture
def amal(mail_catcher) -> PanelMember:
    study = fielding.with_letters(fielding.study())
    (member,) = fielding.people(study)
    intake.ensure(today=NOON.date())
    return PanelMember.objects.select_related("study").get(pk=member.pk)


def ask(member: PanelMember, address: str = "new@example.net") -> AddressChange:
    return addresses.ask_change(by=Actor.member(member.code), member=member, address=address, now=NOON)


def at_once(*does: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own; a refusal counts as an answer."""

    def run(do: Callable[[], Any]) -> Any:
        try:
            return do()
        except NotNow as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(does)) as pool:
        return list(pool.map(run, does))


def test_four_workers_carry_it_out_once(amal):
    change = ask(amal)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(amal.code), change=change, now=NOON)
    done = at_once(*[lambda: addresses.apply_confirmed(now=LATER)] * 4)
    assert sum(done) == 1
    assert AuditEvent.objects.filter(verb="card.address_changed").count() == 1


def test_stopped_and_carried_out_at_once_it_is_one_of_the_two(amal):
    change = ask(amal)
    fielding.send_all(NOON)
    addresses.confirm_change(by=Actor.member(amal.code), change=change, now=NOON)
    done, stopped = at_once(
        lambda: addresses.apply_confirmed(now=LATER),
        lambda: addresses.cancel_change(by=Actor.member(amal.code), change=change, now=LATER),
    )
    state = AddressChange.objects.get().state
    assert (done, state, isinstance(stopped, NotNow)) in {(1, "done", True), (0, "cancelled", False)}
    assert not NewAddress.objects.exists()


def test_asked_on_two_pages_at_once_one_change_stands(amal):
    at_once(lambda: ask(amal, "one@example.net"), lambda: ask(amal, "two@example.net"))
    states = sorted(AddressChange.objects.values_list("state", flat=True))
    assert states == ["asked", "replaced"]
    assert NewAddress.objects.get().pk == AddressChange.objects.get(state="asked").pk


def test_a_key_is_not_destroyed_under_an_address_that_is_just_sealed_to_it(amal):
    at_once(lambda: ask(amal), lambda: intake.rotate(by=addresses.WORKER, now=NOON))
    waits = NewAddress.objects.select_related("member__study").get()
    assert intake.open_address(waits, by=addresses.WORKER, reason="test", now=NOON) == "new@example.net"
