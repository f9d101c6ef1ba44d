"""What runs need of an account, as a CloudFormation stack: its template, its making, its end."""
