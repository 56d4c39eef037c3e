"""Each provider of the KEK, ready to be used through the settings."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.keys import crypto
from tests.keys.services_outside import KeyManagement, TransitEngine, serving


@pytest.fixture
def engine(settings: Any, tmp_path: Path) -> Iterator[TransitEngine]:
    """A transit engine that settings know."""
    token = tmp_path / "token"
    token.write_text(TransitEngine.token + "\n")
    made = TransitEngine()
    with serving(made):
        settings.KEK_TRANSIT_URL, settings.KEK_TRANSIT_KEY = made.url, made.key
        settings.KEK_TRANSIT_TOKEN_FILE = str(token)
        yield made


@pytest.fixture
def kms(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyManagement]:
    """A KMS that settings know, with credentials as boto3 finds them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KeyManagement.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = KeyManagement()
    with serving(made):
        settings.KEK_KMS_KEY, settings.KEK_KMS_REGION = made.key, "eu-north-1"
        settings.KEK_KMS_ENDPOINT = made.url
        yield made


@pytest.fixture
def environment_key(settings: Any) -> None:
    """A key in the environment, as in development."""
    settings.DEBUG = True
    settings.KEK_ENVIRONMENT = base64.b64encode(crypto.random_key()).decode()


OUTSIDE = {"transit": "engine", "kms": "kms"}
FIXTURES = {"environment": "environment_key", **OUTSIDE}


@pytest.fixture(params=["file", "environment", "transit", "kms"])
def each_provider(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> str:
    """The test runs once with each; the KEK file is the test's own and not made yet."""
    name: str = request.param
    if name in FIXTURES:
        request.getfixturevalue(FIXTURES[name])
    settings.KEK_PROVIDER, settings.KEK_FILE = name, str(tmp_path / "keys" / "kek.json")
    return name
