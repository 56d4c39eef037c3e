"""New data keys for a full re-encryption; no index on the version, which doubled the work of a rotation."""

from django.db import migrations, models

from panel.keys.tables import without_rowid


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_without_rowid")]
    operations = [
        migrations.CreateModel(
            name="NextKey",
            fields=[
                ("locator", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("kek_version", models.PositiveIntegerField()),
                ("wrapped", models.BinaryField()),
                (
                    "run",
                    models.UUIDField(help_text="The run that seals cards with it; a later one takes it over."),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="datakey",
            name="kek_version",
            field=models.PositiveIntegerField(),
        ),
        without_rowid("keys_datakey", "keys_nextkey"),
    ]
