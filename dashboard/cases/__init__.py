"""Cases: what one person does for one ticket, with its page and its file."""
