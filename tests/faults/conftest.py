"""A slow mail server that the workers send to, and a way to call their tasks."""

from collections.abc import Iterator
from typing import Any

import pytest

from config.celery import app
from tests.invitations.servers import Server, mail_server


@pytest.fixture
def smtp(settings) -> Iterator[Server]:
    """Before `service_env`, which hands its port to the workers."""
    with mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def broker(redis_url) -> Iterator[Any]:
    """This process's Celery client on the test's Redis."""
    url = f"redis+socket://{redis_url.removeprefix('unix://').partition('?')[0]}"
    with app.connection_for_write(url) as line:
        yield line
