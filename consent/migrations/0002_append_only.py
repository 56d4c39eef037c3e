"""The ledger is append-only in the database itself (LAW-02)."""

from django.db import migrations

from consent.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]
    operations = [append_only("consent_consententry")]
