"""Followers of log files on trial: numbered lines are written, files are rotated and damaged, and what came
out is judged by the numbers.

`lines` gives a number to each line, `writer` writes them as a server does, `http_load` makes a server write
them, `faults` are what happens to logs, `followers` runs w3c-tail or GNU tail behind a pipe whose reader can
stand still, `judge` says what is missing, came twice or is torn, and `cases` puts these together.
"""
