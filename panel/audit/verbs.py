"""Everything that is ever recorded, in groups, each with what it says. A test holds the code to this list.

Names nouns of packages above, as words only. docs/audit.md is made from it; the desk's filter reads the groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Group:
    """Verbs that belong together for who reads the trail."""

    name: str | Promise
    verbs: Mapping[str, str]


GROUPS: Mapping[str, Group] = {
    "contact": Group(
        _("contact data"),
        {
            "card.opened": "A person opened one contact card, with a reason; written before it opens.",
            "card.quota_exceeded": "A person asked for more cards than a day allows and was refused.",
            "card.address_changed": "An address on a card was replaced.",
            "cards.opened_for_sending": "The service opened the cards of a chunk of letters.",
            "member.looked_up": "A person looked for a member by address or phone.",
            "address.opened": "A worker opened an address that was sealed to the intake key.",
            "address.changed": "A member's place among shared addresses changed with a new address.",
            "address.refused": "The mail server refused an address for good.",
            "address.retried": "An address that was refused may be tried again.",
            "address.lost": "After a restore an address could not be put back.",
            "address.suppressed": "An address is never to be written to again.",
            "address.not_suppressed": "An address could not be kept from being written to again; the card was gone.",
            "address_change.asked": "A change of address was asked for.",
            "address_change.confirmed": "A new address was confirmed at itself.",
            "address_change.carried_out": "A confirmed address took the old one's place.",
            "address_change.stopped": "A change of address was stopped from the old address.",
            "address_change.expired": "A change of address was not confirmed in time.",
            "address_change.refused": "A change of address could not be carried out.",
            "orphans.swept": "Cards and keys that no member has were removed.",
            "orphans.sweep_refused": "A sweep would have removed too much and removed nothing.",
        },
    ),
    "staff": Group(
        _("log-ins and roles"),
        {
            "login.succeeded": "Somebody came in, and by what.",
            "login.failed": "A try to log in failed; the name is kept only where a log-in has it.",
            "login.ended": "A session ended: asked, idle, too long, or because a second factor changed.",
            "login.made": "The operator made a log-in.",
            "login.linked": "The institution's log-in was tied to a log-in by a verified address.",
            "login.closed": "The operator closed a log-in.",
            "login.opened": "The operator opened a closed log-in again.",
            "password.link_made": "The operator made a one-time link to choose a password.",
            "password.set": "Somebody chose a password.",
            "factor.added": "Somebody set up a second factor.",
            "factor.removed": "Somebody removed a second factor of theirs.",
            "factor.codes_made": "Somebody made new recovery codes.",
            "factor.reset": "The operator forgot somebody's second factor.",
            "role.given": "Somebody got a role in a study.",
            "role.taken": "Somebody lost a role in a study.",
            "token.made": "A token for the API was made.",
            "token.revoked": "Somebody's tokens for the API were revoked.",
        },
    ),
    "keys": Group(
        _("keys, journal and this trail"),
        {
            "keys.made": "The key-encryption key or the index root was made.",
            "keys.work_started": "Work on the keys began.",
            "keys.rotated": "A new key version took over and old ones were destroyed.",
            "keys.rewrapped": "Keys were brought under the current version.",
            "keys.old_destroyed": "Versions that wrap nothing were destroyed.",
            "intake_key.made": "A key to which the portal seals new addresses was made.",
            "intake_key.destroyed": "An old intake key was destroyed.",
            "suppression.destroyed": "A study's list of addresses never to write to was destroyed.",
            "journal.rebuilt": "The journal was written anew from the database.",
            "journal.in_step": "Journal and database were found in step again.",
            "journal.out_of_step": "Journal and database differ; sending stopped.",
            "journal.clock_accepted": "An operator accepted that the clock was set back.",
            "journal.replay_begun": "Replaying the journal after a restore began.",
            "journal.replayed": "The journal was replayed after a restore.",
            "chain.anchored": "The head of this chain was noted outside the database.",
            "chain.found_broken": "This chain did not hold.",
            "audit.exported": "Somebody downloaded a part of this trail.",
        },
    ),
    "study": Group(
        _("studies and project end"),
        {
            "study.created": "The operator made a study.",
            "study.filled_in": "What a study must say was filled in.",
            "setting.decided": "A strict default was left by a decision with a reason.",
            "extension.asked": "An extension of the project was asked for.",
            "extension.put_in_force": "An extension was put in force after members were told.",
            "end.begun": "The project's end was begun.",
            "end.step_done": "A step of the project's end was done.",
            "end.archive_reopened": "The archive of an ending project was opened again.",
            "end.destruction_begun": "Destruction at the project's end began.",
        },
    ),
    "consent": Group(
        _("consent"),
        {
            "form.drafted": "A consent form was drafted.",
            "form.written": "The words of a draft were changed.",
            "form.discarded": "A draft was thrown away.",
            "form.approved": "A consent form was approved; its words are frozen.",
            "form.imported": "A consent form was imported with its words.",
            "form.retired": "A consent form was retired.",
            "consent.given": "A member agreed to a purpose.",
            "consent.withdrawn": "A member withdrew from a purpose.",
            "reconsent.started": "Members were asked to agree to new words.",
            "reconsent.answered": "A member answered whether they agree to new words.",
            "reconsent.closed": "Asking members to agree to new words ended.",
            "objection.recorded": "A member objected.",
        },
    ),
    "rights": Group(
        _("people's rights"),
        {
            "stop.asked": "A member paused, stopped mail or left; the detail names the rung.",
            "stop.undone": "A member took that back.",
            "stop.wait_waived": "A member wants deletion at once.",
            "stop.carried_out": "A deletion was carried out.",
            "stop.replayed": "After a restore a stop was put in force again.",
            "stop.replayed_undo": "After a restore a stop that had been undone was undone again.",
            "member.erased_again": "After a restore a member who had been deleted was deleted again.",
            "member.suppressed": "A member is never to be contacted again.",
            "hold.set": "A member was held.",
            "hold.lifted": "A hold was lifted.",
            "hold.set_for_many": "Many members were held at once.",
            "hold.lifted_for_many": "Holds of many members were lifted at once.",
            "hold.replayed": "After a restore a hold was set again.",
            "request.received": "A request on rights came in.",
            "request.extended": "The deadline of a request was extended.",
            "request.advised": "The data-protection officer advised on a request.",
            "request.answered": "A request was answered.",
            "request.closed": "A request was closed.",
            "message.written": "A message to a member or to all of a study was written.",
            "own_page.asked": "A member asked for a new link to their own page.",
            "copy.asked": "A member asked for a copy of their data.",
            "copy.made": "A copy was made and sealed to the link.",
            "copy.fetched": "A copy was fetched.",
            "outside.registered": "Something that lies outside this service was registered.",
            "outside.cleaned": "A member's data were taken out of something outside.",
            "outside.gone": "Something outside is gone.",
        },
    ),
    "fieldwork": Group(
        _("members and fieldwork"),
        {
            "file.staged": "A recruitment file was read and waits, sealed, for a decision.",
            "file.enrolled": "People of a file became members.",
            "file.discarded": "A staged file was forgotten.",
            "member.status_changed": "A membership changed its status.",
            "member.mail_changed": "A member's mail was stopped, paused or let go on.",
            "member.language_set": "A member chose a language.",
            "member.place_set": "A review said where a member lives; the detail does not.",
            "residency.told": "A member told staff where they live.",
            "flag.raised": "A residency flag was raised.",
            "flag.reviewed": "A residency flag was confirmed or dismissed.",
            "instrument.imported": "A questionnaire was imported.",
            "instrument.approved": "A questionnaire was approved.",
            "instrument.retired": "A questionnaire was retired.",
            "wave.planned": "A wave was planned.",
            "wave.approved": "A wave was approved.",
            "wave.opened": "A wave opened.",
            "wave.closed": "A wave closed.",
            "wave.hours_lifted": "A wave's letters may go at any hour, with a reason.",
            "letters.imported": "Letters of a study were imported.",
            "letters.approved": "Letters of a study were approved.",
            "letters.queued": "Letters of a wave were queued.",
            "letters.unconfirmed": "Letters are in doubt after a fault.",
            "letter.decided": "A person decided on a letter in doubt.",
        },
    ),
    "results": Group(
        _("releases"),
        {
            "release.asked": "A release was asked for.",
            "release.approved": "A release was approved by a reviewer.",
            "release.rejected": "A release was rejected.",
            "release.withdrawn": "A release was taken back.",
            "release.viewed": "A reviewer looked at a file before approval.",
            "release.downloaded": "Somebody downloaded a file of an approved release.",
        },
    ),
}
