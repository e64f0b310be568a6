"""Layers and losses that more than one model builds from."""
