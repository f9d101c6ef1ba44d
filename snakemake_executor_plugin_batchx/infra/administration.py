"""What whoever makes and deletes a stack has to be allowed, himself and through CloudFormation.

CloudFormation makes what a template says with the permissions of whoever asks it to
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html).
"""

from collections.abc import Mapping
from types import MappingProxyType

OWN_ACTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "up": (
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeStackEvents",
            "cloudformation:ListStackResources",
            "iam:GetRole",
            "iam:CreateServiceLinkedRole",
            "ec2:DescribeSubnets",
        ),
        "down": (
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeStackEvents",
            "cloudformation:ListStackResources",
            "s3:ListBucketVersions",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:ListBucketMultipartUploads",
            "s3:AbortMultipartUpload",
            "batch:DescribeJobQueues",
            "batch:UpdateJobQueue",
            "batch:ListJobs",
            "batch:TerminateJob",
            "batch:DescribeJobDefinitions",
            "batch:DeregisterJobDefinition",
            "iam:ListEntitiesForPolicy",
            "iam:DetachUserPolicy",
            "iam:DetachGroupPolicy",
            "iam:DetachRolePolicy",
            "ecr:DescribeRepositories",
            "ecr:ListImages",
            "ecr:BatchDeleteImage",
            "ecr:DeleteRepository",
        ),
    }
)
"""By command: what batchx calls. S3 asks for DeleteObjectVersion where a version is deleted
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html)."""

RESOURCE_ACTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AWS::Batch::ComputeEnvironment": (
            "batch:CreateComputeEnvironment",
            "batch:DescribeComputeEnvironments",
            "batch:UpdateComputeEnvironment",
            "batch:DeleteComputeEnvironment",
            "batch:TagResource",
            "batch:UntagResource",
            "ec2:DescribeLaunchTemplateVersions",
            "iam:CreateServiceLinkedRole",
            "iam:PassRole",
        ),
        "AWS::Batch::JobQueue": (
            "batch:CreateJobQueue",
            "batch:DescribeJobQueues",
            "batch:UpdateJobQueue",
            "batch:DeleteJobQueue",
            "batch:TagResource",
            "batch:UntagResource",
        ),
        "AWS::EC2::InternetGateway": (
            "ec2:CreateInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:DeleteInternetGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::LaunchTemplate": (
            "ec2:CreateLaunchTemplate",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:DescribeLaunchTemplates",
            "ec2:DeleteLaunchTemplate",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::Route": (
            "ec2:CreateRoute",
            "ec2:ReplaceRoute",
            "ec2:DeleteRoute",
            "ec2:DescribeRouteTables",
        ),
        "AWS::EC2::RouteTable": (
            "ec2:CreateRouteTable",
            "ec2:DescribeRouteTables",
            "ec2:DeleteRouteTable",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::SecurityGroup": (
            "ec2:CreateSecurityGroup",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeInstances",
            "ec2:DeleteSecurityGroup",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::Subnet": (
            "ec2:CreateSubnet",
            "ec2:DescribeSubnets",
            "ec2:DescribeNetworkAcls",
            "ec2:ModifySubnetAttribute",
            "ec2:DeleteSubnet",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::SubnetRouteTableAssociation": (
            "ec2:AssociateRouteTable",
            "ec2:DisassociateRouteTable",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSubnets",
        ),
        "AWS::EC2::VPC": (
            "ec2:CreateVpc",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeSecurityGroups",
            "ec2:ModifyVpcAttribute",
            "ec2:DeleteVpc",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        "AWS::EC2::VPCEndpoint": (
            "ec2:CreateVpcEndpoint",
            "ec2:DescribeVpcEndpoints",
            "ec2:ModifyVpcEndpoint",
            "ec2:DeleteVpcEndpoints",
            "ec2:DescribeVpcs",
        ),
        "AWS::EC2::VPCGatewayAttachment": (
            "ec2:AttachInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:DetachInternetGateway",
        ),
        "AWS::IAM::InstanceProfile": (
            "iam:CreateInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:AddRoleToInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:PassRole",
        ),
        "AWS::IAM::ManagedPolicy": (
            "iam:CreatePolicy",
            "iam:GetPolicy",
            "iam:DeletePolicy",
            "iam:CreatePolicyVersion",
            "iam:GetPolicyVersion",
            "iam:ListPolicyVersions",
            "iam:DeletePolicyVersion",
            "iam:ListEntitiesForPolicy",
        ),
        "AWS::IAM::Role": (
            "iam:CreateRole",
            "iam:GetRole",
            "iam:DeleteRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:GetRolePolicy",
            "iam:ListRolePolicies",
            "iam:ListAttachedRolePolicies",
            "iam:DeleteRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
        ),
        "AWS::Logs::LogGroup": (
            "logs:CreateLogGroup",
            "logs:DescribeLogGroups",
            "logs:DeleteLogGroup",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:TagResource",
            "logs:UntagResource",
            "logs:ListTagsForResource",
        ),
        "AWS::S3::Bucket": (
            "s3:CreateBucket",
            "s3:ListBucket",
            "s3:DeleteBucket",
            "s3:GetEncryptionConfiguration",
            "s3:PutEncryptionConfiguration",
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:GetBucketTagging",
            "s3:PutBucketTagging",
            "s3:ListTagsForResource",
            "s3:TagResource",
            "s3:UntagResource",
        ),
        "AWS::S3::BucketPolicy": (
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
        ),
    }
)
"""By type of resource: what CloudFormation calls to make, change and delete those of a stack, of
all that it may call (the handlers in https://docs.aws.amazon.com/AWSCloudFormation/latest/
UserGuide/resource-type-schemas.html) what is about the properties that a stack's have."""

ZONES_ACTION = "ec2:DescribeAvailabilityZones"
"""What the template's Fn::GetAZs calls (https://docs.aws.amazon.com/AWSCloudFormation/latest/
TemplateReference/intrinsic-function-reference-getavailabilityzones.html)."""
