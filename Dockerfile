# The official image with what the project adds: its requirements, its connection type, its code.
FROM apache/airflow:3.3.2

# All that the stack imports has the versions of the lock, with tests and lint left out. pip checks the hash of each
# package that it installs and builds none; what the official image has in that version stays as it is.
COPY --chown=airflow:0 requirements-docker.lock /opt/airflow/
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement /opt/airflow/requirements-docker.lock

# Editable: the connection type comes from the installed distribution, its code from plugins/, once and no more.
COPY --chown=airflow:0 pyproject.toml README.md LICENSE /opt/airflow/
COPY --chown=airflow:0 plugins /opt/airflow/plugins
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable /opt/airflow

COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 dags /opt/airflow/dags

# All settings come from the environment. Without this file, each container would write one, with their values.
RUN touch /opt/airflow/airflow.cfg

# include/ is imported from the project's folder; dags/ and plugins/ are found by Airflow itself.
ENV PYTHONPATH=/opt/airflow
