"""What the identity that asks may do: its role assignments, their scopes and conditions, and what a request needs of them.

Only requests to Resource Manager and the rows of Resource Graph are checked. Key Vault and storage check nothing here: the
data roles of a deployment are given for its own vault and account.
"""
