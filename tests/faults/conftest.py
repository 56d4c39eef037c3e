"""A slow mail server that the workers send to."""

from collections.abc import Iterator

import pytest

from tests.invitations.servers import Server, mail_server


@pytest.fixture
def smtp(settings) -> Iterator[Server]:
    """Before `service_env`, which hands its port to the workers."""
    with mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server
