"""What every page shares: rendering and errors, the template context, search, filters, URLs and the state of the store."""
