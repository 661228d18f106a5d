# App servers of the sandbox's standby region: one resource, one real process each.

terraform {
  required_version = ">= 1.4"
}

variable "addresses" {
  description = "Loopback addresses to serve from, one app server each."
  type        = list(string)
  nullable    = false
}

variable "control" {
  description = "Argument vector of the sandbox's remote control."
  type        = list(string)
  nullable    = false
}

variable "region" {
  description = "Region of the sandbox to build in."
  type        = string
  default     = "b"
}

locals {
  control = join(" ", [for word in var.control : "'${replace(word, "'", "'\\''")}'"])
}

resource "terraform_data" "app" {
  for_each = { for index, address in var.addresses : "${var.region}${index + 1}" => address }

  # Replaced when any of it changes; a destroy may look at nothing else.
  triggers_replace = {
    address = each.value
    control = local.control
    name    = each.key
    region  = var.region
  }

  provisioner "local-exec" {
    command = "${self.triggers_replace.control} instance create '${self.triggers_replace.name}' --region '${self.triggers_replace.region}' --address '${self.triggers_replace.address}'"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.triggers_replace.control} instance destroy '${self.triggers_replace.name}'"
  }
}

output "addresses" {
  description = "Where the app servers answer."
  value       = [for app in terraform_data.app : app.triggers_replace.address]
}

output "instances" {
  description = "Names of the app servers."
  value       = sort(keys(terraform_data.app))
}
