using 'main.bicep'

param stage = 'dev'
param deploymentId = 'dev'
param location = 'westeurope'
param instanceMemory = 512
