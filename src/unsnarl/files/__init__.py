"""Read and write the outside world: pairs, records, truth, runs. The one room that knows DuckDB."""
