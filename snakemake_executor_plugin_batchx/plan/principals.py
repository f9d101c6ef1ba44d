"""What AWS's services are called where roles say who may have them."""

ECS_TASKS = "ecs-tasks.amazonaws.com"
"""Whom job and execution roles are passed to, and who assumes them: in all partitions
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html,
https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/region-info/lib/default.ts)."""
