"""Asking for a release, deciding on it, giving out its files. Each in one transaction with its audit row.

A release is made whole when it is asked for, or refused and nothing written: the reviewer decides on the very
bytes that will be downloaded (SDC-09).
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, Damaged, NotFound, NotNow
from panel.journal import selectors as journal
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.releases import extracts, products, rules, variables
from panel.releases.manifest import as_bytes, sha256
from panel.releases.models import Release, ReleaseFile
from panel.waves.models import Wave

State = Release.State


def ask(
    *, by: Actor, study: Study, wave: Wave | None, product: Release.Product | str, now: datetime
) -> Release:
    """Make the files and leave them for a reviewer. `wave` None is the recruitment, wave 0."""
    permissions.check(by, study, Verb.ASK_RELEASE)
    journal.check_in_step(now=now)  # a restored database may hold who was erased since
    product = Release.Product(product)
    _check_wave(study, wave)
    made = _make(study, wave, product, now)
    with transaction.atomic():
        release = Release.objects.create(
            study=study,
            wave=wave,
            product=product,
            asked_by=by.name,
            asked_at=now,
            manifest=made.manifest,
            sha256=sha256(as_bytes(made.manifest)),
        )
        ReleaseFile.objects.bulk_create(
            ReleaseFile(release=release, name=name, content=data, sha256=sha256(data))
            for name, data in made.files.items()
        )
        _tell(by, release, "release.asked", now, {"product": product.value, "sha256": release.sha256})
    return release


def _check_wave(study: Study, wave: Wave | None) -> None:
    if wave is not None and wave.study_id != study.pk:
        raise NotFound(_("The study has no wave of this name."))
    if wave is not None and wave.status != Wave.Status.CLOSED:
        raise NotNow(
            _("The wave is not closed yet: two files of it would differ by the few who answered between.")
        )


def _make(study: Study, wave: Wave | None, product: Release.Product, now: datetime) -> products.Made:
    limits = variables.thresholds(study.disclosure)
    about = products.About(study.slug, wave.name if wave else "0", localdate(now))
    if product == Release.Product.MICRODATA:
        found, rows = extracts.microdata(study, wave)
        return products.microdata(about, found, rows, limits)
    if wave is None:
        raise BadInput(_("Wave 0 has no table of reasons: nobody was asked for any."))
    options, leavers = extracts.reasons(wave)
    return products.reasons(about, options, leavers, limits.k)


def approve(
    *, by: Actor, release: Release, reason: str, now: datetime, checked: Mapping[str, bool] | None = None
) -> Release:
    """Let the files be downloaded. `checked` is the ticked list; None says all of it was gone through."""
    ticked = dict.fromkeys(rules.CHECKLIST, True) if checked is None else dict(checked)
    if rules.unticked(ticked):
        raise BadInput(_("Tick each point of the checklist, or reject the release."))
    return _decide(by, release, State.APPROVED, reason, now, ticked)


def reject(*, by: Actor, release: Release, reason: str, now: datetime) -> Release:
    """Turn it down; the files stay for the record and are never given out."""
    return _decide(by, release, State.REJECTED, reason, now, {})


def _decide(
    by: Actor, release: Release, new: State, reason: str, now: datetime, ticked: Mapping[str, bool]
) -> Release:
    permissions.check(by, release.study, Verb.REVIEW_RELEASE)
    rules.check_second_person(release.asked_by, by.name)
    _check_hashes(release)
    with transaction.atomic():
        why = words.reason(reason)
        _step(release, new, reviewed_by=by.name, reviewed_at=now, reason=why, checklist=ticked)
        _tell(by, release, f"release.{new.value}", now, {"sha256": release.sha256, "reason": release.reason})
    return release


def withdraw(*, by: Actor, release: Release, reason: str, now: datetime) -> Release:
    """Give it out no more: whoever asked may, and any reviewer. What was downloaded can't be recalled."""
    verb = Verb.ASK_RELEASE if by.name == release.asked_by else Verb.REVIEW_RELEASE
    permissions.check(by, release.study, verb)
    with transaction.atomic():
        _step(release, State.WITHDRAWN, reason=words.reason(reason))
        _tell(by, release, "release.withdrawn", now, {"reason": release.reason})
    return release


def _step(release: Release, new: State, **fields: object) -> None:
    """One step along the table; refused if somebody was quicker."""
    rules.check_step(release.state, new)
    values = {"state": new, **fields}
    if not Release.objects.filter(pk=release.pk, state=release.state).update(**values):
        raise NotNow(_("Somebody decided on this release in the meantime: load it again."))
    for name, value in values.items():
        setattr(release, name, value)


def open_download(*, by: Actor, release: Release, file: str, now: datetime) -> bytes:
    """The bytes of one file of an approved release, with an audit row."""
    permissions.check(by, release.study, Verb.DOWNLOAD_RELEASE)
    journal.check_in_step(now=now)
    if Release.objects.filter(pk=release.pk, state=State.APPROVED).first() is None:
        raise NotNow(_("Only an approved release can be downloaded."))
    return _open(by, release, file, "release.downloaded", now)


def open_for_review(*, by: Actor, release: Release, file: str, now: datetime) -> bytes:
    """The bytes of one file for the reviewer who decides on it: a second person, before the decision."""
    permissions.check(by, release.study, Verb.REVIEW_RELEASE)
    rules.check_second_person(release.asked_by, by.name)
    if Release.objects.filter(pk=release.pk, state=State.ASKED).first() is None:
        raise NotNow(_("This release was decided on already."))
    return _open(by, release, file, "release.viewed", now)


def _open(by: Actor, release: Release, name: str, verb: str, now: datetime) -> bytes:
    with transaction.atomic():
        found = ReleaseFile.objects.filter(release=release, name=name).first()
        if found is None:
            raise NotFound(_("The release has no file of this name."))
        data = _intact(release, found)
        _tell(by, release, verb, now, {"file": name, "sha256": found.sha256})
    return data


def _check_hashes(release: Release) -> None:
    for file in release.files.all():
        _intact(release, file)


def _intact(release: Release, file: ReleaseFile) -> bytes:
    """The file's bytes, if they and the manifest are what was asked for."""
    data = bytes(file.content)
    in_manifest = release.manifest.get("files", {}).get(file.name, {}).get("sha256", release.sha256)
    if (
        sha256(data) != file.sha256
        or file.sha256 != in_manifest
        or sha256(as_bytes(release.manifest)) != release.sha256
    ):
        raise Damaged(_("A file of release %(id)s is not what its manifest says.") % {"id": release.pk})
    return data


def _tell(by: Actor, release: Release, verb: str, now: datetime, detail: Mapping[str, object]) -> None:
    audit.record(
        by=by, verb=verb, now=now, study=release.study.slug, subject=str(release.pk), detail=dict(detail)
    )
