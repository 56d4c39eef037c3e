"""Disclosure control, review, formats, codebook, manifest, download."""
