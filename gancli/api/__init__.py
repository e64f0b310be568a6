"""The Python API: the commands of `gan` as functions and methods, with the same words.

`gancli` itself loads these names when they are first used, so `import gancli` imports no torch.
"""
