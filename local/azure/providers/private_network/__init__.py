"""Private networking: DNS zones with their links and records, private endpoints, and NAT gateways."""
