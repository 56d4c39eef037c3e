"""Named filters of members."""

import pytest

from panel.members import services
from panel.members.models import PanelMember
from tests.factories import cast
from tests.factories.cast import NOW, SYSTEM

pytestmark = pytest.mark.django_db


def test_law_06_law_10_usable_are_those_who_neither_delete_nor_are_held():
    amal = cast.amal(cast.study())
    assert amal in PanelMember.objects.usable()
    held = services.hold(by=SYSTEM, member=amal, kind="restriction", reason="asked", now=NOW)
    again = services.hold(by=SYSTEM, member=amal, kind="reconsent", reason="asked", now=NOW)
    services.lift(by=SYSTEM, held=again, now=NOW)
    assert amal not in PanelMember.objects.usable()
    services.lift(by=SYSTEM, held=held, now=NOW)
    assert amal in PanelMember.objects.usable()
    services.set_status(by=SYSTEM, member=amal, status=PanelMember.Status.LEFT, now=NOW)
    assert amal in PanelMember.objects.usable()
    services.set_status(by=SYSTEM, member=amal, status=PanelMember.Status.DELETING, now=NOW)
    assert amal not in PanelMember.objects.usable()
