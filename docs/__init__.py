"""The documentation, and `python -m docs.generate`, which writes the pages of docs/reference."""
