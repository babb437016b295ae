"""Measurements: each module is a program that prints a table and says how to read it."""
