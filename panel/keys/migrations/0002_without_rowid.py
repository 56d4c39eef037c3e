"""No order of insertion is kept beside the keys (ZON-02)."""

from django.db import migrations

from panel.keys.tables import without_rowid


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial")]
    operations = [without_rowid("keys_datakey", "keys_nextkey")]
