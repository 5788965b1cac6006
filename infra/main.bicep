// The control plane itself: one Flex Consumption app, its storage, vault, logs and rights, in a resource group of its own.
targetScope = 'subscription'

@description('The stage that this deployment serves; it is a tag of everything.')
@allowed(['dev', 'int', 'pro'])
param stage string

@description('The setting DEPLOYMENT_ID: part of every name, so that deployments in one subscription never meet.')
@minLength(2)
@maxLength(8)
param deploymentId string

@description('The region of the control plane; its machines may be anywhere.')
param location string

@description('Where Durable Functions keeps its state. The package must be built for the same: make package BACKEND=.')
@allowed(['storage', 'scheduler'])
param backend string = 'storage'

@description('The memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemory int = 2048

@description('The most instances that requests may start.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Close storage and vault to everything outside a virtual network of their own.')
param privateNetwork bool = false

@description('Whether a deleted vault and its secrets can be purged only after their retention; cannot be taken back.')
param purgeProtection bool = false

@description('The app registration with which people sign in to the dashboard (docs/dashboard.md); empty: by function key only.')
param dashboardClientId string = ''

@description('More settings of the app, by name; see docs/deployment.md. Secrets are references to a key vault.')
param settings object = {}

@description('The subscriptions whose machines are watched and stopped, besides this one.')
param watchedSubscriptions array = []

@description('Whether machines that exist may be adopted. The right to do so is root inside every machine of the subscription.')
param adoption bool = false

@description('Whether environments may be built in this subscription.')
param provisioning bool = true

@description('Whether environments may be built that others share: custom roles, key vaults, and roles of people (ml-shared).')
param sharing bool = false

@description('Who is told of alerts and of the budget.')
param alertEmails array = []

@description('The budget of the control plane for a month, in the currency of the subscription; 0 for none.')
@minValue(0)
param monthlyBudget int = 0

@description('The first day of the budget: the first of a month. It cannot be changed later.')
param budgetStart string = '2026-12-01'

@description('The name of the azd environment, if azd deploys.')
param azdEnvironment string = ''

var unique = uniqueString(subscription().id, deploymentId, location)
var tags = union({ product: 'dormouse', stage: stage, deployment: deploymentId }, empty(azdEnvironment) ? {} : { 'azd-env-name': azdEnvironment })

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'dormouse-control-${deploymentId}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-dormouse-${deploymentId}'
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-dormouse-${deploymentId}'
    location: location
    tags: tags
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-dormouse-${deploymentId}'
    componentName: 'appi-dormouse-${deploymentId}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    alertEmails: alertEmails
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'dm${unique}'
    location: location
    tags: tags
    tablePrefix: deploymentId == 'main' ? '' : deploymentId
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    open: !privateNetwork
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'dm-${unique}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    purgeProtection: purgeProtection
    open: !privateNetwork
  }
}

module scheduler 'modules/scheduler.bicep' = if (backend == 'scheduler') {
  name: 'scheduler'
  scope: group
  params: {
    name: 'dts-dormouse-${deploymentId}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    planName: 'plan-dormouse-${deploymentId}'
    appName: 'dm-${unique}-${deploymentId}'
    location: location
    tags: tags
    identityName: identity.outputs.name
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    componentName: monitoring.outputs.componentName
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetwork ? network!.outputs.subnetId : ''
    schedulerEndpoint: backend == 'scheduler' ? scheduler!.outputs.endpoint : ''
    deploymentId: deploymentId
    instanceMemory: instanceMemory
    maximumInstances: maximumInstances
    dashboardClientId: dashboardClientId
    settings: settings
  }
  dependsOn: [rights]
}

module rights 'modules/rights.bicep' = {
  name: 'dormouse-rights-${deploymentId}'
  params: {
    deploymentId: deploymentId
    principalId: identity.outputs.principalId
    adoption: adoption
    provisioning: provisioning
    sharing: sharing
  }
}

module watched 'modules/rights.bicep' = [for other in watchedSubscriptions: {
  name: 'dormouse-rights-${deploymentId}'
  scope: subscription(other)
  params: {
    deploymentId: deploymentId
    principalId: identity.outputs.principalId
    adoption: adoption
    provisioning: false
    sharing: false
  }
}]

@description('Where the API is.')
output url string = 'https://${app.outputs.hostName}/api'

@description('The name of the app that packages are deployed to.')
output appName string = app.outputs.name

@description('The resource group of the control plane.')
output groupName string = group.name

@description('The setting DEPLOYMENT_ID.')
output deploymentId string = deploymentId

@description('The object ID of the identity that the app runs as.')
output principalId string = identity.outputs.principalId

@description('The custom roles of the app in this subscription, by their names in roles.json.')
output roles array = concat(['sweep'], adoption ? ['adopt'] : [], provisioning ? ['provision'] : [], sharing ? ['share'] : [])
