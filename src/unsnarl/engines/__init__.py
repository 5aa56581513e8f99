"""Where the work runs: engines split, send and gather; they do not cluster."""
