"""Tests of panel/members."""
