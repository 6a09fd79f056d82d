"""The event store: events, drivers, index, tails and subscriptions. It works without a web server and knows no people.

Each room (a package in here) exports its face: what other halves of the project may use. ``docs/architecture.md`` is the plan.
"""
