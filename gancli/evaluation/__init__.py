"""Measure how good a generator is: samples against real pictures, translations against the truth.

`evaluate` turns a generator into evidence (`Samples` or `Translations`). The metrics in `metrics`,
one file each, are computed from that evidence.
"""
