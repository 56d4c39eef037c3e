"""No order of insertion is kept beside the cards (ZON-02)."""

from django.db import migrations

from panel.keys.tables import without_rowid


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial")]
    operations = [without_rowid("vault_card", "vault_suppressed")]
