"""Who may do what in the embedded AWS: IAM's policies, evaluated as AWS does it."""
