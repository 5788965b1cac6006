using 'main.bicep'

param stage = 'pro'
param deploymentId = 'main'
param location = 'westeurope'
param privateNetwork = true
param purgeProtection = true
