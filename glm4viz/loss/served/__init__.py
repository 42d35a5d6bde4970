"""Losses from a model on a server of one's own: vLLM, SGLang, or another that echoes prompts with their log-probabilities. No torch."""
