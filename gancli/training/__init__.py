"""Training: the one trainer, and a run of it from what was typed to a folder of files."""
