"""What can be done with a trained generator: sample it, walk through it, translate with it."""
