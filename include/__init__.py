"""What knows prospects, plans and reports; imports no Airflow."""
