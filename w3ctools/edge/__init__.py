"""The world outside: each file wraps one outside thing, as thinly as it can."""
