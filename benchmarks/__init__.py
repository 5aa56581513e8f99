"""Benchmarks: seeded graphs, one process for each measurement, tables written by script."""
