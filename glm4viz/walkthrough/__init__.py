"""process_batch and its kin step by step, for a class."""
