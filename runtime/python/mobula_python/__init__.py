"""Calls of TypeScript to Python: what they carry, and how they run. Needs nothing but the standard library."""
