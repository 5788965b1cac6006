// The Durable Task Scheduler, for those who chose it. Look at its price first: docs/unverified.md.
param name string
param location string
param tags object
param principalId string

@description('The addresses that may ask the scheduler; an empty list denies all.')
@minLength(1)
param allowedAddresses array = ['0.0.0.0/0']

var roles = loadJsonContent('../built-in-roles.json')

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'Consumption' }
    ipAllowlist: allowedAddresses
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: 'dormouse'
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hub
  name: guid(hub.id, principalId, roles['Durable Task Data Contributor'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Durable Task Data Contributor'])
  }
}

output endpoint string = scheduler.properties.endpoint
