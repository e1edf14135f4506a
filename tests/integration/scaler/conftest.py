"""A real scaler for each test that asks to `start` one."""

from __future__ import annotations

from support.scaler_program import exporter, start

__all__ = ["exporter", "start"]
