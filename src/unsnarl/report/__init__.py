"""A result turned into numbers, and numbers into lines to read."""
