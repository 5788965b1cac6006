param name string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: 'westeurope'
  kind: 'StorageV2'
  sku: { name: 'Standard_GRS' }
  properties: {
    minimumTlsVersion: 'TLS1_0'
    supportsHttpsTrafficOnly: false
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: 'westeurope'
  properties: { httpsOnly: false }
}
