"""The business logic behind the operators."""
