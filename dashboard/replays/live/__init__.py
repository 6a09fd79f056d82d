"""One replay while it runs and afterwards: its live page, its log and its report."""
