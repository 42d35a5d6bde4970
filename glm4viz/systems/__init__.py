"""One file a training system: its layouts and its recipes. `registry` finds them; `own` makes one out of a reader's choices."""
