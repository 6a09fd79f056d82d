"""Signing in through an OpenID provider: the way there and back, whose account it is, and asking the provider again at each
request whether its groups still give the same rights.

django-allauth keeps the state of a sign-in and exchanges the code. None of its pages is used.
"""
