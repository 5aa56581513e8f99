"""Hot loops: arrays in, arrays out; no strings, files, logging or errors."""
