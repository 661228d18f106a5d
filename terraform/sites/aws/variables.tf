# What a rebuild may be asked for: the same names and meanings at every site (see terraform/README.md).

variable "drill" {
  description = "Id of the drill that builds: everything carries it as the tag drill-id. Filled in by the drill."
  type        = string
  nullable    = false
}

variable "step" {
  description = "Step of the drill that builds. Filled in by the drill."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region to build in: ap-southeast-1."
  type        = string
  nullable    = false
}

variable "size" {
  description = "How many app servers."
  type        = number
  default     = 2

  validation {
    condition     = var.size >= 1 && var.size <= 50 && floor(var.size) == var.size
    error_message = "A site has 1 to 50 app servers."
  }
}

variable "port" {
  description = "TCP port that the app answers on."
  type        = number
  default     = 80

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "A port is a number from 1 to 65535."
  }
}

variable "health_path" {
  description = "Path of the app's health check."
  type        = string
  default     = "/health"

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "A path begins with a slash: /health."
  }
}

variable "tags" {
  description = "Opt-in tags: a drill touches nothing in the account that does not carry them."
  type        = map(string)
  default     = { drill = "allowed" }
  nullable    = false
}

variable "cidr" {
  description = "Address block of the site's own network, at least a /20."
  type        = string
  default     = "10.211.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 1)) && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "A network is an address block of at least a /20: 10.211.0.0/16."
  }
}

variable "image" {
  description = "Image of the app servers, there already: the drill copies none."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "Machine type of the app servers, in the cloud's own words."
  type        = string
  default     = "t3.small"
  nullable    = false
}

variable "disk_gb" {
  description = "Size of each server's own disk in GB, at least that of its image."
  type        = number
  default     = 20
}

variable "clients" {
  description = "Address blocks that may reach the app. The whole internet only on a port without data behind it: the policy refuses others."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.clients) > 0 && alltrue([for block in var.clients : can(cidrhost(block, 0))])
    error_message = "Name at least one address block: 198.51.100.0/24."
  }
}

variable "user_data" {
  description = "What the servers run when they start. No secret: it can be read on the machine."
  type        = string
  default     = ""
}

variable "secrets" {
  description = "Secrets in the cloud's own store that the app servers may read, by their full names there."
  type        = list(string)
  default     = []
  nullable    = false
}
