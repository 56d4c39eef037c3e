"""How a release looks to a machine."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from panel.releases.models import Release


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """What it is, what it holds to, its files with their hashes."""

    study = serializers.CharField(source="study.slug")
    wave = serializers.CharField(source="wave_name")
    k = serializers.SerializerMethodField()
    rows = serializers.SerializerMethodField()
    files = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = ["id", "study", "wave", "product", "k", "rows", "reviewed_at", "sha256", "files"]

    def get_k(self, release: Release) -> int | None:
        """The smallest group of people who look alike."""
        k: int | None = release.manifest.get("k")
        return k

    def get_rows(self, release: Release) -> int | None:
        """How many rows the file has."""
        rows: int | None = release.manifest.get("rows")
        return rows

    def get_files(self, release: Release) -> list[dict[str, Any]]:
        """Each file with its hash, its size and where it is."""
        sizes = release.manifest.get("files", {})
        request = self.context["request"]
        return [
            {
                "name": file.name,
                "sha256": file.sha256,
                "bytes": sizes.get(file.name, {}).get("bytes"),
                "url": request.build_absolute_uri(reverse("api:release_file", args=[release.pk, file.name])),
            }
            for file in release.files.all()
        ]
