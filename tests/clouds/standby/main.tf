# App servers of the standby in AWS, for the end-to-end run: each is started and ended by AWS's own SDK at the endpoint of the environment.

terraform {
  required_version = ">= 1.4"
}

variable "addresses" {
  description = "Private addresses to serve from, one instance each."
  type        = list(string)
  nullable    = false
}

variable "region" {
  description = "Region of AWS."
  type        = string
  nullable    = false
}

variable "program" {
  description = "Argument vector that starts and ends one instance."
  type        = list(string)
  nullable    = false
}

locals {
  program = join(" ", [for word in var.program : "'${replace(word, "'", "'\\''")}'"])
}

resource "terraform_data" "app" {
  for_each = { for index, address in var.addresses : "app${index + 1}" => address }

  triggers_replace = {
    address = each.value
    name    = each.key
    program = local.program
    region  = var.region
  }

  provisioner "local-exec" {
    command = "${self.triggers_replace.program} create ${self.triggers_replace.region} ${self.triggers_replace.name} ${self.triggers_replace.address}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.triggers_replace.program} destroy ${self.triggers_replace.region} ${self.triggers_replace.name} ${self.triggers_replace.address}"
  }
}

output "addresses" {
  description = "Where the app servers answer."
  value       = var.addresses
}
