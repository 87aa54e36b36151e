"""A made-up site: seed, scenario and seconds -> the lines of its log, and what is true of them."""
