"""A wave with two leavers and one who lives in Norway, made once for each module."""

from copy import deepcopy

import pytest

from tests.factories import scene
from tests.factories.staged import staged


@pytest.fixture(scope="module")
def _scene(django_db_setup, django_db_blocker):
    with staged(django_db_blocker, lambda: scene.scene(5)) as made:
        yield made


@pytest.fixture
def field(_scene, db):
    return deepcopy(_scene)
