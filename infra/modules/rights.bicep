// What the control plane may do in a subscription: read everything, stop machines, and, if wanted, adopt and build.
targetScope = 'subscription'

param deploymentId string
param principalId string
param adoption bool
param provisioning bool
param sharing bool

var here = subscription().id
var builtIn = loadJsonContent('../built-in-roles.json')
var custom = loadJsonContent('../roles.json')
// Without it, Resource Graph leaves out what may not be read, without an error, and "nothing is left" would be a guess.
// Monitoring Reader is asked for by the batch API of metrics.
var readers = [builtIn.Reader, builtIn['Monitoring Reader']]
// A role that can assign roles could give itself any other: only these may be assigned, and only to identities of machines.
// https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
var ids = join(custom.assignable, ', ')
var condition = trim(replace(loadTextContent('../assignment-condition.txt'), '<assignable>', ids))

// The role that opens shared environments to people assigns none that would open everything, and none to identities: not
// to the app's own either.
var privileged = join(custom.privileged, ', ')
var peopleOnly = trim(replace(loadTextContent('../sharing-condition.txt'), '<privileged>', privileged))

resource read 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in readers: {
  name: guid(here, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}]

resource sweepRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(here, deploymentId, 'sweep')
  properties: {
    // Unique in the tenant, or error RoleDefinitionWithSameNameExists; sweeps recognize other deployments by it.
    roleName: 'Dormouse sweep (${deploymentId}) ${subscription().subscriptionId}'
    description: 'Starts and deallocates machines.'
    type: 'CustomRole'
    assignableScopes: [here]
    permissions: [
      { actions: custom.sweep }
    ]
  }
}

resource sweep 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(here, principalId, sweepRole.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: sweepRole.id
  }
}

resource adoptRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (adoption) {
  name: guid(here, deploymentId, 'adopt')
  properties: {
    roleName: 'Dormouse adopt (${deploymentId}) ${subscription().subscriptionId}'
    description: 'Installs the agent in machines that exist, which is root inside every machine of the subscription.'
    type: 'CustomRole'
    assignableScopes: [here]
    permissions: [
      { actions: custom.adopt }
    ]
  }
}

resource adopt 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (adoption) {
  name: guid(here, principalId, adoptRole.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: adoptRole.id
  }
}

resource provisionRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (provisioning) {
  name: guid(here, deploymentId, 'provision')
  properties: {
    roleName: 'Dormouse provision (${deploymentId}) ${subscription().subscriptionId}'
    description: 'Builds, changes and deletes environments. It can delete any resource group of the subscription.'
    type: 'CustomRole'
    assignableScopes: [here]
    permissions: [
      { actions: custom.provision }
    ]
  }
}

resource provision 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (provisioning) {
  name: guid(here, principalId, provisionRole.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: provisionRole.id
    condition: condition
    conditionVersion: '2.0'
  }
}

resource shareRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (sharing) {
  name: guid(here, deploymentId, 'share')
  properties: {
    roleName: 'Dormouse share (${deploymentId}) ${subscription().subscriptionId}'
    description: 'Writes custom roles, gives people roles, and builds key vaults. Who can write custom roles can get every right.'
    type: 'CustomRole'
    assignableScopes: [here]
    permissions: [
      { actions: custom.share }
    ]
  }
}

resource share 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (sharing) {
  name: guid(here, principalId, shareRole.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: shareRole.id
    condition: peopleOnly
    conditionVersion: '2.0'
  }
}
