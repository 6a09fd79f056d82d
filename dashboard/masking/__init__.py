"""The page that helps to write masking rules: the fields of a type of events, what a viewer sees of each, rules to copy."""
