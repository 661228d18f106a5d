# What a rebuild puts out: the same names and meanings at every site.

output "addresses" {
  description = "IPv4 addresses where the site answers: what a DNS switch moves names to."
  value       = [alicloud_slb_load_balancer.site.address]

  depends_on = [alicloud_slb_listener.app]
}

output "endpoints" {
  description = "URLs of the site's entrances."
  value       = ["${local.scheme}://${alicloud_slb_load_balancer.site.address}:${var.port}"]
}

output "health_url" {
  description = "URL that tells whether the site is healthy."
  value       = "${local.scheme}://${alicloud_slb_load_balancer.site.address}:${var.port}${var.health_path}"
}

output "instance_ids" {
  description = "Ids of the app servers, as their provider calls them."
  value       = alicloud_instance.app[*].id
}

output "instances" {
  description = "Names of the app servers."
  value       = alicloud_instance.app[*].instance_name
}
