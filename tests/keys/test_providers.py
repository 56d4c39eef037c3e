"""One contract for every provider of the KEK (CRY-05), and what each does when it can't be had.

Transit and KMS are run through their real clients against small fakes (services_outside.py); no test of this
project has met the real services.
"""

import base64
import importlib
import json
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from panel.errors import Damaged, NotNow, Refusal, Unreachable
from panel.keys import crypto, ring, rotation, sealers, services
from panel.keys.crypto import Place
from panel.keys.providers import provider, sealer
from panel.keys.ring import RingFile
from tests.keys import services_outside as outside
from tests.keys.services_outside import errors, fault

DAY = date(2023, 10, 1)
HERE = Place("keys_datakey", "wrapped", b"row")


@pytest.fixture
def kek(each_provider: str) -> RingFile:
    """The contract's ring, made by each provider in turn."""
    made = provider()
    assert made.create(today=DAY) is True
    return made


def forget() -> None:
    """As a new process."""
    ring._opened.clear()


def test_cry_05_the_file_is_made_for_its_owner_alone(kek):
    assert stat.S_IMODE(kek.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kek.path.parent.stat().st_mode) == 0o700
    assert kek.ring().made_on == {1: DAY}


def test_cry_05_an_existing_file_is_never_overwritten(kek):
    before = kek.path.read_bytes()
    assert kek.create(today=DAY) is False
    assert kek.path.read_bytes() == before
    assert os.listdir(kek.path.parent) == ["kek.json"]


def test_cry_05_a_new_version_wraps_and_the_old_one_still_unwraps(kek):
    key = crypto.random_key()
    old = kek.ring().wrap(key, HERE)
    assert kek.add_version(today=DAY) == 2
    forget()
    now = kek.ring()
    new, (moved,) = now.wrap(key, HERE), now.rewrap([(HERE, old)])
    assert crypto.key_version(new, place=HERE) == crypto.key_version(moved, place=HERE) == 2
    assert {now.unwrap(wrapped, HERE) for wrapped in (old, new, moved)} == {key}
    assert stat.S_IMODE(kek.path.stat().st_mode) == 0o600


def test_cry_05_a_destroyed_version_is_gone_from_file_and_memory_and_opens_nothing(kek):
    old = kek.ring().wrap(crypto.random_key(), HERE)
    was = json.loads(kek.path.read_text())["versions"]["1"]["key"]
    kek.add_version(today=DAY)
    kek.destroy_version(1)
    assert was not in kek.path.read_text()
    with pytest.raises(Damaged):
        kek.ring().unwrap(old, HERE)
    assert not [version for version, _entry in ring._opened[kek.path] if version == 1]


def test_cry_05_the_current_version_is_not_destroyed_and_no_number_comes_back(kek):
    with pytest.raises(ValueError, match="current"):
        kek.destroy_version(1)
    kek.add_version(today=DAY)
    kek.destroy_version(1)
    assert kek.add_version(today=DAY) == 3


def test_cry_05_a_version_moved_in_the_file_does_not_open(kek, each_provider):
    """Its number is bound to it; in a bare file a swapped key is a wrong key, and opens nothing."""
    wrapped = kek.ring().wrap(crypto.random_key(), HERE)
    kek.add_version(today=DAY)
    kept = json.loads(kek.path.read_text())
    kept["versions"]["1"]["key"] = kept["versions"]["2"]["key"]
    kek.path.write_text(json.dumps(kept))
    forget()
    with pytest.raises(Damaged, match="does not open"):
        kek.ring().unwrap(wrapped, HERE)


def test_cry_05_a_flipped_bit_in_the_file_is_told(kek, each_provider):
    kept = json.loads(kek.path.read_text())
    *prefix, text = kept["versions"]["1"]["key"].rpartition(":")
    sealed = bytearray(base64.b64decode(text))
    wrapped = kek.ring().wrap(crypto.random_key(), HERE)
    sealed[-1] ^= 1
    kept["versions"]["1"]["key"] = "".join(prefix) + base64.b64encode(sealed).decode()
    kek.path.write_text(json.dumps(kept))
    forget()
    with pytest.raises(Damaged, match="does not open"):
        kek.ring().unwrap(wrapped, HERE)


def test_cry_05_no_key_shows_in_a_ring_nor_in_a_sealed_file(kek, each_provider):
    now = kek.ring()
    sealed = now.entries[1].sealed
    key = sealer(each_provider).open(sealed, 1)
    assert sealed not in repr(now)
    text = kek.path.read_text()
    assert (base64.b64encode(key).decode() in text) == (each_provider == "file")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_others_can_read_is_refused(kek, mode):
    kek.path.chmod(mode)
    with pytest.raises(Unreachable, match="0600"):
        kek.ring()


def test_no_file_and_a_broken_file_are_told_apart(kek):
    short = {"sealed_by": "file", "made_on": "2023-10-01"}
    for broken in ("", "{}", "[]", '{"versions": {}}', json.dumps({"versions": {"1": short}})):
        kek.path.write_text(broken)
        with pytest.raises(Damaged):
            kek.ring()
    kek.path.unlink()
    with pytest.raises(Unreachable, match="keys init"):
        kek.ring()


def test_a_change_that_breaks_off_leaves_the_old_file(kek, monkeypatch):
    before = kek.path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        kek.add_version(today=DAY)
    assert kek.path.read_bytes() == before
    assert os.listdir(kek.path.parent) == ["kek.json"]


def test_what_a_killed_process_left_beside_the_file_goes_with_the_next_change(kek):
    left = kek.path.parent / ".kek.json-left"
    left.write_bytes(kek.path.read_bytes())
    kek.add_version(today=DAY)
    assert os.listdir(kek.path.parent) == ["kek.json"]


# --- outside services are called for a version, never for a card


@pytest.fixture(params=["transit", "kms"])
def called(request: pytest.FixtureRequest, settings, tmp_path: Path) -> outside.Outside:
    """One of the two outside services, with version 1 made."""
    made: outside.Outside = request.getfixturevalue({"transit": "engine"}.get(request.param, request.param))
    settings.KEK_PROVIDER, settings.KEK_FILE = request.param, str(tmp_path / "keys" / "kek.json")
    provider().create(today=DAY)
    forget()
    return made


def test_one_call_opens_a_version_for_the_life_of_the_process(called):
    called.calls.clear()
    for _card in range(5):
        provider().ring().unwrap(provider().ring().wrap(crypto.random_key(), HERE), HERE)
    assert len(called.calls) == 1


def test_each_call_binds_the_number_of_the_version(called):
    provider().add_version(today=DAY)
    provider().ring().wrap(crypto.random_key(), HERE)
    bodies = [body for _path, body in called.calls]
    if isinstance(called, outside.TransitEngine):
        words = [base64.b64decode(body["associated_data"]).decode() for body in bodies]
        assert words == ["gjensyn/kek/1", "gjensyn/kek/2", "gjensyn/kek/2"]
    else:
        contexts = [body["EncryptionContext"]["gjensyn-kek-version"] for body in bodies]
        assert contexts == ["1", "2", "2"]


def refused() -> Refusal:
    forget()
    with pytest.raises((Damaged, Unreachable)) as caught:
        provider().ring().wrap(crypto.random_key(), HERE)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # no request in a traceback
    return caught.value


TRANSIT_TROUBLES = [
    (errors(503, "Vault is sealed"), "unseal", False),
    (errors(501, "Vault is not initialized"), "unseal", False),
    (errors(403, "permission denied"), "token", True),
    (errors(404, 'no handler for route "transit/encrypt/x"'), "KEK_TRANSIT_MOUNT", True),
    (errors(400, "encryption key not found"), "KEK_TRANSIT_KEY", True),
    (
        errors(400, "ciphertext or signature version is disallowed by policy (too old)"),
        "min_decryption",
        True,
    ),
    (errors(400, "associated data is not supported for this key type"), "aes256-gcm96", True),
    (errors(429, "rate limit quota exceeded"), "too much to do", False),
    (errors(500, "internal error"), "failed", False),
    ((200, {"data": {}}), "does not answer", False),
]


@pytest.mark.parametrize(("trouble", "word", "permanent"), TRANSIT_TROUBLES)
def test_each_trouble_of_transit_has_its_sentence(engine, settings, tmp_path, trouble, word, permanent):
    settings.KEK_PROVIDER, settings.KEK_FILE = "transit", str(tmp_path / "kek.json")
    provider().create(today=DAY)
    engine.trouble = trouble
    error = refused()
    assert isinstance(error, Unreachable)
    assert (word in str(error), error.permanent) == (True, permanent)


KMS_TROUBLES = [
    (fault("AccessDeniedException", "not authorized to perform: kms:Decrypt"), "kms:Decrypt", True),
    (fault("UnrecognizedClientException"), "refuses this process", True),
    (fault("NotFoundException"), "KEK_KMS_KEY", True),
    (fault("DisabledException"), "disabled", True),
    (fault("KMSInvalidStateException", "is pending deletion."), "KEK_KMS_KEY", True),
    (fault("ThrottlingException", "Rate exceeded"), "too much to do", False),
    (fault("KMSInternalException", status=500), "failed", False),
    (fault("KeyUnavailableException", status=500), "failed", False),
]


@pytest.mark.parametrize(("trouble", "word", "permanent"), KMS_TROUBLES)
def test_each_trouble_of_kms_has_its_sentence(kms, settings, tmp_path, trouble, word, permanent):
    settings.KEK_PROVIDER, settings.KEK_FILE = "kms", str(tmp_path / "kek.json")
    provider().create(today=DAY)
    kms.trouble = trouble
    error = refused()
    assert isinstance(error, Unreachable)
    assert (word in str(error), error.permanent) == (True, permanent)


def test_a_service_that_is_not_there_can_be_tried_again(called, settings):
    settings.KEK_TRANSIT_URL = settings.KEK_KMS_ENDPOINT = "http://127.0.0.1:9"
    error = refused()
    assert isinstance(error, Unreachable)
    assert ("does not answer" in str(error), error.permanent) == (True, False)


def test_an_unreachable_service_leaves_no_half_made_version(called):
    before = provider().path.read_bytes()
    called.trouble = errors(503, "Vault is sealed")
    with pytest.raises(Unreachable):
        provider().add_version(today=DAY)
    assert provider().path.read_bytes() == before


def test_without_credentials_or_token_the_sentence_says_so(kms, engine, settings, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(Unreachable, match="AWS credentials") as caught:
        sealer("kms").seal(crypto.random_key(), 1)
    assert caught.value.permanent
    settings.KEK_TRANSIT_TOKEN_FILE = str(tmp_path / "none")
    with pytest.raises(Unreachable, match="KEK_TRANSIT_TOKEN_FILE"):
        sealer("transit").seal(crypto.random_key(), 1)


@pytest.mark.parametrize(
    ("name", "file"), [("transit", "requirements-openbao.txt"), ("kms", "requirements-aws.txt")]
)
def test_a_missing_library_is_named_with_the_file_to_install(engine, kms, monkeypatch, name, file):
    def absent(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(Unreachable, match=f"pip install -r {file}"):
        sealer(name).seal(crypto.random_key(), 1)
    assert (Path(__file__).parents[2] / file).is_file()


# --- which provider, and from one to another


def test_a_process_without_a_kek_says_so(settings):
    settings.KEK_FILE = ""
    with pytest.raises(Unreachable, match="may not open"):
        provider()


def test_a_provider_whose_settings_are_missing_names_them(settings):
    settings.DEBUG = True
    for name, missing in (
        ("environment", "KEK_ENVIRONMENT"),
        ("transit", "KEK_TRANSIT_URL"),
        ("kms", "KEK_KMS_KEY"),
    ):
        with pytest.raises(Unreachable, match=missing):
            sealer(name)
    with pytest.raises(Unreachable, match="isn't known"):
        sealer("post-it")


def test_cry_05_the_environment_is_refused_outside_debug(settings, environment_key):
    settings.DEBUG = False
    with pytest.raises(Unreachable, match="for development"):
        sealer("environment")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"1234").decode()])
def test_a_key_of_the_environment_has_32_bytes(key):
    with pytest.raises(Unreachable, match="32 bytes"):
        sealers.FromEnvironment(key)


def test_a_provider_is_changed_by_a_rotation_and_wraps_nothing_before(engine, settings, tmp_path):
    settings.KEK_FILE = str(tmp_path / "kek.json")
    provider().create(today=DAY)
    old = provider().ring().wrap(crypto.random_key(), HERE)
    settings.KEK_PROVIDER = "transit"
    now = provider().ring()
    assert now.unwrap(old, HERE)
    with pytest.raises(NotNow, match="keys rotate"):
        now.wrap(crypto.random_key(), HERE)
    provider().add_version(today=DAY)
    (moved,) = provider().ring().rewrap([(HERE, old)])
    provider().destroy_version(1)
    assert moved
    assert provider().ring().unwrap(moved, HERE)
    assert {entry.sealed_by for entry in provider().ring().entries.values()} == {"transit"}


@pytest.mark.django_db
def test_cry_05_a_whole_rotation_under_each_provider_calls_out_for_versions_only(each_provider, request):
    provider().create(today=DAY)
    codes = [f"CODE{i:04}" for i in range(60)]
    made = services.create_data_keys(codes, today=DAY)
    rotation.add_version(today=DAY)
    assert rotation.rewrap() == rotation.Rewrapped(2, 61, 0)
    assert rotation.destroy_old() == (1,)
    forget()
    assert services.data_keys(codes) == made
    if each_provider in ("transit", "kms"):
        fake = request.getfixturevalue({"transit": "engine", "kms": "kms"}[each_provider])
        assert len(fake.calls) == 5  # two sealed, each opened once, and the second again in a new process
