param name string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: 'westeurope'
  kind: 'StorageV2'
  sku: { name: 'Standard_GRS' }

  resource first 'tableServices@2024-01-01' = {
    name: 'default'
  }

  resource second 'queueServices@2024-01-01' = {
    name: 'default'
  }
}
