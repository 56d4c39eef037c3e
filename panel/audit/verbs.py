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
    verbs: Mapping[str, str | Promise]


GROUPS: Mapping[str, Group] = {
    "contact": Group(
        _("contact data"),
        {
            "card.opened": _("A person opened one contact card, with a reason; written before it opens."),
            "card.quota_exceeded": _("A person asked for more cards than a day allows and was refused."),
            "card.address_changed": _("An address on a card was replaced."),
            "cards.opened_for_sending": _("The service opened the cards of a chunk of letters."),
            "member.looked_up": _(
                "A person looked for a member by address, with a reason; counts as an opened card."
            ),
            "member.found": _("Somebody who was looked for by address is this member."),
            "address.opened": _("A worker opened an address that was sealed to the intake key."),
            "address.changed": _("A member's place among shared addresses changed with a new address."),
            "address.refused": _("The mail server refused an address for good."),
            "address.retried": _("An address that was refused may be tried again."),
            "address.lost": _("After a restore an address could not be put back."),
            "address.suppressed": _("An address is never to be written to again."),
            "address.not_suppressed": _(
                "An address could not be kept from being written to again; the card was gone."
            ),
            "address_change.asked": _("A change of address was asked for."),
            "address_change.accepted": _(
                "A contact keeper made sure that an address given by code is the member's."
            ),
            "addresses.given": _("A worker looked at new addresses given on the public page."),
            "address_change.confirmed": _("A new address was confirmed at itself."),
            "address_change.carried_out": _("A confirmed address took the old one's place."),
            "address_change.stopped": _("A change of address was stopped from the old address."),
            "address_change.expired": _("A change of address was not confirmed in time."),
            "address_change.refused": _("A change of address could not be carried out."),
            "lost_contact.opened": _(
                "Letters to a member came back for good: somebody looks for another address."
            ),
            "lost_contact.step_noted": _("What was tried to reach a member again was noted."),
            "lost_contact.closed": _("The search for another address ended, with its outcome."),
            "reply.received": _("A member wrote; somebody answers by a day."),
            "reply.unknown": _("Somebody wrote whom nobody here could place; the mail was passed on."),
            "reply.closed": _("What a member wrote was dealt with."),
            "link.sent_again": _("A contact keeper had a member's links sent again."),
            "link.passed_on": _("A contact keeper made a link to pass on by telephone, with a reason."),
            "answers.keying_begun": _("A contact keeper opened an empty form to key a member's answers in."),
            "orphans.swept": _("Cards and keys that no member has were removed."),
            "orphans.sweep_refused": _("A sweep would have removed too much and removed nothing."),
        },
    ),
    "staff": Group(
        _("log-ins and roles"),
        {
            "login.succeeded": _("Somebody came in, and by what."),
            "login.failed": _("A try to log in failed; the name is kept only where a log-in has it."),
            "login.ended": _("A session ended: asked, idle, too long, or because a second factor changed."),
            "login.made": _("The operator made a log-in."),
            "login.linked": _("The institution's log-in was tied to a log-in by a verified address."),
            "login.closed": _("The operator closed a log-in."),
            "login.opened": _("The operator opened a closed log-in again."),
            "password.link_made": _("The operator made a one-time link to choose a password."),
            "password.set": _("Somebody chose a password."),
            "factor.added": _("Somebody set up a second factor."),
            "factor.removed": _("Somebody removed a second factor of theirs."),
            "factor.codes_made": _("Somebody made new recovery codes."),
            "factor.reset": _("The operator forgot somebody's second factor."),
            "role.given": _("Somebody got a role in a study."),
            "role.taken": _("Somebody lost a role in a study."),
            "token.made": _("A token for the API was made."),
            "token.revoked": _("Somebody's tokens for the API were revoked."),
        },
    ),
    "keys": Group(
        _("keys, journal and this trail"),
        {
            "keys.made": _("The key-encryption key or the index root was made."),
            "keys.work_started": _("Work on the keys began."),
            "keys.rotated": _("A new key version took over and old ones were destroyed."),
            "keys.rewrapped": _("Keys were brought under the current version."),
            "keys.verified": _("Every key and card was tried."),
            "cards.renewed": _("Cards were sealed anew under new data keys."),
            "keys.old_destroyed": _("Versions that wrap nothing were destroyed."),
            "intake_key.made": _("A key to which the portal seals new addresses was made."),
            "intake_key.destroyed": _("An old intake key was destroyed."),
            "suppression.destroyed": _("A study's list of addresses never to write to was destroyed."),
            "journal.rebuilt": _("The journal was written anew from the database."),
            "journal.in_step": _("Journal and database were found in step again."),
            "journal.out_of_step": _("Journal and database differ; sending stopped."),
            "journal.clock_accepted": _("An operator accepted that the clock was set back."),
            "journal.replay_begun": _("Replaying the journal after a restore began."),
            "journal.replayed": _("The journal was replayed after a restore."),
            "chain.anchored": _("The head of this chain was noted outside the database."),
            "chain.restored": _(
                "A restored backup cut this chain; heads noted since stand for what was lost."
            ),
            "chain.found_broken": _("This chain did not hold."),
            "audit.exported": _("Somebody downloaded a part of this trail."),
        },
    ),
    "study": Group(
        _("studies and project end"),
        {
            "study.created": _("The operator made a study."),
            "study.filled_in": _("What a study must say was filled in."),
            "case.outcome_recorded": _("What staff were told ended a wave for a member."),
            "case.outcome_taken_back": _("What was recorded to end a wave for a member was a mistake."),
            "cohort.described": _("How a cohort was recruited was told: openly or by asking so many."),
            "setting.decided": _("A strict default was left by a decision with a reason."),
            "extension.asked": _("An extension of the project was asked for."),
            "extension.put_in_force": _("An extension was put in force after members were told."),
            "end.begun": _("The project's end was begun."),
            "end.step_done": _("A step of the project's end was done."),
            "end.archive_reopened": _("The archive of an ending project was opened again."),
            "end.step_ordered": _("A step of the project's end was ordered; a worker carries it out."),
            "retention.reported": _("The nightly look found what retention would take."),
            "retention.ordered": _("Retention was ordered."),
            "retention.applied": _("Retention was carried out."),
        },
    ),
    "consent": Group(
        _("consent"),
        {
            "form.drafted": _("A consent form was drafted."),
            "form.written": _("The words of a draft were changed."),
            "form.discarded": _("A draft was thrown away."),
            "form.approved": _("A consent form was approved; its words are frozen."),
            "form.imported": _("A consent form was imported with its words."),
            "form.retired": _("A consent form was retired."),
            "consent.given": _("A member agreed to a purpose."),
            "consent.withdrawn": _("A member withdrew from a purpose."),
            "reconsent.started": _("Members were asked to agree to new words."),
            "reconsent.answered": _("A member answered whether they agree to new words."),
            "reconsent.closed": _("Asking members to agree to new words ended."),
            "members.informed": _("Members were given the information letter of a study of public interest."),
            "objection.recorded": _("A member objected."),
        },
    ),
    "rights": Group(
        _("people's rights"),
        {
            "stop.asked": _("A member paused, stopped mail or left; the detail names the rung."),
            "stop.undone": _("A member took that back."),
            "stop.wait_waived": _("A member wants deletion at once."),
            "stop.carried_out": _("A deletion was carried out."),
            "stop.replayed": _("After a restore a stop was put in force again."),
            "stop.replayed_undo": _("After a restore a stop that had been undone was undone again."),
            "member.erased_again": _("After a restore a member who had been deleted was deleted again."),
            "member.suppressed": _("A member is never to be contacted again."),
            "hold.set": _("A member was held."),
            "hold.lifted": _("A hold was lifted."),
            "hold.set_for_many": _("Many members were held at once."),
            "hold.lifted_for_many": _("Holds of many members were lifted at once."),
            "hold.replayed": _("After a restore a hold was set again."),
            "request.received": _("A request on rights came in."),
            "request.extended": _("The deadline of a request was extended."),
            "request.advised": _("The data-protection officer advised on a request."),
            "request.answered": _("A request was answered."),
            "request.closed": _("A request was closed."),
            "message.written": _("A message to a member or to all of a study was written."),
            "own_page.asked": _("A member asked for a new link to their own page."),
            "links.asked": _("Lost links were asked for again on the public page; how many were somebody's."),
            "copy.asked": _("A member asked for a copy of their data."),
            "copy.made": _("A copy was made and sealed to the link."),
            "copy.fetched": _("A copy was fetched."),
            "outside.registered": _("Something that lies outside this service was registered."),
            "outside.cleaned": _("A member's data were taken out of something outside."),
            "outside.gone": _("Something outside is gone."),
        },
    ),
    "fieldwork": Group(
        _("members and fieldwork"),
        {
            "file.staged": _("A recruitment file was read and waits, sealed, for a decision."),
            "file.enrolled": _("People of a file became members."),
            "file.discarded": _("A staged file was forgotten."),
            "member.status_changed": _("A membership changed its status."),
            "member.hours_set": _("Somebody chose the hours at which letters come."),
            "member.mail_changed": _("A member's mail was stopped, paused or let go on."),
            "member.language_set": _("A member chose a language."),
            "member.place_set": _("A review said where a member lives; the detail does not."),
            "residency.told": _("A member told staff, or on their own page, where they live."),
            "flag.raised": _("A residency flag was raised."),
            "flag.reviewed": _("A residency flag was confirmed or dismissed."),
            "instrument.imported": _("A questionnaire was imported."),
            "instrument.approved": _("A questionnaire was approved."),
            "instrument.retired": _("A questionnaire was retired."),
            "wave.planned": _("A wave was planned."),
            "wave.approved": _("A wave was approved."),
            "wave.opened": _("A wave opened."),
            "wave.closed": _("A wave closed."),
            "plan.proposed": _("A change of a wave's plan was proposed."),
            "plan.applied": _("A changed plan of a wave was put in force."),
            "plan.dropped": _("A proposed change of a wave's plan was dropped."),
            "wave.rest_released": _(
                "The rest of a wave got its letters after a soft launch; the detail says why."
            ),
            "wave.newcomers_drawn": _("Who joined since was drawn into a wave."),
            "wave.hours_lifted": _("A wave's letters may go at any hour, with a reason."),
            "letters.imported": _("Letters of a study were imported."),
            "letters.approved": _("Letters of a study were approved."),
            "letter.drafted": _("A new version of a letter was begun."),
            "letter.written": _("A draft's words in one language were written."),
            "letter.approved": _("A version of a letter was approved; its words can't change any more."),
            "letter.retired": _("A version of a letter was retired; no new plan takes it."),
            "letter.discarded": _("A draft of a letter was deleted."),
            "letter.tried": _("Somebody of staff had a letter sent to themselves."),
            "letters.queued": _("Letters of a wave were queued."),
            "letters.unconfirmed": _("Letters are in doubt after a fault."),
            "letter.returned": _("A message came back about a letter; its class alone is kept."),
            "returns.read": _("The mailbox of returned letters was read: counts."),
            "letter.decided": _("A person decided on a letter in doubt."),
            "letters.tried_again": _("A person had a letter that failed tried again."),
            "sending.paused": _("All letters of a study, or of all, were paused."),
            "sending.went_on": _("A pause of all letters ended."),
            "limit.changed": _("A study's limit on letters was changed."),
            "silent_day.added": _("A day of silence was added."),
            "silent_day.removed": _("A day of silence was removed."),
        },
    ),
    "results": Group(
        _("releases"),
        {
            "release.asked": _("A release was asked for."),
            "release.approved": _("A release was approved by a reviewer."),
            "release.rejected": _("A release was rejected."),
            "release.withdrawn": _("A release was taken back."),
            "release.viewed": _("A reviewer looked at a file before approval."),
            "release.downloaded": _("Somebody downloaded a file of an approved release."),
        },
    ),
}
