import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('members', '0001_initial'),
        ('rights', '0002_requests_messages_outside'),
    ]

    operations = [
        migrations.CreateModel(
            name='AddressChange',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('asked', 'waits for a confirmation at the new address'), ('confirmed', 'confirmed, about to be carried out'), ('done', 'carried out'), ('cancelled', 'stopped'), ('replaced', 'replaced by a newer request'), ('expired', 'not confirmed or not carried out in time'), ('refused', 'the new address may never be written to')], default='asked', max_length=10)),
                ('told_staff', models.BooleanField(default=False, help_text='Asked for by mail or phone, recorded by staff.')),
                ('asked_at', models.DateTimeField()),
                ('expires', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='address_changes', to='members.panelmember')),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'expires'], name='address_changes_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['asked', 'confirmed'])), fields=('member',), name='one_change_waits')],
            },
        ),
    ]
