"""Simulate the speech-recognition vendors: real HTTP servers on loopback that follow the vendors' documents."""

from simulators.launcher import VENDORS, Simulators

__all__ = ["VENDORS", "Simulators"]
