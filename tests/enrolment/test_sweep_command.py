"""`manage.py sweep_orphans`: as each night, and with --force by a person who has looked."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from panel.members.models import PanelMember
from panel.vault.models import Card
from tests.factories import cast
from tests.factories.cast import NOW

pytestmark = pytest.mark.django_db


def test_it_is_refused_with_status_1_until_it_is_forced(capsys, monkeypatch):
    cast.people(cast.study(), 21)
    PanelMember.objects.all().delete()
    monkeypatch.setattr("panel.clock.now", lambda: NOW + timedelta(days=2))
    with pytest.raises(CommandError, match="--force") as refused:
        call_command("sweep_orphans", "--json")
    assert (refused.value.returncode, Card.objects.count()) == (1, 21)
    call_command("sweep_orphans", "--force", "--json")
    assert json.loads(capsys.readouterr().out) == {"swept": 42, "forced": True}
    call_command("sweep_orphans")
    assert capsys.readouterr().out == "0 cards and keys without a member were removed.\n"
