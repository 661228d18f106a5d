# App servers of the sandbox's standby region: one resource, one real process each.
#
# Every command is idempotent: after a crash it is run again, and may find its work done.

terraform {
  required_version = ">= 1.4"
}

variable "addresses" {
  description = "Loopback addresses to serve from, one app server each."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.addresses)) == length(var.addresses)
    error_message = "Two app servers cannot share an address."
  }
  validation {
    condition     = alltrue([for address in var.addresses : can(regex("^[0-9.]+$", address))])
    error_message = "Addresses are IPv4: 127.0.2.1."
  }
}

variable "control" {
  description = "Argument vector of the sandbox's remote control."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.control) > 0
    error_message = "The remote control needs at least a program."
  }
}

variable "region" {
  description = "Region of the sandbox to build in."
  type        = string
  default     = "b"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*$", var.region))
    error_message = "A region of the sandbox is a word: b."
  }
}

locals {
  control   = join(" ", [for word in var.control : "'${replace(word, "'", "'\\''")}'"])
  instances = { for index, address in var.addresses : "${var.region}${index + 1}" => address }
}

resource "terraform_data" "app" {
  for_each = local.instances

  # Replaced when any of it changes; a destroy may look at nothing else.
  triggers_replace = {
    address = each.value
    control = local.control
    name    = each.key
    region  = var.region
  }

  provisioner "local-exec" {
    command = "${self.triggers_replace.control} instance create ${self.triggers_replace.name} --region ${self.triggers_replace.region} --address ${self.triggers_replace.address}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.triggers_replace.control} instance destroy ${self.triggers_replace.name}"
  }
}

output "addresses" {
  description = "Where the app servers answer, in the order they were asked for."
  value       = [for address in var.addresses : address if contains([for app in terraform_data.app : app.triggers_replace.address], address)]
}

output "instances" {
  description = "Names of the app servers."
  value       = sort(keys(terraform_data.app))
}
