"""How good a clustering is: figures from comparing it with another, or with the truth."""
