from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rights', '0003_address_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='stop',
            name='never_again',
            field=models.BooleanField(default=False, help_text='On leaving: this address is never to be contacted again, in whatever file.'),
        ),
    ]
