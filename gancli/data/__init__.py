"""Code that all datasets share.

- Types: `pictures` (Info, Pictures, Places), `rows` (pixel rows in a file).
- Getting files: `sources` (where from), `transfer` (HTTP), `apt`, `verify` (SHA-256).
- Reading them: `decode` (pictures), `folder`, `pairs`, `shards` (tar), `idx` (MNIST), `cmp`.
- Keeping them: `cache`. Describing them: `check` and `stats`.
"""
