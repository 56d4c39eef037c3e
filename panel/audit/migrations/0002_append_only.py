"""Events and seals are append-only in the database itself (AUD-01)."""

from django.db import migrations

from consent.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [append_only("audit_auditevent", "audit_auditseal")]
