// The Functions app, on a Flex Consumption plan. Its package is deployed separately: nothing is built in Azure.
param planName string
param appName string
param location string
param tags object
param identityName string
param storageName string
param vaultName string
param componentName string
param workspaceId string
param subnetId string
param schedulerEndpoint string
param deploymentId string
param instanceMemory int
param maximumInstances int
param settings object
param dashboardClientId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}package'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: maximumInstances
        // All orchestrators and activities scale together; without an instance that is always ready, a start waits for a poll.
        alwaysReady: [
          { name: 'durable', instanceCount: 1 }
        ]
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
    }
    siteConfig: { minTlsVersion: '1.2' }
  }
}

// This is the whole collection: a setting that is not named here is deleted.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    {
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.properties.clientId
      AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
      AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
      AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
      APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
      AZURE_CLIENT_ID: identity.properties.clientId
      AZURE_TOKEN_CREDENTIALS: 'prod'
      AZURE_SUBSCRIPTION_ID: subscription().subscriptionId
      ENTRA_TENANT_ID: tenant().tenantId
      DEPLOYMENT_ID: deploymentId
      KEY_VAULT_URL: vault.properties.vaultUri
      KEY_VAULT_ID: vault.id
      RECORDS_TABLES_URL: storage.properties.primaryEndpoints.table
    },
    empty(dashboardClientId) ? {} : { ENTRA_DASHBOARD_CLIENT_ID: dashboardClientId },
    empty(schedulerEndpoint) ? {} : {
      DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};TaskHub=dormouse;Authentication=ManagedIdentity;ClientID=${identity.properties.clientId}'
    },
    settings
  )
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
