"""Bayesian hierarchical clustering: the second recipe, beside solve."""
