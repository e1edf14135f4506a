"""The scaler as a program, for the tests of this folder."""

from support.scaler_program import exporter, start

__all__ = ["exporter", "start"]
