"""Access-log formats: each turns one line of bytes into a record or says why it cannot."""
