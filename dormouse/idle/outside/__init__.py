"""Evidence from outside: what an organisation says of the use of machines. It keeps them awake, and never makes one idle."""
