"""LAW-01: every field of every model of ours says its class, and every model its purpose and retention."""

import pytest
from django.apps import apps

CLASSES = {"direct identifier", "quasi-identifier", "sensitive", "free text", "releasable", "internal"}
OURS = [m for m in apps.get_models() if m.__module__.split(".")[0] in {"panel", "consent"}]


@pytest.mark.parametrize("model", OURS, ids=lambda m: m._meta.label)
def test_law_01_every_field_has_a_class(model):
    privacy = getattr(model, "Privacy", None)
    assert privacy, f"{model._meta.label} has no class Privacy"
    fields = {f.name for f in model._meta.get_fields() if getattr(f, "concrete", False)}
    assert set(privacy.classes) == fields
    assert set(privacy.classes.values()) <= CLASSES
    assert privacy.purpose
    assert privacy.retention


def test_law_01_direct_identifiers_are_sealed_and_apart():
    """Contact data live as ciphertext: in the vault, or as a staged upload that is sealed."""
    found = {
        f"{m._meta.label}.{name}"
        for m in OURS
        for name, kind in m.Privacy.classes.items()
        if kind == "direct identifier"
    }
    assert {f for f in found if not f.startswith("vault.Card.")} == {
        "enrolment.StagedFile.sealed",
        "enrolment.NewAddress.sealed",
        "rights.Copy.sealed",
        "rights.AskedLink.sealed",
        "rights.GivenAddress.sealed",
    }


def test_zon_02_no_foreign_key_crosses_a_zone():
    homes = {"vault": "vault", "keys": "keystore"}
    for model in OURS:
        for field in model._meta.get_fields():
            if getattr(field, "remote_field", None) and getattr(field, "concrete", False):
                here, there = (homes.get(m._meta.app_label, "default") for m in (model, field.related_model))
                assert here == there, field


def test_zon_02_vault_and_keystore_hold_no_time_of_day():
    for model in OURS:
        if model._meta.app_label in {"vault", "keys"}:
            kinds = {f.get_internal_type() for f in model._meta.get_fields()}
            assert not kinds & {"DateTimeField", "TimeField", "AutoField", "BigAutoField"}, model


def test_zon_03_ids_that_leave_their_table_are_random():
    """Only tables whose counter keeps an order and never leaves the table have a counter."""
    counters = {m._meta.label for m in OURS if "Auto" in m._meta.pk.get_internal_type()}
    assert counters <= {"consent.ConsentEntry", "audit.AuditEvent", "journal.JournalEntry", "waves.CaseEvent"}
