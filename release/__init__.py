"""From a checkout to what is deployed: the locked packages, and the zip file that a Flex Consumption app takes."""
