"""The project's pages in Airflow's UI."""
