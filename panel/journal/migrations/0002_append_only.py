"""Entries and lines are append-only in the database itself (CRY-11)."""

from django.db import migrations

from consent.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial")]
    operations = [append_only("journal_journalentry", "journal_journalline")]
