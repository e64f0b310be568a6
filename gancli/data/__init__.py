"""What data sets share: reading files, decoding pictures, pairs, the cache, downloads."""
