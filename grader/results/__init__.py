"""Verdicts as data: what results.json and grades.csv hold."""
