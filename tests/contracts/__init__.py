"""Tests over the whole: every field classified, every layer kept, every route guarded, every document fresh."""
