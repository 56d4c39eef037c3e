"""The routes of the desk: sections of the admin site and pages that belong to no table."""

from django.urls import path

from consent.models import ConsentEntry, ConsentForm
from panel.audit.models import AuditEvent
from panel.desk import accounts, addresses, by_phone, contacts, keys, told, written
from panel.desk.sections import (
    consent_forms,
    ending,
    flags,
    ledgers,
    letters,
    lost_contacts,
    members,
    outbox,
    outside,
    reconsent,
    releases,
    replies,
    requests,
    studies,
    trail,
    waves,
)
from panel.desk.site import desk
from panel.invitations.models import Letter, LostContact, Outgoing, ReplyCase
from panel.members.models import PanelMember, Study
from panel.releases.models import Release
from panel.residency.models import Flag
from panel.rights.models import OutsideItem, ProjectEnd, ReconsentRun, Request
from panel.waves.models import Wave

desk.register(Study, studies.StudyAdmin)
desk.register(Wave, waves.WaveAdmin)
desk.register(PanelMember, members.MemberAdmin)
desk.register(Flag, flags.FlagAdmin)
desk.register(Outgoing, outbox.OutboxAdmin)
desk.register(Letter, letters.LetterAdmin)
desk.register(LostContact, lost_contacts.LostAdmin)
desk.register(ReplyCase, replies.ReplyAdmin)
desk.register(Release, releases.ReleaseAdmin)
desk.register(Request, requests.RequestAdmin)
desk.register(OutsideItem, outside.OutsideAdmin)
desk.register(ProjectEnd, ending.EndAdmin)
desk.register(ConsentForm, consent_forms.FormAdmin)
desk.register(ReconsentRun, reconsent.ReconsentAdmin)
desk.register(ConsentEntry, ledgers.ConsentAdmin)
desk.register(AuditEvent, trail.AuditAdmin)

desk.extra = [
    # The admin's names for what panel/desk/account_urls.py serves.
    path("login/", accounts.LogIn.as_view(), name="login"),
    path("logout/", accounts.LogOut.as_view(), name="logout"),
    path("account/password/", desk.admin_view(accounts.ChangePassword.as_view()), name="password_change"),
    path("card/", desk.admin_view(contacts.card), name="card"),
    path("find/", desk.admin_view(contacts.find), name="find"),
    path("address/", desk.admin_view(addresses.change), name="address"),
    path("never-again/", desk.admin_view(addresses.suppress), name="suppress"),
    path("reply/", desk.admin_view(written.reply), name="reply"),
    path("link/", desk.admin_view(written.link), name="link"),
    path("pass/", desk.admin_view(by_phone.pass_on), name="pass"),
    path("key/", desk.admin_view(by_phone.key), name="key"),
    path("stop/", desk.admin_view(told.stop), name="stop"),
    path("request/", desk.admin_view(told.request), name="request"),
    path("keys/", desk.admin_view(keys.keys), name="keys"),
    path("enrol/", desk.admin_view(contacts.enrol), name="enrol"),
    path("enrol/<uuid:pk>/", desk.admin_view(contacts.enrol_preview), name="enrol_preview"),
]

urlpatterns = [path("", desk.urls)]
