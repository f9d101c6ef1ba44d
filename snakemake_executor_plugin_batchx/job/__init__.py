"""Inside the container: what a Batch job runs. Uses the wire format and the S3 shim only."""
