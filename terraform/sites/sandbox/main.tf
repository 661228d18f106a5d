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

variable "drill" {
  description = "Id of the drill that builds. Filled in by the drill."
  type        = string
  default     = ""
}

variable "step" {
  description = "Step of the drill that builds. Filled in by the drill."
  type        = string
  default     = ""
}

variable "size" {
  description = "How many of the addresses to serve from; all of them when it is not said."
  type        = number
  default     = null
}

variable "port" {
  description = "TCP port that the app answers on; without it the site has addresses only, and no URL."
  type        = number
  default     = null
}

variable "health_path" {
  description = "Path of the app's health check."
  type        = string
  default     = "/health"
}

variable "tags" {
  description = "Opt-in tags. Processes of the sandbox carry none: all of them are the sandbox's own."
  type        = map(string)
  default     = { drill = "allowed" }
  nullable    = false
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
  addresses = slice(var.addresses, 0, min(coalesce(var.size, length(var.addresses)), length(var.addresses)))
  instances = { for index, address in local.addresses : "${var.region}${index + 1}" => address }
  urls      = var.port == null ? [] : [for address in local.addresses : "http://${address}:${var.port}"]
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
  value       = [for address in local.addresses : address if contains([for app in terraform_data.app : app.triggers_replace.address], address)]

  precondition {
    condition     = coalesce(var.size, 0) <= length(var.addresses)
    error_message = "There are fewer addresses than app servers asked for."
  }
}

output "endpoints" {
  description = "URLs of the site's entrances: each app server is one."
  value       = local.urls
}

output "health_url" {
  description = "URL that tells whether the site is healthy: its first app server's."
  value       = length(local.urls) == 0 ? "" : "${local.urls[0]}${var.health_path}"
}

output "instance_ids" {
  description = "Ids of the app servers, as the sandbox calls them."
  value       = sort(keys(terraform_data.app))
}

output "instances" {
  description = "Names of the app servers."
  value       = sort(keys(terraform_data.app))
}
