"""Code that all datasets share: downloads, file formats, decoding, pairs, folders and the cache."""
