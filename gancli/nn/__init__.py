"""Layers, losses and fast convolutions that several models share."""
