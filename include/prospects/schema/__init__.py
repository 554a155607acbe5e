"""Columns, cells and the model of a row."""
