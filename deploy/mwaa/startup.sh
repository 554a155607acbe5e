#!/bin/bash
# The settings of the project, for all of MWAA's schedulers, workers and web servers.
export SSO_TICKETS_SCHEDULE="@daily"
export SSO_TICKETS_FOLLOW_SCHEDULE="@hourly"
export SSO_TICKETS_PROSPECTS="s3://aws_default@my-bucket/prospects/"
export SSO_TICKETS_REPORTS="s3://aws_default@my-bucket/sso-reports"
# Without a sender nobody is mailed, see "Mailing the links" in docs/operations.md. The connection is smtp_default.
# export SSO_TICKETS_MAIL_FROM="Example <sso@example.com>"
