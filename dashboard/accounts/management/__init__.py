"""Commands about people's logins: a lost device, and sessions that have to end."""
