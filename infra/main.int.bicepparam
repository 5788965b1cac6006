using 'main.bicep'

param stage = 'int'
param deploymentId = 'int'
param location = 'westeurope'
