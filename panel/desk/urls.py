"""The routes of the desk: sections of the admin site and pages that belong to no table."""

from django.urls import path

from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.desk import contacts
from panel.desk.sections import flags, ledgers, members, outbox, releases, studies, waves
from panel.desk.site import desk
from panel.invitations.models import Outgoing
from panel.members.models import PanelMember, Study
from panel.releases.models import Release
from panel.residency.models import Flag
from panel.waves.models import Wave

desk.register(Study, studies.StudyAdmin)
desk.register(Wave, waves.WaveAdmin)
desk.register(PanelMember, members.MemberAdmin)
desk.register(Flag, flags.FlagAdmin)
desk.register(Outgoing, outbox.OutboxAdmin)
desk.register(Release, releases.ReleaseAdmin)
desk.register(ConsentEntry, ledgers.ConsentAdmin)
desk.register(AuditEvent, ledgers.AuditAdmin)

desk.extra = [
    path("card/", desk.admin_view(contacts.card), name="card"),
    path("stop/", desk.admin_view(contacts.stop), name="stop"),
    path("enrol/", desk.admin_view(contacts.enrol), name="enrol"),
    path("enrol/<uuid:pk>/", desk.admin_view(contacts.enrol_preview), name="enrol_preview"),
]

urlpatterns = [path("", desk.urls)]
