"""The program that registers the agent of Azure Pipelines on a machine: it needs nothing but Python 3.10.

The token is read from Key Vault with the identity of the machine, kept in memory, and given to the agent's `config.sh` in
its environment, which the agent clears. It is never an argument of a command, and never written.
https://learn.microsoft.com/azure/devops/pipelines/agents/linux-agent
"""
