"""Append-only, hash-chained events without foreign keys; they outlive what they tell of."""
