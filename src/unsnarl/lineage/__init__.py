"""Two clusterings of records, before and after: what became of each cluster, and which name goes on with which."""
