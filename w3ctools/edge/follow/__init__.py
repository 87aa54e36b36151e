"""Following logs by name: a file's contents, its generations, what stands beside it, and many files at once.

From the inside out: `contents` (bytes at an offset), `start` (where reading begins), `generation` (one run of
lines), `folder` and `beside` (the rotated files), `copies` and `adoption` (which of them are new), `resume`
(where an earlier run stopped), `follower` (one name), `watch` (all names), `progress` (what the reader has
taken).
"""
