# Capacity of a standby site on AWS: app servers in two zones behind a network load balancer with fixed addresses.

locals {
  scheme = var.port == 443 ? "https" : "http"
  tags   = merge(var.tags, { drill-id = var.drill, drill-step = var.step })
  name   = "drill-${substr(sha256("${var.drill}/${var.step}"), 0, 10)}"
  zones  = slice(sort(data.aws_availability_zones.here.names), 0, 2)
}

data "aws_availability_zones" "here" {
  state = "available"
}

resource "aws_vpc" "site" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true

  tags = { Name = local.name }
}

resource "aws_internet_gateway" "site" {
  vpc_id = aws_vpc.site.id

  tags = { Name = local.name }
}

resource "aws_subnet" "zone" {
  count = length(local.zones)

  vpc_id            = aws_vpc.site.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.cidr, 4, count.index)

  tags = { Name = "${local.name}-${count.index}" }
}

resource "aws_route_table" "site" {
  vpc_id = aws_vpc.site.id

  tags = { Name = local.name }
}

resource "aws_route" "out" {
  route_table_id         = aws_route_table.site.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.site.id
}

resource "aws_route_table_association" "zone" {
  count = length(local.zones)

  route_table_id = aws_route_table.site.id
  subnet_id      = aws_subnet.zone[count.index].id
}

# The load balancer keeps the clients' addresses, so the servers' own doors decide who comes in.
resource "aws_security_group" "app" {
  name        = local.name
  description = "App servers of a drill: the app's port only"
  vpc_id      = aws_vpc.site.id

  ingress {
    description = "Clients, and health checks of the load balancer"
    from_port   = var.port
    to_port     = var.port
    protocol    = "tcp"
    cidr_blocks = distinct(concat(var.clients, [var.cidr]))
  }

  egress {
    description = "Updates and the database"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = { Name = local.name }
}

resource "aws_instance" "app" {
  count = var.size

  ami                         = var.image
  instance_type               = var.instance_type
  subnet_id                   = aws_subnet.zone[count.index % length(local.zones)].id
  vpc_security_group_ids      = [aws_security_group.app.id]
  iam_instance_profile        = aws_iam_instance_profile.app.name
  associate_public_ip_address = true
  user_data                   = var.user_data

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  root_block_device {
    encrypted   = true
    volume_size = var.disk_gb
  }

  tags        = { Name = "${local.name}-${count.index}" }
  volume_tags = merge(local.tags, { Name = "${local.name}-${count.index}" })

  depends_on = [aws_route.out]
}

resource "aws_eip" "zone" {
  count = length(local.zones)

  tags = { Name = "${local.name}-${count.index}" }

  depends_on = [aws_internet_gateway.site]
}

resource "aws_lb" "site" {
  name               = local.name
  load_balancer_type = "network"

  dynamic "subnet_mapping" {
    for_each = aws_subnet.zone

    content {
      subnet_id     = subnet_mapping.value.id
      allocation_id = aws_eip.zone[subnet_mapping.key].id
    }
  }

  tags = { Name = local.name }
}

resource "aws_lb_target_group" "app" {
  name                 = local.name
  port                 = var.port
  protocol             = "TCP"
  vpc_id               = aws_vpc.site.id
  deregistration_delay = 10

  health_check {
    protocol = upper(local.scheme)
    path     = var.health_path
    interval = 10
  }

  tags = { Name = local.name }
}

resource "aws_lb_target_group_attachment" "app" {
  count = var.size

  target_group_arn = aws_lb_target_group.app.arn
  target_id        = aws_instance.app[count.index].id
}

resource "aws_lb_listener" "app" {
  load_balancer_arn = aws_lb.site.arn
  port              = var.port
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app.arn
  }
}
