"""Tests of panel/enrolment."""
