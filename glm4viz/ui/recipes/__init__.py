"""The Recipes page."""
