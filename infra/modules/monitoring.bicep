// Logs, and who is told when the control plane itself does not work.
param workspaceName string
param componentName string
param location string
param tags object
param principalId string
param alertEmails array
param monthlyBudget int
param budgetStart string

var roles = loadJsonContent('../built-in-roles.json')
// Each query returns one row with one number, and a rule compares it: `count()` would always find one row.
var rules = [
  {
    name: 'no-sweep'
    title: 'No sweep has ended for 20 minutes'
    severity: 1
    query: 'AppTraces | where TimeGenerated > ago(20m) | where Message startswith "{\\"event\\": \\"sweep ended\\"" | where Message has "\\"dry_run\\": false" | summarize found = coalesce(sum(ItemCount), 0)'
    operator: 'LessThan'
    threshold: 1
    every: 'PT5M'
    window: 'PT30M'
  }
  {
    name: 'not-confirmed'
    title: 'A machine was told to stop or start, and Azure does not confirm it'
    severity: 2
    query: 'AppTraces | where Message startswith "{\\"event\\": \\"action not confirmed\\"" | summarize found = coalesce(sum(ItemCount), 0)'
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'failures'
    title: 'More than a tenth of the invocations fail'
    severity: 2
    query: 'AppRequests | summarize failed = sumif(ItemCount, Success == false), total = sum(ItemCount) | extend found = iff(total > 20, 100 * failed / total, 0)'
    operator: 'GreaterThan'
    threshold: 10
    every: 'PT15M'
    window: 'PT30M'
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
    features: { disableLocalAuth: true }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, principalId, roles['Monitoring Metrics Publisher'])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
  }
}

resource people 'Microsoft.Insights/actionGroups@2022-04-01' = if (!empty(alertEmails)) {
  name: 'dormouse-people'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'dormouse'
    emailReceivers: [for address in alertEmails: {
      name: address
      emailAddress: address
      useCommonAlertSchema: true
    }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for rule in rules: {
  name: 'dormouse-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    severity: rule.severity
    enabled: true
    autoMitigate: true
    evaluationFrequency: rule.every
    windowSize: rule.window
    scopes: [workspace.id]
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: 'found'
          timeAggregation: 'Total'
          operator: rule.operator
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(alertEmails) ? [] : [people.id] }
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'dormouse')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Dormouse: sweeps, verdicts, savings'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: 'dormouse-control'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      forecast: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: alertEmails
        contactRoles: ['Owner']
      }
    }
  }
}

output workspaceId string = workspace.id
output componentName string = component.name
