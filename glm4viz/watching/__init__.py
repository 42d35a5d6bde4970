"""A run while it runs: its first batch is captured, judged and, if it is wrong and that was asked for, stops the run."""
