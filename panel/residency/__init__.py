"""What a member told of where they live: evidence, spells, flags, review."""
