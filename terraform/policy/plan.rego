# The rules that always hold, once more in Rego, as a start for a team's own: `DRILL_REGO=terraform/policy` has every plan judged by it.
#
# `input` is what `terraform show -json` says of the plan, without the values of its variables. `deny` is a set of sentences; one is enough.
package drill.plan

import rego.v1

opt_in := {"drill": "allowed"}

data_ports := {22, 1433, 1521, 3306, 3389, 5432, 6379, 9092, 9200, 11211, 27017}

changes contains rc if {
	some rc in input.resource_changes
	rc.mode == "managed"
	rc.change.actions != ["no-op"]
}

tags(values) := object.union(values_of(values, "tags"), values_of(values, "tags_all"))

values_of(values, name) := found if {
	found := values[name]
	is_object(found)
} else := {}

taggable(values) if "tags" in object.keys(values)

deny contains message if {
	some rc in changes
	some action in rc.change.actions
	action in {"create", "update"}
	taggable(rc.change.after)
	some name, value in opt_in
	not tags(rc.change.after)[name] == value
	message := sprintf("%s: it would not carry the opt-in tag %s", [rc.address, name])
}

deny contains message if {
	some rc in changes
	"delete" in rc.change.actions
	taggable(rc.change.before)
	not "drill-id" in object.keys(tags(rc.change.before))
	message := sprintf("%s: it would be removed, and no drill has made it", [rc.address])
}

deny contains message if {
	some rc in changes
	rc.type == "aws_security_group"
	some rule in rc.change.after.ingress
	some block in rule.cidr_blocks
	endswith(block, "/0")
	some port in data_ports
	rule.from_port <= port
	port <= rule.to_port
	message := sprintf("%s: port %d is open to %s", [rc.address, port, block])
}
