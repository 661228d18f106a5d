# What the app servers may do in the account: read the secrets that are named, and nothing else.
#
# The secrets stay where they are: their values never pass through Terraform, its plan or its state.

resource "aws_iam_role" "app" {
  name = local.name
  path = "/drill/"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "secrets" {
  count = length(var.secrets) > 0 ? 1 : 0

  name = "read-own-secrets"
  role = aws_iam_role.app.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = var.secrets
    }]
  })
}

resource "aws_iam_instance_profile" "app" {
  name = local.name
  path = "/drill/"
  role = aws_iam_role.app.name
}
