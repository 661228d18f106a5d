# Which Terraform and which Alibaba Cloud provider.

terraform {
  required_version = ">= 1.4"

  required_providers {
    alicloud = {
      source  = "aliyun/alicloud"
      version = ">= 1.220"
    }
  }
}

# Credentials come from the environment, never from a file of the project.
provider "alicloud" {
  region = var.region
}
