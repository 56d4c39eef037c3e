"""CRY-06, CRY-07: what the example proves with its dumps is so, and would be seen if it were not."""

import pytest

from panel.audit.rules import Actor
from panel.demo import drill
from panel.journal import backup
from panel.journal import services as journal
from panel.rights import erasure
from panel.rights.services import ask_stop
from tests.factories import fielding
from tests.factories.fielding import NOON
from tests.settings import TEST_DB

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(TEST_DB != "sqlite", reason="reads the files of the example, which is on SQLite"),
]


def test_cry_06_old_dumps_open_for_all_until_the_night_and_then_for_the_survivors_alone(tmp_path):
    gone, stays = fielding.people(fielding.study(), 2)
    vault, keystore = backup.dump(tmp_path, aliases=("vault", "keystore"), now=NOON)
    everybody = {gone.code, stays.code}
    assert len(drill.cards(vault)) == 2
    assert drill.open_today(vault) == drill.open_with(vault, keystore) == everybody
    ask_stop(
        by=Actor.member(gone.code), member=gone, rung="leave_delete", channel="own page", typed_word="SLETT",
        waive=True, now=NOON,
    )  # fmt: skip
    journal.write(now=NOON)
    assert erasure.erase_due(now=NOON) == 1
    assert drill.open_today(vault) == {stays.code}
    assert drill.open_with(vault, keystore) == everybody  # until the KEK is rotated
    assert erasure.nightly(now=NOON).rotated_to == 2
    assert drill.open_today(vault) == {stays.code}
    assert drill.open_with(vault, keystore) == set()
