param name string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
