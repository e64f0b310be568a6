"""Measures of what a generator makes, each with its protocol."""
