"""AWS Batch: submitting, watching, ending jobs, and saying how they ended."""
