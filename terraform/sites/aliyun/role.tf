# What the app servers may do in the account: read the secrets that are named, and nothing else.
#
# The secrets stay where they are: their values never pass through Terraform, its plan or its state.

resource "alicloud_ram_role" "app" {
  role_name   = local.name
  description = "App servers of a drill"
  force       = true

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["ecs.aliyuncs.com"] }
    }]
  })

  tags = local.tags
}

resource "alicloud_ram_policy" "secrets" {
  count = length(var.secrets) > 0 ? 1 : 0

  policy_name = "${local.name}-secrets"
  description = "Read the secrets of one drill"

  policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Effect   = "Allow"
      Action   = "kms:GetSecretValue"
      Resource = var.secrets
    }]
  })

  tags = local.tags
}

resource "alicloud_ram_role_policy_attachment" "secrets" {
  count = length(var.secrets) > 0 ? 1 : 0

  role_name   = alicloud_ram_role.app.id
  policy_name = alicloud_ram_policy.secrets[0].policy_name
  policy_type = "Custom"
}
