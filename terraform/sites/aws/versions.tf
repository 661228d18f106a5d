# Which Terraform and which AWS provider: the module keeps to what 3.39 and 6.x both know.

terraform {
  required_version = ">= 1.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 3.39"
    }
  }
}

# Credentials come from the environment, never from a file of the project.
provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}
