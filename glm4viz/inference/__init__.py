"""What a server feeds the model before each answer, and where training leaves it."""
