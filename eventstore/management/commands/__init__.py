"""One command a module. The name of the module is the name of the command."""
