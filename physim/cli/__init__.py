"""The `physim` command: parses, calls, prints. Its help never imports JAX."""

from .main import main as main
