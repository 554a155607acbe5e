# The official image with what the project adds: its requirements, its connection type, its code.
FROM apache/airflow:3.3.2

# The pins name what is used directly; the rest stays as the official image has it. Tests and lint stay outside.
COPY --chown=airflow:0 requirements.txt /opt/airflow/
RUN sed '/^# tests and lint/,$d' /opt/airflow/requirements.txt > /tmp/runtime.txt \
    && pip install --no-cache-dir --requirement /tmp/runtime.txt \
    && rm /tmp/runtime.txt

# Editable: the connection type comes from the installed distribution, its code from plugins/, once and no more.
COPY --chown=airflow:0 pyproject.toml README.md LICENSE /opt/airflow/
COPY --chown=airflow:0 plugins /opt/airflow/plugins
RUN pip install --no-cache-dir --no-deps --editable /opt/airflow

COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 dags /opt/airflow/dags

# include/ is imported from the project's folder; dags/ and plugins/ are found by Airflow itself.
ENV PYTHONPATH=/opt/airflow
