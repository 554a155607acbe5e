"""What a person sees in the terminal while Airflow starts, while a run goes on, and at its end."""
