"""Private networking: DNS zones, endpoints of other resources in a subnet, and NAT gateways."""
