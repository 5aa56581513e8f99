"""Slow twins: plain Python written from the definitions, importing nothing from the package."""
