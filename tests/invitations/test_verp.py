"""An envelope sender per letter: found again by nobody who did not get it, and by us without reading."""

from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.invitations import verp
from panel.invitations.bounce_mail import Returned

ROW = UUID("8f14e45f-ceea-467f-a8a0-3b1c5d7e9f01")


@pytest.fixture(autouse=True)
def _address(settings):
    settings.BOUNCE_ADDRESS = "bounces@panel.example.org"
    settings.BASE_URL = "https://panel.example.org"


def mail(body: str = "It did not arrive.", **headers: str) -> Returned:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return Returned(message.as_bytes())


@given(row=st.uuids())
def test_each_letter_has_a_sender_of_its_own_and_is_found_by_it(row):
    sender = verp.sender_of(row)
    assert sender.startswith("bounces+")
    assert len(sender.partition("@")[0]) <= 64  # RFC 5321
    assert verp.row_of(sender) == row
    assert verp.row_of(sender.upper()) == row  # systems write local parts in capitals


def test_nev_07_the_sender_holds_nothing_but_the_random_id_and_its_hash():
    local_part = verp.sender_of(ROW).partition("@")[0]
    assert local_part.removeprefix(f"bounces+{ROW.hex}").isalnum()
    assert len(local_part) == len("bounces+") + 32 + verp.MAC_HEX


@pytest.mark.parametrize("place", [8, 20, 39, 40, 51])
def test_a_sender_made_up_is_nobodys(place):
    sender = verp.sender_of(ROW)
    other = "0" if sender[place] != "0" else "1"
    assert verp.row_of(sender[:place] + other + sender[place + 1 :]) is None


def test_a_sender_of_another_key_or_another_host_is_nobodys(settings):
    sender = verp.sender_of(ROW)
    assert verp.row_of(sender.replace("panel.example.org", "panel.example.net")) is None
    settings.SERVICE_KEY = bytes(range(32))
    assert verp.row_of(sender) is None


def test_without_an_address_for_returns_letters_come_from_the_usual_sender(settings):
    settings.BOUNCE_ADDRESS = ""
    assert verp.sender_of(ROW) == settings.DEFAULT_FROM_EMAIL
    assert verp.row_of("bounces+1@panel.example.org") is None


@pytest.mark.parametrize("header", ["To", "Delivered-To", "X-Original-To", "Envelope-To"])
def test_a_message_is_matched_by_whom_it_was_delivered_to(header):
    assert verp.row_in(mail(**{header: verp.sender_of(ROW)})) == ROW


def test_the_recipient_counts_before_what_a_message_says():
    assert verp.row_in(mail(body=verp.sender_of(uuid4()), To=verp.sender_of(ROW))) == ROW


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
def test_an_answer_is_matched_by_our_message_id(header):
    assert verp.row_in(mail(**{header: f"<{ROW.hex}@panel.example.org>"})) == ROW


def test_a_returned_letter_is_matched_by_its_own_headers():
    returned = f"Your mail was refused.\n\nReturn-Path: <{verp.sender_of(ROW)}>\nSubject: x\n"
    assert verp.row_in(mail(body=returned)) == ROW
    assert verp.row_in(mail(body=f"Message-ID: <{ROW.hex}@panel.example.org>")) == ROW


def test_another_systems_message_id_and_a_forged_sender_match_nothing():
    forged = f"bounces+{ROW.hex}000000000000@panel.example.org"
    assert verp.row_in(mail(To=forged, References=f"<{ROW.hex}@mail.example.net>")) is None
