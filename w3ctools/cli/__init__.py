"""The commands: options become core objects, and one loop moves the data."""
