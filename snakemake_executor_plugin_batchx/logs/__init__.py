"""What jobs write to their output: where CloudWatch has it, what is saved of it, links to it."""
