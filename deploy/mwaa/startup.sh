#!/bin/bash
# The settings of the project, for all of MWAA's schedulers, workers and web servers.
export SSO_TICKETS_SCHEDULE="@daily"
export SSO_TICKETS_FOLLOW_SCHEDULE="@hourly"
export SSO_TICKETS_PROSPECTS="s3://aws_default@my-bucket/prospects/"
export SSO_TICKETS_REPORTS="s3://aws_default@my-bucket/sso-reports"
