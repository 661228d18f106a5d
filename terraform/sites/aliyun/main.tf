# Capacity of a standby site on Alibaba Cloud: app servers in two zones behind a load balancer with a fixed address.

locals {
  scheme = var.port == 443 ? "https" : "http"
  tags   = merge(var.tags, { drill-id = var.drill, drill-step = var.step })
  name   = "drill-${substr(sha256("${var.drill}/${var.step}"), 0, 10)}"
  zones  = slice(sort(data.alicloud_zones.here.ids), 0, 2)
}

# Zones that have the machine type in stock.
data "alicloud_zones" "here" {
  available_resource_creation = "VSwitch"
  available_instance_type     = var.instance_type
}

resource "alicloud_vpc" "site" {
  vpc_name   = local.name
  cidr_block = var.cidr
  tags       = local.tags
}

resource "alicloud_vswitch" "zone" {
  count = length(local.zones)

  vswitch_name = "${local.name}-${count.index}"
  vpc_id       = alicloud_vpc.site.id
  zone_id      = local.zones[count.index]
  cidr_block   = cidrsubnet(var.cidr, 4, count.index)
  tags         = local.tags
}

resource "alicloud_security_group" "app" {
  security_group_name = local.name
  description         = "App servers of a drill: the app's port only"
  vpc_id              = alicloud_vpc.site.id
  tags                = local.tags
}

resource "alicloud_security_group_rule" "clients" {
  for_each = toset(var.clients)

  security_group_id = alicloud_security_group.app.id
  type              = "ingress"
  ip_protocol       = "tcp"
  port_range        = "${var.port}/${var.port}"
  cidr_ip           = each.value
}

# The load balancer asks for the app's health from Alibaba's own block.
resource "alicloud_security_group_rule" "health" {
  security_group_id = alicloud_security_group.app.id
  type              = "ingress"
  ip_protocol       = "tcp"
  port_range        = "${var.port}/${var.port}"
  cidr_ip           = "100.64.0.0/10"
}

resource "alicloud_instance" "app" {
  count = var.size

  instance_name        = "${local.name}-${count.index}"
  image_id             = var.image
  instance_type        = var.instance_type
  vswitch_id           = alicloud_vswitch.zone[count.index % length(local.zones)].id
  security_groups      = [alicloud_security_group.app.id]
  role_name            = alicloud_ram_role.app.id
  system_disk_category = "cloud_essd"
  system_disk_size     = var.disk_gb
  user_data            = var.user_data
  http_endpoint        = "enabled"
  http_tokens          = "required"
  tags                 = local.tags
  volume_tags          = local.tags
}

resource "alicloud_slb_load_balancer" "site" {
  load_balancer_name   = local.name
  address_type         = "internet"
  internet_charge_type = "PayByTraffic"
  load_balancer_spec   = "slb.s2.small"
  tags                 = local.tags
}

resource "alicloud_slb_backend_server" "app" {
  load_balancer_id = alicloud_slb_load_balancer.site.id

  dynamic "backend_servers" {
    for_each = alicloud_instance.app

    content {
      server_id = backend_servers.value.id
      weight    = 100
    }
  }
}

resource "alicloud_slb_listener" "app" {
  load_balancer_id          = alicloud_slb_load_balancer.site.id
  protocol                  = "tcp"
  frontend_port             = var.port
  backend_port              = var.port
  bandwidth                 = -1
  health_check_type         = local.scheme == "http" ? "http" : "tcp" # a load balancer of this kind asks no path over TLS
  health_check_uri          = local.scheme == "http" ? var.health_path : null
  health_check_connect_port = var.port
  health_check_interval     = 2
  healthy_threshold         = 2
  unhealthy_threshold       = 2

  depends_on = [alicloud_slb_backend_server.app]
}
