"""Redrives: dead letters sent back to where their subscription's consumers get them again, none lost and none twice."""
