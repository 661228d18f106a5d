# What a rebuild puts out: the same names and meanings at every site.

output "addresses" {
  description = "IPv4 addresses where the site answers: what a DNS switch moves names to."
  value       = sort(aws_eip.zone[*].public_ip)

  depends_on = [aws_lb_listener.app]
}

output "endpoints" {
  description = "URLs of the site's entrances."
  value       = ["${local.scheme}://${aws_lb.site.dns_name}:${var.port}"]
}

output "health_url" {
  description = "URL that tells whether the site is healthy."
  value       = "${local.scheme}://${aws_lb.site.dns_name}:${var.port}${var.health_path}"
}

output "instance_ids" {
  description = "Ids of the app servers, as their provider calls them."
  value       = aws_instance.app[*].id
}

output "instances" {
  description = "Names of the app servers."
  value       = aws_instance.app[*].tags.Name
}
