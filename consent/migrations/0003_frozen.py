"""Approved words are frozen in the database itself (LAW-02, NO-02)."""

from django.db import migrations

from consent.frozen import freeze_approved


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_append_only")]
    operations = [freeze_approved()]
