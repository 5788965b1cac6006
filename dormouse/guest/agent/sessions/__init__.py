"""Sessions of people: logins, remote shells, desktops and editors."""
