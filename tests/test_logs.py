"""NEV-02, NEV-09: no address, link, phone number, IP or device in a log, whoever writes it, nor in a mail to ADMINS."""

import logging
import sys

import pytest
from django.utils.log import AdminEmailHandler

from panel.logs import Mask, masked

TOKEN = "k3" * 20


@pytest.mark.parametrize(
    "secret",
    ["amal@example.org", f"/a/{TOKEN}", f"/o/{TOKEN}", "+47 987 65 432", "98765432", "98 76 54 32", "0671234567",
     "004798765432"],
)  # fmt: skip
def test_nev_09_contact_data_is_masked_in_any_sentence(secret):
    assert secret not in masked(f"She wrote {secret}, twice.")
    assert masked(f"She wrote {secret}, twice.").startswith("She wrote ")


@pytest.mark.parametrize(
    "plain",
    ["458 rows, 2023-10-01T10:00:00.123456+00:00", "12345678-90ab-4cde-8f01-234567890123", "wave 2023, 676 of 1000",
     "7K3M9QX2A", "0 days, 1234567 letters", "line 12345678: x"],
)  # fmt: skip
def test_counts_times_and_ids_stay(plain):
    assert masked(plain) == plain


def test_a_traceback_is_masked_too():
    try:
        raise ValueError("amal@example.org")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "for %s", ("98765432",), sys.exc_info())
    assert Mask().filter(record)
    told = logging.Formatter().format(record)
    assert "amal" not in told
    assert "98765432" not in told


def test_nev_09_what_postgresql_tells_of_a_refused_row_is_masked():
    told = masked(
        'unsupported Unicode escape sequence\nLINE 1: ... "answers" = E\'{"where_live": "moved_on"\n        ^\n'
        'DETAIL:  Failing row contains (7, moved_on).\nCONTEXT:  JSON data: {"where_live": "moved_on"'
    )
    assert "moved_on" not in told
    assert told.startswith("unsupported Unicode escape sequence\nLINE 1: [data]")


def test_nev_02_a_refused_request_is_mailed_to_nobody(client, settings, mailoutbox):
    """Django would mail ADMINS the whole request: the link, the address and the device of who asked."""
    settings.DEBUG, settings.ADMINS = False, [("Ops", "ops@example.org")]
    assert client.get(f"/a/{TOKEN}", headers={"host": "elsewhere.example.net"}).status_code == 400
    assert mailoutbox == []
    loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    assert not any(isinstance(handler, AdminEmailHandler) for one in loggers for handler in one.handlers)
